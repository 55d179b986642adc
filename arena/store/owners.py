"""Who holds a run: a process by its host, its id and its beginning, and whether it is still there."""

from __future__ import annotations

import os
import socket
from pathlib import Path
from typing import TYPE_CHECKING

import psutil

from arena.domain.run import SILENT_AFTER

if TYPE_CHECKING:
    from datetime import datetime


def new_owner() -> str:
    """Names this process on this machine: host, process id, and when the process began (ids are used again)."""
    return f"{socket.gethostname()}:{os.getpid()}:{began(os.getpid())}"


def alive(owner: str | None, heartbeat_at: datetime | None, now: datetime) -> bool:
    """A process on this machine is alive while it exists, even suspended; one elsewhere while it can be heard of."""
    if owner is None or heartbeat_at is None:
        return False
    host, pid, began_at = owner.rsplit(":", 2)
    if host == socket.gethostname():
        return began_at in {began(int(pid)), _began_by_the_clock(int(pid))}
    return now - heartbeat_at <= SILENT_AFTER


def began(pid: int) -> str | None:
    """When a process began; None if there is none with this id.

    On Linux in clock ticks since the machine booted, and which boot that was: a wall clock that is put right meanwhile
    would make another process of it, whose run anybody may take over, and fire again what is in flight.
    """
    try:
        # The second field is the program's name in brackets, which may hold anything; the 22nd is the start.
        ticks = Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split()[19].decode()
        return f"{Path('/proc/sys/kernel/random/boot_id').read_text()[:8]}-{ticks}"
    except (OSError, IndexError):
        return _began_by_the_clock(pid)


def _began_by_the_clock(pid: int) -> str | None:
    """In whole seconds since the epoch: where there is no /proc, and as runs of earlier versions have it."""
    try:
        return str(int(psutil.Process(pid).create_time()))
    except psutil.NoSuchProcess:
        return None
