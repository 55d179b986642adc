"""Where a key may go."""

import pytest

from harness.addresses import belongs_to
from tests.factories import make_endpoint

ENDPOINT = make_endpoint(
    base_url="https://api.lab.example/v1", key_hosts=["queue.lab.example", "*.lab.test", "127.0.0.1:8701"]
)


@pytest.mark.parametrize(
    "url",
    [
        "https://api.lab.example/other",
        "https://API.lab.example:443/x",
        "https://queue.lab.example/requests/1",
        "https://eu.lab.test/x",
        "https://a.b.lab.test/x",
        "http://127.0.0.1:8701/x",
    ],
)
def test_a_key_goes_to_the_endpoints_own_hosts(url):
    assert belongs_to(ENDPOINT, url)


@pytest.mark.parametrize(
    "url",
    [
        "http://api.lab.example/v1",
        "https://api.lab.example:8443/v1",
        "https://api.lab.example.evil.test/v1",
        "http://queue.lab.example/x",
        "https://queue.lab.example:444/x",
        "https://lab.test/x",
        "https://evil-lab.test/x",
        "https://lab.test.evil.example/x",
        "http://eu.lab.test/x",
        "http://127.0.0.1:8702/x",
        "https://user:pw@evil.example/@api.lab.example",
        "https://[::1",
        "ftp://api.lab.example/v1",
        "",
    ],
)
def test_and_nowhere_else(url):
    assert not belongs_to(ENDPOINT, url)
