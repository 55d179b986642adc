"""Voting and the board, through the app's own pages: what is shown, what is stored, and what is told when."""

import io
import time

import numpy as np
import pytest
import sqlalchemy as sa
from PIL import Image

from arena.battles import check_pairs
from arena.domain.battle import Purpose
from arena.settings import Settings
from arena.store.battles import BATTLE, VOTE
from arena.store.engine import open_database
from tests.dashboards import small_run

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


def test_a_pair_is_stored_before_it_is_shown_and_names_nobody(arena, open_page):
    app = open_page("vote")
    (battle,) = rows(arena, BATTLE)
    assert battle["shown_at"] is not None
    assert "SIMULATED" in everything(app)
    assert not any(name in everything(app) for name in (*NAMES, "steady", "flaky"))
    images = app.get("imgs") or app.get("image")
    assert len(images) == 2


def test_a_vote_is_stored_once_then_names_are_told_and_the_next_pair_comes(arena, open_page):
    app = open_page("vote")
    token_before = app.session_state["showing"].token
    wait()
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
    wait()
    app.button(key="left").click().run()
    app.button(key="left").click().run()
    assert len(rows(arena, VOTE)) == 1


def test_a_vote_can_be_undone_and_the_pair_stays_on_the_screen(arena, open_page):
    app = open_page("vote")
    wait()
    app.button(key="right").click().run()
    token = app.session_state["showing"].token
    app.button(key="undo").click().run()
    assert [(r["verdict"], r["undone_at"] is None) for r in rows(arena, VOTE)] == [("right", False)]
    assert app.session_state["showing"].token == token


def test_the_board_counts_the_votes(arena, open_page):
    app = open_page("vote")
    for key in ("left", "right", "both_bad"):
        wait()
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


def wait():
    time.sleep(0.75)  # the least time that a voter must have looked


def test_a_pair_that_checks_the_voter_looks_like_any_other_and_rates_nobody(arena, open_page, monkeypatch):
    monkeypatch.setattr(check_pairs, "purpose", lambda *_: Purpose.GOLD)
    app = open_page("vote")
    (battle,) = rows(arena, BATTLE)
    assert battle["purpose"] == "gold"
    showing = app.session_state["showing"]
    assert len(showing.left) == len(showing.right)
    assert showing.left != showing.right
    assert not any(word in everything(app) for word in ("degraded", "checks attention"))
    wait()
    app.button(key="left" if battle["right_sha256"] is None else "right").click().run()
    assert "checks attention" in everything(app)
    assert "arena/degraded" in everything(app)
    assert "No vote counts on this board yet" in everything(open_page("board"))
