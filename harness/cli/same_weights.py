"""`arena providers same-weights`: do hosts of one open model serve what they claim?"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from harness.cli import console
from harness.cli.console import Json, out, print_json, say

if TYPE_CHECKING:
    from collections.abc import Mapping

    from arena.domain.endpoint import Endpoint
    from arena.metrics.likeness import Likeness
    from arena.reports.same_weights import Comparison, Host
    from arena.settings import Settings
    from arena.store.engine import Database


def same_weights(
    run: Annotated[str, typer.Argument(help="A run of hosts and reference: an id, its beginning or end, or `last`.")],
    *,
    reference: Annotated[str, typer.Option("--reference", help="The endpoint to trust, such as a local one.")],
    endpoints: Annotated[
        list[str] | None,
        typer.Option("--endpoint", help="Compare this one (again for more); default: all of the reference's model."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Compare hosts of one open model with a reference: copies, size, detail, noise, scores, pixels. Fires nothing.

    Fine detail and noise are computed here; other scores count if `arena score RUN` has made them.
    """
    from arena.reports.same_weights import as_json as comparison_json
    from arena.store.engine import open_database
    from arena.store.runs import get_run, run_endpoints

    settings = console.settings()
    database = open_database(settings)
    with database.read() as connection:
        run_id = get_run(connection, run).id
        known = {endpoint.id: endpoint for endpoint, _ in run_endpoints(connection, run_id)}
    hosts = _hosts(known, reference, endpoints, run_id)
    _score_pixels(database, settings, run_id)
    found = _compared(database, settings, run_id, reference, hosts)
    if as_json:
        print_json({"run": run_id, **comparison_json(found)})
        return
    _print(run_id, found)


def _hosts(known: Mapping[str, Endpoint], reference: str, named: list[str] | None, run_id: str) -> list[str]:
    """Which endpoints are compared: those that are named, or those that claim the reference's model."""
    from arena.errors import ConfigError, UnknownNameError

    for name in (reference, *(named or [])):
        if name not in known:
            raise UnknownNameError("endpoint", name, known, f"run {run_id}")
    if named:
        hosts = [name for name in dict.fromkeys(named) if name != reference]
        if not hosts:
            raise ConfigError("--endpoint names the reference itself; name another one")
        return hosts
    family = known[reference].family
    hosts = [e.id for e in known.values() if e.family == family and e.id != reference]
    if not hosts:
        raise ConfigError(
            f"run {run_id}: no other endpoint claims the model {family!r} of {reference}; name what to compare with "
            "--endpoint, or say what they serve with `weights` in their tables"
        )
    return hosts


def _score_pixels(database: Database, settings: Settings, run_id: str) -> None:
    """The indicators that need no weights, where they are missing."""
    from arena.store.blobs import BlobStore
    from harness.cli.score import cores
    from harness.scoring.metrics import every_metric
    from harness.scoring.models import read_captions, read_models
    from harness.scoring.toolbox import Toolbox
    from harness.scoring.work import Scoring

    metrics = [m for m in every_metric().values() if m.tool == "pixels" and m.negligible is not None]
    tools = Toolbox(read_models(settings.config_dir))
    captions = read_captions(settings.config_dir)
    images = BlobStore(settings.images_dir)
    tally = Scoring(database, images, console.catalog(), captions, tools, workers=cores()).run(run_id, metrics)
    for sentence in tally.missing:
        say(f"left out: {sentence}")


def _compared(database: Database, settings: Settings, run_id: str, reference: str, hosts: list[str]) -> Comparison:
    from arena.errors import ConfigError
    from arena.metrics.likeness import Gallery
    from arena.reports.same_weights import compare_hosts
    from arena.store.blobs import BlobStore
    from arena.store.queries import outcomes
    from arena.store.scores import delivered_scores, instruments

    with database.read() as connection:
        rows = outcomes(connection, run_id)
        scores, known = delivered_scores(connection, run_id), instruments(connection)
    kinds = rows.groupby("endpoint")["simulated"].any().to_dict()
    came = set(rows[(rows["phase"] == "measure")].dropna(subset=["image_sha256"])["endpoint"])
    for name in (reference, *hosts):
        if name not in came:
            raise ConfigError(f"run {run_id}: {name} has delivered no image that was kept, so nothing can be compared")
    other = next((name for name in hosts if kinds[name] != kinds[reference]), None)
    if other is not None:
        raise ConfigError(
            f"{reference} and {other}: one is simulated and the other is not; simulated images are never held against "
            "real ones"
        )
    return compare_hosts(rows, scores, known, reference, hosts, Gallery(BlobStore(settings.images_dir).get))


def _print(run_id: str, found: Comparison) -> None:
    from rich.table import Table
    from rich.text import Text

    from harness.cli.score import figure_text

    screen = out()
    mark = " · SIMULATED" if found.simulated else ""
    screen.print(f"run {run_id} · held against {found.reference}{mark}")
    for host in found.hosts:
        screen.print(
            Text(f"\n{host.endpoint}: ", style="bold").append(f"{host.verdict}", style="bold").append(_why(host))
        )
        table = Table(pad_edge=False, header_style="bold")
        for name in ("indicator", "host less reference [95 %]", "negligible", "prompts", "p, corrected", ""):
            table.add_column(name, justify="left" if name in {"indicator", ""} else "right")
        for i in host.indicators:
            difference = i.tested.difference
            told = i.reading if i.differs else "the same" if i.same else "cannot be told"
            told = told if i.p_corrected is not None else "too few prompts: not tested"
            table.add_row(
                f"{i.instrument.label} ({i.instrument.unit})",
                figure_text(difference.value, difference.low, difference.high),
                f"± {i.tested.negligible:g}",
                str(difference.n),
                "–" if i.p_corrected is None else f"{i.p_corrected:.2g}",
                told,
            )
        screen.print(table)
        screen.print(f"copies of other seeds' pictures: {_share(host.copies.value, host.copies.n)}")
        screen.print(f"same seed as the reference: {_counted(host.same_seed)}")
        screen.print(f"same seed again at this host: {_counted(host.repeated_seed)}")
        for note in host.notes:
            screen.print(Text(f"note: {note}", style="dim"))
    screen.print(
        f"\nsame seed again at the reference: {_counted(found.reference_repeats)}\n"
        f"{found.tests} tests together (Holm): a host that serves the same is called different in at most "
        f"{found.false_alarm_rate:.0%} of such comparisons; it takes {found.least_prompts} prompts at least. "
        "Other pixels alone accuse nobody."
    )


def _why(host: Host) -> str:
    return f" – {'; '.join(host.reasons)}" if host.reasons else ""


def _share(value: float | None, n: int) -> str:
    return "cannot be told" if value is None else f"{round(value * n)} of {n}"


def _counted(seen: Mapping[Likeness, int]) -> str:
    from arena.metrics.likeness import Likeness

    parts = [f"{seen[kind]} {kind}" for kind in Likeness if seen.get(kind)]
    return ", ".join(parts) or "nothing to compare"
