"""Files that do not fit are refused by one sentence that names file, row and column; never by a traceback."""

import random
from contextlib import suppress

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from arena.errors import ArenaError, ConfigError
from arena.reports.exports.importing import import_files
from arena.settings import Settings
from arena.store import queries
from arena.store.engine import open_database
from tests.arena.exports.conftest import export, fill


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """Outcomes and votes in every format, without what is said beside them."""
    directory = tmp_path_factory.mktemp("files")
    opened = open_database(Settings(data_dir=directory / "data"), create=True)
    fill(opened)
    for table in ("outcomes", "votes"):
        for file_format in ("csv", "parquet", "jsonl"):
            export(opened, table, file_format, directory / f"{table}.{file_format}")
            (directory / f"{table}.{file_format}.meta.json").unlink(missing_ok=True)
    opened.close()
    return directory


def refused(database, path):
    with pytest.raises(ConfigError) as caught:
        import_files(database, [path])
    with database.read() as connection:
        assert queries.outcomes(connection).empty
    said = str(caught.value)
    assert said.startswith(str(path))
    assert "\n" not in said
    return said.removeprefix(f"{path}: ")


def changed(files, name, work):
    text = (files / name).read_bytes().decode()
    return work(text).encode("utf-8", "surrogateescape")


@pytest.mark.parametrize(
    ("name", "work", "sentence"),
    [
        ("outcomes.csv", lambda t: t.replace('"trial"', '"trail"', 1), "the column trial of outcomes is missing"),
        ("outcomes.csv", lambda t: t.replace('"trial"', '"trial","more"', 1), "has a column 'more'"),
        ("outcomes.csv", lambda t: t.replace('"trial"', '"run_id"', 1), "has the column run_id twice"),
        ("outcomes.csv", lambda t: t.replace('",', '";').replace(',"', ';"'), "not parted by commas"),
        ("outcomes.csv", lambda t: t.replace('-full",0,1,', '-full",0.5,1,', 1), "row 1: trial is '0.5', which"),
        ("outcomes.csv", lambda t: t.replace('-full",7,1,', f'-full",{9**30},1,', 1), "row 8: trial is '42"),
        ("outcomes.csv", lambda t: t.replace('-full",7,1,', '-full",,1,', 1), "row 8: trial is missing"),
        ("outcomes.csv", lambda t: t.replace(",1234.567891,", ",NaN,", 1), "row 1: generation_ms is nan"),
        ("outcomes.csv", lambda t: t.replace(",1234.567891,", ",inf,", 1), "row 1: generation_ms is inf"),
        ("outcomes.csv", lambda t: t.replace('"succeeded"', '"finished"', 1), "row 1: status is 'finished'; it"),
        ("outcomes.csv", lambda t: t.replace('"succeeded"', '"failed"', 1), "row 1: failure_kind does not go with"),
        ("outcomes.csv", lambda t: t.replace('"lab/one"', '"Lab One!"', 1), "row 1: "),
        ("outcomes.csv", lambda t: t.replace("2026-03-01T", "01.03.2026 ", 1), "row 1: started_at is '01.03.2026 23"),
        ("outcomes.csv", lambda t: t.replace('"[""rerouted""]"', "rerouted", 1), "row 1: remarks is no JSON list"),
        ("outcomes.csv", lambda t: t[: len(t) // 2 - 40], "cells where there are 54 columns"),
        ("outcomes.csv", lambda t: "", "is empty"),
        ("outcomes.csv", lambda t: t.replace('"photographs"', '"\udcff"', 1), "is not in UTF-8"),
        ("outcomes.jsonl", lambda t: t[:-100], "row 34: is no JSON object on one line; the file may be cut short"),
        ("outcomes.jsonl", lambda t: t.replace('"attempt":1', '"attempt":"1"', 1), "row 1: attempt is '1'"),
        ("outcomes.jsonl", lambda t: t.replace('"attempt":1', '"attempt":true', 1), "row 1: attempt is 'True'"),
        ("outcomes.jsonl", lambda t: t.replace('"attempt":1', '"attempt":1e400', 1), "row 1: attempt is 'inf'"),
        ("outcomes.jsonl", lambda t: t.replace("1234.567891", "NaN", 1), "row 1: is no JSON object"),
        ("outcomes.jsonl", lambda t: t.replace('"trial":3,', "", 1), "row 4: the column trial is missing"),
        ("outcomes.jsonl", lambda t: t.replace('"trial":3', '"trial":3,"x":1', 1), "row 4: has 'x', which this table"),
        ("votes.csv", lambda t: t.replace('"human"', '"cat"', 1), "voter_kind is 'cat'; it is one of human, judge"),
        ("votes.jsonl", lambda t: t.replace('ty":0.3333333333333333', 'ty":0', 1), "row 1: propensity is 0"),
        ("votes.jsonl", lambda t: t.replace('"simulated":false', '"simulated":null', 1), "row 1: simulated is missing"),
    ],
)  # fmt: skip
def test_a_file_that_does_not_fit_is_refused_whole(files, empty, tmp_path, name, work, sentence):
    path = tmp_path / name
    path.write_bytes(changed(files, name, work))
    assert sentence in refused(empty, path)


@pytest.mark.parametrize(
    "work", [lambda t: "\ufeff" + t, lambda t: t.replace("\n", "\r\n").replace(",\r\n", ",\n")], ids=["BOM", "CRLF"]
)
def test_what_a_spreadsheet_saves_is_read(files, empty, tmp_path, work):
    path = tmp_path / "outcomes.csv"
    path.write_bytes(changed(files, "outcomes.csv", work))
    assert import_files(empty, [path]).tallies["outcomes"].new == 34


def test_parquet_of_other_kinds_is_refused(files, empty, tmp_path):
    table, path = pq.read_table(files / "outcomes.parquet"), tmp_path / "x.parquet"
    place = table.schema.get_field_index("trial")
    pq.write_table(table.set_column(place, "trial", table["trial"].cast(pa.string())), path)
    assert "trial holds string, not integer" in refused(empty, path)
    pq.write_table(table.set_column(place, "trial", pa.array([0.5] * len(table))), path)
    assert "trial" in refused(empty, path)
    newer = {b"arena.table": b"outcomes", b"arena.schema_version": b"99"}
    pq.write_table(table.replace_schema_metadata(newer), path)
    assert "is of schema version 99 of outcomes, and this version reads 2" in refused(empty, path)
    path.write_bytes((files / "outcomes.parquet").read_bytes()[:-3000])
    assert "is no Parquet file, or was cut short" in refused(empty, path)


def test_a_file_that_lost_rows_is_found_out(files, empty, tmp_path):
    path = tmp_path / "outcomes.jsonl"
    path.write_text("".join((files / "outcomes.jsonl").read_text().splitlines(keepends=True)[:-4]))
    (tmp_path / "outcomes.jsonl.meta.json").write_text('{"table": "outcomes", "schema_version": 2, "rows": 34}')
    assert refused(empty, path) == "has 30 rows where 34 were written; it is cut short"


@pytest.mark.parametrize("name", [f"{t}.{f}" for t in ("outcomes", "votes") for f in ("csv", "parquet", "jsonl")])
def test_damage_at_any_place_is_a_sentence_or_a_value(files, empty, tmp_path, name):
    """Bytes are cut off, doubled, flipped: it is read, or refused by a sentence, whatever was hit."""
    whole, rng, path = (files / name).read_bytes(), random.Random(name), tmp_path / name
    for number in range(25):
        at, damaged = rng.randrange(len(whole)), bytearray(whole)
        match number % 4:
            case 0:
                del damaged[at:]
            case 1:
                damaged[at] ^= 1 << rng.randrange(8)
            case 2:
                damaged[at:at] = rng.randbytes(3)
            case 3:
                del damaged[at : at + rng.randrange(1, 40)]
        path.write_bytes(damaged)
        with suppress(ArenaError):  # anything else fails
            import_files(empty, [path])


def test_what_is_no_export_is_said(empty, tmp_path):
    (tmp_path / "x.txt").touch()
    assert "is no .csv, .parquet or .jsonl file" in refused(empty, tmp_path / "x.txt")
    assert "there is no such file" in refused(empty, tmp_path / "y.csv")
    (tmp_path / "nothing").mkdir()
    assert "holds no .csv, .parquet or .jsonl file" in refused(empty, tmp_path / "nothing")
    (tmp_path / "z.csv").write_text("name,age\nx,3\n")
    assert "are those of no table" in refused(empty, tmp_path / "z.csv")
