"""Images that are kept out of battles: whose, for which prompts, why, and who said so."""

from __future__ import annotations

from typing import TYPE_CHECKING

from arena.domain.check import Ruler
from arena.store import rulings, screening

if TYPE_CHECKING:
    from typing import Any

    from arena.store.engine import Connection


def kept_out(connection: Connection) -> list[dict[str, Any]]:
    """One row an image and endpoint, by reason."""
    said = rulings.rulings_on_images(connection)
    rows: dict[tuple[str, str], dict[str, Any]] = {}
    for image in screening.delivered(connection, only_kept_out=True):
        ruling = said.get(image.sha256)
        by = Ruler.HOUSE if ruling is None else ruling.by
        empty = {"sha256": image.sha256, "endpoint": image.endpoint_id, "simulated": image.simulated, "prompts": []}
        row = rows.setdefault((image.sha256, image.endpoint_id), {**empty, "reason": image.kept_out, "by": by.value})
        if image.prompt_id not in row["prompts"]:
            row["prompts"].append(image.prompt_id)
    return sorted(rows.values(), key=lambda row: (row["reason"], row["endpoint"], row["sha256"]))
