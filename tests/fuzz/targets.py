"""Every parser of what others wrote, as a function of bytes that raises only if the parser breaks its promise.

What servers send never raises in an adapter; files raise an ArenaError; images raise a BadImageError.
"""

import contextlib
import copy
import tempfile
from dataclasses import replace
from datetime import date
from functools import cache
from pathlib import Path
from types import SimpleNamespace

import anyio
import httpx

from arena.catalog import Catalog, parse, read_prompt_set, read_tables, read_toml
from arena.domain.endpoint import Endpoint
from arena.domain.failure import clean_message
from arena.domain.plan import Plan
from arena.domain.request import GenerationRequest
from arena.errors import ArenaError
from arena.pricing import PriceCard
from arena.units import MOST_USD, parse_usd
from harness.addresses import belongs_to, objection_to_result, origin_of, without_secrets
from harness.excise import excise
from harness.images import BadImageError, NotToldError, glance, image_pieces, inspect
from harness.net.buffers import Buffers
from harness.net.http1 import SCRATCH_BYTES, Http1
from harness.net.marks import Marks
from harness.net.public import is_public
from harness.plan import estimate, prepare
from harness.providers import provider, wire
from harness.providers.base import Done, Exchange, InlineImage, Pending, Rejected
from harness.sim.contender import load_contenders
from tests.contracts.case import all_cases
from tests.factories import make_endpoint

ENDPOINT = make_endpoint(base_url="https://api.lab.example/v1", key_hosts=["*.lab.test"], result_hosts=["files.inside"])
STATUSES = (200, 200, 200, 200, 201, 202, 400, 403, 404, 422, 429, 500, 503, 302)
MOST_BODY_BYTES = 100_000
PLAN = {"name": "x", "endpoints": ["a/b"], "prompts": {"sets": ["core"]}}


@cache
def stages():
    """Every call of every recorded protocol: adapter, job, call."""
    return [
        (provider(case.protocol), case.job(), case.call(stage))
        for case in all_cases().values()
        for stage in case.stages
    ]


def split(data):
    """Two bytes that choose, header lines up to an empty line, and the rest."""
    chosen, rest = data[:2].ljust(2, b"\0"), data[2:]
    head, gap, body = rest.partition(b"\n\n")
    if not gap:
        head, body = b"", rest
    lines = [line.partition(":") for line in head.decode("latin-1").split("\n")]
    return chosen[0], chosen[1], {name.strip().lower(): value.strip() for name, _, value in lines if name.strip()}, body


def fit_to_be_stored(text):
    assert text is None or (len(text) <= 2000 and text.isprintable()), text
    return text is None or text.encode()


def replies(data):
    """An answer to any call of any protocol, and what is asked about it later."""
    which, status, headers, body = split(data)
    adapter, job, call = stages()[which % len(stages())]
    exchange = Exchange(call, STATUSES[status % len(STATUSES)], headers, body)
    answer = adapter.parse(job, exchange)
    assert isinstance(answer, Done | Pending | Rejected)
    fit_to_be_stored(answer.request_id)
    if isinstance(answer, Rejected):
        fit_to_be_stored(answer.failure.message)
    if isinstance(answer, Done):
        fit_to_be_stored(answer.model)
        assert answer.images
        assert all(0 <= ms <= wire.MOST_MS for ms in answer.server_ms.values())
        assert all(fit_to_be_stored(text) for text in (*answer.server_ms, *answer.remarks))
        assert answer.seed is None or abs(answer.seed) < 2**63
    assert answer.cost_usd is None or 0 <= answer.cost_usd <= MOST_USD
    for asked in adapter.lookups(job.endpoint, job.key, answer.request_id or "x"):
        found = adapter.read_lookup(job.endpoint, replace(exchange, call=asked))
        assert all(0 <= ms <= wire.MOST_MS for ms in found.server_ms.values())
    fit_to_be_stored(clean_message(adapter.read_probe(job.endpoint, exchange).says))


def excised(data):
    """A large answer without its long strings means what all of it does, if they hold what strings in JSON may."""
    body = data.replace(b"~", b"x" * 16_384)
    found = excise(body)
    if found is None or any(not plain(body[start:end]) for start, end in found.spans.values()):
        return
    for adapter, job, call in stages():
        exchange = Exchange(call, 200, {}, body)
        restored = found.restore(adapter.parse(job, replace(exchange, body=found.skeleton)), body)
        if restored is None:
            continue
        whole = adapter.parse(job, exchange)
        assert isinstance(whole, Done), (restored, whole)
        assert [told(image) for image in restored.images] == [told(image) for image in whole.images]


def plain(text):
    """Whether it is ASCII without control characters."""
    return text.isascii() and text.decode().isprintable()


def told(image):
    """What an image is, comparably."""
    if not isinstance(image, InlineImage):
        return image.url
    return image.base64 if isinstance(image.base64, str) else bytes(image.base64).decode()


def headers(data):
    """Waits, in every way of telling them."""
    _, _, found, body = split(data)
    wait_s = wire.retry_after_s(found)
    assert wait_s is None or 0 <= wait_s <= wire.MAX_RETRY_AFTER_S
    fit_to_be_stored(wire.request_id(found))
    refused = wire.rejected_by_status(Exchange(stages()[0][2], 429, found, body))
    assert refused.failure.retry_after_s is None or 0 <= refused.failure.retry_after_s <= wire.MAX_RETRY_AFTER_S


