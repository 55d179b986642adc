"""A simulator at the root of a server on loopback, plain calls to it, and attempts of the real engine."""

import io
import threading
import time
from contextlib import contextmanager

import anyio
import httpx
import uvicorn
from PIL import Image

from arena.store.blobs import BlobStore
from harness.clock import SystemClock
from harness.engine import Engine
from harness.providers import provider
from harness.providers.base import Job
from harness.sim.contender import SimContender
from harness.sim.server import app_of, uvicorn_config
from harness.sim.state import FileStore, Provider
from harness.transport import Transport
from harness.verify import verify
from tests.servers import answering, response, scripted


class Served:
    """A contender at work."""

    def __init__(self, url, state):
        self.url, self.state, self.tally = url, state, state.tally

    def call(self, path, table=None, headers=None, **form):
        """Status, headers and JSON of a plain call: a question, or a table as JSON, or `data` and `files` of a form."""
        body = form if table is None else {"json": table}
        method = "POST" if body else "GET"
        answer = httpx.request(method, self.url + path, headers=headers, timeout=20, trust_env=False, **body)
        return answer.status_code, answer.headers, answer.json()

    def accounted(self):
        """Whether every request came to something that was counted, once nothing is in flight."""
        tally, until = self.tally, time.monotonic() + 5
        while self.state.in_flight and time.monotonic() < until:
            time.sleep(0.01)
        ends = tally.successes + tally.faults.total() + tally.refusals.total() + tally.abandoned
        return (tally.requests, self.state.in_flight) == (ends, 0)


def opened(address):
    """The image at an address."""
    return Image.open(io.BytesIO(httpx.get(address, timeout=20, trust_env=False).raise_for_status().content))


@contextmanager
def served(**fields):
    """A contender of this protocol and model, quick unless told otherwise."""
    quick = {
        "latency": {"kind": "fixed", "ms": 20},
        "queue_ms": 20,
        "quality": 0.5,
        "style": "flat",
        "max_in_flight": 8,
    }
    contender = SimContender.model_validate({"name": fields["protocol"], **quick, **fields})
    state = Provider(contender, FileStore(), anyio.CapacityLimiter(2))
    config = uvicorn_config(app_of(state))
    config.port = 0
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        assert thread.is_alive()
        time.sleep(0.005)
    port = server.servers[0].sockets[0].getsockname()[1]
    try:
        yield Served(f"http://127.0.0.1:{port}", state)
    finally:
        server.should_exit = True
        thread.join(10)


async def attempted(job, url, images, **changes):
    """One attempt by the engine at an endpoint with this base URL, verified."""
    endpoint = job.endpoint.model_copy(update={"base_url": url, "poll_interval_s": 0.01, **changes})
    adapter, clock = provider(endpoint.protocol), SystemClock()
    connection = Transport(clock).connection()
    try:
        delivery = await Engine(clock).attempt(adapter, Job(endpoint, job.request, job.key), connection, timeout_s=10)
    finally:
        await connection.close()
    return verify(delivery, adapter, BlobStore(images), None)


async def sent_by_the_adapter(job, body, path=""):
    """The request that the transport sends for a job, as a server gets it."""
    with scripted(answering(response(body))) as server:
        endpoint = job.endpoint.model_copy(update={"base_url": server.url + path})
        call = provider(endpoint.protocol).build(Job(endpoint, job.request, job.key))
        clock = SystemClock()
        connection = Transport(clock).connection()
        try:
            await connection.send(connection.prepare(call, with_auth=True), origin_ns=clock.now_ns())
        finally:
            await connection.close()
    return server.requests[0]
