"""Everything that can be drawn, and what of it is left for one voter."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from arena.domain.battle import Entry

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from numpy.typing import NDArray

    from arena.domain.battle import Cell
    from arena.store.battles import Seen
    from arena.store.entries import Entries


@dataclass(frozen=True, slots=True)
class Pool:
    """Images by cell and contender. `contenders` are the ids that have any, in ascending order.

    `counts[c, i]` images of contender `contenders[i]` are in cell `cell_keys[c]`: the rows of `images` from
    `begins[c, i]` on. There, that cell has the number `numbers[c]`. `by_sha256` sorts the rows by their hashes.
    """

    cells: Mapping[str, Cell]
    cell_keys: tuple[str, ...]
    contenders: tuple[int, ...]
    images: Entries
    numbers: NDArray[np.intp]
    counts: NDArray[np.int64]
    begins: NDArray[np.int64]
    by_sha256: NDArray[np.intp]

    @classmethod
    def of(cls, cells: Sequence[Cell], images: Entries) -> Pool:
        """From what the database holds; cells in which nobody can meet are left out."""
        ids, contender = np.unique(images.contender, return_inverse=True)
        place = images.cell.astype(np.int64) * len(ids) + contender.reshape(-1)
        counts = np.bincount(place, minlength=len(cells) * len(ids)).reshape(len(cells), len(ids))
        begins = (np.cumsum(counts) - counts.ravel()).reshape(counts.shape)
        kept = np.flatnonzero((counts > 0).sum(axis=1) > 1)
        keys = [cell.key for cell in cells]
        images = images.taken(np.argsort(place, kind="stable"))
        return cls(
            dict(zip(keys, cells, strict=True)),
            tuple(keys[c] for c in kept.tolist()),
            tuple(ids.tolist()),
            images,
            kept,
            counts[kept],
            begins[kept],
            np.argsort(images.sha256, kind="stable"),
        )

    def restricted(self, cells: Sequence[str]) -> Pool:
        """Only these cells, such as those of one mode or category."""
        wanted = set(cells)
        kept = [c for c, key in enumerate(self.cell_keys) if key in wanted]
        keys = tuple(self.cell_keys[c] for c in kept)
        columns = {name: getattr(self, name)[kept] for name in ("numbers", "counts", "begins")}
        return replace(self, cell_keys=keys, **columns)

    def holds(self, sha256: str | None) -> bool:
        """Whether an image is here."""
        return bool(self._rows([sha256]).size)

    def named(self, sha256: str) -> list[Entry]:
        """Everywhere that an image came, once for every cell and contender; nothing if it cannot be drawn."""
        rows = self._rows([sha256])
        rows = np.sort(rows[self._places(rows) >= 0])
        where = np.stack((self.images.cell[rows], self.images.contender[rows]))
        return [self._entry(row) for row in rows[np.unique(where, axis=1, return_index=True)[1]].tolist()]

    def pick(self, cell: str, contender: int, seen: Seen, rng: np.random.Generator) -> Entry:
        """Any image of a contender in a cell whose maker this voter was not told; ValueError if there is none."""
        c, i = self.cell_keys.index(cell), self.contenders.index(contender)
        group = np.arange(self.begins[c, i], self.begins[c, i] + self.counts[c, i])
        left = np.setdiff1d(group, self._rows(seen.revealed), assume_unique=True)
        return self._entry(int(left[int(rng.integers(len(left)))]))

    def pick_any(self, seen: Seen, without: Iterable[str], rng: np.random.Generator) -> tuple[Entry, int] | None:
        """Any image outside some cells whose maker this voter was not told, and of how many; None if there is none."""
        barred = set(without)
        free = np.isin(
            self.images.cell, [n for n, k in zip(self.numbers, self.cell_keys, strict=True) if k not in barred]
        )
        free[self._rows(seen.revealed)] = False
        possible = np.flatnonzero(free)
        if not possible.size:
            return None
        return self._entry(int(possible[int(rng.integers(len(possible)))])), len(possible)

    def meetings(self, seen: Seen) -> NDArray[np.bool_]:
        """Which contenders can meet in which cell for this voter, shape (cells, n, n), upper triangle only."""
        n = len(self.contenders)
        index = {contender: i for i, contender in enumerate(self.contenders)}
        place = {key: c for c, key in enumerate(self.cell_keys)}
        present = self.counts > self._told(seen)
        meeting = present[:, :, None] & present[:, None, :] & np.triu(np.ones((n, n), dtype=bool), 1)
        for key, low, high in seen.pairs:
            if key in place and low in index and high in index:
                meeting[place[key], index[low], index[high]] = False
        return np.asarray(meeting)

    def _told(self, seen: Seen) -> NDArray[np.int64]:
        """How many images of each cell and contender have makers that this voter was told."""
        told, rows = np.zeros_like(self.counts), self._rows(seen.revealed)
        cell = self._places(rows)
        contender = np.searchsorted(np.array(self.contenders, np.int64), self.images.contender[rows])
        np.add.at(told, (cell[cell >= 0], contender[cell >= 0]), 1)
        return told

    def _rows(self, sha256s: Iterable[str | None]) -> NDArray[np.intp]:
        """The rows of these images; the same bytes may have come more than once."""
        wanted = np.array(sorted({s for s in sha256s if s}), "S64")
        hashes = self.images.sha256
        begin, end = (np.searchsorted(hashes, wanted, side, sorter=self.by_sha256) for side in ("left", "right"))
        found = [self.by_sha256[b:e] for b, e in zip(begin, end, strict=True)]
        return np.concatenate(found) if found else np.zeros(0, np.intp)

    def _places(self, rows: NDArray[np.intp]) -> NDArray[np.intp]:
        """Which of `cell_keys` each row belongs to; -1 for a cell that cannot be drawn from."""
        place = np.full(len(self.cells), -1, np.intp)
        place[self.numbers] = np.arange(len(self.numbers))
        return place[self.images.cell[rows]]

    def _entry(self, row: int) -> Entry:
        return Entry(
            contender=int(self.images.contender[row]),
            attempt_id=int(self.images.attempt_id[row]),
            position=int(self.images.position[row]),
            sha256=self.images.sha256[row].decode(),
            cell=self.cell_keys[int(self._places(np.array([row]))[0])],
        )