def addresses(data):
    """An address that may be fetched is the same address to whoever connects to it."""
    url = data.decode("utf-8", "replace")
    without_secrets(url).encode("utf-8", "replace")
    wire.image_reference(url, ENDPOINT.base_url)
    allowed, origin = objection_to_result(ENDPOINT, url) is None, origin_of(url)
    assert not (belongs_to(ENDPOINT, url) and origin is None)
    if not allowed:
        return
    try:
        connected = httpx.URL(url)
    except (httpx.InvalidURL, UnicodeError):
        return  # the transport will refuse it
    host = connected.raw_host.decode("ascii").rstrip(".").lower()
    port = connected.port or {"https": 443, "http": 80}[connected.scheme]
    assert (connected.scheme, host, port) == origin, (url, connected)
    assert not connected.userinfo


def ip_addresses(data):
    """Any text is public or not."""
    text = data.decode("utf-8", "replace")
    assert not is_public(text) or not text.startswith(("127.", "10.", "169.254.", "::ffff:127", "192.168.", "fe80"))


def images(data):
    """An image that is decoded, and what its ends tell of it."""
    with contextlib.suppress(BadImageError):
        facts = inspect(data)
        assert facts.width_px * facts.height_px > 0
    with contextlib.suppress(NotToldError):
        glance(data, 0)
    text = data.decode("latin-1")
    for payload in (InlineImage(text), InlineImage(memoryview(data))):
        with contextlib.suppress(NotToldError):
            glance(payload, 0)
        with contextlib.suppress(BadImageError):
            b"".join(image_pieces(payload))


def wire_bytes(data):
    """What comes over a connection, in pieces of every size."""
    first, _, _, _ = split(data)
    anyio.run(answered, data[2:], first + 1)


async def answered(data, piece_bytes):
    """Play a connection to a protocol that has asked; it answers, fails as httpx does, or goes on waiting."""
    protocol = Http1(lambda: 1, memoryview(bytearray(SCRATCH_BYTES)), Buffers())
    transport = SimpleNamespace(
        write=lambda _: None, abort=lambda: None, get_extra_info=lambda _: None,
        set_write_buffer_limits=lambda high: None, get_write_buffer_size=lambda: 0,
    )  # fmt: skip
    protocol.connection_made(transport)
    protocol.start(b"GET / HTTP/1.1\r\n\r\n", b"", Marks(0), MOST_BODY_BYTES)
    for start in range(0, len(data), piece_bytes):
        piece = data[start : start + piece_bytes]
        while piece:
            room = protocol.get_buffer(-1)
            count = min(len(room), len(piece))
            room[:count] = piece[:count]
            protocol.buffer_updated(count)
            piece = piece[count:]
    protocol.connection_lost(None)
    with contextlib.suppress(httpx.HTTPError):
        head = await protocol.head()
        assert 100 <= head.status <= 999
        assert len(await protocol.body()) <= MOST_BODY_BYTES


def money(data):
    """Dollars, as people and servers write them."""
    found = parse_usd(data.decode("utf-8", "replace"))
    assert found is None or 0 <= found <= MOST_USD


def sizes(data):
    """A size or an aspect ratio, as plans and prompts write them."""
    text = data.decode("utf-8", "replace")
    with contextlib.suppress(ArenaError):
        asked = parse(GenerationRequest, {"prompt": "x", "size": text}, "here")
        assert asked.size.pixels > 0
    with contextlib.suppress(ArenaError):
        parse(Plan, {**PLAN, "request": {"size": text}}, "here")


def toml_file(read):
    """A target that reads a file with these bytes."""

    def target(data):
        with tempfile.TemporaryDirectory(prefix="arena-fuzz-") as directory:
            path = Path(directory) / "mine.toml"
            path.write_bytes(data)
            with contextlib.suppress(ArenaError):
                read(path)

    return target


def plan(path):
    """A plan, up to what it would cost."""
    catalog = shipped_catalog()
    found, where = catalog.plan(str(path))
    if found.repetitions * len(found.endpoints) < 1000:
        estimate(prepare(found, where, catalog, today=date(2026, 6, 1)))


@cache
def shipped_catalog():
    """The shipped files, read once."""
    read = Catalog(environ={})
    endpoints, prompt_sets, prices = read.endpoints(), read.prompt_sets(), read.prices()
    held = copy.copy(read)
    held.endpoints, held.prompt_sets, held.prices = lambda: endpoints, lambda: prompt_sets, lambda: prices
    return held


def vendor(path):
    """Endpoints and prices."""
    found = read_tables(path)
    for entry in found["endpoint"]:
        parse(Endpoint, entry, "here")
    for entry in found["price"]:
        parse(PriceCard, entry, "here")


TARGETS = {
    "replies": replies,
    "excised": excised,
    "headers": headers,
    "addresses": addresses,
    "ip_addresses": ip_addresses,
    "images": images,
    "wire_bytes": wire_bytes,
    "money": money,
    "sizes": sizes,
    "plans": toml_file(plan),
    "prompts": toml_file(read_prompt_set),
    "vendors": toml_file(vendor),
    "contenders": toml_file(load_contenders),
    "toml": toml_file(read_toml),
}
