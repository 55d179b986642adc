"""Votes that are set apart are counted aloud, listed with their reason, and come back at the operator's word."""

import json

import pytest

ROWS = [
    "id,model_a,model_b,winner,evaluation_session_id,quarantine",
    *(f"{i},a,b,model_a,ann," for i in range(4)),
    *(f"{i},a,b,model_b,bob," for i in range(4, 7)),
    "7,a,b,tie,cid,checked by hand: a script",
]


@pytest.fixture
def voted(arena, tmp_path):
    file = tmp_path / "votes.csv"
    file.write_text("\n".join(ROWS) + "\n")
    arena("votes", "import", str(file))
    return arena


def test_every_board_says_how_many_votes_are_set_apart_and_why(voted):
    assert voted.json("leaderboard")["set_apart"] == {"checked by hand": 1}
    voted("votes", "quarantine", "declare", "ann", "--reason", "votes for a friend")
    board = voted.json("leaderboard")
    assert board["votes"] == 3
    assert board["set_apart"] == {"declared by the operator": 4, "checked by hand": 1}
    said = voted("leaderboard").out
    assert "5 votes are set apart and not counted (4 declared by the operator, 1 checked by hand)" in said
    found = voted.json("votes", "quarantine")
    assert found["votes"] == 5
    assert found["voters"] == {"passed": 0, "failed": 0, "could not be checked": 3}
    assert [(g["voter"], g["by"], g["votes"]) for g in found["groups"]] == [("ann", "operator", 4), ("cid", None, 1)]
    assert "declared by the operator: votes for a friend" in voted("votes", "quarantine").out


def test_the_operator_releases_a_voter_or_one_vote(voted):
    voted("votes", "quarantine", "declare", "ann", "--reason", "by mistake")
    one = voted.json("votes", "quarantine")["groups"][0]["vote_ids"][0]
    voted("votes", "quarantine", "release", "--vote", str(one), "--reason", "this one was mine")
    assert voted.json("leaderboard")["votes"] == 4
    voted("votes", "quarantine", "release", "ann", "--reason", "it was a mistake")
    assert voted.json("leaderboard")["votes"] == 7
    voted("votes", "quarantine", "review")
    assert voted.json("leaderboard")["votes"] == 7
    (ann,) = [v for v in voted.json("votes", "voters") if v["voter"] == "ann"]
    assert ann["ruling"]["reason"] == "it was a mistake"
    assert (ann["standing"], ann["consistency"]["n"], ann["set_apart"]) == ("could not be checked", 0, False)
    assert "could not be checked" in voted("votes", "voters").out


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["declare", "nobody", "--reason", "x"], "there is no voter 'nobody'"),
        (["declare", "--reason", "x"], "name a voter, or one vote"),
        (["declare", "ann", "--vote", "1", "--reason", "x"], "name a voter, or one vote"),
        (["release", "--vote", "99", "--reason", "x"], "there is no vote 99"),
        (["declare", "ann", "--reason", " "], "--reason is empty"),
    ],
)
def test_what_is_not_there_is_refused(voted, arguments, sentence):
    assert sentence in voted("votes", "quarantine", *arguments, code=2).sentence
    assert voted.json("votes", "quarantine")["votes"] == 1


def test_gold_pairs_can_only_be_declared_of_images_that_are_here(voted):
    assert "there is no image" in voted("votes", "gold", "declare", "a", "b", "--reason", "x", code=2).sentence
    assert "there is no gold pair 1" in voted("votes", "gold", "withdraw", "1", code=2).sentence
    assert json.loads(voted("votes", "gold", "ls", "--json").out) == []
