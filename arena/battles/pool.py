"""Everything that can be drawn, and what of it is left for one voter."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from arena.domain.battle import Cell, Entry
    from arena.store.battles import Seen


@dataclass(frozen=True, slots=True)
class Pool:
    """Images by cell and contender. `contenders` are the ids that have any, in ascending order.

    `present[c, i]` says that cell `cell_keys[c]` holds images of contender `contenders[i]`.
    """

    cells: Mapping[str, Cell]
    cell_keys: tuple[str, ...]
    contenders: tuple[int, ...]
    entries: Mapping[tuple[str, int], tuple[Entry, ...]]
    present: NDArray[np.bool_]
    places: Mapping[str, tuple[tuple[str, int], ...]]
    """Cell and contender of every image, by its hash; the same bytes may have come more than once."""

    @classmethod
    def of(cls, cells: Mapping[str, Cell], entries: Sequence[Entry]) -> Pool:
        """From what the database holds; cells in which nobody can meet are left out."""
        grouped: dict[tuple[str, int], list[Entry]] = {}
        for entry in entries:
            grouped.setdefault((entry.cell, entry.contender), []).append(entry)
        ids = tuple(sorted({contender for _, contender in grouped}))
        index = {contender: i for i, contender in enumerate(ids)}
        rows: dict[str, NDArray[np.bool_]] = {key: np.zeros(len(ids), dtype=bool) for key in cells}
        for key, contender in grouped:
            rows[key][index[contender]] = True
        keys = tuple(key for key, row in rows.items() if row.sum() > 1)
        present = np.array([rows[key] for key in keys], dtype=bool).reshape(len(keys), len(ids))
        places: dict[str, tuple[tuple[str, int], ...]] = {}
        for where, held in grouped.items():
            for entry in held:
                places[entry.sha256 or ""] = (*places.get(entry.sha256 or "", ()), where)
        return cls(dict(cells), keys, ids, {k: tuple(v) for k, v in grouped.items()}, present, places)

    def restricted(self, cells: Sequence[str]) -> Pool:
        """Only these cells, such as those of one mode or category."""
        wanted = set(cells)
        kept = [c for c, key in enumerate(self.cell_keys) if key in wanted]
        keys = tuple(self.cell_keys[c] for c in kept)
        return Pool(self.cells, keys, self.contenders, self.entries, self.present[kept], self.places)

    def fresh(self, cell: str, contender: int, seen: Seen) -> tuple[Entry, ...]:
        """Images of a contender in a cell whose maker this voter was not told."""
        found = self.entries.get((cell, contender), ())
        return tuple(e for e in found if e.sha256 not in seen.revealed) if seen.revealed else found

    def meetings(self, seen: Seen) -> NDArray[np.bool_]:
        """Which contenders can meet in which cell for this voter, shape (cells, n, n), upper triangle only."""
        n = len(self.contenders)
        present = self.present.copy()
        index = {contender: i for i, contender in enumerate(self.contenders)}
        place = {key: c for c, key in enumerate(self.cell_keys)}
        for key, contender in {where for sha256 in seen.revealed for where in self.places.get(sha256, ())}:
            if key in place:
                present[place[key], index[contender]] = bool(self.fresh(key, contender, seen))
        meeting = present[:, :, None] & present[:, None, :] & np.triu(np.ones((n, n), dtype=bool), 1)
        for key, low, high in seen.pairs:
            if key in place and low in index and high in index:
                meeting[place[key], index[low], index[high]] = False
        return np.asarray(meeting)
