"""The playground: off unless switched on, its cost shown first, its money bounded, its words harmless."""

import subprocess
import sys
from decimal import Decimal
from pathlib import Path

import pytest
import streamlit as st

from arena.catalog import Catalog
from arena.domain.purpose import RunPurpose
from arena.domain.request import ImageFormat
from arena.errors import BudgetError, ConfigError
from arena.settings import Settings
from arena.store.engine import open_database
from arena.store.playground import RESERVATION
from dashboards import playground, playground_firing
from dashboards.playground import Choice, Price, Wish
from tests.dashboards.test_pages import words

WISH = Wish("a red fox", ("sim/steady",), "256x256", ImageFormat.PNG)
FREE = Price({"sim/steady": Decimal("0.004")}, frozenset({"sim/steady"}))
DEAR = Price({"lab/real": Decimal("0.6")}, frozenset())


def reservations(directory):
    """Every amount that was set aside."""
    database = open_database(Settings(data_dir=directory))
    with database.read() as connection:
        found = list(connection.execute(RESERVATION.select()).mappings())
    database.close()
    return found


@pytest.fixture
def switched_on(directory, monkeypatch):
    """A playground that may spend a dollar a day, and whose command does nothing."""
    monkeypatch.setenv("ARENA_PLAYGROUND_USD_PER_DAY", "1")
    monkeypatch.setattr(playground_firing, "command", lambda: [sys.executable, "-c", "print()"])
    yield directory
    for firing in playground_firing.children().firings.values():
        assert firing.followed.wait(30)
        assert not firing.directory.exists()


def test_it_is_off_unless_the_operator_switches_it_on(open_page, directory):
    app = open_page("playground")
    assert "`ARENA_PLAYGROUND_USD_PER_DAY`" in words(app)
    assert not app.text_area
    with pytest.raises(ConfigError, match="closed"):
        playground_firing.fire("t", WISH, FREE)


def test_a_visitor_who_is_not_logged_in_cannot_use_it_where_there_is_a_login(open_page, directory, monkeypatch):
    monkeypatch.setenv("ARENA_PLAYGROUND_USD_PER_DAY", "1")
    monkeypatch.setattr(st, "user", type("User", (), {"is_logged_in": False})())
    assert "log in to use it" in words(open_page("playground"))
    monkeypatch.setattr(st, "user", type("User", (), {"is_logged_in": True})())
    assert open_page("playground").text_area


def test_endpoints_without_a_key_are_greyed_and_say_which_variable_is_missing(open_page, switched_on):
    app = open_page("playground")
    boxes = {box.key.removeprefix("fire-"): box for box in app.checkbox}
    assert not boxes["sim/steady"].disabled
    keyed = [e for e in Catalog().endpoints().values() if e.key_env and f"{e.id}" in boxes]
    assert keyed
    assert all(boxes[e.id].disabled for e in keyed)
    assert all(f"Its key is missing: set {e.key_env}" in words(app).replace("\\", "") for e in keyed)


def test_what_cannot_be_fired_at_says_why(directory, monkeypatch):
    own = 'provider = "lab"\nprotocol = "openai"\nmodel = "m"\nbase_url = "http://127.0.0.1:9/v1"\n'
    narrow = f'[[endpoint]]\nid = "lab/narrow"\n{own}limits = {{ sizes = ["1024x1024"] }}\n'
    (directory / "endpoints.toml").write_text(f'{narrow}[[endpoint]]\nid = "lab/unpriced"\n{own}')
    (directory / "prices.toml").write_text(
        '[[price]]\nendpoint = "lab/narrow"\nfrom_date = 2026-01-01\nper_image_usd = "0.01"\nsource = "here"\n'
        'confidence = "high"\n'
    )
    monkeypatch.setenv("ARENA_CONFIG_DIR", str(directory))
    known = {c.id: c for c in playground.choices("512x512", {})}
    assert known["sim/steady"].objection is None
    assert known["sim/steady"].simulated
    assert known["lab/narrow"].objection == "makes only the sizes 1024x1024, not 512x512"
    assert "price is not known" in known["lab/unpriced"].objection
    assert {c.id: c for c in playground.choices("1024x1024", {})}["lab/narrow"].objection is None


def test_the_cost_is_shown_before_anything_is_fired_and_is_that_of_the_plan_check(open_page, directory, monkeypatch):
    monkeypatch.setenv("ARENA_PLAYGROUND_USD_PER_DAY", "1")
    app = open_page("playground")
    assert not [b for b in app.button if b.key == "fire"]
    app.checkbox(key="fire-sim/steady").check().run()
    assert app.table[0].value["At most"].tolist() == ["free, simulated"]
    assert app.button(key="fire").label == "Fire for nothing"
    cost = playground.price(WISH, frozenset({"sim/steady"}))
    assert cost.charged_usd == 0
    assert cost.budget_usd > 0
    assert not (directory / "arena.db").exists()


def test_a_real_endpoint_costs_what_its_price_card_says(directory):
    cost = playground.price(Wish("x", ("fal/flux.2-klein-4b",), "1024x1024", ImageFormat.PNG), frozenset())
    assert cost.charged_usd == cost.budget_usd > 0


def test_endpoints_without_a_common_format_are_refused():
    png, jpeg = ((ImageFormat.PNG,), (ImageFormat.JPEG,))
    choices = [Choice("a", False, png, None), Choice("b", False, jpeg, None)]
    with pytest.raises(ConfigError, match="no image format"):
        playground.common_format(choices)


