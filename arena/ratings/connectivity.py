"""Which contenders the votes compare at all, and who has not lost, or not won, yet."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy.sparse.csgraph import connected_components

if TYPE_CHECKING:
    from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Connectivity:
    """`component` labels contenders that are linked by votes, directly or over others; -1 for one without a vote.

    `never_lost` and `never_won` are those who took part and gave up, or gained, not one point: without a prior their
    ratings would be infinite. `separated` says that the contenders fall into groups of which one has won every vote
    against the other, so that without a prior the gap between the groups would be infinite.
    """

    component: NDArray[np.int64]
    never_lost: NDArray[np.bool_]
    never_won: NDArray[np.bool_]
    separated: bool

    @property
    def main(self) -> NDArray[np.bool_]:
        """The contenders of the largest group that votes link; nobody where there is no vote."""
        labels = self.component[self.component >= 0]
        return np.asarray(self.component == (np.bincount(labels).argmax() if labels.size else -2))

    @property
    def components(self) -> int:
        """How many groups there are that no vote links."""
        return int(np.unique(self.component[self.component >= 0]).size)

    @property
    def comparable(self) -> NDArray[np.bool_]:
        """Whether the votes compare two contenders, shape (n, n)."""
        same = self.component[:, None] == self.component[None, :]
        return np.asarray(same & (self.component >= 0)[:, None])


def connectivity(counts: NDArray[np.float64]) -> Connectivity:
    """From counts by left, right and result, shape (n, n, 3); a tie links both ways."""
    gained = counts[:, :, 0] + counts[:, :, 1].T + counts[:, :, 2] + counts[:, :, 2].T
    played = (gained + gained.T).sum(axis=1) > 0
    _, labels = connected_components(gained > 0, directed=True, connection="weak")
    component = np.where(played, labels, -1).astype(np.int64)
    strong_count, strong = connected_components(gained > 0, directed=True, connection="strong")
    separated = (
        any(np.unique(strong[component == c]).size > 1 for c in np.unique(component[component >= 0]))
        and strong_count > 1
    )
    return Connectivity(
        component, played & (gained.sum(axis=0) == 0), played & (gained.sum(axis=1) == 0), bool(separated)
    )
