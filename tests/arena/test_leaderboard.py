"""A board from the database: what stands on it from the first vote on, and what is said with it."""

import struct
from datetime import UTC, datetime

import numpy as np
import pytest

from arena.domain.battle import Contender, Verdict
from arena.reports.board_rows import PROVISIONAL
from arena.reports.leaderboard import ANCHOR_ELO, Board, as_json, columns, rate
from arena.store.battles import FACTS, VERDICT_CODE, key_of
from tests.arena.ratings.simulated_votes import simulate

NAMES = ["fal/small", "fal/large", "bfl/small", "bfl/large"]


def people(*names):
    return [
        Contender(
            id=i,
            endpoint_id=name,
            simulated=False,
            provider=name.split("/")[0],
            model="m",
            family=name.split("/")[1],
            added_at=datetime(2026, 1, 1, tzinfo=UTC),
        )
        for i, name in enumerate(names, start=1)
    ]


def packed(*votes):
    """Rows of left, right, verdict, prompt, voter as the database keeps them."""
    return b"".join(FACTS.pack(a, b, key_of(p), key_of(v), VERDICT_CODE[Verdict(r)]) for a, b, r, p, v in votes)


def board_of(*votes, names=NAMES, board=None):
    board = board or Board()
    everybody = people(*names)
    return rate(columns(packed(*votes), everybody, board), board, everybody)


def by_name(found):
    return {row.entrant: row for row in found.rows}


def many(n=4, votes=4000, **options):
    _, drawn = simulate(n, votes, **options)
    verdicts = ["left", "right", "tie"]
    return [
        (int(a) + 1, int(b) + 1, verdicts[r], f"p{p}", f"v{v}")
        for a, b, r, p, v in zip(drawn.left, drawn.right, drawn.result, drawn.prompt, drawn.voter, strict=True)
    ]


def test_facts_are_28_bytes_and_read_back_as_written():
    assert FACTS.size == struct.calcsize("<iiqqb3x") == 28
    found = columns(packed((1, 2, "left", "p", "v"), (2, 3, "both_bad", "q", "w")), people(*NAMES), Board())
    assert found.contenders == tuple(sorted(NAMES))
    assert [found.contenders[i] for i in found.left] == ["fal/small", "fal/large"]
    assert found.result.tolist() == [0, 2]
    assert found.prompt.tolist() == [0, 1]


def test_an_empty_board_reads_sensibly():
    found = board_of()
    assert found.warnings == ("no votes yet",)
    assert {(r.elo, r.low, r.tier, r.provisional, r.note) for r in found.rows} == {
        (None, None, None, True, "no votes yet")
    }
    assert as_json(found)["votes"] == 0


def test_a_board_after_one_vote_reads_sensibly():
    found = by_name(board_of((1, 2, "left", "p", "v")))
    assert found["fal/small"].elo > ANCHOR_ELO > found["fal/large"].elo
    assert found["fal/small"].note == "has not lost yet: how far above the others it stands is open"
    assert found["fal/large"].note == "has not won yet: how far below the others it stands is open"
    assert found["bfl/small"].note == "no votes yet"
    assert all(row.provisional and row.tier is None for row in found.values())


def test_votes_are_counted_whatever_they_weigh():
    votes = [(1, 2, "left" if i % 3 else "right", f"p{i}", "diligent") for i in range(100)]
    plain, weighed = (by_name(board_of(*votes, board=Board(weigh_voters=weigh))) for weigh in (False, True))
    assert [weighed[name].votes for name in NAMES[:2]] == [plain[name].votes for name in NAMES[:2]] == [100, 100]


def test_prompts_and_voters_are_those_of_the_votes_that_are_counted():
    linked = [(1, 2, "left" if i % 3 else "right", f"p{i}", f"v{i}") for i in range(20)]
    found = board_of(*linked, (3, 4, "left", "elsewhere", "other"))
    assert (found.votes, found.prompts, found.voters) == (21, 21, 21)


