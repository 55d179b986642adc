"""The sections that the report of a run and that of a window have in common."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from arena.domain.failure import FailureKind
from arena.metrics.figures import METRICS
from arena.metrics.phases import PHASES
from arena.reports import leaderboard, methodology, report_charts, written
from arena.reports.board_rows import PROVISIONAL
from arena.reports.document import Cell, Column, Listing, Notice, Paragraph, Section, Table
from arena.reports.leaderboard import Board
from arena.reports.summary import verdicts
from arena.units import format_percent

if TYPE_CHECKING:
    from collections.abc import Sequence

    from arena.battles.house import House
    from arena.metrics.base import Figure, Metric
    from arena.reports.board_rows import Row
    from arena.reports.document import Block
    from arena.reports.leaderboard import Leaderboard
    from arena.reports.summary import EndpointSummary, Verdict
    from arena.store.engine import Connection

METRIC = {metric.name: metric for metric in METRICS}
SIMULATED = (
    "At least one endpoint of this report only pretends to be a provider. Its figures say something about Arena and "
    "nothing about any provider; they are marked, and never pooled with real ones."
)
UNDER_A_VALUE = (
    "Below each value: its 95 % interval where it has one, and n, the number of attempts or images, or "
    "for uptime of hours, behind it."
)
PRICE_COLUMNS = {
    "price": "Price", "from_date": "Since", "confidence": "Confidence", "source": "Source",
}  # fmt: skip


def simulated_notice(summaries: Sequence[EndpointSummary]) -> list[Block]:
    """The mark on top of a report that holds simulated figures."""
    return [Notice(SIMULATED, "simulated")] if any(s.simulated for s in summaries) else []


def verdict_section(summaries: Sequence[EndpointSummary]) -> list[Section]:
    """Who comes first in what, and who may be as good; nothing where there is nobody to compare with."""
    found = verdicts(summaries)
    if not found:
        return []
    simulated = all(s.simulated for s in summaries)
    return [Section("Who comes first", (Listing(tuple(_verdict(v, simulated=simulated) for v in found)),))]


def _verdict(verdict: Verdict, *, simulated: bool) -> str:
    metric = METRIC[verdict.metric]
    marked = " (simulated)" if simulated else ""
    said = (
        f"{written.capitalized(verdict.claim)}: {verdict.endpoint}{marked}, {metric.title} "
        f"{written.figure_text(metric, verdict.figure)}."
    )
    if not verdict.overlapping:
        return said
    return f"{said} Not told apart from {', '.join(verdict.overlapping)}: {verdict.why}."


def figure_sections(summaries: Sequence[EndpointSummary], metrics: Sequence[Metric]) -> list[Section]:
    """Every figure with interval and n, the percentiles in a table of their own, and the charts."""
    shown = [m for m in metrics if not m.detail and any(s.figures[m.name].n for s in summaries)]
    details = [m for m in metrics if m.detail and any(s.figures[m.name].value is not None for s in summaries)]
    blocks: list[Block] = [_figure_table("Figures by endpoint", summaries, shown), Paragraph(UNDER_A_VALUE)]
    if details:
        blocks.append(_figure_table("Further percentiles", summaries, details))
    cost = report_charts.cost_against_time(summaries)
    return [
        Section("Figures", tuple(blocks)),
        Section("Time to image", (report_charts.time_to_image(summaries), *_phases(summaries))),
        Section("Success and failures", (report_charts.success_rate(summaries), *_failures(summaries))),
        *([Section("Cost against time", (cost,))] if cost else []),
    ]


def _figure_table(caption: str, summaries: Sequence[EndpointSummary], metrics: Sequence[Metric]) -> Table:
    columns = (Column("Endpoint"), *(Column(written.capitalized(m.title), numeric=True) for m in metrics))
    rows = tuple((endpoint_cell(s), *(figure_cell(m, s.figures[m.name]) for m in metrics)) for s in summaries)
    return Table(caption, columns, rows)


def figure_cell(metric: Metric, figure: Figure) -> Cell:
    """A value over its interval and n; the number of attempts is its own n."""
    if metric.unit == "count":
        return Cell(written.value(metric, figure.value))
    below = ", ".join(part for part in (written.interval(metric, figure), f"n {figure.n}") if part)
    return Cell(written.value(metric, figure.value), below)


def endpoint_cell(summary: EndpointSummary) -> Cell:
    """An endpoint's name, marked where it is simulated."""
    return Cell(summary.endpoint, "simulated" if summary.simulated else "")


