"""The report of a stretch of time: every run in it, endpoint by endpoint."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from arena.errors import ConfigError
from arena.reports import fitness, leaderboard, report_sections, run_facts, summary, written
from arena.reports.document import Cell, Code, Column, Document, Facts, Notice, Paragraph, Section, Table
from arena.reports.providers import price_rows
from arena.reports.windows import WINDOW_METRICS, provider_summaries
from arena.store.totals import runs_between
from arena.store.windows import Between

if TYPE_CHECKING:
    from collections.abc import Sequence

    from arena.battles.house import House
    from arena.catalog import Catalog
    from arena.domain.run import Run
    from arena.reports.document import Block
    from arena.reports.summary import EndpointSummary
    from arena.reports.windows import Window
    from arena.store.engine import Connection

MOST_RUNS = 100


def window_report(connection: Connection, window: Window, catalog: Catalog, house: House) -> Document:
    """The report of a window. ConfigError where nothing was measured in it."""
    summaries = provider_summaries(connection, window, phases=True)
    if not summaries:
        raise ConfigError(f"nothing was measured from {window.text}; try a longer --window")
    made = runs_between(connection, Between(window.start, window.end))
    boards = report_sections.boards(connection, summaries)
    prices = _prices(catalog, summaries, window)
    sections = [
        Section("What was measured", (*_notices(made, summaries), _facts(window, made), _runs(made))),
        *report_sections.verdict_section(summaries),
        *report_sections.figure_sections(summaries, WINDOW_METRICS),
        Section("Compared", (Paragraph(_NOT_COMPARED),)),
        *report_sections.board_sections(boards),
        *report_sections.price_section(prices, summaries, f"The price cards in force on {_last_day(window)}."),
        report_sections.methodology_section(house),
        Section("How to repeat it", _again(window), reference=True),
    ]
    attempts = sum(s.figures["attempts"].n for s in summaries)
    return Document(
        title="Providers over a window",
        lead=f"{window.text}: {attempts:,} attempts at {len(summaries)} endpoints in {len(made)} runs.",
        simulated=any(s.simulated for s in summaries),
        made_at=datetime.now(UTC),
        sections=tuple(sections),
        figures={
            "window": {"from": window.start.isoformat(), "until": window.end.isoformat()},
            "runs": [run_facts.as_json(run) for run in made],
            "endpoints": summary.as_json(summaries),
            "leaderboards": [leaderboard.as_json(board) for board in boards],
            "prices": prices,
        },
    )


_NOT_COMPARED = (
    "Runs of different plans, loads and days are pooled here, so that endpoints are not set against each other pair by "
    "pair; `arena runs compare` and the report of one run do that."
)


def _notices(made: Sequence[Run], summaries: Sequence[EndpointSummary]) -> list[Block]:
    found: list[Block] = report_sections.simulated_notice(summaries)
    unfit = [run.id for run in made if fitness.headline(run, summaries) is not None]
    if unfit:
        said = f"{len(unfit)} of {len(made)} runs were not fit to measure, and are in these figures: "
        found.append(Notice(f"{said}{', '.join(unfit[:10])}{' and more' if len(unfit) > 10 else ''}.", "unfit"))
    return found


def _facts(window: Window, made: Sequence[Run]) -> Facts:
    plans = sorted({run.plan.name for run in made})
    places = sorted({f"{r.environment.hostname}, {r.environment.region or 'region not given'}" for r in made})
    return Facts(
        (
            ("Window", window.text),
            ("Runs", str(len(made))),
            ("Plans", ", ".join(plans)),
            ("Measured from", "; ".join(places)),
        )
    )


def _runs(made: Sequence[Run]) -> Table:
    """The newest runs of the window."""
    rows = tuple(
        (
            Cell(run.id, "simulated" if run.simulated else ""),
            Cell(run.plan.name),
            Cell(written.STATUS[run.status]),
            Cell(written.utc(run.created_at)),
        )
        for run in made[:MOST_RUNS]
    )
    more = f" (the newest {MOST_RUNS} of {len(made)})" if len(made) > MOST_RUNS else ""
    return Table(f"Runs{more}", tuple(Column(t) for t in ("Run", "Plan", "Status", "Began")), rows)


def _prices(catalog: Catalog, summaries: Sequence[EndpointSummary], window: Window) -> list[dict[str, Any]]:
    """Of the endpoints that are still in the catalog."""
    known = catalog.endpoints()
    here = dict.fromkeys(s.endpoint for s in summaries if s.endpoint in known)
    return price_rows(catalog, [known[name] for name in here], window.last_day)


def _last_day(window: Window) -> str:
    return window.last_day.isoformat()


def _again(window: Window) -> tuple[Block, ...]:
    span = f"{window.start.isoformat()}..{window.end.isoformat()}"
    return (
        Paragraph("Over the same database this gives the same figures; the report of each run says how to repeat it."),
        Code(f"arena report --window {span}", "sh"),
    )
