"""The report of one run: all that is known of it, put together from the reports that compute each part."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from arena.domain.run import RunStatus
from arena.errors import ConfigError
from arena.metrics.figures import METRICS
from arena.reports import compare, fitness, leaderboard, report_sections, run_facts, stopping, summary, written
from arena.reports.contact_sheet import contact_sheet
from arena.reports.document import Cell, Code, Column, Document, Facts, Listing, Notice, Paragraph, Section, Table
from arena.reports.providers import price_row
from arena.reports.wording import value_text
from arena.reports.wording import written as difference_text
from arena.store import queries, runs
from arena.units import format_duration_s

if TYPE_CHECKING:
    import pandas as pd

    from arena.battles.house import House
    from arena.domain.prompt import Prompt
    from arena.domain.run import Run
    from arena.metrics.stopping import Stopping
    from arena.reports.compare import Comparison
    from arena.reports.document import Block
    from arena.reports.leaderboard import Leaderboard
    from arena.reports.summary import EndpointSummary
    from arena.store.blobs import BlobStore
    from arena.store.engine import Connection

MOST_PROMPTS = 100
MOST_TEXT = 300
_IN_FORCE = "The price cards that were in force when the run was made."


@dataclass(frozen=True, slots=True)
class _Read:
    """What is read of a run, once."""

    run: Run
    rows: pd.DataFrame
    summaries: list[EndpointSummary]
    stopped: Stopping
    prompts: dict[str, Prompt]
    prices: list[dict[str, Any]]
    boards: list[Leaderboard]

    @property
    def comparisons(self) -> list[Comparison]:
        """Every endpoint against the fastest of its kind, real or simulated."""
        found = []
        for simulated in (False, True):
            kind = [s.endpoint for s in self.summaries if s.simulated == simulated]
            sides = {name: self._side(name, simulated=simulated) for name in kind}
            found += [_compared(sides[kind[0]], sides[name]) for name in kind[1:]]
        return [comparison for comparison in found if comparison is not None]

    def _side(self, endpoint: str, *, simulated: bool) -> pd.DataFrame:
        return self.rows[(self.rows["endpoint"] == endpoint) & (self.rows["simulated"] == simulated)]


def run_report(connection: Connection, run_id: str, house: House, blobs: BlobStore | None = None) -> Document:
    """The report of a run (an id, a part of one, or `last`); with `blobs` also what its images look like.

    ConfigError for a run without a measured outcome: there is nothing to report.
    """
    read = _read(connection, run_id)
    comparisons = read.comparisons
    sections = [
        Section("What was measured", (*_notices(read), _facts(read))),
        *report_sections.verdict_section(read.summaries),
        *report_sections.figure_sections(read.summaries, METRICS),
        *_messages(read.rows),
        *_comparison_section(comparisons),
        *_stop_section(read),
        *([] if blobs is None else [_image_section(read, blobs)]),
        *report_sections.board_sections(read.boards),
        *report_sections.price_section(read.prices, read.summaries, _IN_FORCE),
        report_sections.methodology_section(house),
        _prompt_section(read),
        _again(read.run),
    ]
    return Document(
        title=f"Run {read.run.id}",
        lead=_lead(read),
        simulated=any(s.simulated for s in read.summaries),
        made_at=datetime.now(UTC),
        sections=tuple(sections),
        figures=_figures(read, comparisons),
    )


def _read(connection: Connection, run_id: str) -> _Read:
    run = runs.get_run(connection, run_id)
    rows = queries.outcomes(connection, run.id)
    summaries = summary.summarize(rows)
    if not summaries:
        raise ConfigError(f"run {run.id} has no measured outcome yet; next: arena run --resume {run.id}")
    return _Read(
        run,
        rows,
        summaries,
        stopping.stopping(connection, run, rows),
        runs.run_prompts(connection, run.id),
        [price_row(endpoint, card) for endpoint, card in runs.run_endpoints(connection, run.id)],
        report_sections.boards(connection, summaries),
    )


def _lead(read: _Read) -> str:
    run, measured = read.run, read.rows[read.rows["phase"] == "measure"]
    lasted_s = None if run.ended_at is None else (run.ended_at - run.created_at).total_seconds()
    took = "" if lasted_s is None else f", took {format_duration_s(lasted_s)}"
    endpoints = len(read.summaries)
    return (
        f"{len(measured):,} attempts on {measured['prompt_id'].nunique()} prompts at {endpoints} "
        f"endpoint{'' if endpoints == 1 else 's'} by the plan {run.plan.name}, {written.utc(run.created_at)}{took}."
    )


def _notices(read: _Read) -> list[Block]:
    found: list[Block] = report_sections.simulated_notice(read.summaries)
    unfit = fitness.headline(read.run, read.summaries)
    if unfit is not None:
        found.append(Notice(f"{written.capitalized(unfit)}.", "unfit"))
    if read.run.status is not RunStatus.FINISHED:
        state = written.STATUS[read.run.status]
        found.append(Notice(f"This run is {state}: the figures are of what it has so far.", "note"))
    return found


def _facts(read: _Read) -> Facts:
    run, where, request = read.run, read.run.environment, read.run.plan.request
    wanted = f"{request.pixel_size} {request.format}" + ("" if request.n == 1 else f", {request.n} a call")
    warm = len(read.rows) - int((read.rows["phase"] == "measure").sum())
    facts = [
        ("Plan", f"{run.plan.name}{': ' if run.plan.description else ''}{run.plan.description}"),
        ("Status", written.STATUS[run.status]),
        ("Began", written.utc(run.created_at)),
        ("Ended", written.DASH if run.ended_at is None else written.utc(run.ended_at)),
        ("Images asked for", wanted),
        ("Load", _load(run)),
        ("Warm-up", f"{warm} attempts, left out of every figure" if warm else "none"),
        ("Measured from", f"{where.hostname}, {where.region or 'region not given'}"),
        ("Machine", f"{where.platform}, {where.cpu_count} cores"),
        ("Fitness", "no canary ran" if run.fitness is None else "see above" if _unfit(read) else "fit to measure"),
    ]
    return Facts(tuple(facts))


def _unfit(read: _Read) -> bool:
    return fitness.headline(read.run, read.summaries) is not None


def _load(run: Run) -> str:
    load = run.plan.load
    if load.stages:
        return f"{load.kind}, in {len(load.stages)} stages"
    return f"closed, {load.in_flight} in flight" if load.rate_per_s is None else f"{load.kind}, {load.rate_per_s:g} / s"


def _messages(rows: pd.DataFrame) -> list[Section]:
    """What providers said of failures: of each endpoint and kind the last words."""
    failed = rows[(rows["phase"] == "measure").to_numpy(dtype=bool)].dropna(subset=["failure_kind"])
    if failed.empty:
        return []
    found = failed.groupby(["endpoint", "simulated", "failure_kind"], sort=True)["failure_message"].agg(
        ["size", "last"]
    )
    columns = (Column("Endpoint"), Column("Failure"), Column("Times", numeric=True), Column("Last message"))
    cells = tuple(
        (
            Cell(str(row["endpoint"]), "simulated" if row["simulated"] else ""),
            Cell(written.kind(str(row["failure_kind"]))),
            Cell(str(row["size"])),
            _last_words(row["last"]),
        )
        for row in found.reset_index().to_dict(orient="records")
    )
    return [Section("What failures said", (Table("Last message by endpoint and failure", columns, cells),))]


def _last_words(text: object) -> Cell:
    """What was said; a dash where nothing was, or where it is not known any more."""
    return Cell(_shortened(text), foreign=True) if isinstance(text, str) and text else Cell(written.DASH)


def _shortened(text: str) -> str:
    return text if len(text) <= MOST_TEXT else f"{text[:MOST_TEXT]}…"


def _compared(a: pd.DataFrame, b: pd.DataFrame) -> Comparison | None:
    """None where a comparison would mean nothing, because the two were asked for different things."""
    try:
        return compare.compare(a, b)
    except ConfigError:
        return None


def _comparison_section(comparisons: list[Comparison]) -> list[Section]:
    if not comparisons:
        return []
    blocks: list[Block] = [
        Paragraph(
            "Every endpoint (B) against the one with the lowest median time to image (A). Differences are A − B with "
            "their 95 % intervals, each for itself: the more one looks at, the likelier one of them misleads."
        )
    ]
    columns = (
        Column("Figure"), Column("A", numeric=True), Column("B", numeric=True), Column("A − B", numeric=True),
        Column("Verdict"),
    )  # fmt: skip
    for found in comparisons:
        rows = tuple(
            (
                Cell(written.capitalized(c.title)),
                Cell(value_text(c.unit, c.a)),
                Cell(value_text(c.unit, c.b)),
                Cell(difference_text(c.unit, c.difference)),
                Cell(c.verdict),
            )
            for c in found.contrasts
        )
        mark = " (both simulated)" if found.a.simulated else ""
        blocks.append(Table(f"A: {found.a.endpoint}, B: {found.b.endpoint}{mark}", columns, rows))
        blocks.append(Listing((f"{compare.design_text(found)}.", *(f"{note}." for note in found.notes))))
    return [Section("Compared with the fastest", tuple(blocks))]


def _stop_section(read: _Read) -> list[Section]:
    sentences = stopping.sentences(read.run, read.stopped)
    return [Section("When it stopped", (Listing(tuple(s.strip() for s in sentences)),))] if sentences else []


def _image_section(read: _Read, blobs: BlobStore) -> Section:
    sheet, said = contact_sheet(read.rows, read.summaries, read.prompts, blobs)
    return Section("Images", (Paragraph(said), sheet))


def _prompt_section(read: _Read) -> Section:
    used = [read.prompts[name] for name in dict.fromkeys(read.rows["prompt_id"]) if name in read.prompts]
    rows = tuple(
        (Cell(p.id), Cell(p.mode), Cell(p.category), Cell(_shortened(p.text), foreign=True))
        for p in used[:MOST_PROMPTS]
    )
    columns = (Column("Prompt"), Column("Mode"), Column("Category"), Column("Text"))
    more = len(used) - len(rows)
    blocks: list[Block] = [Table("Prompts", columns, rows)]
    if more:
        blocks.append(Paragraph(f"And {more} more."))
    return Section("Prompts", tuple(blocks), reference=True)


def _again(run: Run) -> Section:
    where, seed = run.environment, run.plan.request.seed
    versions = {"arena": where.arena_version, "python": where.python_version, **where.packages}
    seeds = {"varied": "its own for each prompt and repetition, the same at all endpoints", "none": "the provider's"}
    return Section(
        "How to repeat it",
        (
            Paragraph("Save the plan as plan.toml. The same plan, prompts and endpoints give the same trials."),
            Code("arena run plan.toml", "sh"),
            Code(run_facts.plan_toml(run.plan), "toml"),
            Facts(
                (
                    ("Plan's seed", str(run.plan.seed)),
                    ("Seed of requests", seeds.get(str(seed), str(seed))),
                    ("Plan's SHA-256", run.plan_sha256),
                    ("Versions", ", ".join(f"{name} {version}" for name, version in versions.items())),
                )
            ),
        ),
        reference=True,
    )


def _figures(read: _Read, comparisons: list[Comparison]) -> dict[str, Any]:
    return {
        "run": run_facts.as_json(read.run)
        | {
            "stop": stopping.as_json(read.run, read.stopped),
            "fitness": fitness.as_json(read.run, read.summaries),
            "plan_json": read.run.plan.model_dump(mode="json"),
        },
        "endpoints": summary.as_json(read.summaries),
        **compare.as_json_document(comparisons),
        "leaderboards": [leaderboard.as_json(board) for board in read.boards],
        "prices": read.prices,
    }
