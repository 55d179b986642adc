"""`arena plan`: what a plan would do, without doing any of it."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Annotated, Any

import typer

from harness.cli.console import Json, catalog, out, print_json, say

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import Console

    from harness.plan import Estimate, Prepared

cli = typer.Typer(name="plan", help="Check plans before they are run.", no_args_is_help=True)


@cli.callback()
def _group() -> None:
    pass


@cli.command()
def check(
    plan: Annotated[str, typer.Argument(help="A plan file, or the name of a shipped plan.")],
    *,
    as_json: Json = False,
) -> None:
    """Check a plan and show calls, endpoints, worst-case cost and time. Needs no key and fires nothing."""
    from harness.plan import estimate, prepare
    from harness.session import today

    found = catalog()
    parsed, where = found.plan(plan)
    prepared = prepare(parsed, where, found, today=today())
    expected = estimate(prepared)
    if as_json:
        print_json(estimate_json(prepared, expected))
        return
    print_estimate(out(), prepared, expected)
    say(f"the plan is fine; next: arena run {plan}")


def print_estimate(console: Console, prepared: Prepared, expected: Estimate) -> None:
    """Calls and worst-case cost by endpoint, and in all."""
    from rich.table import Table

    from arena.units import format_duration_s, format_usd

    table = Table(title=f"plan {prepared.plan.name}", title_justify="left", pad_edge=False, header_style="bold")
    for name in ("endpoint", "model", "calls", "in flight", "worst case", "price from", "key"):
        table.add_column(name, justify="right" if name in {"calls", "in flight", "worst case"} else "left")
    for row in _rows(prepared, expected):
        table.add_row(*row)
    console.print(table)
    for note in prepared.notes:
        console.print(f"note: {note}", style="yellow")
    worst = format_usd(expected.worst_case_usd)
    if expected.unpriced:
        worst = f"{worst} plus {', '.join(expected.unpriced)}, whose price is not known"
    console.print(
        f"{expected.calls} calls to {len(expected.by_endpoint)} endpoints, at most {worst}, "
        f"at most {format_duration_s(expected.longest_s)} (if every call ran into its deadline)"
    )
    rule = prepared.plan.stop
    if rule is not None:
        console.print(
            f"fewer, if every endpoint's {rule.metric} has an interval at most {rule.relative_width:.1%} wide before"
        )


def _worst_case_by_endpoint(prepared: Prepared) -> dict[str, str | None]:
    """In exact dollars; None where no price is known."""
    found: dict[str, Decimal | None] = {}
    for trial in prepared.trials:
        cost, sum_usd = prepared.worst_case_usd(trial), found.get(trial.endpoint_id, Decimal(0))
        found[trial.endpoint_id] = None if cost is None or sum_usd is None else sum_usd + cost
    return {endpoint_id: None if usd is None else str(usd) for endpoint_id, usd in found.items()}


def _rows(prepared: Prepared, expected: Estimate) -> Sequence[tuple[str, ...]]:
    from arena.units import format_usd
    from harness.plan import in_flight

    rows = []
    for endpoint_id, calls in expected.by_endpoint.items():
        target = prepared.targets[endpoint_id]
        first = next(t for t in prepared.trials if t.endpoint_id == endpoint_id)
        cost = prepared.worst_case_usd(first)
        rows.append(
            (
                endpoint_id + (" (simulated)" if target.endpoint.simulated else ""),
                target.endpoint.model,
                str(calls),
                str(in_flight(prepared.plan, target.endpoint)),
                format_usd(None if cost is None else cost * calls),
                "–" if target.card is None else f"{target.card.from_date} ({target.card.confidence})",
                target.key_name or "none needed",
            )
        )
    return rows


def estimate_json(prepared: Prepared, expected: Estimate) -> dict[str, Any]:
    """The same for machines."""
    return {
        "plan": prepared.plan.name,
        "calls": expected.calls,
        "calls_by_endpoint": expected.by_endpoint,
        "worst_case_usd": float(expected.worst_case_usd),
        "worst_case_usd_by_endpoint": _worst_case_by_endpoint(prepared),
        "unpriced": list(expected.unpriced),
        "longest_s": expected.longest_s,
        "notes": list(prepared.notes),
    }
