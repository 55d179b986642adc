"""Votes from blind ballots to the board in the terminal, and out to files and back without losing a digit."""

import hashlib
import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from arena.battles.ballots import Ballots, House
from arena.domain.battle import Verdict, VoterKind
from arena.errors import BallotError
from arena.settings import Settings
from arena.store.battles import VOTE
from arena.store.engine import open_database
from arena.store.exchange.batches import batches
from arena.store.exchange.columns import Scope
from arena.store.exchange.voted import VOTES
from arena.store.vote_exchange import imported
from arena.store.vote_facts import quarantine


@pytest.fixture
def voted(arena):
    """A simulated run over two endpoints, voted on by ten people: `t/quick` wins two of three."""
    arena("run", arena.plan("quick", "pods", "slow", repetitions=2), "--yes")
    database = open_database(Settings(data_dir=arena.data))
    ballots = Ballots(database, House(least_dwell_ms=0, undo_within_s=600))
    pool = ballots.pool(simulated=True)
    rng = np.random.default_rng(4)
    for number in range(10):
        ballots.register(f"v{number}")
        for _ in range(6):
            ballot = ballots.open(f"v{number}", pool)
            if ballot is None:
                break
            verdict = list(Verdict)[int(rng.integers(6))]
            ballots.cast(ballot.token, f"v{number}", verdict, 900)
    with pytest.raises(BallotError):
        ballots.cast(ballot.token if ballot else "x", "v0", Verdict.LEFT, 900)
    ballots.register("late")
    last = ballots.open("late", pool)
    ballots.cast(last.token, "late", Verdict.LEFT, 900)
    assert ballots.undo(last.token, "late")
    with database.write() as connection:
        quarantine(connection, [3], "checked by hand: a script")
    database.close()
    return arena


def board(arena, *options):
    """What the votes say; what was measured beside it is not part of a file of votes."""
    return votes_only(arena.json("leaderboard", "--simulated", *options))


def votes_only(found):
    return {name: value for name, value in found.items() if name not in {"measured", "verdict"}}


@pytest.mark.slow
def test_the_board_counts_what_counts(voted):
    found = board(voted)
    assert {row["entrant"] for row in found["rows"]} == {"t/quick", "t/pods", "t/slow"}
    assert 30 <= found["votes"] <= 60
    assert found["voters"] == 10
    text = voted("leaderboard", "--simulated").out
    assert "SIMULATED" in text
    assert "only 5 prompts" in text
    assert voted.json("leaderboard")["votes"] == 0
    assert sum(m["votes"] for m in voted.json("matchups", "--simulated")) == found["votes"]
    listed = voted.json("competitions", "--simulated")
    assert sum(row["votes"] for row in listed) == found["votes"]
    one = voted.json("competitions", listed[0]["prompt_id"], "--simulated")
    assert one["votes"] == listed[0]["votes"]
    shown = [image for image in one["images"] if image["kept_out"] is None]
    assert {image["endpoint"] for image in shown} == {"t/quick", "t/pods", "t/slow"}
    assert len(shown) == 6  # two repetitions, and never the best of them
    for image in shown:
        assert hashlib.sha256(Path(image["file"]).read_bytes()).hexdigest() == image["sha256"]
    assert shown[0]["sha256"] in voted("competitions", listed[0]["prompt_id"], "--simulated").out
    assert "no competition" in voted("competitions", "none", "--simulated", code=2).sentence


@pytest.mark.slow
@pytest.mark.parametrize("suffix", ["csv", "parquet", "jsonl"])
def test_a_round_trip_gives_the_same_board_to_the_last_digit(voted, tmp_path, suffix):
    file = tmp_path / f"votes.{suffix}"
    voted("votes", "export", "--format", suffix, "--out", str(file))
    before = board(voted)
    elsewhere = {"ARENA_DATA_DIR": str(tmp_path / "elsewhere")}
    voted("votes", "import", str(file), **elsewhere)
    after = json.loads(voted("leaderboard", "--simulated", "--json", **elsewhere).out)
    assert votes_only(after) == before
    again = tmp_path / "again.csv"
    voted("votes", "export", "--out", str(again), **elsewhere)
    ours = pd.read_csv(again)
    assert tuple(ours.columns) == VOTES.names
    assert ours["undone_at"].notna().sum() == 1
    assert ours["quarantine"].dropna().tolist() == ["checked by hand: a script"]
    assert not ours["evaluation_session_id"].str.startswith("v").any()


