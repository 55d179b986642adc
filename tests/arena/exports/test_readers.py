"""Other tools read the files without a hint, and read the same values."""

import csv
import io
import json
from pathlib import Path

import duckdb
import openpyxl
import pandas as pd
import pyarrow.parquet as pq
import pytest

from arena import __version__
from arena.reports.exports.page import page
from arena.reports.exports.tables import TABLES
from arena.reports.exports.writers import FileFormat
from arena.settings import Settings
from arena.store import queries
from arena.store.engine import open_database
from arena.store.exchange.columns import Kind, Scope
from tests.arena.exports.conftest import AT, export, fill

ROOT = Path(__file__).parents[3]
DUCK = {
    Kind.TEXT: {"VARCHAR"},
    Kind.INTEGER: {"BIGINT"},
    Kind.REAL: {"DOUBLE"},
    Kind.BOOLEAN: {"BOOLEAN"},
    Kind.MOMENT: {"TIMESTAMP WITH TIME ZONE"},
}


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    """One filled database for all tests that only read."""
    opened = open_database(Settings(data_dir=tmp_path_factory.mktemp("data")), create=True)
    fill(opened)
    yield opened
    opened.close()


@pytest.fixture(scope="module")
def frame(small):
    with small.read() as connection:
        return queries.outcomes(connection)


def test_the_page_about_data_is_current():
    assert (ROOT / "docs" / "data.md").read_text() == page(), "run `make docs`"


@pytest.mark.parametrize("table", ["outcomes", "votes", "attempts"])
def test_parquet_in_pandas_has_the_types_of_the_page(small, tmp_path, table):
    export(small, table, "parquet", tmp_path / "x.parquet")
    read = pd.read_parquet(tmp_path / "x.parquet")
    kinds = {Kind.TEXT: "string", Kind.INTEGER: "Int64", Kind.REAL: "Float64", Kind.MOMENT: "datetime64[us, UTC]"}
    for column in TABLES[table].columns:
        if column.kind is Kind.BOOLEAN:
            assert read[column.name].dtype == ("bool" if column.required else "boolean")
        else:
            assert str(read[column.name].dtype) in {kinds[column.kind], "str"}, column.name
        if column.required:
            assert read[column.name].notna().all()


def test_parquet_in_pandas_has_the_values(small, tmp_path, frame):
    export(small, "outcomes", "parquet", tmp_path / "x.parquet")
    pd.testing.assert_frame_equal(queries.typed(pd.read_parquet(tmp_path / "x.parquet")), frame, check_exact=True)
    assert frame["served_seed"].dropna().iloc[0] == 2**62


@pytest.mark.parametrize("file_format", ["csv", "parquet", "jsonl"])
def test_duckdb_reads_every_format_as_it_is(small, tmp_path, frame, file_format):
    file = tmp_path / f"x.{file_format}"
    export(small, "outcomes", file_format, file)
    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'")
        told = {name: kind for name, kind, *_ in connection.execute(f"DESCRIBE FROM '{file}'").fetchall()}
        rows = connection.sql(f"FROM '{file}'").to_arrow_table()
    wanted = frame.astype(object).where(frame.notna(), None)
    names = [c.name for c in TABLES["outcomes"].columns]
    assert list(told) == names
    # Of a column without a single value in it, CSV and JSON lines cannot tell a type; DuckDB makes a text of JSON.
    empty = set(names) - set(frame.dropna(axis=1, how="all").columns)
    for column in TABLES["outcomes"].columns:
        if file_format == "parquet" or column.name not in empty:
            also = {"JSON", "VARCHAR[]"} if column.name in {"server_ms", "unsupported", "remarks"} else set()
            also |= {"BIGINT"} if column.kind is Kind.REAL and file_format == "csv" else set()  # all zeros
            also |= {"TIMESTAMP"} if column.kind is Kind.MOMENT and file_format == "jsonl" else set()
            assert told[column.name] in DUCK[column.kind] | also, column.name
    for name in names:
        kind = TABLES["outcomes"].column(name).kind
        theirs, ours = rows.column(name).to_pylist(), list(wanted[name])
        if kind is Kind.MOMENT:
            assert [t if t is None else t.replace(tzinfo=None) for t in theirs] == [
                o if o is None else o.to_pydatetime().replace(tzinfo=None) for o in ours
            ]
        elif file_format == "csv" and kind is Kind.TEXT:
            assert [t if t is None else t.removeprefix("'") for t in theirs] == ours, name
        else:
            assert theirs == ours, name


