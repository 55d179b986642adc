"""Bugs to plant in a victim, each of which an account must find: what cannot fail shows nothing."""

from __future__ import annotations

import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

VARIABLE = "TORTURE_PLANTED"


def _acknowledged_before_it_is_stored() -> None:
    """Whoever waits for a write is told of it just before its commit."""
    from arena.store import recorder

    def commit(self: Any, batch: Any) -> None:
        kinds: dict[Any, Any] = {}
        for write in batch:
            kinds.setdefault(write.many, []).append(write)
        with self._database.write() as connection:
            for many, writes in kinds.items():
                results = many(connection, [w.item for w in writes])
                recorder._settle([(w, r, None) for w, r in zip(writes, results, strict=True)])
            threading.Event().wait(0.05)

    recorder.Recorder._commit = commit  # type: ignore[method-assign]


def _outcomes_are_kept_back() -> None:
    """What is finished counts as stored, and is written when the run ends."""
    from arena.store import attempts, recorder

    kept: list[Any] = []
    commit, leave = recorder.Recorder._commit, recorder.Recorder.__exit__

    def committing(self: Any, batch: Any) -> None:
        late = [write for write in batch if write.many is attempts.write_outcomes]
        kept.extend(write.item for write in late)
        recorder._settle([(write, None, None) for write in late])
        if len(late) < len(batch):
            commit(self, [write for write in batch if write not in late])

    def leaving(self: Any, *words: Any) -> None:
        if kept:
            self.submit(lambda connection: attempts.write_outcomes(connection, kept)).result()
        leave(self, *words)

    recorder.Recorder._commit = committing  # type: ignore[method-assign]
    recorder.Recorder.__exit__ = leaving  # type: ignore[method-assign]


def _unknown_is_fired_again() -> None:
    """A resumed run takes calls that were in flight for calls that never left."""
    import sqlalchemy as sa

    from arena.store import runs

    before = runs.untried

    def untried(connection: Any, run_id: str) -> set[int]:
        theirs = sa.select(runs.TRIAL.c.id).where(runs.TRIAL.c.run_id == run_id)
        connection.execute(runs.ATTEMPT.delete().where(
            runs.ATTEMPT.c.trial_id.in_(theirs), runs.ATTEMPT.c.status == "intended"
        ))  # fmt: skip
        return before(connection, run_id)

    runs.untried = untried


def _voted_before_it_is_stored() -> None:
    """A voter is thanked while the vote is still on its way."""
    from arena.battles.ballots import Ballots

    cast = Ballots.cast

    def soon(self: Ballots, *words: Any) -> Any:
        threading.Thread(target=cast, args=(self, *words)).start()

    Ballots.cast = soon  # type: ignore[method-assign]


def _exported_in_place() -> None:
    """An export writes to the file's own name from the beginning, onto a slow disk."""
    import arena.reports.exports.sinks as sinks

    @contextmanager
    def new_file(path: Path, *, force: bool) -> Iterator[Any]:
        with path.open("wb" if force else "xb") as file:
            threading.Event().wait(0.3)
            yield file

    sinks.new_file = new_file


def _imported_by_halves() -> None:
    """An import commits on its way."""
    import arena.store.vote_exchange as exchange

    store = exchange._store

    def storing(connection: Any, row: Any, number: int, people: Any) -> bool:
        if number % 500 == 0:
            connection.exec_driver_sql("COMMIT")
            if connection.dialect.name == "sqlite":  # PostgreSQL's driver begins the next one by itself
                connection.exec_driver_sql("BEGIN IMMEDIATE")
        return store(connection, row, number, people)

    exchange._store = storing


def _upgraded_step_by_step() -> None:
    """Each migration has a transaction of its own."""
    from alembic import command
    from alembic.script import ScriptDirectory

    from arena.store import migrate

    def upgrade(engine: Any) -> None:
        for script in [*ScriptDirectory.from_config(migrate.config()).walk_revisions()][::-1]:
            with engine.execution_options(arena_write=True).begin() as connection:
                command.upgrade(migrate.config(connection), script.revision)

    migrate.upgrade = upgrade


PLANTED: dict[str, Callable[[], None]] = {
    "export": _exported_in_place,
    "import": _imported_by_halves,
    "migration": _upgraded_step_by_step,
    "run": _acknowledged_before_it_is_stored,
    "run, fired again": _unknown_is_fired_again,
    "run, kept back": _outcomes_are_kept_back,
    "vote": _voted_before_it_is_stored,
}
"""By the kind of kill that must find it, and a word where there are several."""
