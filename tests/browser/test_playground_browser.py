"""The playground and a run's progress in a real browser, at simulated providers."""

import os
import re
import subprocess
import sys
import time
from pathlib import Path

import pytest

from arena.settings import Settings
from arena.store import contenders, queries, runs
from arena.store.engine import open_database
from arena.store.entries import entries
from arena.store.playground import RESERVATION
from harness.sim.contender import SimContender
from harness.sim.process import background
from tests.browser.test_app_browser import alarms, browser
from tests.e2e.conftest import QUICK, endpoint, plan_text, price

__all__ = ["browser"]
pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]
CONTENDERS = [
    {"name": "quick", "protocol": "openai", "model": "sim-quick", **QUICK},
    {"name": "broken", "protocol": "openai", "model": "sim-broken", **QUICK, "failures": {"server_error": 1.0}},
    {"name": "slow", "protocol": "openai", "model": "sim-slow", **QUICK, "latency": {"kind": "fixed", "ms": 1500}},
]
PROMPT = 'a *red* <b>fox</b> "asleep" on $5 of books\nand a $10 note'


@pytest.fixture
def configured(tmp_path, monkeypatch):
    """A configuration with three simulated endpoints of its own, and their servers."""
    config = tmp_path / "config"
    config.mkdir()
    with background([SimContender.model_validate({"max_in_flight": 64, **c}) for c in CONTENDERS]) as url:
        tables = [endpoint(c, f"{url}/{c['name']}/v1", 'seed = "seed"') for c in CONTENDERS]
        (config / "endpoints.toml").write_text("\n".join(tables))
        (config / "prices.toml").write_text("\n".join(price(c["name"]) for c in CONTENDERS))
        monkeypatch.setenv("ARENA_CONFIG_DIR", str(config))
        monkeypatch.setenv("ARENA_PLAYGROUND_USD_PER_DAY", "0")
        yield config


def stored(directory, read):
    database = open_database(Settings(data_dir=directory))
    with database.read() as connection:
        found = read(connection)
    database.close()
    return found


def test_a_prompt_is_fired_once_at_simulated_endpoints_and_its_images_meet_nobody(browser, configured, tmp_path):
    from tests.browser.screenshots import served, settle

    directory = tmp_path / "data"
    with served(directory) as address:
        page = browser.new_page(viewport={"width": 1400, "height": 1100})
        page.goto(f"{address}/playground")
        settle(page, "Playground")
        for name in ("t/quick", "t/broken", "t/slow"):
            page.get_by_text(name).first.click()
            page.get_by_test_id("stTable").get_by_text(name).wait_for(timeout=60_000)
        page.get_by_role("textbox", name="Prompt").fill(PROMPT)
        page.get_by_role("button", name="Fire for nothing").dblclick()
        page.get_by_text("This run").wait_for(timeout=90_000)
        page.get_by_text("Failed: provider error").wait_for()
        assert page.get_by_test_id("stImage").count() == 2
        assert page.get_by_text('a *red* <b>fox</b> "asleep"').count() >= 1
        assert page.locator("[data-testid=stText] b").count() == 0
        assert "run=" in page.url
        assert alarms(page) == 0
        page.close()
    (run,) = stored(directory, lambda c: runs.list_runs(c))
    rows = stored(directory, lambda c: queries.outcomes(c, run.id))
    assert (run.plan.name, run.plan.purpose.value, run.status.value) == ("playground", "playground", "finished")
    assert sorted(rows["endpoint"]) == ["t/broken", "t/quick", "t/slow"]
    assert set(rows["prompt_id"].str.startswith("playground-")) == {True}
    assert next(iter(stored(directory, lambda c: runs.run_prompts(c, run.id)).values())).text == PROMPT
    (reservation,) = stored(directory, lambda c: list(c.execute(RESERVATION.select()).mappings()))
    assert (reservation["run_id"], reservation["amount_nano_usd"]) == (run.id, 0)
    assert run.budget_nano_usd == 30_000_000
    cells, drawn = stored(directory, lambda c: entries(c, simulated=True))
    assert (cells, len(drawn.sha256)) == ([], 0)
    assert stored(directory, lambda c: contenders.newcomers(c, run.created_at)) == []


def test_a_running_run_is_seen_to_go_on_and_to_end(browser, configured, tmp_path):
    from tests.browser.screenshots import served, settle

    directory = tmp_path / "data"
    plan = tmp_path / "mine.toml"
    plan.write_text(plan_text("slow", repetitions=3, load={"in_flight": 1}))
    environ = {**os.environ, "ARENA_DATA_DIR": str(directory)}
    command = [str(Path(sys.executable).with_name("arena")), "run", str(plan), "--yes", "--json", "--budget", "1"]
    open_database(Settings(data_dir=directory), create=True).close()
    with served(directory) as address:
        page = browser.new_page(viewport={"width": 1400, "height": 1100})
        page.goto(f"{address}/methodology")
        settle(page, "Methodology")
        with subprocess.Popen(command, env=environ, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as firing:
            until = time.monotonic() + 60
            while not stored(directory, runs.list_runs) and time.monotonic() < until:
                time.sleep(0.2)
            page.goto(f"{address}/run")
            page.get_by_text(re.compile(r"Running: \d+ of 15 trials")).wait_for(timeout=60_000)
            page.get_by_text("of a budget of $1.00").wait_for()
            first = ended(page)
            page.wait_for_function(f"{ENDED} > {first}", timeout=60_000)
            assert firing.wait(120) == 0
        page.get_by_text(re.compile("^Running:")).wait_for(state="detached", timeout=60_000)
        settle(page, "Run")
        page.get_by_text("15 of 15 trials").wait_for()
        assert ended(page) == 15
        page.close()


ENDED = "parseInt(document.querySelector('[data-testid=stMetricValue]')?.innerText)"


def ended(page):
    """How many trials the page says have ended."""
    return int(page.get_by_test_id("stMetricValue").first.inner_text().partition(" ")[0])
