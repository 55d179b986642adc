"""Limits that the endpoints of one account share."""

import anyio

from harness.clock import SystemClock
from harness.limits import RateLimit, Slots, shared_by_account
from harness.transport import Transport
from tests.factories import make_endpoint


def lab(name, account=None, **limits):
    return make_endpoint(f"lab/{name}", account=account, limits=limits)


async def most_open(*slots, each=6):
    """How many connections were out at once at most."""
    out = most = 0

    async def use(one):
        nonlocal out, most
        connection = await one.take()
        out, most = out + 1, max(most, out + 1)
        await anyio.sleep(0.002)
        out -= 1
        one.give_back(connection)

    async with anyio.create_task_group() as group:
        for one in slots:
            for _ in range(each):
                group.start_soon(use, one)
    for one in slots:
        await one.close()
    return most


async def test_endpoints_of_one_account_open_no_more_together_than_one_may():
    clock = SystemClock()
    shared = shared_by_account([lab("a", "x", max_in_flight=2), lab("b", "x", max_in_flight=3)], clock)["x"]
    transport = Transport(clock)
    assert await most_open(Slots(transport, 2, shared.open_at_once), Slots(transport, 3, shared.open_at_once)) == 2
    assert await most_open(Slots(transport, 2), Slots(transport, 3)) == 5


async def test_an_account_takes_the_tightest_rate_and_others_share_nothing():
    found = shared_by_account(
        [lab("a", "x", requests_per_minute=50), lab("b", "x", requests_per_minute=10), lab("c", "x"), lab("d")],
        SystemClock(),
    )
    assert set(found) == {"x"}
    assert isinstance(found["x"].rate, RateLimit)
    assert found["x"].rate._gap_ns == 6_000_000_000


async def test_a_slot_whose_account_is_waited_for_in_vain_is_free_again():
    clock = SystemClock()
    account = anyio.Semaphore(1)
    slots = Slots(Transport(clock), 1, account)
    await account.acquire()
    with anyio.move_on_after(0.01):
        await slots.take()
    account.release()
    with anyio.fail_after(1):
        slots.give_back(await slots.take())
    await slots.close()
