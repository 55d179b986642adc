"""`arena score`: what machines say of stored images, and how far that goes with people's votes."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperGroup

from arena.units import format_percent
from arena.units import percent as percent_of
from harness.cli import console
from harness.cli.console import Json, out, print_json, say

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from arena.reports.agreement import Agreement
    from arena.reports.scores import Scored, Suspect
    from arena.store.engine import Database
    from harness.scoring.work import Tally

RUN_HELP = "A run id, the beginning or end of one, or `last`."


class _RunByDefault(TyperGroup):
    """`arena score RUN` is `arena score run RUN`: what is no command, nor an option of the group, names a run."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Put the command in where only its arguments were given."""
        if args and args[0] not in self.commands and args[0] not in {"--help"}:
            args = ["run", *args]
        return super().parse_args(ctx, args)


cli = typer.Typer(
    name="score",
    help="Score stored images by machine: `arena score RUN`. Offline; what is scored already is left alone.",
    no_args_is_help=True,
    cls=_RunByDefault,
)


@cli.command("run")
def run(
    run: Annotated[str, typer.Argument(help=RUN_HELP)] = "last",
    *,
    metric: Annotated[
        list[str] | None, typer.Option("--metric", help="Only this one (again for more); see `arena score metrics`.")
    ] = None,
    clip: Annotated[
        str | None, typer.Option("--clip", help="MODEL:TAG or MODEL=WEIGHTS of open_clip, or a directory with both.")
    ] = None,
    features: Annotated[str | None, typer.Option("--features", help="MODEL.TAG or MODEL=WEIGHTS of timm.")] = None,
    device: Annotated[
        str | None, typer.Option("--device", help="cpu, cuda, cuda:1, mps; default: a GPU if there is one.")
    ] = None,
    batch_size: Annotated[int, typer.Option("--batch-size", min=1, help="Images a batch and transaction.")] = 16,
    threads: Annotated[
        int | None, typer.Option("--threads", min=1, help="For decoding and for models; default: one a core.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Score the images of a run that are not scored yet, then show the figures."""
    from arena.store.blobs import BlobStore
    from arena.store.engine import open_database
    from arena.store.runs import get_run
    from harness.scoring.metrics import chosen_metrics
    from harness.scoring.models import read_captions, read_models
    from harness.scoring.toolbox import Toolbox
    from harness.scoring.work import Scoring

    metrics = chosen_metrics(metric or [])
    settings = console.settings()
    models, captions = read_models(settings.config_dir, clip, features), read_captions(settings.config_dir)
    count = threads or cores()
    tools = Toolbox(models, device, count)
    database = open_database(settings)
    with database.read() as connection:
        run_id = get_run(connection, run).id
    scoring = Scoring(
        database,
        BlobStore(settings.images_dir),
        console.catalog(),
        captions,
        tools,
        batch_size=batch_size,
        workers=count,
    )
    if device is not None:
        _ = tools.device  # refused now, not after what needs no device has been written
    named = {"clip": clip, "features": features}
    insist = {m.name for m in metrics if metric or named.get(m.tool)}
    try:
        tally = scoring.run(run_id, metrics, insist=insist, progress=_progress())
    except KeyboardInterrupt:
        say("interrupted; whole batches are stored, and the same command goes on from there")
        raise typer.Exit(130) from None
    _say_tally(tally, count)
    _show(database, run_id, as_json=as_json)


def cores() -> int:
    """How many cores this process may use."""
    import os

    return max(1, len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1)


def _progress() -> Callable[[int, int], None]:
    """A line that is written over on a terminal; elsewhere a line every ten per cent."""
    told = [0]

    def show(done: int, of: int) -> None:
        if sys.stderr.isatty():
            typer.echo(f"\r{done}/{of} images", nl=done == of, err=True)
        elif of and done * 10 // of > told[0]:
            told[0] = done * 10 // of
            say(f"{done}/{of} images")

    return show


def _say_tally(tally: Tally, threads: int) -> None:
    for sentence, names in tally.lacking.items():
        say(f"left out {', '.join(names)}: {sentence}")
    for sentence in tally.missing:
        say(f"not scored: {sentence}")
    rate = "" if tally.images_per_s is None else f", {tally.images_per_s:.1f} images/s on {threads} threads"
    say(f"{tally.scores} scores of {tally.images} images in {tally.seconds:.1f} s{rate}; {tally.known} were there")


@cli.command()
def show(run: Annotated[str, typer.Argument(help=RUN_HELP)] = "last", *, as_json: Json = False) -> None:
    """Show the stored scores of a run: means by endpoint with intervals. Computes nothing."""
    from arena.store.engine import open_database
    from arena.store.runs import get_run

    database = open_database(console.settings())
    with database.read() as connection:
        run_id = get_run(connection, run).id
    _show(database, run_id, as_json=as_json)


def _show(database: Database, run_id: str, *, as_json: bool) -> None:
    from arena.reports.scores import as_json as scores_json
    from arena.reports.scores import scored, suspects
    from arena.store.pruning import attempts_pruned_at
    from arena.store.scores import delivered_scores, instruments

    with database.read() as connection:
        rows, known = delivered_scores(connection, run_id), instruments(connection)
        gone = attempts_pruned_at(connection, run_id)
    found, apart = scored(rows, known), suspects(rows, known)
    if as_json:
        print_json(scores_json(run_id, found, apart))
        return
    _print_scores(run_id, found, apart)
    if gone is not None:
        out().print(
            f"note: attempts of this run were pruned on {gone:%Y-%m-%d}, and the scores of their images with them"
        )


def _print_scores(run_id: str, found: Sequence[Scored], apart: Sequence[Suspect]) -> None:
    from rich.table import Table

    screen = out()
    if not found:
        screen.print(f"run {run_id}: no image is scored yet; `arena score {run_id}`")
        return
    screen.print(f"run {run_id} · means over images, 95 % intervals over prompts; metrics rank nobody")
    table = Table(pad_edge=False, header_style="bold")
    for name in ("metric", "endpoint", "mean [95 %]", "n", "prompts", "beside it"):
        table.add_column(name, justify="right" if name in {"mean [95 %]", "n", "prompts"} else "left")
    last = ""
    for s in found:
        label = f"{s.instrument.label} ({s.instrument.unit})"
        mark = " · SIMULATED" if s.simulated else ""
        table.add_row(
            "" if label == last else label,
            f"{s.endpoint}{mark}",
            figure_text(s.mean.value, s.mean.low, s.mean.high),
            str(s.mean.n),
            str(s.prompts),
            _beside(s),
        )
        last = label
    screen.print(table)
    for one in apart:
        if one.blank or one.repeated:
            told = f"{one.blank} show nothing, {one.repeated} came for several prompts"
            screen.print(f"{one.endpoint}: of {one.images} images {told}")


def _beside(s: Scored) -> str:
    notes = []
    if s.truncated:
        notes.append(f"{s.truncated} with a prompt in chunks")
    if s.reader_error is not None:
        notes.append(f"the reader's own error {s.reader_error:.1%}")
    if s.untold:
        notes.append(f"{s.untold} could not be told")
    return ", ".join(notes)


def figure_text(value: float | None, low: float | None, high: float | None, *, percent: bool = False) -> str:
    """`31.2 [30.5, 31.9]`, `64 % [58, 70]`; a dash where there is no value, no brackets where there is no interval."""
    if value is None:
        return "–"
    if percent:
        ends = "" if low is None or high is None else f" [{percent_of(low, 0)}, {percent_of(high, 0)}]"
        return format_percent(value, 0) + ends
    digits = 0 if abs(value) >= 1000 else 1 if abs(value) >= 100 else 2
    bounds = "" if low is None or high is None else f" [{low:.{digits}f}, {high:.{digits}f}]"
    return f"{value:.{digits}f}{bounds}"


@cli.command()
def metrics(*, as_json: Json = False) -> None:
    """List the metrics: what each says, and which tool it needs."""
    from harness.scoring.metrics import every_metric

    known = every_metric().values()
    if as_json:
        print_json(
            [
                {"name": m.name, "title": m.title, "unit": m.unit, "better": m.better, "tool": m.tool,
                 "revision": m.revision, "negligible": m.negligible, "definition": m.definition}
                for m in known
            ]
        )  # fmt: skip
        return
    from rich.table import Table

    table = Table(pad_edge=False, header_style="bold", show_lines=True)
    for name in ("name", "unit", "better", "tool", "definition"):
        table.add_column(name, overflow="fold")
    for m in known:
        table.add_row(m.name, m.unit, m.better or "", m.tool, m.definition)
    out().print(table)


@cli.command()
def agreement(*, as_json: Json = False) -> None:
    """How far each metric goes with people's votes: all and by category, with intervals over prompts."""
    from arena.reports.agreement import agreements
    from arena.reports.agreement import as_json as agreement_json
    from arena.store.engine import open_database
    from arena.store.scores import instruments, voted_scores

    with open_database(console.settings()).read() as connection:
        found = agreements(voted_scores(connection), instruments(connection))
    if as_json:
        print_json(agreement_json(found))
        return
    _print_agreement(found)


def _print_agreement(found: Sequence[Agreement]) -> None:
    from rich.table import Table

    screen = out()
    if not found:
        screen.print(
            "there are no votes on images that are scored; vote in `arena app`, and score with `arena score RUN`"
        )
        return
    screen.print("metric against people's votes; 50 % and 0 are chance. Metrics rank nobody")
    table = Table(pad_edge=False, header_style="bold")
    for name in ("metric", "category", "votes", "prompts", "same choice [95 %]", "tau-b [95 %]", "gamma [95 %]"):
        table.add_column(name, justify="left" if name in {"metric", "category"} else "right")
    last = ""
    for a in found:
        label = a.instrument.label + (" · SIMULATED" if a.simulated else "")
        figures = [figure_text(f.value, f.low, f.high) for f in (a.found.tau_b, a.found.gamma)]
        same = a.found.agreement
        table.add_row(
            "" if label == last else label, a.category, str(a.found.votes), str(a.found.prompts),
            figure_text(same.value, same.low, same.high, percent=True), *figures,
        )  # fmt: skip
        last = label
    screen.print(table)


@cli.command()
def reader(*, as_json: Json = False) -> None:
    """How often the text reader itself is wrong: every text that prompts ask for, set in plain type, and read."""
    from harness.scoring.reader import Reader

    prompts = [p for s in console.catalog().prompt_sets().values() for p in s.prompts if p.legible_text]
    own = Reader(cores())
    rows = [(p, own.own_error(p.legible_text), sum(map(len, p.legible_text))) for p in prompts]
    overall = sum(error * size for _, error, size in rows) / sum(size for *_, size in rows) if rows else None
    identity = own.identity
    if as_json:
        print_json(
            {
                "tool": identity.tool, "version": identity.version, "weights": identity.weights,
                "weights_sha256": identity.weights_sha256, "character_error_rate": overall,
                "prompts": [{"prompt": p.id, "character_error_rate": e, "characters": n} for p, e, n in rows],
            }
        )  # fmt: skip
        return
    from rich.table import Table

    table = Table(pad_edge=False, header_style="bold")
    for name in ("prompt", "characters", "reader's error"):
        table.add_column(name, justify="left" if name == "prompt" else "right")
    for p, error, size in sorted(rows, key=lambda row: -row[1]):
        table.add_row(p.id, str(size), f"{error:.1%}")
    out().print(table)
    if overall is not None:
        out().print(f"{identity.tool} {identity.version}: {overall:.1%} of characters wrong, in plain type")
