"""A scheduler in a process of the command line: its signals, its files, and runs that nobody watches."""

from __future__ import annotations

import signal
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from harness.cli.console import say
from harness.cli.run import innermost

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from arena.catalog import Catalog
    from arena.domain.run import RunStatus
    from arena.settings import Settings
    from arena.store.engine import Database
    from harness.clock import Clock
    from harness.runner import Runner
    from harness.schedules.dispatcher import Dispatcher, Work
    from harness.schedules.events import Event
    from harness.schedules.files import Entry
    from harness.schedules.service import Service


def service(
    database: Database,
    settings: Settings,
    catalog: Catalog,
    entries: Sequence[Entry],
    tell: Callable[[Event], None],
    clock: Clock | None = None,
) -> Service:
    """The scheduler of this process; by the machine's clocks, unless it is given others."""
    from harness.clock import SystemClock
    from harness.keys import KEYS
    from harness.schedules.dispatcher import ENDED, Dispatcher
    from harness.schedules.scoring import score
    from harness.schedules.service import Service

    async def fire(work: Work, on_start: Callable[[Runner], None]) -> RunStatus:
        from anyio import to_thread

        from harness.cli.otel import export_if_wanted
        from harness.cli.run import check_watch
        from harness.progress import Progress
        from harness.session import execute

        progress = Progress(s.trial.endpoint_id for s in work.session.trials)
        status = await execute(database, settings, work.session, progress, on_start=on_start)
        run_id, metrics = work.session.run.id, work.entry.schedule.score
        await to_thread.run_sync(export_if_wanted, database, settings, run_id)
        if metrics and status in ENDED and not scheduler.stopping:
            say(await score(run_id, metrics, lambda: scheduler.stopping))
        await to_thread.run_sync(check_watch, database, settings)
        return status

    dispatcher: Dispatcher = Dispatcher(database, settings, catalog, entries, KEYS, _once_waiting(tell))
    scheduler = Service(dispatcher, fire, clock or SystemClock(), tell)
    return scheduler


def _once_waiting(tell: Callable[[Event], None]) -> Callable[[Event], None]:
    """That a slot waits is said once, not at every look."""
    said: set[tuple[str | None, datetime | None]] = set()

    def tell_once(event: Event) -> None:
        if event.kind == "waits":
            if (event.schedule, event.slot) in said:
                return
            said.add((event.schedule, event.slot))
        tell(event)

    return tell_once


async def obeying_signals(scheduler: Service, work: Callable[[], Awaitable[None]]) -> None:
    """Do some work of a scheduler; SIGINT and SIGTERM stop it in order."""
    import anyio

    async def obey() -> None:
        with anyio.open_signal_receiver(signal.SIGINT, signal.SIGTERM) as signals:
            async for _ in signals:
                say("stopping: nothing further begins; waiting for what is in flight (again: lets go of it)")
                scheduler.stop()

    try:
        async with anyio.create_task_group() as around:
            around.start_soon(obey)
            await work()
            around.cancel_scope.cancel()
    except ExceptionGroup as group:
        raise innermost(group) from None


def watch(catalog: Catalog, names: list[str]) -> Callable[[], Sequence[Entry] | None]:
    """Reads the schedules again once a file of theirs is another one."""
    from harness.schedules.files import read

    def state() -> list[tuple[str, int, int]]:
        found = []
        for path in [p for paths in catalog.schedule_files() for p in paths] + [Path(name) for name in names]:
            with suppress(OSError):  # gone just now
                found.append((str(path), path.stat().st_mtime_ns, path.stat().st_size))
        return found

    known = [state()]

    def changed() -> Sequence[Entry] | None:
        if state() == known[0]:
            return None
        known[0] = state()
        return read(catalog, names)

    return changed
