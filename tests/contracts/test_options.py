"""An adapter knows the names of its options: those that it reads, and those of every endpoint that is shipped."""

import re
from pathlib import Path

import pytest

from arena.catalog import Catalog
from harness.providers import PROVIDERS, adapter, provider

ADAPTERS = Path(__file__).parents[2] / "harness" / "providers"


def test_every_shipped_endpoint_has_options_that_its_adapter_knows():
    catalog = Catalog()
    for endpoint in catalog.endpoints().values():
        adapter(endpoint, catalog)


def test_every_option_that_is_read_is_known_to_an_adapter():
    known = frozenset().union(*(provider(protocol).options for protocol in PROVIDERS))
    read = {name for path in ADAPTERS.glob("*.py") for name in re.findall(r'options\.get\("(\w+)"\)', path.read_text())}
    assert read >= {"fields", "extra", "tiers"}
    assert read <= known


@pytest.mark.parametrize("protocol", PROVIDERS)
def test_every_adapter_takes_names_of_fields(protocol):
    assert "fields" in provider(protocol).options
