"""The door to storing an export: batches of any table, in the order of the tables."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from arena.store.engine import OF_A_VALUE
from arena.store.exchange.loading import checks, delivered, plans, scores
from arena.store.exchange.loading.attempts import Attempts
from arena.store.exchange.loading.tally import Row, RowError, Tally
from arena.store.exchange.loading.votes import Votes

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import pyarrow as pa
    from sqlalchemy import Connection


@dataclass(slots=True)
class Loader:
    """Stores the rows of an export. `origin` names the database that they come from, as far as that is known."""

    connection: Connection
    origin: str
    tallies: dict[str, Tally] = field(default_factory=dict)
    _attempts: Attempts = field(init=False)
    _votes: Votes = field(init=False)

    def __post_init__(self) -> None:
        self._attempts = Attempts(self.connection, self.origin)
        self._votes = Votes(self.connection)

    def load(self, table: str, batch: pa.RecordBatch) -> None:
        """Store a batch of a table. RowError for a row that cannot be stored; tables of figures are left alone."""
        rows = batch.to_pylist()
        kinds: dict[str, Callable[[Sequence[Row]], Tally]] = {
            "runs": self._plain(plans.load_runs),
            "endpoints": self._plain(plans.load_endpoints),
            "prompts": self._plain(plans.load_prompts),
            "attempts": self._attempts.load_attempts,
            "outcomes": self._attempts.load_outcomes,
            "images": lambda r: delivered.load_images(self._attempts, r),
            "calls": lambda r: delivered.load_calls(self._attempts, r),
            "contenders": self._plain(checks.load_contenders),
            "votes": self._votes.load,
            "gold_pairs": self._plain(checks.load_gold_pairs),
            "rulings": self._plain(checks.load_rulings),
            "kept_out": self._plain(checks.load_kept_out),
            "scores": self._plain(scores.load_scores),
        }
        if table not in kinds or not rows:
            return
        try:
            tally = kinds[table](rows)
        except OF_A_VALUE:
            raise RowError(0, "it, or a row after it, holds a value that the database cannot store") from None
        self.tallies[table] = self.tallies.get(table, Tally()) + tally

    def finish(self) -> None:
        """Write what could only be known at the end."""
        self._attempts.finish()

    def _plain(self, load: Callable[[Connection, Sequence[Row], str], Tally]) -> Callable[[Sequence[Row]], Tally]:
        return lambda rows: load(self.connection, rows, self.origin)
