"""What pairs are drawn from, and what is known of who takes part: kept fresh behind the voters' backs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import streamlit as st

from arena.battles.ballots import Ballots
from arena.battles.house import House
from arena.battles.pairing import Outlook
from arena.battles.screening import Screen
from arena.reports.leaderboard import Board, errors_in_logits, leaderboard
from arena.settings import Settings
from arena.store import contenders, entries
from arena.store.blobs import BlobStore
from dashboards import data
from dashboards.fresh import Fresh

if TYPE_CHECKING:
    from arena.battles.pool import Pool
    from arena.reports.leaderboard import Leaderboard
    from arena.store.engine import Database

POOL_S, OUTLOOK_S = 30, 20
SCREENED_AT_ONCE = 24
"""New images that are looked at whenever the pool may have changed; `arena images screen` takes them all."""


@dataclass(frozen=True, slots=True)
class _Edition:
    """A pool, and what it is the pool of."""

    name: str
    pool: Pool
    screened: bool


class Supply:
    """The pool of simulated or of real images, and the outlook for it. Safe to use from several threads."""

    def __init__(self, database: Database, settings: Settings, *, simulated: bool) -> None:
        self._database, self._simulated = database, simulated
        self.ballots = Ballots(database, House.of(settings))
        self._screen = Screen(database, BlobStore(settings.images_dir))
        self._pool = Fresh(self._next_pool, POOL_S)
        self._outlook = Fresh(self._next_outlook, OUTLOOK_S)

    def pool(self) -> Pool:
        """What can be drawn, about half a minute old."""
        return self._pool.get().pool

    def outlook(self) -> Outlook:
        """What is known of the pool's contenders, in its order."""
        return self._outlook.get()

    def _next_pool(self, last: _Edition | None) -> _Edition:
        """The same one while nothing has changed: reading half a million images takes seconds."""
        if last is not None and last.screened and last.name == self._edition():
            return last
        screened = not self._screen.run(SCREENED_AT_ONCE).looked_at
        name = self._edition()
        if last is not None and last.name == name:
            return _Edition(name, last.pool, screened)
        return _Edition(name, self.ballots.pool(simulated=self._simulated), screened)

    def _edition(self) -> str:
        with self._database.read() as connection:
            return entries.edition(connection)

    def _next_outlook(self, _last: Outlook | None) -> Outlook:
        pool = self.pool()
        with self._database.read() as connection:
            board = leaderboard(connection, Board(simulated=self._simulated))
            names = {c.id: c.endpoint_id for c in contenders.contenders(connection)}
        return outlook_of(board, [names[i] for i in pool.contenders])


def supply(*, simulated: bool) -> Supply:
    """The one supply of its kind over the database in use."""
    return _supply(data.source(), simulated)


@st.cache_resource(max_entries=4, show_spinner=False)
def _supply(source: str, simulated: bool) -> Supply:
    return Supply(data.database(), Settings(), simulated=simulated)


def outlook_of(board: Leaderboard, names: list[str]) -> Outlook:
    """A board's skills and errors in another order of its entrants."""
    found = Outlook.blank(len(names))
    place = {name: i for i, name in enumerate(board.columns.contenders)}
    here = [i for i, name in enumerate(names) if name in place]
    there = [place[names[i]] for i in here]
    found.votes[here], found.theta[here] = board.columns.played()[there], board.fitted.theta[there]
    found.errors[np.ix_(here, here)] = errors_in_logits(board)[np.ix_(there, there)]
    return found
