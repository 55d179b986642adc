"""The page about providers says what the data says."""

from pathlib import Path

from arena.catalog import Catalog
from harness.providerdocs import page, support

SUPPORT = Path(__file__).parents[2] / "prompts" / "support.json"
PAGE = Path(__file__).parents[2] / "docs" / "providers.md"


def test_the_page_is_up_to_date():
    assert PAGE.read_text(encoding="utf-8") == page(Catalog(environ={})), "run `make docs`"


def test_the_parameters_that_the_app_shows_are_up_to_date():
    assert SUPPORT.read_text(encoding="utf-8") == support(Catalog(environ={})), "run `make docs`"
    assert Catalog(environ={}).support().keys() == Catalog(environ={}).endpoints().keys()


def test_every_real_endpoint_is_on_it():
    text = page(Catalog(environ={}))
    assert all(f"`{e.id}`" in text for e in Catalog(environ={}).endpoints().values() if not e.simulated)
