"""What the Vote page does: which pair, which bytes, and what comes after the vote.

Everything that a browser gets before the vote goes through `Showing`: the prompt, its input images, and two files of
one size that mean nothing. Names, prices and times are read only after the vote was stored.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import streamlit as st

from arena.battles.ballots import image_name
from arena.battles.renditions import Gallery, common_length, salted
from arena.battles.spoiling import spoilt
from arena.catalog import Catalog
from arena.domain.battle import Purpose
from arena.errors import ArenaError, StoreError
from arena.reports.personal import personal
from arena.settings import Settings
from arena.store import battles
from arena.store.blobs import BlobStore
from dashboards import data
from dashboards.supply import supply
from dashboards.voters import network, voter

if TYPE_CHECKING:
    from pathlib import Path

    from arena.battles.ballots import Ballots, Receipt
    from arena.domain.battle import Battle, Verdict
    from arena.reports.personal import Personal

MOST_UNFIT = 20
"""Pairs that are passed over, one after the other, because an image shows nothing."""
LOADED_FOR_S = 600.0
"""A pair that was loaded longer ago is let go of: its ballot would expire under the voter's eyes."""


@dataclass(slots=True)
class Showing:
    """A pair for the screen. `name` says nothing; `seen_s` is when the browser had painted it (monotonic)."""

    token: str = field(repr=False)
    name: str
    prompt: str
    left: bytes = field(repr=False)
    right: bytes = field(repr=False)
    sources: tuple[str, ...]
    originals: frozenset[str] = field(repr=False)
    loaded_s: float
    seen_s: float | None = None

    @property
    def is_current(self) -> bool:
        """Whether there is time left to look at it and vote."""
        return time.monotonic() - self.loaded_s < LOADED_FOR_S


@dataclass(frozen=True, slots=True)
class Revealed:
    """What may be told of an image once it was voted on."""

    endpoint: str
    cost_usd: float | None
    time_to_image_ms: float | None


def simulated_only() -> bool:
    """Whether only simulated images can meet yet."""
    return not has_pairs(simulated=False)


def has_pairs(*, simulated: bool) -> bool:
    """Whether any two images can meet."""
    return bool(supply(simulated=simulated).pool().cell_keys)


def load(*, simulated: bool, after: Showing | None = None) -> Showing | None:
    """The next pair for this voter, stored and ready to be shown; None when nothing is left.

    `after` is the pair that is being looked at: its images are told by the time the next one is shown.
    """
    source = supply(simulated=simulated)
    besides = frozenset() if after is None else after.originals
    for _ in range(MOST_UNFIT):
        ballot = source.ballots.open(voter(), source.pool(), source.outlook(), shown=False, besides=besides)
        if ballot is None:
            return None
        battle = source.ballots.battle(ballot.token)
        prompt = _prompt(data.source(), ballot.cell.prompt_id, ballot.cell.prompt_sha256)
        files = _files(battle) if _sources_are_here(prompt.sources) else None
        if files is None:
            continue
        originals = frozenset(s for s in (battle.left.sha256, battle.right.sha256) if s)
        return Showing(
            ballot.token, image_name(battle, "pair"), prompt.text, *files, prompt.sources, originals, time.monotonic()
        )
    return None


def painted(showing: Showing) -> None:
    """Both images are on the voter's screen: the least dwell counts from here."""
    if showing.seen_s is None:
        _ballots().show(showing.token, voter())
        showing.seen_s = time.monotonic()


def cast(showing: Showing, verdict: Verdict) -> Receipt:
    """Store a vote; BallotError, in a sentence for the voter, if it cannot be counted."""
    dwell_ms = 0 if showing.seen_s is None else int((time.monotonic() - showing.seen_s) * 1000)
    return _ballots().cast(showing.token, voter(), verdict, dwell_ms, network())


def undo(showing: Showing) -> bool:
    """Take one's last vote back."""
    return _ballots().undo(showing.token, voter())


def own_board(*, simulated: bool) -> Personal:
    """What this voter preferred so far."""
    with data.database().read() as connection:
        return personal(connection, voter(), simulated=simulated)


def revealed(receipt: Receipt) -> tuple[Revealed, Revealed]:
    """Who made the left and the right image, what it cost and how long it took."""
    sides = ((receipt.left, receipt.battle.left), (receipt.right, receipt.battle.right))
    with data.database().read() as connection:
        told = [(c.endpoint_id, *battles.cost_and_time(connection, e.attempt_id)) for c, e in sides]
    left, right = (Revealed(*values) for values in told)
    return left, right


def renditions_dir(settings: Settings) -> Path:
    """Where the blind renditions are; they can be made again at any time."""
    return settings.data_dir / "renditions"


@st.cache_resource(ttl=600, max_entries=50, show_spinner=False)
def source_image(name: str) -> bytes:
    """An input image of an edit."""
    return Catalog(Settings().config_dir).source_path(name).read_bytes()


def _sources_are_here(names: tuple[str, ...]) -> bool:
    """Whether every input image can be shown: an edit cannot be judged without what was edited."""
    try:
        for name in names:
            source_image(name)
    except (ArenaError, OSError):
        return False
    return True


def _ballots() -> Ballots:
    return supply(simulated=False).ballots


def _files(battle: Battle) -> tuple[bytes, bytes] | None:
    """Both images as this battle shows them, or None if one of them is unfit."""
    settings = Settings()
    gallery = Gallery(data.database(), BlobStore(settings.images_dir), BlobStore(renditions_dir(settings)))
    pair = []
    for entry in (battle.left, battle.right):
        try:
            pair.append(None if entry.sha256 is None else gallery.shown(entry.sha256))
        except StoreError:
            return None
    left, right = pair
    if battle.purpose is Purpose.GOLD:  # a side without an image of its own is the other one, spoilt
        if battle.left.sha256 is None and right is not None:
            left = spoilt(right)
        if battle.right.sha256 is None and left is not None:
            right = spoilt(left)
    if left is None or right is None:
        return None
    length = common_length(left, right)
    return salted(left, battle.salt, "left", length), salted(right, battle.salt, "right", length)


@st.cache_data(ttl=600, max_entries=500, show_spinner=False)
def _prompt(source: str, prompt_id: str, sha256: str) -> battles.ShownPrompt:
    with data.database().read() as connection:
        return battles.prompt_shown(connection, prompt_id, sha256)
