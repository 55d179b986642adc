"""Pages over a data directory of their own."""

from pathlib import Path

import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

import dashboards
from tests.dashboards.small_run import make_run

APP = Path(dashboards.__file__).parent / "app.py"


@pytest.fixture
def directory(tmp_path, monkeypatch):
    """An empty data directory that the app looks into, and caches that know nothing of other tests."""
    monkeypatch.setenv("ARENA_DATA_DIR", str(tmp_path))
    monkeypatch.delenv("ARENA_DATABASE_URL", raising=False)
    for share in ("GOLD", "REPEAT"):  # a test that wants pairs that check the voter says so
        monkeypatch.setenv(f"ARENA_VOTE_{share}_SHARE", "0")
    yield tmp_path
    st.cache_data.clear()
    st.cache_resource.clear()


@pytest.fixture
def small(directory):
    """A data directory with one finished simulated run."""
    make_run(directory)
    return directory


@pytest.fixture
def open_page():
    """Opens a page of the app, as its address would."""

    def opened(page="results", /, **query):
        app = AppTest.from_file(str(APP), default_timeout=60)
        app.query_params.update(query)
        app.run()
        if page != "results":
            app.switch_page(f"app_pages/{page}.py").run()
        assert not app.exception
        return app

    return opened