def test_one_token_fires_once(switched_on):
    for _ in range(3):
        playground_firing.fire("token", WISH, FREE)
    assert len(reservations(switched_on)) == 1
    assert len(playground_firing.children().firings) == 1


def test_the_days_money_is_set_aside_before_anything_is_fired(switched_on, monkeypatch):
    monkeypatch.setattr(playground_firing, "command", lambda: [sys.executable, "-c", "import time; time.sleep(1)"])
    playground_firing.fire("one", WISH, DEAR)
    assert playground_firing.left_today_usd() == Decimal("0.4")
    with pytest.raises(BudgetError, match="today's"):
        playground_firing.fire("two", WISH, DEAR)
    assert list(playground_firing.children().firings) == ["one"]


def test_what_no_run_came_of_is_given_back_and_said(switched_on, monkeypatch):
    said = "import sys; sys.stderr.write('arena: the key is bad\\n'); sys.exit(2)"
    monkeypatch.setattr(playground_firing, "command", lambda: [sys.executable, "-c", said])
    playground_firing.fire("one", WISH, DEAR)
    assert playground_firing.look("one").followed.wait(30)
    assert playground_firing.look("one").complaint == "the key is bad"
    assert playground_firing.left_today_usd() == 1


def test_a_command_that_cannot_be_started_costs_nothing(switched_on, monkeypatch):
    monkeypatch.setattr(playground_firing, "command", lambda: ["/no/such/command"])
    with pytest.raises(ConfigError, match="could not be started"):
        playground_firing.fire("one", WISH, DEAR)
    assert playground_firing.left_today_usd() == 1


def test_no_more_than_a_few_are_fired_at_once(switched_on, monkeypatch):
    monkeypatch.setattr(playground_firing, "command", lambda: [sys.executable, "-c", "import time; time.sleep(2)"])
    for number in range(playground_firing.MOST_AT_ONCE):
        playground_firing.fire(str(number), WISH, FREE)
    with pytest.raises(ConfigError, match="try again in a moment"):
        playground_firing.fire("another", WISH, FREE)
    assert len(reservations(switched_on)) == playground_firing.MOST_AT_ONCE


@pytest.mark.parametrize("text", ["", "   ", "x" * 1001])
def test_a_prompt_is_bounded(switched_on, text):
    with pytest.raises(ConfigError, match="1 to 1000 characters"):
        playground_firing.fire("one", Wish(text, *list(WISH.__getstate__())[1:]), FREE)
    assert not (switched_on / "arena.db").exists()


@pytest.mark.parametrize(
    "text",
    [
        'a "quoted" \\ backslash',
        "two\nlines\tand a tab",
        "ends'''\"\"\"",
        "[table]\nname = 'x'",
        "del\x7f nul\x00 é 漢 🦊",
    ],
)
def test_whatever_is_typed_reaches_the_plan_as_it_was_typed(tmp_path, text):
    path = playground.written(Wish(text, ("sim/steady", "sim/swift"), "256x256", ImageFormat.JPEG), tmp_path)
    plan, where = Catalog().plan(str(path))
    assert plan.prompts.own[0].text == text.replace("\x7f", " ").replace("\x00", " ")
    assert (plan.name, plan.purpose, plan.endpoints) == (
        "playground",
        RunPurpose.PLAYGROUND,
        ("sim/steady", "sim/swift"),
    )
    assert (str(plan.request.size), plan.request.format) == ("256x256", ImageFormat.JPEG)
    assert [p.id for p in Catalog().select_prompts(plan, where)] == [plan.prompts.own[0].id]


def test_a_run_that_was_not_fired_from_here_is_not_shown_here(open_page, small, monkeypatch):
    monkeypatch.setenv("ARENA_PLAYGROUND_USD_PER_DAY", "0")
    app = open_page("playground", run="20260102-030405-test")
    assert not app.image
    assert not app.error


def test_the_app_can_be_asked_for_its_command(directory):
    asked = subprocess.run(
        [*playground.command(), "--help"], env=playground.environ_of_child(), capture_output=True, check=False,
        cwd="/",
    )  # fmt: skip
    assert asked.returncode == 0
    assert Path(sys.executable).exists()


def test_a_bad_amount_is_refused(monkeypatch):
    monkeypatch.setenv("ARENA_PLAYGROUND_USD_PER_DAY", "-1")
    with pytest.raises(ValueError, match="playground_usd_per_day"):
        Settings()


def test_the_run_is_noted_though_nobody_looks_on(switched_on, small, monkeypatch):
    said = "import sys, time; print('run 20260102-030405-test', file=sys.stderr, flush=True); time.sleep(1)"
    monkeypatch.setattr(playground_firing, "command", lambda: [sys.executable, "-c", said])
    playground_firing.fire("one", WISH, DEAR)
    firing = playground_firing.look("one")
    assert firing.followed.wait(30)
    assert (firing.run_id, firing.complaint) == ("20260102-030405-test", None)
    assert reservations(switched_on)[0]["run_id"] == "20260102-030405-test"
    assert playground_firing.left_today_usd() == Decimal("0.4")


def test_the_purse_survives_a_restart(switched_on, monkeypatch):
    monkeypatch.setattr(playground_firing, "command", lambda: [sys.executable, "-c", "import time; time.sleep(60)"])
    playground_firing.fire("one", WISH, DEAR)
    firing = playground_firing.look("one")
    playground_firing.children.clear()
    assert playground_firing.left_today_usd() == Decimal("0.4")
    playground_firing.fire("one", WISH, DEAR)
    assert not playground_firing.children().firings
    firing.process.kill()
    assert firing.followed.wait(30)
    open_database(Settings()).close()
