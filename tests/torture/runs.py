"""A run is killed, checked and resumed: every paid call is accounted for, and none was made twice."""

from __future__ import annotations

import hashlib
import time
from collections import Counter
from typing import TYPE_CHECKING

import sqlalchemy as sa

from arena.domain.outcome import AttemptStatus
from arena.domain.run import RunStatus
from arena.store.blobs import BlobStore
from arena.store.runs import ATTEMPT, PROMPT, RUN, TRIAL
from harness.sim.contender import SimContender
from tests.torture import killing
from tests.torture.killing import Aim, Told
from tests.torture.ledger import simulated
from tests.torture.place import Place, demand

if TYPE_CHECKING:
    import random
    from contextlib import ExitStack
    from pathlib import Path

    from tests.torture.killing import Killed
    from tests.torture.ledger import Marker

SETTLED_S = 1.0
"""Of what was answered so long before the kill nothing may be lost."""
CONTENDERS = {"inline": "openai", "pods": "cog"}
PLAN = """name = "torture"
endpoints = ["t/inline", "t/pods"]
repetitions = 8
[prompts]
sets = ["core"]
limit = 5
[request]
size = "64x64"
[load]
in_flight = 2
"""
TRIALS = 80
FIRE, RESUME = ["run", "torture", "--yes"], ["run", "--resume", "last", "--yes"]
AGAIN = 0.25
"""Of so many the resumption is killed, too."""


def contenders(**changes: object) -> list[SimContender]:
    """Two simulated providers that answer after 60 ms."""
    fields = {"latency": {"kind": "fixed", "ms": 60}, "quality": 0.5, "style": "flat", "price_usd": "0.01", "seed": 1}
    return [
        SimContender.model_validate({"name": n, "protocol": p, "model": n, "max_in_flight": 64, **fields, **changes})
        for n, p in CONTENDERS.items()
    ]


class Runs:
    """Kills runs."""

    def __init__(self, template: Place, stack: ExitStack) -> None:
        url, self._ledger = stack.enter_context(simulated(contenders()))
        self._template = template
        configure(template.directory / "config", url)
        template.open(create=True).close()
        probe = template.copy(template.directory.with_name("probe"))
        self._whole = killing.whole(probe, FIRE)
        calls = self._ledger.calls
        self._firing_s = calls[-1].came_s - calls[0].came_s
        probe.drop()

    def kill(self, rng: random.Random, directory: Path) -> Told:
        place = self._template.copy(directory)
        self._ledger.calls.clear()
        killed = self._killed(rng, place)
        before, in_flight, settled = self._after_a_kill(place, killed, set())
        text = f"of {self._whole.lasts_s:.2f} s"
        if rng.random() < AGAIN and _runs(place):
            again = killing.kill(place, RESUME, self._whole.aim(rng))
            text += f", resumed and {again}"
            before, _, settled = self._after_a_kill(place, again, in_flight)
        self._resume(place)
        place.check()
        counts = {**self._account(place, before), "answered over a second before, all stored": settled}
        place.drop()
        return Told(killed, "; ".join([text, *(f"{count} {name}" for name, count in counts.items())]), counts)

    def _killed(self, rng: random.Random, place: Place) -> Killed:
        """A third of the kills into the firing; the others at any moment of its life, or at any of its steps."""
        if rng.random() < 1 / 3:
            return killing.kill(place, FIRE, Aim(after_s=rng.uniform(0, self._firing_s * 1.05)), self._has_fired)
        return killing.kill(place, FIRE, self._whole.aim(rng))

    def _after_a_kill(self, place: Place, killed: Killed, cut_off: set[Marker]) -> tuple[set[Marker], set[Marker], int]:
        """Which outcomes are stored, which calls were cut off, and how many were answered long enough before.

        `cut_off` were so by an earlier kill: their answers came to nobody. LostError if anything else is missing.
        """
        self._wait_for_the_simulator()
        seen = {call.marker: call for call in self._ledger.calls}
        if not place.exists:
            demand(not seen, "calls left before there was a database")
            return set(), set(), 0
        place.check()
        stored = _attempts(place)
        demand(set(seen) <= set(stored), f"{len(set(seen) - set(stored))} calls left without a stored intent")
        ended = {m for m, status in stored.items() if status in {AttemptStatus.SUCCEEDED, AttemptStatus.FAILED}}
        demand(ended <= set(seen), "an outcome is stored of a call that the provider has not seen")
        settled = {m for m, c in seen.items() if c.answered_s is not None and c.answered_s < killed.at_s - SETTLED_S}
        lost = settled - ended - cut_off
        demand(not lost, f"{len(lost)} of {len(settled)} calls answered over a second ago are lost")
        return ended, set(seen) - ended, len(settled - cut_off)

    def _has_fired(self) -> bool:
        return bool(self._ledger.calls)

    def _wait_for_the_simulator(self) -> None:
        """What was on its way into the simulator's socket as the process died is still read."""
        count, until_s = -1, time.monotonic() + 10
        while count != len(self._ledger.calls) and time.monotonic() < until_s:
            count = len(self._ledger.calls)
            time.sleep(0.15)

    def _resume(self, place: Place) -> None:
        done = killing.run(place, *(RESUME if _runs(place) else FIRE))
        nothing_left = done.returncode == 2 and "nothing left to fire" in done.stderr
        demand(done.returncode == 0 or nothing_left, f"exit {done.returncode}: {done.stderr}")

    def _account(self, place: Place, before: set[Marker]) -> dict[str, int]:
        stored, calls = _attempts(place), Counter(call.marker for call in self._ledger.calls)
        twice = [marker for marker, count in calls.items() if count > 1]
        demand(not twice, f"{len(twice)} paid calls were made twice")
        by_status = Counter(stored.values())
        demand(set(by_status) <= {AttemptStatus.SUCCEEDED, AttemptStatus.UNKNOWN}, f"left behind: {dict(by_status)}")
        demand(len(stored) == TRIALS, f"{len(stored)} attempts of {TRIALS} trials")
        demand(all(stored[m] == AttemptStatus.SUCCEEDED for m in before), "an outcome that was stored is gone")
        unknown = {m for m, status in stored.items() if status == AttemptStatus.UNKNOWN}
        never_left = len(unknown - set(calls))
        outcomes = by_status[AttemptStatus.SUCCEEDED]
        demand(len(calls) == outcomes + len(unknown) - never_left, "calls seen are not outcomes and unknown ones")
        (status,) = _runs(place)
        demand(status != RunStatus.RUNNING, "the run is still marked as running")
        _images_are_what_their_names_say(place)
        return {
            "calls seen": len(calls),
            "outcomes": outcomes,
            "unknown": len(unknown) - never_left,
            "intents whose call never left": never_left,
        }


