"""`arena local bench`: how fast this machine makes images, how fast it could, and with which settings."""

from __future__ import annotations

import re
from decimal import Decimal
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Annotated

import typer

from arena.errors import ConfigError
from harness.cli import console
from harness.cli.console import Json, out, print_json, say

if TYPE_CHECKING:
    from rich.table import Table

    from harness.local.bench.endpoint import Files
    from harness.local.bench.measured import Workload
    from harness.local.bench.report import Report
    from harness.local.bench.search import Bench
    from harness.local.bench.table import Grid
    from harness.local.settings import LocalSettings

EXIT_INTERRUPTED = 130
_UNITS_S = {"s": 1.0, "m": 60.0, "h": 3600.0}
_SHARE_TIMED = 1 / 20
_SHORTEST_S = 5.0
_MULTIPLE_PX, _MIN_SIDE_PX = 16, 64


def bench(
    *,
    model: Annotated[str | None, typer.Option("--model", help="A model id, or a directory with weights.")] = None,
    revision: Annotated[str | None, typer.Option("--revision", help="A commit or tag of the model.")] = None,
    tiny: Annotated[bool, typer.Option("--tiny", help="A tiny pipeline with random weights; simulated.")] = False,
    random_weights: Annotated[
        bool, typer.Option("--random-weights", help="The model at its full size, without its weights; simulated.")
    ] = False,
    device: Annotated[str, typer.Option("--device", help="auto, cuda, cuda:1, mps or cpu.")] = "auto",
    size: Annotated[str, typer.Option("--size", metavar="WxH", help="Of the images, in pixels.")] = "1024x1024",
    steps: Annotated[int, typer.Option("--steps", min=1, max=100, help="Denoising steps.")] = 4,
    max_distance: Annotated[
        float,
        typer.Option("--max-distance", min=0, max=2, help="How far an image may be from the defaults' (1 - SSIM)."),
    ] = 0.1,
    within: Annotated[str, typer.Option("--within", help="Time for all of it: 10m, 90s, 1h.")] = "10m",
    repetitions: Annotated[int, typer.Option("--repetitions", min=6, max=1000, help="Images timed a process.")] = 12,
    compared: Annotated[int, typer.Option("--compared", min=1, max=40, help="Images compared.")] = 4,
    batch: Annotated[int, typer.Option("--batch", min=1, max=64, help="The most images at a time; 1 for none.")] = 8,
    gpu_hour_usd: Annotated[
        float | None, typer.Option("--gpu-hour-usd", min=0, help="What an hour of this device costs.")
    ] = None,
    offline: Annotated[bool, typer.Option("--offline", help="Never download; use the cache or fail.")] = False,
    write: Annotated[
        Path | None, typer.Option("--write", metavar="FILE", help="Add the winner's endpoint here, settings beside it.")
    ] = None,
    name: Annotated[str | None, typer.Option("--name", help="What the winner is called; by itself MODEL-fast.")] = None,
    as_json: Json = False,
    as_markdown: Annotated[bool, typer.Option("--md", help="Print Markdown on stdout.")] = False,
) -> None:
    """Measure diffusers' defaults, the arithmetic limit, and the settings between; say which is fastest.

    Each setting runs in a process of its own. Ctrl-C ends it early and prints what was measured.
    """
    from arena.catalog import parse
    from harness.local.bench.report import report
    from harness.local.settings import LocalSettings

    given = {
        "model": model,
        "revision": revision,
        "tiny": tiny,
        "random_weights": random_weights,
        "device": device,
        "steps": steps,
        "gpu_hour_usd": None if gpu_hour_usd is None else Decimal(str(gpu_hour_usd)),
        "local_files_only": offline,
    }
    settings = parse(LocalSettings, {k: v for k, v in given.items() if v is not None}, "arena local bench")
    width_px, height_px = _sides_px(size, settings.max_side_px)
    within_s = _seconds(within)
    if random_weights:
        from harness.local.shapes import shape_of

        shape_of(settings.model)
    files = None if write is None else _files(write, name or _name(settings), settings)
    workload = _workload(settings, width_px, height_px, within_s, repetitions, compared)
    with TemporaryDirectory(prefix="arena-bench-", ignore_cleanup_errors=True) as directory:
        search = _search(settings, workload, max_distance, within_s, batch, Path(directory))
        was_interrupted = _run(search)
        found = report(search)
    if found is None:
        say("interrupted before anything was measured")
        raise typer.Exit(EXIT_INTERRUPTED)
    _print(found, as_json=as_json, as_markdown=as_markdown)
    if was_interrupted:
        raise typer.Exit(EXIT_INTERRUPTED)
    if files is not None:
        _write(files, search, found)


