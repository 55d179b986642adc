"""What the Vote page does: whose turn it is, which pair, which bytes, and what comes after the vote.

Everything that a browser gets before the vote goes through `Showing`: the prompt and two files of one size that mean
nothing. Names, prices and times are read only after the vote was stored.
"""

from __future__ import annotations

import hashlib
import hmac
import ipaddress
import secrets
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
import streamlit as st

from arena.battles.ballots import Ballots, Receipt
from arena.battles.house import House
from arena.battles.pairing import Outlook
from arena.battles.renditions import Gallery, common_length, salted
from arena.battles.screening import Screen
from arena.battles.spoiling import spoilt
from arena.domain.battle import Purpose
from arena.errors import StoreError
from arena.reports.leaderboard import Board, errors_in_logits, leaderboard
from arena.settings import Settings
from arena.store import battles, contenders
from arena.store.blobs import BlobStore
from dashboards import data

if TYPE_CHECKING:
    from pathlib import Path

    from arena.battles.pool import Pool
    from arena.domain.battle import Battle, Verdict
    from arena.reports.leaderboard import Leaderboard

POOL_S, OUTLOOK_S = 30, 20
SCREENED_AT_ONCE = 24
"""New images that are looked at whenever the pool is read anew; `arena images screen` takes them all."""
MOST_UNFIT = 20
"""Pairs that are passed over, one after the other, because an image shows nothing."""


@dataclass(frozen=True, slots=True)
class Showing:
    """A pair on the screen, and the moment from which it could be seen."""

    token: str = field(repr=False)
    prompt: str
    left: bytes = field(repr=False)
    right: bytes = field(repr=False)
    sources: tuple[str, ...]
    since_s: float


@dataclass(frozen=True, slots=True)
class Revealed:
    """What may be told of an image once it was voted on."""

    endpoint: str
    cost_usd: float | None
    time_to_image_ms: float | None


def simulated_only() -> bool:
    """Whether only simulated images can meet yet."""
    return not len(pool(simulated=False).cell_keys)


def pool(*, simulated: bool) -> Pool:
    """What can be drawn, at most half a minute old."""
    return _pool(data.source(), simulated, int(time.time() / POOL_S))


def voter() -> str:
    """A pseudonym that stays with a browser session, or with an account where there is one; registered."""
    if "voter" not in st.session_state:
        known = st.user.get("sub") if getattr(st.user, "is_logged_in", False) else None
        name = hashlib.sha256(f"account/{known}".encode()).hexdigest()[:32] if known else secrets.token_hex(16)
        _ballots(data.source()).register(name)
        st.session_state["voter"] = name
    return str(st.session_state["voter"])


def draw(*, simulated: bool) -> Showing | None:
    """The next pair for this voter, stored and on the screen from now on; None when nothing is left to be shown."""
    ballots, available = _ballots(data.source()), pool(simulated=simulated)
    for _ in range(MOST_UNFIT):
        known = _outlook(data.source(), simulated, int(time.time() / OUTLOOK_S))
        ballot = ballots.open(voter(), available, known, shown=False)
        if ballot is None:
            return None
        files = _files(ballots.battle(ballot.token))
        if files is None:
            continue
        ballots.show(ballot.token, voter())
        prompt = _prompt(data.source(), ballot.cell.prompt_id, ballot.cell.prompt_sha256)
        return Showing(ballot.token, prompt.text, *files, prompt.sources, since_s=time.monotonic())
    return None


def cast(showing: Showing, verdict: Verdict) -> Receipt:
    """Store a vote; BallotError, in a sentence for the voter, if it cannot be counted."""
    dwell_ms = int((time.monotonic() - showing.since_s) * 1000)
    return _ballots(data.source()).cast(showing.token, voter(), verdict, dwell_ms, _network())


def undo(showing: Showing) -> bool:
    """Take one's last vote back."""
    return _ballots(data.source()).undo(showing.token, voter())


def revealed(receipt: Receipt) -> tuple[Revealed, Revealed]:
    """Who made the left and the right image, what it cost and how long it took."""
    sides = ((receipt.left, receipt.battle.left), (receipt.right, receipt.battle.right))
    with data.database().read() as connection:
        told = [(c.endpoint_id, *battles.cost_and_time(connection, e.attempt_id)) for c, e in sides]
    left, right = (Revealed(*values) for values in told)
    return left, right


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


def renditions_dir(settings: Settings) -> Path:
    """Where the blind renditions are; they can be made again at any time."""
    return settings.data_dir / "renditions"


def _network() -> str | None:
    """A salted hash of the voter's network prefix (/24, /48), never the address; None where it is not known."""
    try:
        address = ipaddress.ip_address(st.context.ip_address or "")
    except ValueError:
        return None
    prefix = ipaddress.ip_network(f"{address}/{24 if address.version == 4 else 48}", strict=False)
    return hmac.new(_network_key(data.source()), str(prefix).encode(), "sha256").hexdigest()[:32]


@st.cache_resource(max_entries=1, show_spinner=False)
def _network_key(source: str) -> bytes:
    """The key of those hashes; kept beside the database so that a cap outlives a restart, and readable by its owner."""
    path = Settings().data_dir / "network.key"
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch(mode=0o600)
        path.write_bytes(secrets.token_bytes(32))
    return path.read_bytes()


@st.cache_resource(max_entries=1, show_spinner=False)
def _ballots(source: str) -> Ballots:
    return Ballots(data.database(), House.of(Settings()))


@st.cache_resource(ttl=2 * POOL_S, max_entries=4, show_spinner=False)
def _pool(source: str, simulated: bool, moment: int) -> Pool:
    Screen(data.database(), BlobStore(Settings().images_dir)).run(SCREENED_AT_ONCE)
    return _ballots(source).pool(simulated=simulated)


@st.cache_resource(ttl=2 * OUTLOOK_S, max_entries=4, show_spinner=False)
def _outlook(source: str, simulated: bool, moment: int) -> Outlook:
    """What is known of the pool's contenders, in its order."""
    available = pool(simulated=simulated)
    with data.database().read() as connection:
        board = leaderboard(connection, Board(simulated=simulated))
        names = {c.id: c.endpoint_id for c in contenders.contenders(connection)}
    return outlook_of(board, [names[i] for i in available.contenders])


def outlook_of(board: Leaderboard, names: list[str]) -> Outlook:
    """A board's skills and errors in another order of its entrants."""
    found = Outlook.blank(len(names))
    place = {name: i for i, name in enumerate(board.columns.contenders)}
    here = [i for i, name in enumerate(names) if name in place]
    there = [place[names[i]] for i in here]
    found.votes[here], found.theta[here] = board.columns.played()[there], board.fitted.theta[there]
    found.errors[np.ix_(here, here)] = errors_in_logits(board)[np.ix_(there, there)]
    return found


@st.cache_data(ttl=600, max_entries=500, show_spinner=False)
def _prompt(source: str, prompt_id: str, sha256: str) -> battles.ShownPrompt:
    with data.database().read() as connection:
        return battles.prompt_shown(connection, prompt_id, sha256)
