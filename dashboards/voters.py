"""Who votes: an account where there is one, otherwise a browser under a pseudonym; and from which network."""

from __future__ import annotations

import hmac
import ipaddress
import secrets
import threading
import time
from collections import OrderedDict, deque

import streamlit as st

from arena.errors import BallotError
from arena.keys import secret_key
from arena.settings import Settings
from arena.store import battles
from dashboards import data, logins, passes
from dashboards.supply import supply

HOUR_S, MOST_NETWORKS = 3600.0, 10_000


class Joining:
    """How many voters have joined from each network within the hour; remembers a bounded number of networks."""

    def __init__(self, most: int) -> None:
        self._most, self._lock = most, threading.Lock()
        self._times: OrderedDict[str, deque[float]] = OrderedDict()

    def allow(self, network: str | None, now_s: float) -> bool:
        """Count one more, unless there are too many. Where no network is known, nothing can be counted."""
        if network is None:
            return True
        with self._lock:
            times = self._times.setdefault(network, deque())
            self._times.move_to_end(network)
            if len(self._times) > MOST_NETWORKS:
                self._times.popitem(last=False)
            while times and times[0] <= now_s - HOUR_S:
                times.popleft()
            if len(times) >= self._most:
                return False
            times.append(now_s)
            return True


def voter() -> str:
    """The voter of this session, made known at the first pair. BallotError if too many join from one network."""
    if "voter" not in st.session_state:
        name = (
            _account() or passes.holder(_key(), str(st.context.cookies.get(passes.COOKIE, ""))) or secrets.token_hex(16)
        )
        with data.database().read() as connection:
            is_new = battles.voter_kind(connection, name) is None
        if is_new and not _joining(data.source()).allow(network(), time.monotonic()):
            raise BallotError("too many new voters have come from this network; try again in an hour")
        supply(simulated=False).ballots.register(name)
        st.session_state["voter"] = name
    return str(st.session_state["voter"])


def network() -> str | None:
    """A salted hash of the voter's network prefix (/24, /48), never the address; None where it is not known."""
    try:
        address = ipaddress.ip_address(st.context.ip_address or "")
    except ValueError:
        return None
    prefix = ipaddress.ip_network(f"{address}/{24 if address.version == 4 else 48}", strict=False)
    key = _network_key(data.source())
    return hmac.new(key, str(prefix).encode(), "sha256").hexdigest()[:32]


def _account() -> str | None:
    if not logins.logged_in():
        return None
    issuer, subject = (str(st.user.get(name) or "") for name in ("iss", "sub"))
    return passes.of_account(_key(), issuer, subject) if subject else None


def _key() -> bytes:
    return _pass_key(data.source())


@st.cache_resource(max_entries=1, show_spinner=False)
def _pass_key(source: str) -> bytes:
    return passes.key(Settings())


@st.cache_resource(max_entries=1, show_spinner=False)
def _network_key(source: str) -> bytes:
    """The key of those hashes; kept beside the database so that a cap outlives a restart."""
    return secret_key(Settings().data_dir / "network.key")


@st.cache_resource(max_entries=1, show_spinner=False)
def _joining(source: str) -> Joining:
    return Joining(Settings().new_voters_per_network_and_hour)