def configure(directory: Path, url: str) -> None:
    """A configuration with the plan `torture` over the endpoints `t/inline` and `t/pods`."""
    (directory / "plans").mkdir(parents=True)
    endpoints, prices = [], []
    for name, protocol in CONTENDERS.items():
        base, fields = (f"{url}/{name}/v1", 'seed = "seed"') if protocol == "openai" else (f"{url}/{name}", "")
        endpoints.append(
            f'[[endpoint]]\nid = "t/{name}"\nprovider = "t"\nprotocol = "{protocol}"\nmodel = "{name}"\n'
            f'base_url = "{base}"\nsimulated = true\noptions.fields = {{ {fields} }}\n'
        )
        prices.append(
            f'[[price]]\nendpoint = "t/{name}"\nfrom_date = 2026-01-01\nper_image_usd = "0.01"\n'
            'source = "here"\nconfidence = "simulated"\n'
        )
    (directory / "endpoints.toml").write_text("\n".join(endpoints))
    (directory / "prices.toml").write_text("\n".join(prices))
    (directory / "plans" / "torture.toml").write_text(PLAN)


def _runs(place: Place) -> list[str]:
    database = place.open()
    with database.read() as connection:
        found = list(connection.execute(sa.select(RUN.c.status)).scalars())
    database.close()
    return found


def _attempts(place: Place) -> dict[Marker, str]:
    """The status of each attempt, by what the provider saw of its trial. LostError if a trial has two."""
    same = (PROMPT.c.id == TRIAL.c.prompt_id) & (PROMPT.c.sha256 == TRIAL.c.prompt_sha256)
    query = (
        sa.select(TRIAL.c.endpoint_id, PROMPT.c.text, TRIAL.c.seed, ATTEMPT.c.status)
        .join(TRIAL, TRIAL.c.id == ATTEMPT.c.trial_id)
        .join(PROMPT, same)
    )
    database = place.open()
    with database.read() as connection:
        rows = connection.execute(query).all()
    database.close()
    found = {(row.endpoint_id.partition("/")[2], row.text, row.seed): row.status for row in rows}
    demand(len(found) == len(rows), "a trial has more than one attempt")
    return found


def _images_are_what_their_names_say(place: Place) -> None:
    blobs = BlobStore(place.settings.images_dir)
    for path in place.settings.images_dir.glob("??/*"):
        demand(hashlib.sha256(path.read_bytes()).hexdigest() == path.name, f"{path} is not what its name says")
        demand(path == blobs.path(path.name), f"{path} lies in the wrong place")
