"""An adapter knows the names of its options: those that it reads, and those of every endpoint that is shipped."""

import inspect
import re
from pathlib import Path

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


def test_every_adapter_that_has_names_of_fields_takes_others():
    renaming = [each for each in map(provider, PROVIDERS) if "field_names(" in _source(each)]
    assert len(renaming) > 10
    assert [type(each).__name__ for each in renaming if "fields" not in each.options] == []


def _source(adapter):
    """What it is made of, with what it builds on."""
    return "".join(inspect.getsource(each) for each in type(adapter).__mro__ if each is not object)