def _run(search: Bench) -> bool:
    """Search; whether it was interrupted. What was measured is in `search` either way."""
    try:
        search.run()
    except KeyboardInterrupt:
        search.ended_early = "it was interrupted"
        return True
    return False


def _search(
    settings: LocalSettings, workload: Workload, max_distance: float, within_s: float, batch: int, directory: Path
) -> Bench:
    import time

    from harness.local.bench.processes import Processes
    from harness.local.bench.search import Bench

    return Bench(
        asker=Processes(directory),
        settings=settings,
        workload=workload,
        max_distance=max_distance,
        within_s=within_s,
        now_s=time.monotonic,
        say=say,
        batches=tuple(2**power for power in range(1, batch.bit_length())),
    )


def _workload(
    settings: LocalSettings, width_px: int, height_px: int, within_s: float, repetitions: int, compared: int
) -> Workload:
    from arena.catalog import spread
    from harness.local.bench.measured import Workload

    core = console.catalog().prompt_sets()["core"]
    return Workload(
        width_px=width_px,
        height_px=height_px,
        steps=settings.steps,
        guidance=settings.guidance,
        prompts=tuple(prompt.text for prompt in spread(list(core.prompts), len(core.prompts))),
        compared=compared,
        repetitions=repetitions,
        seconds=max(_SHORTEST_S, within_s * _SHARE_TIMED),
    )


def _sides_px(size: str, max_side_px: int) -> tuple[int, int]:
    match = re.fullmatch(r"(\d{2,5})x(\d{2,5})", size)
    sides = (int(match[1]), int(match[2])) if match else (0, 0)
    if any(px % _MULTIPLE_PX or not _MIN_SIDE_PX <= px <= max_side_px for px in sides):
        raise ConfigError(
            f"--size: {size} is none; it is WIDTHxHEIGHT, both multiples of {_MULTIPLE_PX} "
            f"from {_MIN_SIDE_PX} to {max_side_px} pixels"
        )
    return sides


def _seconds(text: str) -> float:
    match = re.fullmatch(r"(\d+(?:\.\d+)?)([smh])", text)
    if match is None or float(match[1]) == 0:
        raise ConfigError(f"--within: {text!r} is no time; write it as 90s, 10m or 1h")
    return float(match[1]) * _UNITS_S[match[2]]


def _name(settings: LocalSettings) -> str:
    # Not the name of a model's own weights: a plan that names that endpoint means their images.
    return f"{settings.served_name}{'-random' if settings.random_weights else ''}-fast"


def _files(path: Path, name: str, settings: LocalSettings) -> Files:
    from harness.local.bench.endpoint import Files

    files = Files(path, name)
    files.check(settings)
    return files


def _print(found: Report, *, as_json: bool, as_markdown: bool) -> None:
    from harness.local.bench import table

    if as_json:
        print_json(found.as_json())
        return
    if as_markdown:
        typer.echo(table.markdown(found), nl=False)
        return
    screen = out()
    for sentence in table.sentences(found):
        screen.print(sentence)
    for grid in table.grids(found):
        screen.print(_rich(grid))
    screen.print(table.verdict(found))


def _rich(grid: Grid) -> Table:
    from rich.table import Table

    shown = Table(title=grid.title, title_justify="left", pad_edge=False, header_style="bold")
    for index, column in enumerate(grid.columns):
        shown.add_column(column, justify="left" if index == 0 else "right", no_wrap=index == 0)
    for row in grid.rows:
        shown.add_row(*row)
    return shown


def _write(files: Files, search: Bench, found: Report) -> None:
    from harness.local.bench.report import best_batch
    from harness.local.bench.table import is_shown_to_be_faster

    winner = search.winner
    if winner is None or winner.speed is None:
        say("nothing is written: no setting stays within the bound")
        return
    speed = winner.speed.model_copy(update={"max_batch": best_batch(found)})
    settings = search.settings.model_copy(update={"speed": speed, "warm_sizes": (found.size,)})
    files.write(settings, simulated=found.simulated, is_faster=is_shown_to_be_faster(found))
    say(f"written to {files.endpoints} and {files.settings}: arena local serve --settings {files.settings}")
    config = console.settings().config_dir
    if config is None or files.endpoints.resolve() not in _read_from(config):
        say(f"`arena endpoints ls` will show {files.id} once the file is endpoints.toml in ARENA_CONFIG_DIR, or in "
            "providers/ there")  # fmt: skip


def _read_from(config: Path) -> set[Path]:
    from arena.catalog import vendor_files

    return {path.resolve() for path in (config / "endpoints.toml", *vendor_files(config))}