def test_a_file_that_is_read_twice_counts_once(arena, tmp_path):
    file = tmp_path / "twice.csv"
    file.write_text("id,model_a,model_b,winner,quarantine\n1,a,b,model_a,NA\n2,a,b,tie,\n")
    assert "2 votes read" in arena("votes", "import", str(file)).err
    assert "0 votes read, 2 were there already" in arena("votes", "import", str(file)).err
    assert arena.json("leaderboard")["votes"] == 1  # the other one is in quarantine, and "NA" is its reason


def test_data_of_other_arenas_can_be_read(arena, tmp_path):
    file = tmp_path / "theirs.csv"
    file.write_text(
        "id,model_a,model_b,winner,evaluation_session_id,evaluation_order\n"
        "1,alpha,beta,model_a,s1,1\n2,beta,gamma,tie,s1,2\n3,alpha,gamma,both_bad,s2,1\n4,gamma,alpha,model_b,s3,1\n"
    )
    arena("votes", "import", str(file))
    found = arena.json("leaderboard")
    assert [row["entrant"] for row in found["rows"]] == ["alpha", "beta", "gamma"] or found["rows"][0][
        "entrant"
    ] == "alpha"
    assert (found["votes"], found["voters"]) == (4, 3)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("model_a,model_b\na,b\n", "the column winner is missing"),
        ("model_a,model_b,winner\na,b,model_a\na,b,nobody\n", "row 2: winner is 'nobody'"),
        ("model_a,model_b,winner,mode\na,b,tie,video\n", "row 1: 'video' is not a valid Mode"),
        ("model_a,model_b,winner\na,a,tie\n", "row 1: model_a and model_b are both 'a'"),
        ("model_a,model_b,winner\n,b,tie\n", "row 1: model_a names no contender"),
        ("model_a,model_b,winner,simulated\na,b,tie,maybe\n", "row 1: simulated is 'maybe'"),
        ("model_a,model_b,winner,tstamp\na,b,tie,1e18\n", "row 1: "),
        ("model_a,model_b,winner,side_a\na,b,tie,top\n", "row 1: side_a is 'top'"),
    ],
)
def test_a_file_with_a_wrong_row_is_refused_whole(arena, tmp_path, text, sentence):
    file = tmp_path / "wrong.csv"
    file.write_text(text)
    assert sentence in arena("votes", "import", str(file), code=2).sentence
    if "row" in sentence:
        assert arena.json("leaderboard")["votes"] == 0


def test_judges_stay_judges_through_a_round_trip(arena, tmp_path):
    file = tmp_path / "judges.jsonl"
    rows = [{"model_a": "a", "model_b": "b", "winner": "model_a", "evaluation_session_id": "m", "voter_kind": "judge"}]
    file.write_text("\n".join(json.dumps(r) for r in rows))
    arena("votes", "import", str(file))
    assert arena.json("leaderboard")["votes"] == 0
    assert arena.json("leaderboard", "--judges")["votes"] == 1
    database = open_database(Settings(data_dir=arena.data))
    with database.read() as connection:
        (rows,) = batches(connection, VOTES, Scope(), "salt")
        assert rows["voter_kind"].to_pylist() == [VoterKind.JUDGE]
    with database.write() as connection:
        assert imported(connection, []).stored == 0
        assert VOTE.name == "vote"
    database.close()


@pytest.mark.slow
def test_a_retired_contender_is_drawn_no_longer_and_keeps_its_votes(voted):
    before = board(voted)
    assert {c["endpoint_id"] for c in voted.json("contenders", "ls")} == {"t/quick", "t/pods", "t/slow"}
    voted("contenders", "retire", "t/slow", "--simulated")
    assert "no contender" in voted("contenders", "retire", "t/slow", code=2).sentence
    after = board(voted)
    assert after["votes"] == before["votes"]
    assert [r["entrant"] for r in after["rows"] if r["retired"]] == ["t/slow"]
    database = open_database(Settings(data_dir=voted.data))
    pool = Ballots(database).pool(simulated=True)
    assert len(pool.contenders) == 2
    database.close()
    voted("contenders", "restore", "t/slow", "--simulated")
    assert not any(r["retired"] for r in board(voted)["rows"])
    weighed = board(voted, "--weigh-voters")
    assert weighed["board"].endswith("voters weighed")
    assert voted.json("votes", "judges", "--simulated") == []


def test_boards_without_votes_say_where_votes_come_from(arena):
    arena("run", arena.plan("quick", prompts={"sets": ["core"], "limit": 1}), "--yes")
    for command in ("leaderboard", "matchups", "competitions"):
        said = arena(command).out
        assert "no votes yet; people vote in `arena app`" in said
        assert said.endswith("simulated endpoints have a board of their own: --simulated\n")
        assert "--simulated" not in arena(command, "--simulated").out
