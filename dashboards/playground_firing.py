"""Fires what the Playground asks for: the amount is set aside in the database, then a child of the app does the rest.

The app fires nothing itself: the `arena` command does, with a plan and a budget of exactly what was shown. What comes
back is read from the store like the results of any run.
"""

from __future__ import annotations

import logging
import re
import secrets
import shutil
import subprocess
import tempfile
import threading
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING

import streamlit as st

from arena.errors import ConfigError
from arena.settings import Settings
from arena.store import playground as purse
from arena.store.engine import open_database
from dashboards import data
from dashboards.playground import MOST_CHARACTERS, closed, command, environ_of_child, last_sentence, written

if TYPE_CHECKING:
    from arena.store.engine import Database
    from dashboards.playground import Price, Wish

MOST_AT_ONCE, LOOKS_EVERY_S = 2, 0.2
_RUN = re.compile(r"^run (\d{8}-\d{6}-[a-z0-9]{4})$", re.MULTILINE)


@dataclass(slots=True)
class Firing:
    """A child that was started for a token; `run_id` once it has said it, `complaint` if it ended without one."""

    token: str
    process: subprocess.Popen[bytes]
    directory: Path
    run_id: str | None = None
    complaint: str | None = None
    followed: threading.Event = field(default_factory=threading.Event)
    """Set when the child has ended and what became of it is noted."""


@dataclass(slots=True)
class Children:
    """Every child that this process has started."""

    lock: threading.Lock = field(default_factory=threading.Lock)
    firings: dict[str, Firing] = field(default_factory=dict)

    def running(self) -> int:
        """How many have not ended."""
        return sum(firing.process.poll() is None for firing in self.firings.values())


def new_token() -> str:
    """Stands for one intent to fire: whatever is clicked how often, it fires once."""
    return secrets.token_hex(16)


def left_today_usd() -> Decimal:
    """What of the day's money has not been set aside."""
    limit = Settings().playground_usd_per_day or Decimal(0)
    if not data.available():
        return limit
    with data.database().read() as connection:
        return max(Decimal(0), limit - purse.reserved_usd(connection, datetime.now(UTC)))


def fire(token: str, wish: Wish, cost: Price) -> None:
    """Set the amount aside and start the child; a token that was used does nothing.

    BudgetError if the day's money does not pay for it, ConfigError where something must be changed first.
    """
    settings, text = Settings(), wish.text.strip()
    if closed() is not None or settings.playground_usd_per_day is None:
        raise ConfigError("the playground is closed; reload this page")
    if not text or len(text) > MOST_CHARACTERS:
        raise ConfigError(f"write a prompt of 1 to {MOST_CHARACTERS} characters")
    settings.require_writable()
    if not data.available():
        open_database(settings, create=True).close()
    held = children()
    with held.lock:
        if token in held.firings:
            return
        if held.running() >= MOST_AT_ONCE:
            raise ConfigError(f"{MOST_AT_ONCE} prompts are being fired by others; try again in a moment")
        now = datetime.now(UTC)
        with data.database().write() as connection:
            if not purse.reserve(connection, token, cost.charged_usd, settings.playground_usd_per_day, now):
                return
        try:
            firing = held.firings[token] = _started(token, wish, cost.budget_usd)
        except OSError as error:
            with data.database().write() as connection:
                purse.release(connection, token, datetime.now(UTC))
            raise ConfigError(f"the `arena` command could not be started: {error.strerror}") from error
    threading.Thread(target=_follow, args=(firing, data.database()), name="arena-playground", daemon=True).start()


def _started(token: str, wish: Wish, budget_usd: Decimal) -> Firing:
    directory = Path(tempfile.mkdtemp(prefix="arena-playground-"))
    try:
        plan = written(wish, directory)
        arguments = [*command(), "run", str(plan), "--yes", "--json", "--budget", f"{budget_usd:f}"]
        with (directory / "said").open("wb") as said:
            process = subprocess.Popen(  # noqa: S603 - our own command, a file of ours
                arguments, env=environ_of_child(), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=said,
                start_new_session=True,
            )  # fmt: skip
    except OSError:
        shutil.rmtree(directory, ignore_errors=True)
        raise
    return Firing(token, process, directory)


def look(token: str) -> Firing | None:
    """How a child is doing; None if this process started none for the token."""
    return children().firings.get(token)


def _follow(firing: Firing, database: Database) -> None:
    """Until a child ends, whether or not a page looks on: which run it makes, or why it makes none."""
    try:
        while firing.process.poll() is None:
            _note_run(firing, database)
            time.sleep(LOOKS_EVERY_S)
        _note_run(firing, database)
        if firing.run_id is None:
            with database.write() as connection:
                purse.release(connection, firing.token, datetime.now(UTC))
            firing.complaint = last_sentence(_said(firing))
    except Exception:
        logging.getLogger(__name__).exception("what became of a prompt could not be noted")
        if firing.run_id is None:
            firing.complaint = "what became of this prompt could not be noted; the log of the app says why"
    finally:
        firing.process.wait()
        shutil.rmtree(firing.directory, ignore_errors=True)
        firing.followed.set()


def _note_run(firing: Firing, database: Database) -> None:
    if firing.run_id is None and (found := _RUN.search(_said(firing))) is not None:
        firing.run_id = found[1]
        with database.write() as connection:
            purse.attach(connection, firing.token, firing.run_id)


@st.cache_resource(max_entries=1, show_spinner=False)
def children() -> Children:
    """The children of this process."""
    return Children()


def _said(firing: Firing) -> str:
    path = firing.directory / "said"
    return path.read_text(errors="replace") if path.exists() else ""
