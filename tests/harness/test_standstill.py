"""What a machine that sleeps does to requests in flight: it is ours, it is said, and it is in no figure."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from arena.domain.failure import Failure, FailureKind
from arena.domain.request import GenerationRequest
from arena.domain.timings import Timings
from harness.delivery import Delivery
from harness.providers.base import Job
from harness.standstill import STANDSTILL_NS, Standstill, asleep_ns
from tests.factories import make_endpoint

SECOND_NS = 1_000_000_000


class Machine:
    """Its two clocks: the monotonic one, and the time it has slept, which that one leaves out."""

    def __init__(self):
        self.awake_ns = self.slept_ns = 0

    def now_ns(self):
        return self.awake_ns

    def utc(self):
        return datetime.now(UTC)

    async def sleep_until(self, moment_ns):
        raise NotImplementedError


def delivery(failure=None):
    request = GenerationRequest(prompt="a cat", size={"width_px": 64, "height_px": 64})
    job = Job(make_endpoint(), request, None)
    return Delivery(job, datetime.now(UTC), Timings(ended_ns=5), payloads=(b"image",), failure=failure)


@pytest.fixture
def machine():
    return Machine()


def test_a_suspended_process_and_a_sleeping_machine_are_both_noticed(machine):
    standstill = Standstill(machine, lambda: machine.slept_ns)
    machine.awake_ns += STANDSTILL_NS
    stopped = standstill.judged(delivery(), 0)
    assert stopped.failure.kind is FailureKind.STOPPED
    assert stopped.payloads == ()
    assert "stood still for 2.0 s while the request was in flight; an image came" in stopped.failure.message

    before = standstill.so_far()
    machine.slept_ns += 3600 * SECOND_NS  # an hour with the lid closed; the monotonic clock knows nothing of it
    timed_out = delivery(Failure(kind=FailureKind.TIMEOUT, message="no image within 60 s"))
    slept = standstill.judged(timed_out, before)
    assert slept.failure.kind is FailureKind.STOPPED
    assert "stood still for 3600.0 s" in slept.failure.message
    assert "it ended as timeout" in slept.failure.message


def test_what_began_after_it_or_ended_before_it_is_as_it_was(machine):
    standstill = Standstill(machine, lambda: machine.slept_ns)
    early = standstill.judged(delivery(), 0)
    assert early.failure is None
    machine.awake_ns += 10 * SECOND_NS
    assert standstill.judged(delivery(), 0).failure is not None
    later = standstill.judged(delivery(), standstill.so_far())
    assert later.failure is None
    assert later.payloads == (b"image",)


def test_a_short_lag_is_none(machine):
    standstill = Standstill(machine, lambda: machine.slept_ns)
    machine.awake_ns += STANDSTILL_NS - 1
    assert standstill.judged(delivery(), 0).failure is None


@pytest.mark.parametrize("kind", [FailureKind.MODERATED_INPUT, FailureKind.AUTH])
def test_what_would_have_been_so_anyway_stays(machine, kind):
    standstill = Standstill(machine, lambda: machine.slept_ns)
    machine.awake_ns += 10 * SECOND_NS
    refused = replace(delivery(), failure=Failure(kind=kind, message="no"))
    assert standstill.judged(refused, 0) == refused


def test_the_time_asleep_is_never_less_than_before():
    first = asleep_ns()
    assert -SECOND_NS < first <= asleep_ns() + SECOND_NS