def _phases(summaries: Sequence[EndpointSummary]) -> list[Block]:
    told = [m for m in PHASES if any(m.name in s.phases and s.phases[m.name].value is not None for s in summaries)]
    if not told:
        return []
    columns = (Column("Endpoint"), *(Column(written.capitalized(m.title), numeric=True) for m in told))
    rows = tuple((endpoint_cell(s), *(figure_cell(m, s.phases[m.name]) for m in told)) for s in summaries)
    return [
        Table("Where the time goes", columns, rows),
        Paragraph("Medians of the successes; a server's own times are by its own clock, and never subtracted."),
    ]


def _failures(summaries: Sequence[EndpointSummary]) -> list[Block]:
    """The chart and the same as a table; attempts whose end nobody knows are counted apart."""
    kinds = [kind for kind in FailureKind if any(kind.value in s.failures for s in summaries)]
    unknown = any(s.unknown for s in summaries)
    if not kinds and not unknown:
        return [Paragraph("No attempt failed.")]
    columns = [Column("Endpoint"), *(Column(f"{written.kind(k)} ({k.blame.value})", numeric=True) for k in kinds)]
    rows = [[endpoint_cell(s), *(Cell(str(s.failures.get(kind.value, 0))) for kind in kinds)] for s in summaries]
    if unknown:
        columns.append(Column("end unknown", numeric=True))
        rows = [[*row, Cell(str(s.unknown))] for row, s in zip(rows, summaries, strict=True)]
    chart = [report_charts.failures(summaries)] if kinds else []
    caption = "Attempts without a usable image, by kind and by whom is to blame"
    return [*chart, Table(caption, tuple(columns), tuple(tuple(row) for row in rows))]


def price_section(rows: Sequence[dict[str, Any]], summaries: Sequence[EndpointSummary], said: str) -> list[Section]:
    """Prices with their date and source, as `arena.reports.providers.price_row` gives them."""
    real = {s.endpoint for s in summaries if not s.simulated}
    if not rows:
        return []
    columns = (Column("Endpoint"), *(Column(title) for title in PRICE_COLUMNS.values()))
    cells = tuple(
        (
            Cell(row["endpoint"], "" if row["endpoint"] in real else "simulated"),
            *(Cell(row[name] or written.DASH, foreign=name == "source") for name in PRICE_COLUMNS),
        )
        for row in rows
    )
    return [Section("Prices", (Paragraph(said), Table("Prices by endpoint", columns, cells)))]


def boards(connection: Connection, summaries: Sequence[EndpointSummary]) -> list[Leaderboard]:
    """The leaderboards of the kinds of endpoints that the report is about, real ones first, if anybody has voted."""
    kinds = sorted({s.simulated for s in summaries})
    found = [leaderboard.leaderboard(connection, Board(simulated=simulated)) for simulated in kinds]
    return [board for board in found if board.votes]


def board_sections(found: Sequence[Leaderboard]) -> list[Section]:
    """Ratings from blind votes: of everything that was voted on, whatever run made it."""
    sections = []
    for board in found:
        columns = ("Entrant", "Tier", "Elo", "Votes", "Wins", "Note")
        table = Table(
            f"Leaderboard: {board.board.name}",
            tuple(Column(name, numeric=name in {"Tier", "Elo", "Votes", "Wins"}) for name in columns),
            tuple(_board_row(row, simulated=board.board.simulated) for row in board.rows),
        )
        said = (
            f"{board.votes:,} blind votes on {board.prompts:,} prompts by {board.voters:,} voters, of every run that "
            "was voted on. Two in one tier are not told apart."
        )
        sections.append(
            Section(f"Blind votes: {board.board.name}", (Paragraph(said), table, Listing(tuple(board.warnings))))
        )
    return sections


def _board_row(row: Row, *, simulated: bool) -> tuple[Cell, ...]:
    note = row.note or (PROVISIONAL if row.provisional else "")
    low, high = ("open" if bound is None else f"{bound:.0f}" for bound in (row.low, row.high))
    return (
        Cell(row.entrant, "simulated" if simulated else ""),
        Cell(written.DASH if row.tier is None else str(row.tier)),
        Cell(written.DASH) if row.elo is None else Cell(f"{row.elo:.0f}", f"{low}–{high}"),
        Cell(f"{row.votes:,}"),
        Cell(written.DASH if row.win_rate is None else format_percent(row.win_rate, 0)),
        Cell("; ".join(part for part in (note, "retired" if row.retired else "") if part)),
    )


def methodology_section(house: House) -> Section:
    """What every figure means, from the literals that compute it."""
    blocks: list[Block] = []
    for section in methodology.sections(house):
        blocks.append(Paragraph(f"{section.title}. {section.text}"))
        if section.rows:
            columns = tuple(Column(title) for title in section.rows[0])
            rows = tuple(tuple(Cell(text) for text in row.values()) for row in section.rows)
            blocks.append(Table(section.title, columns, rows))
    return Section("Methodology", tuple(blocks), reference=True)
