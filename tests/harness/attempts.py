"""One attempt over real sockets, of a protocol that is polled or of one that is not, against a scripted server."""

import json

from pydantic import SecretStr

from arena.domain.failure import Failure, FailureKind
from arena.domain.outcome import CallPurpose
from arena.domain.request import GenerationRequest
from harness.clock import SystemClock
from harness.engine import Engine
from harness.providers.base import Done, ImageAddress, Job, JsonBody, Pending, Rejected, SecretHeader, WireCall
from harness.providers.openai_images import OpenAIImages
from harness.transport import Transport
from tests.factories import make_endpoint
from tests.servers import png, response

KEY = SecretStr("canary-key")
PNG = png()


class Polled:
    """A submit-and-poll protocol: `{"state": …, "poll": address, "image": address}`."""

    def parameters(self, endpoint):
        return {}

    def build(self, job):
        return WireCall(
            CallPurpose.SUBMIT, "POST", f"{job.endpoint.base_url}/jobs", body=JsonBody({}), auth=self.auth(job)
        )

    def parse(self, job, exchange):
        reply = json.loads(exchange.body)
        if "poll" in reply:
            return Pending(WireCall(CallPurpose.POLL, "GET", reply["poll"], auth=self.auth(job)), request_id="job-1")
        if "image" in reply:
            return Done((ImageAddress(reply["image"]),))
        return Rejected(Failure(kind=FailureKind.PROVIDER_ERROR, message=reply["error"]))

    def auth(self, job):
        return SecretHeader("X-Key", job.key) if job.key else None


async def attempt(url, provider=None, timeout_s=10, **endpoint):
    clock = SystemClock()
    connection = Transport(clock).connection()
    job = Job(
        make_endpoint(base_url=url, **{"poll_interval_s": 0.02, **endpoint}),
        GenerationRequest.model_validate({"prompt": "x", "size": "64x64"}),
        KEY,
    )
    try:
        return await Engine(clock).attempt(provider or OpenAIImages(), job, connection, timeout_s=timeout_s)
    finally:
        await connection.close()


def by_path(**routes):
    """A handler that looks a path up; a value may be a reply, or a function of the server's own address."""

    async def handle(request, writer):
        reply = routes[request.path.strip("/").split("?")[0].replace("/", "_") or "root"]
        host = f"http://{request.headers['host']}"
        writer.write(reply(host) if callable(reply) else reply)

    return handle


def says(**content):
    return lambda host: response(json.dumps(content).replace("HOST", host).encode())


def answering_in_turn(*replies):
    queue = list(replies)
    return lambda host: (queue.pop(0) if len(queue) > 1 else queue[0])(host)
