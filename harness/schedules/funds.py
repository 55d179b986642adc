"""What a scheduled run may spend: the less of its own budget and what its month has left; reserved before it begins."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

from arena.errors import BudgetError
from arena.store import schedules
from arena.units import format_usd, nano_usd, usd_from_nano
from harness.plan import check_keys, check_prices, dearest_call, estimate, prepare

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import date, datetime

    from arena.catalog import Catalog
    from arena.store.engine import Connection
    from harness.plan import Prepared
    from harness.schedules.files import Entry


class MonthUsedUpError(Exception):
    """What a month has left does not pay for one call; a sentence, not an operator's mistake."""


def usable(entry: Entry, catalog: Catalog, environ: Mapping[str, str], today: date) -> Prepared:
    """A schedule's plan, ready to be fired; ArenaError with a sentence if it cannot be, for want of a key, say."""
    plan, where = catalog.plan(entry.plan)
    prepared = prepare(plan, where, catalog, today=today)
    check_keys(prepared, environ)
    schedule = entry.schedule
    limits = [b for b in (schedule.run_budget_usd, schedule.month_budget_usd) if b is not None]
    if limits:
        try:
            check_prices(prepared)
        except BudgetError as error:
            raise BudgetError(f"{entry.where}: {str(error).replace('--budget', 'the budget')}") from None
        endpoint, cost_usd = dearest_call(prepared)
        if min(limits) < cost_usd:
            raise BudgetError(
                f"{entry.where}: the budget of {format_usd(min(limits))} is below the cost of one call at {endpoint}, "
                f"which is {format_usd(cost_usd)}; raise it, or take the endpoint out of the plan"
            )
    return prepared


def allowance_nano_usd(
    connection: Connection, entry: Entry, now: datetime, already_spent_nano_usd: int = 0
) -> int | None:
    """What may be spent from now on for one slot; None: there is no limit.

    `already_spent_nano_usd` is what its run had cost before it was cut short.
    """
    schedule, left = entry.schedule, list[int]()
    if schedule.run_budget_usd is not None:
        left.append(nano_usd(schedule.run_budget_usd) - already_spent_nano_usd)
    if schedule.month_budget_usd is not None:
        used = schedules.month_spent_nano_usd(connection, schedule.name, entry.month(now))
        left.append(nano_usd(schedule.month_budget_usd) - used)
    return max(0, min(left)) if left else None


def check_month(entry: Entry, prepared: Prepared, allowance: int | None, now: datetime) -> None:
    """MonthUsedUpError if what is left does not pay for one call at each endpoint."""
    if allowance is None:
        return
    endpoint, cost_usd = dearest_call(prepared)
    if allowance < nano_usd(cost_usd):
        raise MonthUsedUpError(
            f"of the {format_usd(entry.schedule.month_budget_usd)} of {entry.month(now)}, "
            f"{format_usd(usd_from_nano(allowance))} are left; one call at {endpoint} costs {format_usd(cost_usd)}"
        )


def reserved_nano_usd(prepared: Prepared, allowance: int | None) -> int:
    """What counts until it is known what was spent: the whole allowance, or without one the worst case by the book."""
    if allowance is not None:
        return allowance
    return nano_usd(estimate(prepared).worst_case_usd or Decimal(0))
