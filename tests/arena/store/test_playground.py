"""The playground's purse: what is set aside, once a token, never beyond the day, also by two at the same moment."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from arena.errors import BudgetError
from arena.store import playground, runs
from tests.factories import make_endpoint, make_plan, make_prompt, make_run, make_trial

NOON, DAY = datetime(2026, 11, 21, 12, tzinfo=UTC), Decimal(1)


def reserve(database, token, usd, now=NOON):
    with database.write() as connection:
        return playground.reserve(connection, token, Decimal(usd), DAY, now)


def reserved(database, now=NOON):
    with database.read() as connection:
        return playground.reserved_usd(connection, now)


def test_a_token_sets_its_amount_aside_once(any_database):
    assert reserve(any_database, "a", "0.4")
    assert not reserve(any_database, "a", "0.4")
    assert reserved(any_database) == Decimal("0.4")


def test_a_day_pays_no_more_than_its_budget_and_the_next_one_begins_anew(any_database):
    reserve(any_database, "a", "0.7")
    with pytest.raises(BudgetError, match=r"costs up to \$0.400, and \$0.300 of today's \$1.00 .* is left"):
        reserve(any_database, "b", "0.4")
    assert reserve(any_database, "c", "0.3")
    assert reserve(any_database, "free", "0")
    assert reserve(any_database, "d", "1", NOON + timedelta(hours=12))
    assert reserved(any_database) == 1


def test_what_no_run_came_of_is_given_back_and_what_one_did_is_not(any_database):
    reserve(any_database, "a", "0.5")
    reserve(any_database, "b", "0.5")
    with any_database.write() as connection:
        runs.create_run(connection, make_run(make_plan()), [(make_endpoint(), None)], [make_trial()],
                        {"a-cat": make_prompt()}, "host:1:1")  # fmt: skip
        playground.attach(connection, "a", "20260101-000000-test")
        for token in ("a", "b"):
            playground.release(connection, token, NOON)
    assert reserved(any_database) == Decimal("0.5")


def test_two_who_ask_at_once_do_not_both_get_the_last_dollar(any_database):
    def ask(number):
        try:
            return reserve(any_database, f"t{number}", "0.6")
        except BudgetError:
            return False

    with ThreadPoolExecutor(8) as pool:
        granted = list(pool.map(ask, range(8)))
    assert granted.count(True) == 1
    assert reserved(any_database) == Decimal("0.6")
