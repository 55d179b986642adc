"""The Watch page: what is open, what is over, and the trend behind it."""

from datetime import UTC, datetime, timedelta

import pytest

from arena.settings import Settings
from arena.store.engine import open_database
from tests.watch_history import Day, write_days


@pytest.fixture
def slower(directory):
    """Five weeks up to yesterday with one endpoint slower in the last three days, and dearer from the last day on."""
    database = open_database(Settings(data_dir=directory), create=True)
    first = datetime.now(UTC).replace(hour=1) - timedelta(days=35)
    dearer = {34: {"lab/two": "0.02"}}
    write_days(database, first, 35, lambda i: Day({"lab/one": 0.4 if i >= 32 else 0.0}, dearer.get(i, {})), trials=30)
    database.close()
    return directory


def test_open_incidents_stand_with_their_evidence(open_page, slower):
    app = open_page("watch")
    table = app.table[0].value
    found = set(zip(table["Endpoint"], table["Figure"], strict=True))
    assert ("lab/one (simulated)".replace("(", r"\(").replace(")", r"\)"), "Time to image p50") in found
    assert "Price per image" in set(table["Figure"])
    assert app.code[0].value.startswith("arena providers table --window ")
    assert app.get("plotly_chart")
    assert any("8 figures watched" in str(c.value) for c in app.caption)


def test_without_an_incident_the_page_says_so_and_what_is_watched(open_page, small):
    app = open_page("watch")
    assert any("No open incident" in str(m.value) for m in app.markdown)


def test_without_a_database_it_names_the_command_that_fills_it(open_page, directory):
    assert [code.value for code in open_page("watch").code] == ["arena demo"]


def test_rules_that_cannot_be_meant_so_are_said_on_the_page(open_page, small, monkeypatch, tmp_path):
    (tmp_path / "config").mkdir()
    (tmp_path / "config" / "watch.toml").write_text("figures = ['p51']")
    monkeypatch.setenv("ARENA_CONFIG_DIR", str(tmp_path / "config"))
    app = open_page("watch")
    assert any("figures" in str(e.value) for e in app.error)
