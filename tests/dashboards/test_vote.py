"""Voting and the board, through the app's own pages: what is shown, what is stored, and what is told when."""

import io
import json
import logging
import time
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
import sqlalchemy as sa
from PIL import Image

from arena.battles import check_pairs
from arena.battles.ballots import Ballots
from arena.domain.battle import Purpose, Verdict
from arena.settings import Settings
from arena.store.battles import BATTLE, VOTE
from arena.store.engine import open_database
from tests.benchmarks.app.seed import seed
from tests.dashboards import small_run
from tests.dashboards.small_run import NASTY

NAMES = ("sim/steady", "sim/flaky", "sim/third")


def varied(colour, size=(64, 48)):
    """An image with something to see: a plain one would be kept out of the battles."""
    width, height = size
    ramp = np.linspace(0, 255, width * height, dtype=np.uint8).reshape(height, width)
    pixels = np.stack((ramp, np.full_like(ramp, colour[0]), 255 - ramp), axis=2)
    out = io.BytesIO()
    Image.fromarray(pixels).save(out, "PNG")
    return out.getvalue()


@pytest.fixture
def arena(directory, monkeypatch):
    monkeypatch.setattr(small_run, "png", varied)
    small_run.make_run(directory, names=NAMES)
    return directory


def rows(directory, table):
    database = open_database(Settings(data_dir=directory))
    with database.read() as connection:
        found = connection.execute(sa.select(table).order_by(table.c.id)).mappings().all()
    database.close()
    return found


def everything(app):
    """All text that the page has sent."""
    kinds = ("markdown", "caption", "text", "title", "button", "badge")
    return " ".join(str(getattr(e, "value", "") or getattr(e, "label", "")) for k in kinds for e in app.get(k))


def sent(app):
    """What the browser gets of the pair."""
    (component,) = app.get("bidi_component")
    return json.loads(component.proto.mixed.json or component.proto.json)


def look(app, arena):
    """What the browser does once both images are painted, which is out of reach here; then as long as a vote needs."""
    showing, database = app.session_state["showing"], open_database(Settings(data_dir=arena))
    Ballots(database).show(showing.token, app.session_state["voter"])
    database.close()
    showing.seen_s = time.monotonic()
    time.sleep(0.75)


def test_a_pair_is_stored_before_it_is_sent_and_names_nobody(arena, open_page):
    app = open_page("vote")
    (battle,) = rows(arena, BATTLE)
    assert battle["shown_at"] is None, "the browser says when it is painted"
    assert "SIMULATED" in everything(app)
    pair = sent(app)["shown"]
    assert set(pair) == {"name", "prompt", "left", "right", "sources"}
    assert pair["prompt"] in {NASTY, "A plain poster"}, "as it stands: the browser sets it as text"
    assert pair["left"] != pair["right"]
    told = everything(app) + json.dumps(sent(app))
    assert not any(name in told for name in (*NAMES, "steady", "flaky", app.session_state["showing"].token))


def test_a_pair_that_was_not_painted_yet_cannot_be_voted_on(arena, open_page):
    app = open_page("vote")
    app.button(key="left").click().run()
    assert rows(arena, VOTE) == []
    assert [toast.value for toast in app.toast] == ["Look at both images for at least 700 ms before voting"]


def test_a_vote_is_stored_once_then_names_are_told_and_the_next_pair_comes(arena, open_page):
    app = open_page("vote")
    token_before = app.session_state["showing"].token
    look(app, arena)
    app.button(key="left").click().run()
    assert not app.exception
    (vote,) = rows(arena, VOTE)
    assert (vote["verdict"], vote["dwell_ms"] >= 700) == ("left", True)
    assert any(name.partition("/")[2] in everything(app) for name in NAMES)
    assert "better than" in everything(app)
    assert app.session_state["showing"].token != token_before
    assert len(rows(arena, BATTLE)) == 2


def test_a_hasty_second_click_counts_for_nothing(arena, open_page):
    app = open_page("vote")
    look(app, arena)
    app.button(key="left").click().run()
    app.button(key="left").click().run()
    assert len(rows(arena, VOTE)) == 1


def test_a_vote_can_be_undone_and_the_next_pair_stays_on_the_screen(arena, open_page):
    app = open_page("vote")
    look(app, arena)
    app.button(key="right").click().run()
    token = app.session_state["showing"].token
    app.button(key="undo").click().run()
    assert [(r["verdict"], r["undone_at"] is None) for r in rows(arena, VOTE)] == [("right", False)]
    assert app.session_state["showing"].token == token


