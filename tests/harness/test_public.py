"""Which IP addresses may be reached on a server's word, and that names are judged by where they lead."""

import socket

import pytest

from arena.domain.failure import FailureKind
from harness.addresses import MOST_CHARACTERS, belongs_to, named, objection_to_result
from harness.clock import SystemClock
from harness.net.public import first_private, is_public
from harness.providers.base import WireCall
from harness.transport import Broken, Transport
from tests.factories import make_endpoint
from tests.servers import answering, response, scripted

ENDPOINT = make_endpoint(
    base_url="https://api.lab.example/v1",
    key_hosts=["queue.lab.example", "*.lab.test"],
    result_hosts=["127.0.0.1", "files.inside"],
)


@pytest.mark.parametrize(
    "address",
    ["8.8.8.8", "93.184.216.34", "2606:4700:4700::1111", "::ffff:8.8.8.8", "64:ff9b::8.8.8.8", "2a00:1450:4001::1%2"],
)
def test_globally_routed_addresses_are_public(address):
    assert is_public(address)


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1", "127.8.8.8", "0.0.0.0", "10.0.0.1", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1",
        "100.100.100.200", "192.0.0.192", "198.18.0.1", "203.0.113.1", "224.0.0.1", "240.0.0.1", "255.255.255.255",
        "192.88.99.1", "168.63.129.16", "::", "::1", "::127.0.0.1", "::8.8.8.8", "fe80::1%eth0", "fc00::1",
        "fd00:ec2::254", "fec0::1", "ff02::1", "::ffff:127.0.0.1", "::ffff:10.0.0.1", "64:ff9b::127.0.0.1",
        "64:ff9b::a9fe:a9fe", "64:ff9b:1::8.8.8.8", "2002:7f00:1::", "2002:808:808::1", "2001:0:4136:e378::1",
        "2001:db8::1", "3fff::1", "", "localhost", "2130706433", "127.1", "010.0.0.1",
    ],
)  # fmt: skip
def test_every_other_address_is_not(address):
    assert not is_public(address)


def test_one_private_address_among_public_ones_gives_a_name_away():
    assert first_private(["8.8.8.8", "10.0.0.1"]) == "10.0.0.1"
    assert first_private(["8.8.8.8", "2606:4700:4700::1111"]) is None


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("https://cdn.example/i.png", None),
        ("https://cdn.example:8443/i.png?sig=a%20b", None),
        ("http://127.0.0.1:8000/i.png", None),
        ("http://files.inside/i.png", None),
        ("https://queue.lab.example/i.png", None),
        ("https://eu.lab.test/i.png", None),
        ("https://8.8.8.8/i.png", None),
        ("http://cdn.example/i.png", "is plain http on cdn.example"),
        ("https://10.0.0.1/i.png", "is on the private host 10.0.0.1"),
        ("https://2130706433/i.png", "is on the private host"),
        ("https://0177.0.0.1/i.png", "is on the private host"),
        ("https://0x7f.1/i.png", "is on the private host"),
        ("https://127.1/i.png", "is on the private host"),
        ("https://[::ffff:127.0.0.1]/i.png", "is on the private host"),
        ("https://[64:ff9b::7f00:1]/i.png", "is on the private host"),
        ("https://[2002:7f00:1::]/i.png", "is on the private host"),
        ("https://[fe80::1%25eth0]/i.png", "is no valid address"),
        ("https://localhost./i.png", "is on the private host localhost"),
        ("https://10.0.0.1./i.png", "is on the private host"),
        ("https://metadata.google.internal/", "is on the private host"),
        ("https://user:pw@cdn.example/i.png", "holds a user name"),
        ("https://api.lab.example@evil.example/i.png", "holds a user name"),
        ("https://api.lab.example\\@evil.example/i.png", "holds a user name"),
        ("https://evil.example\\.lab.test/i.png", "is no valid address"),
        ("https://127。0。0。1/i.png", "is no valid address"),
        ("https://ⓛocalhost/i.png", "is no valid address"),
        ("https://cdn.example\t/i.png", "is no valid address"),
        (" https://cdn.example/i.png", "is no"),
        ("https://cdn.example/i.png\r\nX-Evil: 1", "is no valid address"),
        ("https://%6cocalhost/i.png", "is no valid address"),
        ("https://cdn.example:99999/", "is no valid address"),
        ("https:///i.png", "is no valid address"),
        ("file:///etc/passwd", "is not an http(s) address"),
        ("javascript:alert(1)", "is not an http(s) address"),
        ("//cdn.example/i.png", "is not an http(s) address"),
        ("https://cdn.example/" + "a" * MOST_CHARACTERS, "has more than 16384 characters"),
    ],
)
def test_what_may_be_fetched(url, says):
    found = objection_to_result(ENDPOINT, url)
    assert found is None if says is None else found.startswith(says), found


