"""Which files hold which tables: by what is said in them or beside them, else by the names of their columns."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from arena.errors import ConfigError, nearest
from arena.reports.exports.provenance import SIDECAR_SUFFIX
from arena.reports.exports.sinks import META
from arena.reports.exports.tables import TABLES

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from arena.reports.exports.figures import Computed
    from arena.store.exchange.columns import Spec

SUFFIXES = (".csv", ".parquet", ".jsonl")
PARTITION_COLUMN = "day"


@dataclass(frozen=True, slots=True)
class Source:
    """One file of one table. `rows` is how many it should hold, where that is said."""

    path: Path
    table: Spec | Computed
    rows: int | None = None


def sources(paths: Iterable[Path]) -> list[Source]:
    """Every file under these paths with its table, in the order in which they can be stored, partitions by day.

    ConfigError for what is no export, or one of another schema version.
    """
    found = [source for path in paths for source in _under(path)]
    order = list(TABLES)
    return sorted(found, key=lambda s: order.index(s.table.name))


def _under(path: Path) -> list[Source]:
    if not path.exists():
        raise ConfigError(f"{path}: there is no such file or directory")
    if path.is_file():
        return [_source(path)]
    inside = sorted(p for p in path.rglob("*") if p.is_file() and p.suffix in SUFFIXES and not _hidden(p, path))
    if not inside:
        raise ConfigError(f"{path}: holds no .csv, .parquet or .jsonl file")
    return [_source(p) for p in inside]


def _hidden(path: Path, root: Path) -> bool:
    return any(part.startswith(".") for part in path.relative_to(root).parts)


def _source(path: Path) -> Source:
    from arena.reports.exports.reading import column_names

    if path.suffix not in SUFFIXES:
        raise ConfigError(f"{path}: is no .csv, .parquet or .jsonl file")
    told = said(path)
    if path.suffix == ".jsonl" and str(told.get("rows")) == "0" and not path.stat().st_size:
        names = [column.name for column in TABLES[told["table"]].columns] if told.get("table") in TABLES else []
    else:
        names = [n for n in column_names(path) if n != PARTITION_COLUMN]
    name = str(told.get("table", "")) or _by_columns(path, names)
    if name not in TABLES:
        raise ConfigError(f"{path}: holds the table {name!r}, which this version does not know{nearest(name, TABLES)}")
    table = TABLES[name]
    version = str(told.get("schema_version", table.version))
    if version != str(table.version):
        raise ConfigError(
            f"{path}: is of schema version {version} of {name}, and this version reads {table.version}; export it again"
        )
    _check_columns(path, table, names)
    rows = told.get("rows")
    return Source(path, table, int(rows) if rows is not None and path.parent.name[:4] != "day=" else None)


def said(path: Path) -> dict[str, Any]:
    """What a file says of itself, or what is said beside it; nothing if nothing is."""
    if path.suffix == ".parquet":
        from arena.reports.exports.reading import parquet_metadata

        return parquet_metadata(path)
    for beside in (path.with_name(path.name + SIDECAR_SUFFIX), path.parent / META, path.parent.parent / META):
        if beside.is_file():
            try:
                told = json.loads(beside.read_text(encoding="utf-8"))
            except ValueError:
                told = None
            if not isinstance(told, dict):
                raise ConfigError(f"{beside}: is no JSON object; delete it to read {path.name} by its columns")
            return told
    return {}


def _by_columns(path: Path, names: Sequence[str]) -> str:
    """The table whose columns these are, or nearly are."""
    if len(names) == 1 and any(mark in names[0] for mark in (";", "\t", "|")):
        raise ConfigError(f"{path}: its columns are not parted by commas; save it as CSV with commas")
    columns = {name: {c.name for c in table.columns} for name, table in TABLES.items()}
    common = {name: len(theirs & set(names)) for name, theirs in columns.items()}
    best = max(common, key=lambda name: (common[name] / len(columns[name]), common[name]))
    if common[best] * 2 < len(names):
        raise ConfigError(f"{path}: its columns ({', '.join(list(names)[:4])}, …) are those of no table of an export")
    return best


def _check_columns(path: Path, table: Spec | Computed, names: Sequence[str]) -> None:
    wanted = [column.name for column in table.columns]
    twice = sorted({name for name in names if list(names).count(name) > 1})
    if twice:
        raise ConfigError(f"{path}: has the column {twice[0]} twice")
    missing = [name for name in wanted if name not in names]
    if missing:
        raise ConfigError(f"{path}: the column {missing[0]} of {table.name} is missing")
    extra = [name for name in names if name not in {*wanted, "exported_again"}]
    if extra:
        raise ConfigError(f"{path}: has a column {extra[0]!r}, which {table.name} has not; take it out")