def test_the_board_counts_the_votes(arena, open_page):
    app = open_page("vote")
    for key in ("left", "right", "both_bad"):
        look(app, arena)
        app.button(key=key).click().run()
    board = open_page("board")
    assert "3 votes on" in everything(board)
    assert "SIMULATED" in everything(board)
    (table,) = board.table
    assert len(table.value) == 3


@pytest.mark.parametrize("page", ["vote", "board"])
def test_an_empty_directory_names_the_command_that_fills_it(directory, open_page, page):
    app = open_page(page)
    assert "arena demo" in [code.value for code in app.code]


def test_a_pair_that_checks_the_voter_looks_like_any_other_and_rates_nobody(arena, open_page, monkeypatch):
    monkeypatch.setattr(check_pairs, "purpose", lambda *_: Purpose.GOLD)
    app = open_page("vote")
    (battle,) = rows(arena, BATTLE)
    assert battle["purpose"] == "gold"
    showing = app.session_state["showing"]
    assert len(showing.left) == len(showing.right)
    assert showing.left != showing.right
    assert not any(word in everything(app) for word in ("degraded", "checks attention"))
    look(app, arena)
    app.button(key="left" if battle["right_sha256"] is None else "right").click().run()
    assert "checks attention" in everything(app)
    assert "arena/degraded" in everything(app)
    assert "No vote counts on this board yet" in everything(open_page("board"))


def test_a_board_of_ones_own_comes_after_thirty_votes_and_says_that_they_are_few(directory, open_page):
    seed(directory, outcomes=600, votes=0)
    app = open_page("vote")
    app.button(key="own").click().run()
    assert "0 of yours count so far" in everything(app)
    database = open_database(Settings(data_dir=directory))
    moments = iter(datetime(2026, 1, 3, tzinfo=UTC) + timedelta(seconds=5 * i) for i in range(1000))
    ballots = Ballots(database, now=lambda: next(moments))
    pool = ballots.pool(simulated=False)
    for _ in range(30):
        ballot = ballots.open(app.session_state["voter"], pool)
        ballots.cast(ballot.token, app.session_state["voter"], Verdict.LEFT, 2000)
    database.close()
    app.run()
    assert "30 votes" in everything(app)
    assert "few votes" in everything(app)
    (table,) = app.dataframe
    assert table.value["Won"].sum() == table.value["Lost"].sum() == 30
    app.button(key="back").click().run()
    assert sent(app)["shown"]


def test_what_goes_wrong_in_a_click_is_a_sentence_and_the_log_has_the_rest(arena, open_page, monkeypatch, caplog):
    app = open_page("vote")
    look(app, arena)
    monkeypatch.setattr("dashboards.voting.cast", lambda *_: 1 / 0)
    with caplog.at_level(logging.ERROR):
        app.button(key="left").click().run()
    assert not app.exception
    assert [error.value for error in app.error] == ["That could not be done; the log of the app says why."]
    assert "ZeroDivisionError" in caplog.text


def test_what_goes_wrong_while_a_pair_is_drawn_is_a_sentence(arena, open_page, monkeypatch):
    app = open_page("vote")
    look(app, arena)
    monkeypatch.setattr("dashboards.voting.load", lambda **_: 1 / 0)
    app.button(key="left").click().run()
    assert not app.exception
    assert [error.value for error in app.error] == ["This page could not be drawn; the log of the app says why."]


def test_where_a_login_is_required_nobody_votes_without_one(arena, open_page, monkeypatch):
    monkeypatch.setenv("ARENA_REQUIRE_LOGIN", "1")
    app = open_page("vote")
    (error,) = app.error
    assert "ARENA" in error.value
    assert "secrets.toml" in error.value
    assert not app.button
    assert rows(arena, BATTLE) == []


def test_who_draws_pairs_without_end_is_stopped(arena, open_page, monkeypatch):
    monkeypatch.setenv("ARENA_VOTES_PER_VOTER_AND_DAY", "1")  # and so four pairs
    app = open_page("vote")
    for _ in range(3):
        app.session_state["showing"] = None
        app.run()
    assert len(rows(arena, BATTLE)) == 4
    app.session_state["showing"] = None
    app.run()
    assert len(rows(arena, BATTLE)) == 4
    assert "come back tomorrow" in app.error[0].value


@pytest.mark.slow
def test_a_large_arena_is_voted_on_like_a_small_one(directory, open_page):
    seed(directory, outcomes=60_000, votes=20_000)
    app = open_page("vote")
    look(app, directory)
    app.button(key="right").click().run()
    assert not app.exception
    assert len(rows(directory, VOTE)) == 20_001
