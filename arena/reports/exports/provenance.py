"""Where the rows of a file come from: said in the file where its format can, in a file beside it where it cannot."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from arena import __version__

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pyarrow as pa

    from arena.store.exchange.columns import Column, Scope

SIDECAR_SUFFIX = ".meta.json"


@dataclass(slots=True)
class Provenance:
    """What is known of the rows before they are written, and, from `seen` on, of those that were."""

    table: str
    schema_version: int
    database_id: str
    scope: Scope
    exported_at: datetime = field(default_factory=lambda: datetime.now(UTC))
    increment_of: str | None = None
    rows: int = 0
    again: int = 0
    simulated: set[bool] = field(default_factory=set)

    def see(self, batch: pa.RecordBatch) -> None:
        """Count what is written."""
        import pyarrow.compute as pc

        self.rows += batch.num_rows
        if "simulated" in batch.schema.names:
            self.simulated |= {v for v in pc.unique(batch["simulated"]).to_pylist() if v is not None}
        if "exported_again" in batch.schema.names:
            self.again += pc.sum(batch["exported_again"]).as_py() or 0

    def as_json(self) -> dict[str, Any]:
        """Everything, as JSON values."""
        filters = str(self.scope)
        changes = self.scope.changes
        said = {
            "table": self.table,
            "schema_version": self.schema_version,
            "version": __version__,
            "database_id": self.database_id,
            "run_id": self.scope.run_id or "",
            "filters": filters,
            "filters_sha256": hashlib.sha256(f"{self.table} {self.schema_version} {filters}".encode()).hexdigest(),
            "exported_at": self.exported_at.isoformat(),
            "rows": self.rows,
            "simulated": {frozenset(): "no rows say", frozenset({True}): "yes", frozenset({False}): "no"}.get(
                frozenset(self.simulated), "mixed: see the column `simulated`"
            ),
        }
        if changes is not None:
            said |= {"since_last": self.increment_of, "since_epoch": changes.since, "until_epoch": changes.until,
                     "rows_exported_again": self.again}  # fmt: skip
        return said

    def as_metadata(self) -> dict[str, str]:
        """The same for a Parquet file: texts under names of ours."""
        return {f"arena.{name}": str(value) for name, value in self.as_json().items()}

    def sidecar(self, columns: Sequence[Column]) -> bytes:
        """The same for a file that has no room for it, with what its columns hold."""
        described = [{"name": c.name, "holds": c.kind.value, "meaning": c.meaning} for c in columns]
        return (json.dumps({**self.as_json(), "columns": described}, indent=2, ensure_ascii=False) + "\n").encode()