def test_a_spreadsheet_opens_csv_and_computes_nothing(small, tmp_path):
    export(small, "prompts", "csv", tmp_path / "prompts.csv")
    export(small, "outcomes", "csv", tmp_path / "outcomes.csv")
    text = (tmp_path / "outcomes.csv").read_text(encoding="utf-8")
    assert csv.Sniffer().sniff(text[:4000]).delimiter == ","
    rows = list(csv.reader(io.StringIO(text)))
    book = openpyxl.Workbook()
    for row in [*rows, *csv.reader(io.StringIO((tmp_path / "prompts.csv").read_text()))]:
        book.active.append(row)
    assert not [cell.value for line in book.active for cell in line if cell.data_type == "f"]
    (prompt, *_) = csv.DictReader(io.StringIO((tmp_path / "prompts.csv").read_text()))
    assert prompt["prompt"].startswith("'=a picture of a-cat,\n\"quoted\"; 'éß' 漢")


def test_a_file_says_where_it_comes_from(small, tmp_path):
    scope = Scope(endpoint="lab/one")
    for file_format in FileFormat:
        export(small, "outcomes", file_format, tmp_path / f"x.{file_format}", scope=scope)
    metadata = pq.read_metadata(tmp_path / "x.parquet").metadata
    inside = {k.decode().removeprefix("arena."): v.decode() for k, v in metadata.items() if k.startswith(b"arena.")}
    beside = json.loads((tmp_path / "x.csv.meta.json").read_text())
    assert inside["rows"] == str(beside["rows"]) == "12"
    for said in (inside, beside):
        assert (said["table"], said["version"], said["simulated"]) == ("outcomes", __version__, "no")
        assert json.loads(said["filters"]) == {"endpoint": "lab/one"}
        assert len(said["filters_sha256"]) == 64
    assert inside["database_id"] == beside["database_id"] != ""
    assert [c["name"] for c in beside["columns"]] == [c.name for c in TABLES["outcomes"].columns]
    field = pq.read_schema(tmp_path / "x.parquet").field("time_to_image_ms")
    assert field.metadata[b"description"].startswith(b"Last byte of the image")


def test_filters_take_what_they_say(small, tmp_path, frame):
    def rows(**filters):
        export(small, "outcomes", "parquet", tmp_path / "x.parquet", scope=Scope(**filters), force=True)
        return len(pd.read_parquet(tmp_path / "x.parquet"))

    middle = frame["started_at"].dropna().sort_values().iloc[10].to_pydatetime()
    before, after = rows(end=middle), rows(begin=middle)
    assert before == 11  # one of them has no start, and counts by when it was written down
    assert before + after == rows() == len(frame) == 34
    assert rows(simulated=True) == 0
    assert rows(simulated=False) == rows()
    assert rows(endpoint="lab/two") == (frame["endpoint"] == "lab/two").sum()
    assert rows(begin=AT, end=AT.replace(year=2027)) == 34


def test_partitions_are_read_as_one_table(small, tmp_path, frame):
    export(small, "outcomes", "parquet", tmp_path / "all", by_day=True)
    read = pd.read_parquet(tmp_path / "all")
    assert len(read) == len(frame)
    with duckdb.connect() as connection:
        days = connection.execute(
            f"FROM '{tmp_path}/all/*/*.parquet' SELECT day, count(*) GROUP BY 1 ORDER BY 1"
        ).fetchall()
    assert [str(day) for day, _ in days] == ["2026-03-01", "2026-03-02"]
    assert sum(count for _, count in days) == len(frame)
