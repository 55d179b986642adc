"""What goes out comes back: every figure to the last digit, from any format, however the files are laid out."""

import pytest
import sqlalchemy as sa

from arena.errors import ConfigError, StoreError
from arena.reports.export import Table
from arena.reports.exports.importing import import_files, read_images
from arena.reports.exports.tables import TABLES
from arena.reports.summary import as_json, summarize
from arena.store import queries, runs
from arena.store.blobs import BlobStore
from arena.store.checks import gold_pairs
from arena.store.exchange.specs import SPECS
from arena.store.rulings import rulings_on_images, rulings_on_voters, rulings_on_votes
from harness.cli.export import What
from tests.arena.exports.conftest import export, export_all, figures, images_of, json_rows

pytestmark = pytest.mark.slow

FORMATS = ["csv", "parquet", "jsonl"]
LOCAL = {"votes": {"id", "evaluation_session_id"}, "rulings": {"evaluation_session_id"}}


def test_every_table_has_a_name_everywhere():
    assert {t.value for t in Table} == set(TABLES) == {w.value for w in What} - {"all"}


@pytest.mark.parametrize("by_day", [False, True])
@pytest.mark.parametrize("file_format", FORMATS)
def test_everything_comes_back(full, empty, tmp_path, file_format, by_day):
    out = export_all(full, file_format, tmp_path / "out", by_day=by_day)
    if by_day:
        assert sorted(p.name for p in (out / "outcomes").glob("day=*")) == ["day=2026-03-01", "day=2026-03-02"]
    first = import_files(empty, [out])
    assert first.skipped == ("summary", "ratings", "prices")
    assert figures(empty) == figures(full)
    assert images_of(empty, "a-cat") == images_of(full, "a-cat")
    again = import_files(empty, [out])
    assert all((t.new, t.changed) == (0, 0) for t in again.tallies.values())
    assert figures(empty) == figures(full)
    for name in SPECS:
        for database, place in ((full, "a"), (empty, "b")):
            export(database, name, "jsonl", tmp_path / f"{name}.{place}.jsonl")
        a, b = (json_rows(tmp_path / f"{name}.{place}.jsonl") for place in "ab")
        local = LOCAL.get(name, set())
        assert [{k: v for k, v in r.items() if k not in local} for r in a] == [
            {k: v for k, v in r.items() if k not in local} for r in b
        ], name


def test_declared_gold_and_rulings_travel_with_their_voters(full, empty, tmp_path):
    import_files(empty, [export_all(full, "csv", tmp_path / "out")])
    with full.read() as connection, empty.read() as other:
        assert [p.model_dump(exclude={"id"}) for p in gold_pairs(connection)] == [
            p.model_dump(exclude={"id"}) for p in gold_pairs(other)
        ]
        assert rulings_on_images(connection) == rulings_on_images(other)
        assert [r.reason for r in rulings_on_votes(other).values()] == ["a script"]
        ((voter, said),) = rulings_on_voters(other).items()
        assert said.reason == "declared by the operator: is person-3"
        assert voter not in rulings_on_voters(connection)
        theirs = other.execute(sa.text("SELECT count(*) FROM vote WHERE voter_id = :v"), {"v": voter}).scalar_one()
        mine = connection.execute(sa.text("SELECT count(*) FROM vote WHERE voter_id = 'person-3'")).scalar_one()
        assert theirs == mine > 0
        networks = other.execute(sa.text("SELECT count(network) FROM vote")).scalar_one()
        assert networks == 0


@pytest.mark.parametrize("file_format", FORMATS)
def test_outcomes_alone_give_the_same_summary(full, empty, tmp_path, file_format):
    file = tmp_path / f"some.{file_format}"
    export(full, "outcomes", file_format, file)
    (tmp_path / f"some.{file_format}.meta.json").unlink(missing_ok=True)
    import_files(empty, [file])
    with full.read() as connection, empty.read() as other:
        ours, theirs = queries.outcomes(connection), queries.outcomes(other)
        assert as_json(summarize(ours)) == as_json(summarize(theirs))
        assert theirs.equals(ours)
        run = runs.get_run(other, "last")
        assert run.plan.name == "unknown"
        assert run.plan.endpoints == ("lab/one", "lab/two", "mill/three")
        assert all("did not come" in prompt.text for prompt in runs.run_prompts(other, run.id).values())
    export(full, "prompts", "jsonl", tmp_path / "prompts.jsonl")
    assert import_files(empty, [tmp_path / "prompts.jsonl"]).tallies["prompts"].changed == 4
    assert import_files(empty, [file]).tallies["outcomes"].new == 0


def test_votes_alone_give_the_same_board(full, empty, tmp_path):
    export(full, "votes", "parquet", tmp_path / "votes.parquet")
    import_files(empty, [tmp_path / "votes.parquet"])
    wanted, found = figures(full)["boards"], figures(empty)["boards"]
    for (rows, *rest), (theirs, *others) in zip(wanted, found, strict=True):
        assert rest == others
        # Who is retired, the table `contenders` says; without it they are all taking part.
        assert [(r.entrant, r.elo, r.low, r.high, r.votes) for r in rows] == [
            (r.entrant, r.elo, r.low, r.high, r.votes) for r in theirs
        ]


def test_what_was_measured_here_is_never_changed_by_an_import(full, tmp_path):
    out = export_all(full, "jsonl", tmp_path / "out")
    with full.write() as connection:
        connection.execute(runs.ATTEMPT.update().values(request_id="newer"))
        connection.execute(sa.text("UPDATE vote SET quarantine = 'newer'"))
    before = figures(full)
    found = import_files(full, [out])
    assert all((t.new, t.changed) == (0, 0) for t in found.tallies.values())
    assert figures(full) == before


def test_an_import_that_fails_on_its_last_file_stores_nothing(full, empty, tmp_path):
    out = export_all(full, "jsonl", tmp_path / "out")
    rulings = out / "rulings.jsonl"
    rulings.write_text(rulings.read_text().replace('"apart":true', '"apart":"perhaps"', 1))
    with pytest.raises(ConfigError, match=r"rulings\.jsonl: row 1: apart is 'perhaps', which is no true or false"):
        import_files(empty, [out])
    with empty.read() as connection:
        assert runs.list_runs(connection) == []
        assert queries.outcomes(connection).empty


@pytest.mark.parametrize("table", ["all", "votes.csv"])
def test_an_import_onto_a_full_disk_blames_the_disk_and_no_row(full, empty, tmp_path, table):
    out = export_all(full, "csv", tmp_path / "out")
    sa.event.listen(empty.engine, "begin", lambda connection: connection.exec_driver_sql("PRAGMA max_page_count = 1"))
    with pytest.raises(StoreError, match="cannot be used: database or disk is full"):
        import_files(empty, [out if table == "all" else out / table])


def test_images_travel_by_their_hash(full, empty, tmp_path):
    ours, theirs = BlobStore(tmp_path / "ours"), BlobStore(tmp_path / "theirs")
    kept = ours.put(b"an image")
    with full.write() as connection:
        connection.execute(runs.ARTIFACT.insert(), {"sha256": kept, "format": "png", "width_px": 1, "height_px": 1,
                                                    "size_bytes": 8})  # fmt: skip
        connection.execute(runs.IMAGE.update().where(runs.IMAGE.c.sha256 == f"{16:064x}").values(sha256=kept))
    import_files(empty, [export_all(full, "parquet", tmp_path / "out")])
    copied, missing = read_images(empty, tmp_path / "ours", tmp_path / "theirs")
    assert copied == 1
    assert missing > 10
    assert theirs.get(kept) == b"an image"
