"""`arena recommend`, `leaderboard` and `matchups` as a user runs them: over results, nothing, and wrong values."""

import json

import pytest

from tests.dashboards.voted_run import make_arena


@pytest.fixture
def measured(arena):
    arena.data.mkdir(parents=True)
    make_arena(arena.data)
    return arena


def test_the_choice_within_limits_and_what_each_costs(measured):
    limits = ("--p95-ms", "20000", "--max-usd-per-1000", "30", "--min-success", "0.9")
    text = measured("recommend", *limits).out
    assert text.startswith("The choice is beta/medium")
    assert "without the price limit: alpha/large, +" in text
    assert "the p95 limit costs nothing" in text
    assert "SIMULATED" not in text
    found = measured.json("recommend", *limits)
    assert found["choice"] == "beta/medium"
    assert found["measured"]["size"] == "1024x1024"
    assert found["measured"]["mode"] == "t2i"
    admitted = {c["endpoint"] for c in found["candidates"] if c["admitted"]}
    assert admitted == {"beta/medium", "gamma/medium", "delta/small"}


def test_limits_that_nobody_keeps_end_in_a_sentence_and_not_in_an_error(measured):
    text = measured("recommend", "--p95-ms", "100").out
    assert text.startswith("Nobody keeps every limit: p95 of time to image at most 100 ms excludes all 5")
    assert "The nearest miss is local/tiny" in text


def test_the_board_has_price_time_and_verdict_beside_ratings(measured):
    text = measured("leaderboard").out
    assert "$60.00" in text
    assert "The highest rated, alpha/large, is told apart from all 4 others that are ranked." in text
    found = measured.json("leaderboard")
    assert found["measured"]["endpoints"]["local/tiny"]["usd_per_1000"]["value"] is None
    assert found["verdict"].startswith("the highest rated")
    assert "measured" not in measured.json("leaderboard", "--by", "provider")


def test_matchups_have_intervals_and_what_the_model_expects(measured):
    rows = measured.json("matchups")
    assert len(rows) == 10
    for row in rows:
        assert row["a_share_low"] < row["a_share"] < row["a_share_high"]
        assert 0 < row["a_share_expected"] < 1
    assert "beta/medium" in measured("matchups").out


def test_an_empty_database_has_nothing_to_recommend(arena):
    assert "there is no database" in arena("recommend", code=2).sentence
    arena("votes", "import", str(_votes(arena)))
    assert "nothing to choose from" in arena("recommend").out
    assert json.loads(arena("recommend", "--json").out)["choice"] is None
    assert "no votes yet" in arena("matchups", "--simulated").out


def _votes(arena):
    file = arena.directory / "votes.csv"
    file.write_text("id,model_a,model_b,winner\n1,a,b,model_a\n2,a,b,tie\n")
    return file


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (("--min-success", "99"), "the limit on success is 99; it is a share above 0 and up to 1"),
        (("--p95-ms", "0"), "the limit on p95 is 0; it has to be above 0"),
        (("--max-usd-per-1000", "-3"), "the limit on price is -3"),
        (("--size", "64x64"), "there is no size '64x64'; known are 1024x1024"),
        (("--category", "animal"), "did you mean 'animals'?"),
    ],
)
def test_wrong_values_are_one_sentence(measured, options, sentence):
    assert sentence in measured("recommend", *options, code=2).sentence
