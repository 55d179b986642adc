"""`arena sim hostile`: a trial against every server of the catalogue of misbehaviours, and what became of it."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from arena.errors import ConfigError, UnknownNameError
from harness.cli.console import Json, out, print_json, say

if TYPE_CHECKING:
    from harness.sim.hostile.case import Case
    from harness.sim.hostile.rig import Verdict, Verdicts


def hostile(
    *,
    phase: Annotated[list[str] | None, typer.Option("--phase", help="Only these phases, such as tls.")] = None,
    only: Annotated[list[str] | None, typer.Option("--only", help="Only these cases.")] = None,
    as_json: Json = False,
) -> None:
    """Try every server that misbehaves, on loopback and without a key: what each does, should become and became."""
    import anyio

    from harness.sim.hostile.rig import try_all

    cases = _chosen(phase or [], only or [])
    with tempfile.TemporaryDirectory(prefix="arena-hostile-") as images:
        found = anyio.run(try_all, list(cases), Path(images))
    if as_json:
        print_json(_as_json(found, cases))
    else:
        _show(found, cases)
    bad = sum(bool(verdict.problems) for verdict in found.cases)
    if bad or found.good_failures:
        raise typer.Exit(1)


def _chosen(phases: list[str], names: list[str]) -> dict[Case, str]:
    """The cases that were asked for, with their phases."""
    from harness.sim.hostile.catalogue import CATALOGUE

    every: dict[Case, str] = {case: phase for phase, cases in CATALOGUE.items() for case in cases}
    known = {case.name for case in every}
    for phase in phases:
        if phase not in CATALOGUE:
            raise UnknownNameError("phase", phase, CATALOGUE, "--phase")
    for name in names:
        if name not in known:
            raise UnknownNameError("case", name, known, "--only")
    chosen = {c: p for c, p in every.items() if (not phases or p in phases) and (not names or c.name in names)}
    if not chosen:
        raise ConfigError("--only: none of these cases is of the phases of --phase; leave one of the two out")
    return chosen


def _as_json(found: Verdicts, cases: dict[Case, str]) -> dict[str, Any]:
    return {
        "cases": [
            {
                "case": verdict.case.name,
                "phase": cases[verdict.case],
                "does": verdict.case.says,
                "expected": [str(kind) for kind in verdict.case.becomes],
                "became": verdict.became,
                "message": verdict.message,
                "ms": round(verdict.took_ms),
                "problems": list(verdict.problems),
            }
            for verdict in found.cases
        ],
        "left_out": [case.name for case in found.left_out],
        "good_trials": found.good_trials,
        "good_failures": found.good_failures,
    }


def _show(found: Verdicts, cases: dict[Case, str]) -> None:
    from rich.table import Table

    table = Table(pad_edge=False, header_style="bold")
    for name in ("phase", "case", "what its server does", "expected", "became"):
        table.add_column(name)
    table.add_column("ms", justify="right")
    for verdict in found.cases:
        expected = " or ".join(str(kind) for kind in verdict.case.becomes)
        became = f"{verdict.became} !" if verdict.problems else verdict.became
        table.add_row(
            cases[verdict.case], verdict.case.name, verdict.case.says, expected, became, f"{verdict.took_ms:.0f}"
        )
    out().print(table)
    _conclude(found)


def _conclude(found: Verdicts) -> None:
    bad: list[Verdict] = [verdict for verdict in found.cases if verdict.problems]
    for verdict in bad:
        say(f"{verdict.case.name}: {'; '.join(verdict.problems)}")
    if found.left_out:
        names = ", ".join(case.name for case in found.left_out)
        say(f"left out, as trustme is not installed (`pip install 'provider-arena[dev]'`): {names}")
    failed = f", {len(found.good_failures)} of which failed: {found.good_failures[0]}" if found.good_failures else ""
    say(f"{len(found.cases) - len(bad)} of {len(found.cases)} cases became what they should")
    say(f"{found.good_trials} trials at a good endpoint meanwhile{failed or ', none of which failed'}")
