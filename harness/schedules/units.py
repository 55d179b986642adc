"""Ready texts for whoever calls `arena schedule run-due`: systemd, cron, a CI service."""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

KINDS = ("systemd", "serve", "cron", "ci")


@dataclass(frozen=True, slots=True)
class Place:
    """Where the command is called: the program, its directory, and the settings that are not secret."""

    program: Path
    directory: Path
    settings: Mapping[str, str]
    schedules: Sequence[str] = ()
    keys: Sequence[str] = ()
    """Names of the environment variables that hold the keys of the plans."""
    user: str | None = None

    def command(self, *words: str) -> str:
        """A command line."""
        return shlex.join([str(self.program), "schedule", *words, *self.schedules])


def systemd(place: Place, every_min: int) -> str:
    """A oneshot service and its timer."""
    return (
        "# /etc/systemd/system/arena-schedule.service\n"
        "[Unit]\nDescription=Arena: run what is due\nAfter=network-online.target\nWants=network-online.target\n\n"
        "[Service]\nType=oneshot\n" + _service(place) + f"ExecStart={_escaped(place.command('run-due'))}\n"
        "# A run is interrupted by SIGTERM and waits for what is in flight.\nTimeoutStopSec=15min\n\n"
        "# /etc/systemd/system/arena-schedule.timer\n"
        "[Unit]\nDescription=Arena: look for what is due\n\n"
        f"[Timer]\nOnCalendar=*:0/{every_min}\nAccuracySec=1s\nPersistent=true\n\n"
        "[Install]\nWantedBy=timers.target\n\n"
        "# systemctl enable --now arena-schedule.timer\n"
    )


def serve(place: Place) -> str:
    """A service that is there all the time, instead of the timer."""
    return (
        "# /etc/systemd/system/arena-scheduler.service\n"
        "[Unit]\nDescription=Arena: the scheduler\nAfter=network-online.target\nWants=network-online.target\n\n"
        "[Service]\nType=exec\n" + _service(place) + f"ExecStart={_escaped(place.command('serve'))}\n"
        "# 2: something to change in what was given; starting again would not help.\n"
        "Restart=on-failure\nRestartSec=30s\nRestartPreventExitStatus=2\nTimeoutStopSec=15min\n\n"
        "[Install]\nWantedBy=multi-user.target\n\n"
        "# systemctl enable --now arena-scheduler.service\n"
    )


def crontab(place: Place, every_min: int) -> str:
    """One line of a crontab; keys come from a file that only its owner reads."""
    settings = "".join(f"{name}={shlex.quote(value)} " for name, value in place.settings.items())
    keys = "{ set -a; test ! -f arena.env || . ./arena.env; }"
    command = f"cd {shlex.quote(str(place.directory))} && {keys} && {settings}{place.command('run-due')}"
    minutes = "*" if every_min == 1 else f"*/{every_min}"
    return f"{minutes} * * * * {command.replace('%', chr(92) + '%')} 2>> arena-schedule.log\n"


def ci(place: Place, every_min: int) -> str:
    """A GitHub Actions workflow. Its machines keep nothing, so the rows are in PostgreSQL, and images are not kept."""
    names = " ".join(shlex.quote(s) for s in place.schedules)
    return (
        "# .github/workflows/arena-schedule.yml\n"
        "name: arena schedule\n"
        "on:\n"
        "  schedule:\n"
        f'    - cron: "*/{every_min} * * * *"   # often late, and by minutes: that is what `grace_s` is for\n'
        "  workflow_dispatch:\n"
        "concurrency: { group: arena-schedule, cancel-in-progress: false }\n"
        "permissions: { contents: read }\n"
        "jobs:\n"
        "  run-due:\n"
        "    runs-on: ubuntu-latest\n"
        "    timeout-minutes: 350\n"
        "    env:\n"
        "      ARENA_DATABASE_URL: ${{ secrets.ARENA_DATABASE_URL }}\n"
        "      ARENA_CONFIG_DIR: config\n"
        + "".join(f"      {key}: ${{{{ secrets.{key} }}}}\n" for key in place.keys)
        + "    steps:\n"
        "      - uses: actions/checkout@v4\n"
        "      - uses: actions/setup-python@v5\n"
        '        with: { python-version: "3.12" }\n'
        "      - run: pip install 'provider-arena[postgres]'\n"
        f"      - run: {f'arena schedule run-due {names}'.rstrip()}\n"
    )


def _service(place: Place) -> str:
    lines = [f"User={place.user}"] if place.user else []
    lines += [f"WorkingDirectory={_escaped(str(place.directory))}"]
    lines += [f'Environment="{name}={_escaped(value)}"' for name, value in place.settings.items()]
    lines += [
        f"# Keys, one NAME=value a line, readable by its owner alone: {', '.join(place.keys) or 'none is needed'}"
    ]
    # The minus: it may be missing.
    return "\n".join([*lines, f"EnvironmentFile=-{_escaped(str(place.directory / 'arena.env'))}", ""])


def _escaped(text: str) -> str:
    """systemd reads % as the beginning of a specifier."""
    return text.replace("%", "%%")
