"""Votes of other arenas as rows: files that hold what a vote needs, and whatever else."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from arena.errors import ConfigError
from arena.store.exchange.voted import VOTES

if TYPE_CHECKING:
    from pathlib import Path

NUMBERS = {"evaluation_order", "dwell_ms", "propensity", "simulated", "tstamp", "undone_at"}


def is_ours(path: Path) -> bool:
    """Whether a file has every column of an export of votes. ConfigError if it cannot be read."""
    from arena.reports.exports.reading import column_names
    from arena.reports.exports.sources import SUFFIXES

    return path.is_dir() or (path.suffix in SUFFIXES and path.exists() and set(VOTES.names) <= set(column_names(path)))


def _number(value: object) -> object:
    """A number or a truth value to its last digit; what is neither stays as it is, for whoever stores it to refuse."""
    if not isinstance(value, str):
        return None
    if value.lower() in {"true", "false"}:
        return value.lower() == "true"
    try:
        return int(value) if value.lstrip("-").isdigit() else float(value)
    except ValueError:
        return value


def read_votes(path: Path) -> list[dict[str, Any]]:
    """The rows of a file of votes; ConfigError if it cannot be read or lacks what a vote needs."""
    import pandas as pd

    text = dict.fromkeys((set(VOTES.names) - NUMBERS) | {"id", "undone_at"}, str)
    try:
        match path.suffix:
            case ".parquet":
                frame = pd.read_parquet(path)
            case ".jsonl":
                frame = pd.read_json(path, lines=True, dtype=text, convert_dates=False, precise_float=True)
            case ".csv":
                # "NA" is a text like any other; only what is empty is missing.
                frame = pd.read_csv(path, dtype=str, keep_default_na=False, na_values=[""])
                for name in (NUMBERS - {"undone_at"}) & set(frame.columns):
                    frame[name] = pd.Series([_number(value) for value in frame[name]], dtype=object)
            case _:
                raise ConfigError(f"{path}: is no .csv, .parquet or .jsonl file")
    except (OSError, ValueError) as error:
        raise ConfigError(f"{path}: cannot be read: {str(error).splitlines()[0]}") from None
    missing = [name for name in ("model_a", "model_b", "winner") if name not in frame.columns]
    if missing:
        raise ConfigError(f"{path}: the column {missing[0]} is missing; a vote needs model_a, model_b and winner")
    return [{str(k): v for k, v in row.items()} for row in frame.to_dict(orient="records")]
