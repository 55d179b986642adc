"""Every shipped simulated endpoint, attempted by the real engine over real sockets, for every fault it can have.

The simulator says what it did; the engine must say the same, whatever the protocol.
"""

from pathlib import Path

import pytest

from arena.catalog import Catalog
from arena.domain.failure import FailureKind
from arena.domain.request import GenerationRequest, Mode, SourceImage
from arena.store.blobs import BlobStore
from harness.clock import SystemClock
from harness.engine import Engine
from harness.providers import provider
from harness.providers.base import Job
from harness.sim.contender import load_contenders
from harness.sim.process import background
from harness.transport import Transport
from harness.verify import verify
from tests.servers import png

ADDRESS = "http://sim.invalid"
SHIPPED = {c.name: c for c in load_contenders()}
REFUSED = {FailureKind.MODERATED_INPUT, FailureKind.MODERATED_OUTPUT}
CUT_OFF = {FailureKind.PROTOCOL, FailureKind.NETWORK, FailureKind.DOWNLOAD}
EXPECTED = {
    "server_error": {FailureKind.PROVIDER_ERROR},
    "unavailable": {FailureKind.CAPACITY},
    "rate_limited": {FailureKind.RATE_LIMITED},
    "payment": {FailureKind.PAYMENT},
    "moderated": REFUSED,
    "moderated_output": REFUSED,
    "job_failed": {FailureKind.PROVIDER_ERROR},
    "start_timeout": {FailureKind.TIMEOUT_START},
    "truncated": CUT_OFF,
    "garbage": {FailureKind.BAD_IMAGE},
    "wrong_size": {FailureKind.WRONG_SIZE},
    "expired": {FailureKind.DOWNLOAD},
    "hang": {FailureKind.TIMEOUT},
    "reset": {FailureKind.NETWORK, FailureKind.PROTOCOL},
    "html": {FailureKind.BAD_RESPONSE},
}


def simulated_endpoints():
    found = Catalog(environ={"ARENA_SIM_URL": ADDRESS}).endpoints().values()
    return {e.id: e for e in found if e.base_url.startswith(ADDRESS)}


ENDPOINTS = simulated_endpoints()


def contender_of(endpoint):
    return SHIPPED[endpoint.base_url.split("/")[3]]


one_of_each = {e.id: e for e in ENDPOINTS.values() if not contender_of(e).failures}
"""Left out are the demo's contenders that fail on their own."""


def quick(contender, fault=None):
    """A contender that answers at once, and always with the same fault."""
    name = contender.name if fault is None else f"{contender.name}-{fault.replace('_', '-')}"
    changes = {
        "name": name,
        "failures": {} if fault is None else {fault: 1.0},
        "latency": {"kind": "fixed", "ms": 20},
        "queue_ms": 10,
    }
    return type(contender).model_validate({**contender.model_dump(), **changes})


@pytest.fixture(scope="module")
def simulator():
    contenders = [quick(c) for c in SHIPPED.values()]
    contenders += [quick(c, fault) for c in SHIPPED.values() for fault in EXPECTED]
    with background(contenders) as url:
        yield url


def request_for(endpoint, mode, **changes):
    size = endpoint.limits.sizes[0] if endpoint.limits.sizes else "512x512"
    fields = {"prompt": "a red square", "size": size, "seed": 3, "mode": mode, **changes}
    fields["format"] = "png" if "png" in endpoint.limits.formats else endpoint.limits.formats[0]
    if mode is Mode.EDIT:
        fields["images"] = (SourceImage(name="in.png", media_type="image/png", data=png(512, 512)),)
    return GenerationRequest.model_validate(fields)


async def outcome(simulator, endpoint, mode, images: Path, fault=None, timeout_s=20):
    contender = contender_of(endpoint)
    name = contender.name if fault is None else f"{contender.name}-{fault.replace('_', '-')}"
    url = endpoint.base_url.replace(f"{ADDRESS}/{contender.name}", f"{simulator}/{name}")
    port = simulator.rpartition(":")[2]
    hosts = tuple(f"{h.partition(':')[0]}:{port}" for h in endpoint.key_hosts)
    reached = endpoint.model_copy(update={"base_url": url, "poll_interval_s": 0.02, "key_hosts": hosts})
    adapter, clock = provider(reached.protocol), SystemClock()
    connection = Transport(clock).connection()
    try:
        job = Job(reached, request_for(reached, mode))
        delivery = await Engine(clock).attempt(adapter, job, connection, timeout_s=timeout_s)
    finally:
        await connection.close()
    return verify(delivery, adapter, BlobStore(images), None)


@pytest.mark.parametrize("endpoint", ENDPOINTS.values(), ids=ENDPOINTS)
async def test_every_mode_brings_a_verified_image(simulator, endpoint, tmp_path):
    for mode in endpoint.modes:
        came = await outcome(simulator, endpoint, mode, tmp_path)
        assert came.failure is None, came.failure
        assert came.simulated
        assert len(came.images) == 1
        marks = came.timings
        assert 0 < marks.accepted_ns <= marks.result_ns <= marks.last_image_byte_ns <= marks.ended_ns
        if marks.polls:
            assert marks.last_pending_ns < marks.first_done_ns <= marks.result_end_ns
            assert marks.poll_interval_ns is not None


@pytest.mark.slow
@pytest.mark.parametrize("fault", EXPECTED)
@pytest.mark.parametrize("endpoint", one_of_each.values(), ids=one_of_each)
async def test_every_fault_is_called_by_its_name(simulator, endpoint, fault, tmp_path):
    contender = contender_of(endpoint)
    if fault == "expired":
        good = await outcome(simulator, endpoint, endpoint.modes[0], tmp_path)
        if not any(call.purpose == "download" for call in good.calls):
            pytest.skip("its images come inside the answer")
    timeout_s = 0.6 if fault == "hang" else 20
    came = await outcome(simulator, endpoint, endpoint.modes[0], tmp_path, fault, timeout_s)
    if (
        fault == "wrong_size"
        and provider(endpoint.protocol).sizing(Job(endpoint, request_for(endpoint, endpoint.modes[0]))).expected is None
    ):
        assert came.failure is None, "an endpoint that cannot be told a size has no wrong one"
        return
    assert came.failure is not None, f"{contender.name} {fault}: the fault went unnoticed"
    assert came.failure.kind in EXPECTED[fault], came.failure
    if fault == "rate_limited":
        assert came.failure.retry_after_s is not None
