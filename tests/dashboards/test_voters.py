"""Who votes: passes that cannot be forged, a cap on who joins, logins, and values that are made behind one's back."""

import threading

import pytest

from dashboards import passes
from dashboards.fresh import Fresh
from dashboards.logins import login_providers
from dashboards.voters import HOUR_S, MOST_NETWORKS, Joining

KEY, OTHER = b"k" * 32, b"o" * 32


def test_a_pass_is_good_for_its_holder_and_nothing_else_is():
    token = passes.issue(KEY)
    name = passes.holder(KEY, token)
    assert len(name) == 32
    assert passes.issue(KEY) != token
    signature = token.partition(".")[2]
    forged = (
        "",
        "x",
        name,
        f"{name}.",
        f"{'0' * 32}.{signature}",
        f"{token}x",
        token.upper(),
        f"{token}\n",
        passes.issue(OTHER),
    )
    assert [passes.holder(KEY, other) for other in forged] == [None] * len(forged)


def test_an_account_is_always_the_same_voter_and_tells_nobody_who_it_is():
    assert passes.of_account(KEY, "https://id", "ann") == passes.of_account(KEY, "https://id", "ann")
    others = {
        passes.of_account(*given)
        for given in ((KEY, "https://id", "bob"), (OTHER, "https://id", "ann"), (KEY, "https://x", "ann"))
    }
    assert len(others | {passes.of_account(KEY, "https://id", "ann")}) == 4


def test_so_many_join_from_a_network_in_an_hour_and_memory_is_bounded():
    joining = Joining(2)
    assert [joining.allow("a", now) for now in (0.0, 1.0, 2.0)] == [True, True, False]
    assert joining.allow("b", 2.0)
    assert joining.allow(None, 2.0)
    assert joining.allow("a", HOUR_S)
    assert not joining.allow("a", HOUR_S)
    for i in range(2 * MOST_NETWORKS):
        joining.allow(f"n{i}", 0.0)
    assert len(joining._times) <= MOST_NETWORKS


@pytest.mark.parametrize(("auth", "labels"), [
    (None, []),
    ({"cookie_secret": "x"}, []),
    ({"client_id": "x", "client_kwargs": {}}, ["Log in"]),
    ({"redirect_uri": "x", "google": {}, "okta": {}}, ["Log in with Google", "Log in with Okta"]),
])  # fmt: skip
def test_the_ways_to_log_in_are_those_that_are_set_up(auth, labels):
    assert list(login_providers(auth)) == labels


def test_who_asks_gets_the_last_value_while_the_next_is_made():
    going_on, made = threading.Event(), []

    def make(last):
        if last is not None:
            assert going_on.wait(30)
        made.append(last)
        return len(made)

    fresh = Fresh(make, every_s=0.0)
    assert fresh.get() == 1
    fresh._due_s = 0.0
    assert fresh.get() == 1
    assert fresh.get() == 1, "the second is still being made"
    going_on.set()
    while fresh._lock.locked():
        pass
    assert (fresh._value, made) == (2, [None, 1])


def test_what_cannot_be_made_anew_stays_and_what_cannot_be_made_at_all_is_said():
    def make(last):
        if last is not None:
            raise OSError("gone")
        return 1

    fresh = Fresh(make, every_s=60.0)
    assert fresh.get() == 1
    fresh._due_s = 0.0
    assert fresh.get() == 1
    while fresh._lock.locked():
        pass
    assert fresh.get() == 1
    with pytest.raises(ZeroDivisionError):
        Fresh(lambda _: 1 / 0, 1.0).get()