def test_who_has_few_votes_beside_the_others_is_not_said_to_have_a_wide_interval():
    newcomer = [(4, 1 + i % 3, "left" if i % 2 else "right", f"p{i % 61}", f"n{i}") for i in range(200)]
    found = board_of(*many(3, votes=9000, prompts=60, spread_elo=60, seed=3), *newcomer)
    row = by_name(found)["bfl/large"]
    assert row.provisional
    assert row.high - row.elo < 100
    assert "interval" not in PROVISIONAL


def test_what_no_vote_links_is_said_to_be_not_comparable():
    linked = [(1, 2, "left" if i % 3 else "right", f"p{i}", f"v{i}") for i in range(300)]
    linked += [(2, 3, "left" if i % 2 else "right", f"p{i}", f"w{i}") for i in range(300)]
    found = board_of(*linked, (4, 5, "left", "p0", "x"), names=[*NAMES, "mill/one"])
    rows = by_name(found)
    assert rows["bfl/large"].note.startswith("not comparable")
    assert rows["bfl/large"].rank_best is None
    assert found.components == 2
    assert any("no vote links" in warning for warning in found.warnings)


def test_a_grown_board_has_tiers_ranks_and_a_design_effect():
    found = board_of(*many(votes=20_000, prompts=40, prompt_elo=60, spread_elo=150, seed=3))
    assert not any(row.provisional for row in found.rows)
    assert found.rows[0].tier == 1
    assert all((row.tier == 1) == (row.rank_best == 1) for row in found.rows)
    assert all(row.low < row.elo < row.high for row in found.rows)
    assert all(row.rank_best <= place <= row.rank_worst for place, row in enumerate(found.rows, 1))
    assert found.effective_votes < found.votes
    assert any(f"these 20,000 votes carry the information of {found.effective_votes:,}" in w for w in found.warnings)
    assert np.mean([row.elo for row in found.rows]) == pytest.approx(ANCHOR_ELO)


def test_boards_of_models_join_providers_and_leave_their_own_votes_out():
    votes = [(1, 3, "left", "p", "v"), (1, 2, "left", "p", "v"), (3, 4, "right", "q", "v")]
    models = board_of(*votes, board=Board(group_by="family"))
    assert {row.entrant for row in models.rows} == {"small", "large"}
    assert models.votes == 2
    assert by_name(models)["small"].provider == "bfl, fal"
    providers = board_of(*votes, board=Board(group_by="provider"))
    assert {row.entrant for row in providers.rows} == {"fal", "bfl"}
    assert providers.votes == 1
    one = board_of(*votes, board=Board(of_family="small"))
    assert {row.entrant for row in one.rows} == {"fal/small", "bfl/small"}
    assert one.votes == 1


def test_two_entrants_are_compared_by_their_own_difference():
    found = board_of(*many(votes=6000, prompts=80, spread_elo=120, seed=5))
    best, worst = found.rows[0], found.rows[-1]
    difference = found.compare(best.entrant, worst.entrant)
    assert difference.difference_elo == pytest.approx(best.elo - worst.elo)
    assert difference.decided


def test_contenders_without_a_vote_change_nothing_for_the_others():
    votes = many(votes=4000, prompts=60, seed=9)
    alone, crowded = board_of(*votes), board_of(*votes, names=[*NAMES, *(f"new/{i}" for i in range(20))])
    assert [r for r in crowded.rows if r.votes] == list(alone.rows)
    assert crowded.effective_votes == alone.effective_votes


def test_one_voters_board_says_so():
    found = board_of(*((1, 2, "left" if i % 3 else "right", f"p{i}", "me") for i in range(60)), names=NAMES[:2])
    assert any("only 1 voter" in warning for warning in found.warnings)


def test_the_same_votes_give_the_same_board_to_the_last_digit():
    votes = many(votes=2000, seed=6)
    assert as_json(board_of(*votes)) == as_json(board_of(*votes))
