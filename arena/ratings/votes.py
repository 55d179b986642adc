"""Votes as columns of integers: what every fit starts from."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray


class Result(IntEnum):
    """What a vote says of the pair; `both bad` and `both good` are ties here, and are stored as what they are."""

    LEFT = 0
    RIGHT = 1
    TIE = 2


@dataclass(frozen=True, slots=True)
class Votes:
    """Columns of equal length m. `left`, `right` index `contenders`; `prompt` and `voter` are any integers from 0 on.

    `weight` counts a vote as a fraction of one (None: every vote counts as one).
    """

    contenders: tuple[str, ...]
    left: NDArray[np.int64]
    right: NDArray[np.int64]
    result: NDArray[np.int64]
    prompt: NDArray[np.int64]
    voter: NDArray[np.int64]
    weight: NDArray[np.float64] | None = None

    def __len__(self) -> int:
        return int(self.left.size)

    @property
    def weights(self) -> NDArray[np.float64]:
        """The weight of each vote, shape (m,)."""
        return np.ones(len(self)) if self.weight is None else self.weight

    def counts(self) -> NDArray[np.float64]:
        """Weighted votes by left contender, right contender and result, shape (n, n, 3)."""
        n = len(self.contenders)
        cell = (self.left * n + self.right) * 3 + self.result
        return np.bincount(cell, weights=self.weight, minlength=3 * n * n).astype(float).reshape(n, n, 3)

    def played(self) -> NDArray[np.float64]:
        """Weighted votes that each contender took part in, shape (n,)."""
        n = len(self.contenders)
        return np.asarray(
            np.bincount(self.left, self.weight, n) + np.bincount(self.right, self.weight, n), dtype=np.float64
        )

    def cast(self) -> NDArray[np.int64]:
        """How many votes each contender took part in, whatever they weigh, shape (n,)."""
        n = len(self.contenders)
        return np.asarray(np.bincount(self.left, minlength=n) + np.bincount(self.right, minlength=n), dtype=np.int64)

    def gained(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Weighted wins and ties of each contender, each of shape (n,)."""
        counts = self.counts()
        return (
            counts[:, :, Result.LEFT].sum(1) + counts[:, :, Result.RIGHT].sum(0),
            counts[:, :, Result.TIE].sum(1) + counts[:, :, Result.TIE].sum(0),
        )

    def among(self, chosen: NDArray[np.bool_]) -> Votes:
        """Only the chosen contenders, renumbered in their order, and the votes between them."""
        if chosen.all():
            return self
        number = np.cumsum(chosen) - 1
        kept = self.where(chosen[self.left] & chosen[self.right])
        names = tuple(name for name, stays in zip(self.contenders, chosen, strict=True) if stays)
        return Votes(names, number[kept.left], number[kept.right], kept.result, kept.prompt, kept.voter, kept.weight)

    def where(self, chosen: NDArray[np.bool_]) -> Votes:
        """Only these votes; the contenders stay, so that their indices mean the same."""
        weight = None if self.weight is None else self.weight[chosen]
        left, right, result = self.left[chosen], self.right[chosen], self.result[chosen]
        return Votes(self.contenders, left, right, result, self.prompt[chosen], self.voter[chosen], weight)

    @classmethod
    def of(
        cls,
        rows: Sequence[tuple[str, str, Result, str, str]],
        contenders: Sequence[str] | None = None,
    ) -> Votes:
        """From rows of left, right, result, prompt and voter; contenders are sorted by name unless they are given."""
        names = sorted({n for row in rows for n in row[:2]}) if contenders is None else list(contenders)
        index = {name: i for i, name in enumerate(names)}
        prompts = {p: i for i, p in enumerate(dict.fromkeys(row[3] for row in rows))}
        voters = {v: i for i, v in enumerate(dict.fromkeys(row[4] for row in rows))}
        numbers = [(index[a], index[b], int(r), prompts[p], voters[v]) for a, b, r, p, v in rows]
        left, right, result, prompt, voter = np.array(numbers, dtype=np.int64).reshape(-1, 5).T
        return cls(tuple(names), left, right, result, prompt, voter)
