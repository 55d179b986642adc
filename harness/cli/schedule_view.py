"""How schedules and their slots look in a terminal, and as JSON."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rich.table import Table

from arena.units import NANO_USD_PER_USD, format_usd, usd_from_nano

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import datetime

    from arena.store.schedules import PastSlot
    from harness.schedules.files import Entry


def schedule_json(
    entry: Entry, next_due: datetime | None, spent_nano_usd: int, last: PastSlot | None
) -> dict[str, Any]:
    """A schedule, what it has spent this month at most, and its last slot."""
    schedule = entry.schedule
    return {
        "schedule": schedule.name,
        "enabled": schedule.enabled,
        "plan": schedule.plan,
        "cron": schedule.cron,
        "timezone": schedule.timezone,
        "overlap": schedule.overlap,
        "catch_up": schedule.catch_up,
        "run_budget_usd": None if schedule.run_budget_usd is None else float(schedule.run_budget_usd),
        "month_budget_usd": None if schedule.month_budget_usd is None else float(schedule.month_budget_usd),
        "month_spent_usd": spent_nano_usd / NANO_USD_PER_USD,
        "next_due": None if next_due is None or not schedule.enabled else next_due.isoformat(),
        "last_slot": None if last is None else slot_json(last, entry),
        "file": entry.where,
    }


def schedule_table(rows: Iterable[Mapping[str, Any]]) -> Table:
    """One row a schedule."""
    table = Table(pad_edge=False, header_style="bold")
    for name in ("schedule", "plan", "when", "zone", "next (UTC)", "budget a run", "this month", "last slot"):
        table.add_column(name, justify="right" if name in {"budget a run", "this month"} else "left")
    for row in rows:
        spent = format_usd(row["month_spent_usd"])
        if row["month_budget_usd"] is not None:
            spent = f"{spent} of {format_usd(row['month_budget_usd'])}"
        last = row["last_slot"]
        table.add_row(
            row["schedule"],
            row["plan"],
            row["cron"],
            row["timezone"],
            (row["next_due"] or "–")[:19].replace("T", " ") if row["enabled"] else "off",
            format_usd(row["run_budget_usd"]),
            spent,
            "–" if last is None else f"{last['slot'][:16].replace('T', ' ')} {_became(last)}",
        )
    return table


def slot_json(slot: PastSlot, entry: Entry | None) -> dict[str, Any]:
    """A past slot; its instant in the schedule's zone where the schedule is known, else in UTC."""
    spent = usd_from_nano(slot.spent_nano_usd)
    return {
        "schedule": slot.schedule,
        "slot": (entry.local(slot.slot_at) if entry else slot.slot_at).isoformat(),
        "status": slot.status,
        "reason": slot.reason,
        "note": slot.note,
        "run": slot.run_id,
        "began_at": None if slot.began_at is None else slot.began_at.isoformat(),
        "ended_at": None if slot.ended_at is None else slot.ended_at.isoformat(),
        "executions": slot.executions,
        "spent_usd": None if spent is None else float(spent),
    }


def slot_table(rows: Iterable[Mapping[str, Any]]) -> Table:
    """One row a past slot."""
    table = Table(pad_edge=False, header_style="bold")
    for name in ("slot", "schedule", "became", "run", "began (UTC)", "spent at most", "why"):
        table.add_column(name, justify="right" if name == "spent at most" else "left")
    for row in rows:
        table.add_row(
            row["slot"][:16].replace("T", " ") + row["slot"][19:],
            row["schedule"],
            row["status"] + (f" ({row['executions']} executions)" if row["executions"] > 1 else ""),
            row["run"] or "–",
            (row["began_at"] or "–")[:19].replace("T", " "),
            format_usd(row["spent_usd"]),
            ": ".join(part for part in (row["reason"], row["note"]) if part) or "–",
        )
    return table


def coming_table(rows: Sequence[Mapping[str, Any]]) -> Table:
    """Slots that are still to come."""
    table = Table(pad_edge=False, header_style="bold")
    for name in ("slot", "zone", "schedule", "plan", "begins (UTC)"):
        table.add_column(name)
    for row in rows:
        local = row["slot"][:16].replace("T", " ") + row["slot"][19:]
        begins = row["due_at"][:19].replace("T", " ")
        table.add_row(local, row["timezone"], row["schedule"], row["plan"], begins)
    return table


def _became(slot: Mapping[str, Any]) -> str:
    return f"{slot['status']} ({slot['reason']})" if slot["reason"] else str(slot["status"])
