"""A publication: what it says is counted, and nobody who voted can be found through it."""

import hashlib
from datetime import UTC, datetime

import pandas as pd
import pytest

from arena.errors import ConfigError
from arena.reports.exports.importing import import_files
from arena.reports.exports.publish import publish, write_card
from arena.store.exchange.columns import Scope
from tests.arena.exports.conftest import export, figures

pytestmark = pytest.mark.slow


def test_a_publication_holds_no_voter_no_network_and_no_request(full, tmp_path):
    first, second = tmp_path / "first", tmp_path / "second"
    for directory in (first, second):
        publish(full, Scope(), directory, force=False)
    export(full, "votes", "parquet", tmp_path / "ours.parquet")
    voters = [set(pd.read_parquet(p)["evaluation_session_id"]) for p in
              (first / "votes.parquet", second / "votes.parquet", tmp_path / "ours.parquet")]  # fmt: skip
    assert [len(v) for v in voters] == [13, 13, 13]
    assert not voters[0] & voters[1] | voters[0] & voters[2]
    for file in first.glob("*.parquet"):
        text = pd.read_parquet(file).to_csv()
        for secret in ("person-", "secret-", "n" * 64, "it said", "192.0.2.7"):
            assert secret not in text, (file.name, secret)
    assert set(pd.read_parquet(first / "votes.parquet")["quarantine"].dropna()) == {
        "declared by the operator",
        "a script",
    }
    sums = dict(reversed(line.split("  ")) for line in (first / "SHA256SUMS").read_text().splitlines())
    for name, wanted in sums.items():
        assert hashlib.sha256((first / name).read_bytes()).hexdigest() == wanted
    assert {p.name for p in first.iterdir()} == {*sums, "SHA256SUMS"}


def test_the_card_is_counted_from_the_data(full, tmp_path):
    publish(full, Scope(), tmp_path / "all", force=False)
    text = (tmp_path / "all" / "DATACARD.md").read_text()
    for said in (
        "Attempts: 34 in 1 runs, 2026-03-01 to 2026-03-02 (UTC)",
        "all 34 attempts are real",
        "Votes: 241 by 12 people and 1 automatic judges",
        "1 votes were taken back",
        "votes are set apart: declared by the operator.",
        "1 images are kept out of battles: kept out by the operator.",
        "The end of 1 attempts is not known",
        "To be filled in by who publishes this",
        "| `time_to_image_ms` | real number, may be missing |",
    ):
        assert said in text.replace("\n  ", " "), said
    assert "person-3" not in text
    write_card(full, Scope(endpoint="lab/one"), tmp_path / "one.md", None, force=False)
    assert "Selected: endpoint = lab/one" in (tmp_path / "one.md").read_text()


def test_a_publication_is_not_written_over_and_keeps_the_licence(full, tmp_path):
    publish(full, Scope(), tmp_path, force=True)
    (tmp_path / "LICENCE").write_text("CC0")
    with pytest.raises(ConfigError, match="is not empty; add --force"):
        publish(full, Scope(), tmp_path, force=False)
    publish(full, Scope(), tmp_path, force=True)
    assert (tmp_path / "LICENCE").read_text() == "CC0"


def test_a_publication_can_be_read_back(full, empty, tmp_path):
    publish(full, Scope(), tmp_path / "all", force=False)
    import_files(empty, [tmp_path / "all"])
    assert import_files(empty, [tmp_path / "all"]).tallies["votes"].new == 0
    assert figures(empty)["summary"] == figures(full)["summary"]
    wanted, found = (figures(d)["boards"][0] for d in (full, empty))
    assert [(r.entrant, r.elo, r.low, r.high) for r in wanted[0]] == [
        (r.entrant, r.elo, r.low, r.high) for r in found[0]
    ]


def test_nothing_of_an_earlier_publication_is_left(full, tmp_path):
    publish(full, Scope(), tmp_path / "pub", force=False)
    assert (tmp_path / "pub" / "ratings.parquet").exists()
    publish(full, Scope(begin=datetime(2026, 3, 1, tzinfo=UTC)), tmp_path / "pub", force=True)
    sums = {line.split("  ")[1] for line in (tmp_path / "pub" / "SHA256SUMS").read_text().splitlines()}
    assert "ratings.parquet" not in sums
    assert {p.name for p in (tmp_path / "pub").iterdir()} == {*sums, "SHA256SUMS"}
