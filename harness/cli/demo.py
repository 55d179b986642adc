"""`arena demo`: the main job without any key or GPU, against simulated providers on this machine."""

from __future__ import annotations

import os
from contextlib import ExitStack
from typing import TYPE_CHECKING, Annotated

import typer

from harness.cli import console
from harness.cli.console import say

if TYPE_CHECKING:
    from arena.settings import Settings
    from arena.store.engine import Database
    from harness.local.settings import LocalSettings
    from harness.plan import Prepared

LOCAL_ENDPOINT, TINY_ENDPOINT = "local/flux.2-klein-4b", "local/tiny-flux.2-klein"


def demo(
    *,
    local: Annotated[bool, typer.Option("--local", help="Add a diffusion pipeline that runs on this machine.")] = False,
    again: Annotated[
        bool, typer.Option("--again", help="Measure again, although there is a finished demo run.")
    ] = False,
) -> None:
    """Run a small plan against simulated providers, and show who is fastest, steadiest and cheapest."""
    from arena.store.engine import open_database

    settings = console.settings()
    settings.require_writable()
    database = open_database(settings, create=True)
    pipeline = _local_settings(wanted=local)
    extra = () if pipeline is None else (TINY_ENDPOINT if pipeline.tiny else LOCAL_ENDPOINT,)
    earlier = None if again else _finished_run(database, extra)
    if earlier is not None:
        _show_earlier(database, earlier)
    else:
        with ExitStack() as servers:
            _measure(database, settings, servers, pipeline, extra)
    say("")
    say(
        "next: `make demo APP=1` (or `arena app`) opens the app over these results; "
        "the README shows the first run with keys"
    )


def _local_settings(*, wanted: bool) -> LocalSettings | None:
    """What the local server would serve, where it is wanted and possible: it joins unasked where torch is there."""
    from importlib import util

    from arena.errors import ConfigError

    if util.find_spec("torch") is None or util.find_spec("diffusers") is None:
        if wanted:
            raise ConfigError("--local needs torch and diffusers; `make demo LOCAL=1` installs them")
        return None
    from harness.local.settings import LocalSettings

    return LocalSettings(tiny=not _weights_are_here(), local_files_only=True)


def _start_local(servers: ExitStack, pipeline: LocalSettings) -> str:
    from harness.local.process import background

    say(
        "local: starting a tiny pipeline with random weights, no download (`arena local serve` has the real one)"
        if pipeline.tiny
        else "local: loading FLUX.2 [klein] 4B from the cache"
    )
    return servers.enter_context(background(pipeline))


def _weights_are_here() -> bool:
    """Real weights are used where a GPU can run them and they need no download: a demo does not fetch 16 GB unasked."""
    import torch
    from huggingface_hub import try_to_load_from_cache

    from harness.cli.local import DEFAULT_MODEL

    return torch.cuda.is_available() and isinstance(try_to_load_from_cache(DEFAULT_MODEL, "model_index.json"), str)


def _prepared(environ: dict[str, str], extra: tuple[str, ...]) -> Prepared:
    from arena.catalog import Catalog
    from harness.plan import prepare
    from harness.session import today

    catalog = Catalog(environ=environ)
    plan, where = catalog.plan("demo")
    plan = plan.model_copy(update={"endpoints": plan.endpoints + extra})
    return prepare(plan, where, catalog, today=today())


def _finished_run(database: Database, extra: tuple[str, ...]) -> str | None:
    """The newest finished run of exactly this plan: what has been measured is not measured again unasked."""
    from arena.domain.run import RunStatus
    from arena.store.runs import list_runs

    plan = _prepared(dict(os.environ), extra).plan
    with database.read() as connection:
        same = [r.id for r in list_runs(connection) if r.status is RunStatus.FINISHED and r.plan == plan]
    return same[0] if same else None


def _show_earlier(database: Database, run_id: str) -> None:
    from harness.cli.runs import print_run

    say(f"showing run {run_id}, which is finished; `arena demo --again` measures again")
    print_run(database, run_id, as_json=False)


def _measure(
    database: Database,
    settings: Settings,
    servers: ExitStack,
    pipeline: LocalSettings | None,
    extra: tuple[str, ...],
) -> None:
    from arena.domain.run import RunStatus
    from harness.cli.plan import print_estimate
    from harness.cli.run import EXIT_INTERRUPTED, fire
    from harness.plan import estimate
    from harness.session import create
    from harness.sim.contender import load_contenders
    from harness.sim.process import background

    environ = dict(os.environ)
    if pipeline is not None:
        environ["ARENA_LOCAL_URL"] = _start_local(servers, pipeline)
    environ["ARENA_SIM_URL"] = servers.enter_context(background(load_contenders()))
    prepared = _prepared(environ, extra)
    print_estimate(console.err(), prepared, estimate(prepared))
    session = create(database, prepared, settings, None)
    say(f"run {session.run.id}: simulated providers, simulated prices; no money is spent")
    if fire(database, settings, session, as_json=False) is RunStatus.INTERRUPTED:
        raise typer.Exit(EXIT_INTERRUPTED)