def test_from_https_there_is_no_way_back_to_http():
    plain = "http://127.0.0.1:8000/i.png"
    assert objection_to_result(ENDPOINT, plain, "https://cdn.example/a") == (
        "leads from https to plain http on 127.0.0.1"
    )
    assert objection_to_result(ENDPOINT, plain, "http://127.0.0.1:8000/a") is None


def test_only_hosts_that_the_data_name_are_trusted_wherever_they_lead():
    assert named(ENDPOINT, "https://api.lab.example/x")
    assert named(ENDPOINT, "https://queue.lab.example/x")
    assert named(ENDPOINT, "http://files.inside:81/x")
    assert not named(ENDPOINT, "https://cdn.example/x")
    assert belongs_to(ENDPOINT, "https://eu.lab.test/x")
    assert not named(ENDPOINT, "https://eu.lab.test/x"), "which host below a domain it is was the server's choice"


def leads_to(*addresses):
    asked = []

    def resolve(host, port):
        asked.append(host)
        return [
            (socket.AF_INET6 if ":" in a else socket.AF_INET, socket.SOCK_STREAM, 6, "", (a, port)) for a in addresses
        ]

    return resolve, asked


async def fetch(url, resolve, *, public_only):
    connection = Transport(SystemClock(), resolve=resolve).connection()
    try:
        prepared = connection.prepare(WireCall("download", "GET", url), with_auth=False, public_only=public_only)
        return await connection.send(prepared, origin_ns=0)
    finally:
        await connection.close()


@pytest.mark.parametrize("addresses", [["127.0.0.1"], ["8.8.8.8", "127.0.0.1"], ["::ffff:127.0.0.1"]])
async def test_a_name_that_leads_to_a_private_address_is_not_connected_to(addresses):
    resolve, asked = leads_to(*addresses)
    with scripted(answering(response(b"secret"))) as server:
        sent = await fetch(server.url.replace("127.0.0.1", "cdn.example"), resolve, public_only=True)
    assert isinstance(sent, Broken)
    assert sent.failure.kind is FailureKind.BAD_RESPONSE
    assert "which is not a public address" in sent.failure.message
    assert (server.connections, asked) == (0, ["cdn.example"])


async def test_a_name_that_the_data_name_may_lead_to_a_private_address():
    resolve, _ = leads_to("127.0.0.1")
    with scripted(answering(response(b"image"))) as server:
        sent = await fetch(server.url.replace("127.0.0.1", "files.inside"), resolve, public_only=False)
    assert sent.exchange.body == b"image"


async def test_a_literal_address_is_judged_as_a_name_is():
    with scripted(answering(response(b"secret"))) as server:
        port = server.url.rpartition(":")[2]
        for host in ("127.0.0.1", "2130706433", "0x7f000001", "[::ffff:127.0.0.1]"):
            sent = await fetch(f"http://{host}:{port}/", None, public_only=True)
            assert sent.failure.kind is FailureKind.BAD_RESPONSE, host
    assert server.connections == 0


def test_an_endpoint_names_its_host_in_ascii_as_addresses_are_compared_in_it():
    with pytest.raises(ValueError, match="names its host in ASCII"):
        make_endpoint(base_url="https://bücher.example/v1")
    assert belongs_to(make_endpoint(base_url="https://xn--bcher-kva.example/v1"), "https://xn--bcher-kva.example/x")
