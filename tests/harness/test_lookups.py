"""Questions to providers after the measured part: what is learned is stored, what goes wrong harms nothing."""

import json
from decimal import Decimal

from pydantic import SecretStr

from arena.domain.outcome import CallPurpose, CostSource
from arena.store.runs import NamedAttempt
from harness.clock import SystemClock
from harness.lookups import look_up, questions
from harness.plan import Target
from harness.providers.base import Lookup, Provider, SecretHeader, WireCall
from tests.factories import make_endpoint
from tests.servers import answering, response, scripted


class Talkative(Provider):
    """Answers two questions about a job: one about its times, one about its price."""

    def parameters(self, endpoint):
        return {}

    def build(self, job):
        raise NotImplementedError

    def parse(self, job, exchange):
        raise NotImplementedError

    def lookups(self, endpoint, key, request_id):
        auth = SecretHeader("Authorization", key) if key else None
        return tuple(
            WireCall(CallPurpose.RESULT, "GET", f"{endpoint.base_url}/{what}/{request_id}", auth=auth)
            for what in ("times", "price")
        )

    def read_lookup(self, endpoint, exchange):
        if exchange.status != 200:
            return Lookup()
        said = json.loads(exchange.body)
        cost = said.get("cost")
        return Lookup(said.get("ms", {}), None if cost is None else Decimal(cost))


async def learned_from(handle, key="k"):
    learned = []

    async def store(attempt_id, lookup, cost):
        learned.append((attempt_id, dict(lookup.server_ms), cost and (str(cost.usd), cost.source)))

    with scripted(handle) as server:
        target = Target(make_endpoint(base_url=server.url), Talkative(), None, "K")
        attempts = [NamedAttempt(n, "lab/one", f"job-{n}") for n in (1, 2, 3)]
        asked = questions(attempts, {"lab/one": target}, {"lab/one": SecretStr(key)})
        count = await look_up(asked, SystemClock(), store)
        return sorted(learned), count, server


async def test_what_is_learned_of_an_attempt_is_put_together():
    async def handle(request, writer):
        times = request.path.startswith("/times")
        said = {"ms": {"queue": 12.5}} if times else {"cost": "0.004"}
        writer.write(response(json.dumps(said).encode()))

    learned, count, server = await learned_from(handle)
    assert count == 3
    assert learned[0] == (1, {"queue": 12.5}, ("0.004", CostSource.REPORTED))
    assert {r.path for r in server.requests} == {f"/{w}/job-{n}" for w in ("times", "price") for n in (1, 2, 3)}
    assert all(r.headers["authorization"] == "k" for r in server.requests)


async def test_a_question_without_an_answer_is_no_failure():
    learned, count, _ = await learned_from(answering(response(b"{}", "404 Not Found")))
    assert (learned, count) == ([], 0)


async def test_an_address_that_is_not_the_endpoints_is_not_asked():
    class Elsewhere(Talkative):
        def lookups(self, endpoint, key, request_id):
            return (WireCall(CallPurpose.RESULT, "GET", "https://elsewhere.example/x"),)

    target = Target(make_endpoint(), Elsewhere(), None, "K")
    asked = questions([NamedAttempt(1, "lab/one", "j")], {"lab/one": target}, {})
    assert await look_up(asked, SystemClock(), None) == 0
