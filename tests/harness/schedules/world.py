"""Machines that run schedules under a clock that is turned by hand: real files, real database, no real call.

A machine's death is the cancellation of its task: nothing of it is written afterwards, as after `kill -9`.
"""

import contextvars
import heapq
import itertools
import random
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import anyio
from anyio.lowlevel import checkpoint

from arena.catalog import Catalog
from arena.domain.run import RunStatus
from arena.errors import StoreError
from arena.store import attempts, runs
from arena.units import nano_usd
from harness.schedules.dispatcher import Dispatcher
from harness.schedules.files import read
from harness.schedules.service import Service
from tests.factories import failed, succeeded

OWNER = contextvars.ContextVar("owner", default="nobody:1:1")
PRICE_NANO_USD = nano_usd(Decimal("0.01"))
SETTLE_ROUNDS = 30  # event-loop rounds in which every woken task gets to its next sleep


class HandClock:
    """`Clock` for tests: time passes when all tasks sleep."""

    def __init__(self, start):
        self.now, self._start, self._sleepers, self._tie = start, start, [], itertools.count()

    def now_ns(self):
        return round((self.now - self._start).total_seconds() * 1e9)

    def utc(self):
        return self.now

    async def sleep_until(self, moment_ns):
        woken = anyio.Event()
        heapq.heappush(self._sleepers, (moment_ns, next(self._tie), woken))
        await woken.wait()

    async def sleep(self, seconds):
        await self.sleep_until(self.now_ns() + round(seconds * 1e9))

    async def turn_until(self, end):
        while self.now < end:
            for _ in range(SETTLE_ROUNDS):
                await checkpoint()
            if not self._sleepers:
                return
            moment_ns, _, woken = heapq.heappop(self._sleepers)
            self.now = max(self.now, self._start + timedelta(seconds=moment_ns / 1e9))
            woken.set()


def write_config(directory, schedules, prompts=2):
    """A directory with the plan `small` (some prompts at one endpoint, a cent each), and the given schedules."""
    (directory / "plans").mkdir(parents=True, exist_ok=True)
    (directory / "schedules").mkdir(exist_ok=True)
    (directory / "endpoints.toml").write_text(
        '[[endpoint]]\nid = "t/one"\nprovider = "t"\nprotocol = "openai"\nmodel = "m"\n'
        'base_url = "http://127.0.0.1:9/v1"\nsimulated = true\noptions.fields = { seed = "seed" }\n'
    )
    (directory / "prices.toml").write_text(
        '[[price]]\nendpoint = "t/one"\nfrom_date = 2020-01-01\nper_image_usd = "0.01"\nsource = "here"\n'
        'confidence = "simulated"\n'
    )
    (directory / "plans" / "small.toml").write_text(
        f'name = "small"\nendpoints = ["t/one"]\n[prompts]\nsets = ["core"]\nlimit = {prompts}\n'
        '[request]\nsize = "64x64"\n'
    )
    for name, fields in schedules.items():
        write_schedule(directory, name, **fields)
    return Catalog(directory, environ={})


def write_schedule(directory, name, **fields):
    given = {"name": name, "plan": "small", "timezone": "UTC", **fields}
    lines = [f"{key} = {str(v).lower() if isinstance(v, bool) else repr(v)}" for key, v in given.items()]
    (directory / "schedules" / f"{name}.toml").write_text("\n".join(lines))


class World:
    """The clock, the database, and what really happened, beside what was recorded."""

    def __init__(self, database, settings, catalog, start, seed=0):
        self.database, self.settings, self.catalog = database, settings, catalog
        self.clock, self.rng = HandClock(start), random.Random(seed)
        self.events, self.fired, self.executions = [], [], []
        self.up, self.busy = [], []  # (machine, from, until)
        self.seconds_per_call, self.trouble = 20.0, 0.0

    def entries(self, names=()):
        return [e for e in read(self.catalog, names) if e.schedule.name != "demo-daily"]

    def dispatcher(self, names=(), entries=None):
        entries = self.entries(names) if entries is None else entries
        return Dispatcher(self.database, self.settings, self.catalog, entries, {}, self.events.append)

    def service(self, nap_s=30.0, names=(), entries=None):
        return Service(self.dispatcher(names, entries), self.fire, self.clock, self.events.append, nap_s=nap_s)

    async def fire(self, work, on_start):
        """In place of a real execution: intents, outcomes and costs are written as the runner does."""
        session, stopper = work.session, Stopper()
        on_start(stopper)
        name, run_id, began_at = work.entry.schedule.name, session.run.id, self.clock.utc()
        spent = session.spent_nano_usd
        record = {"schedule": name, "run": run_id, "slot": work.slot_at, "began": began_at, "ended": None, "spent": 0}
        record["budget"] = session.run.budget_nano_usd
        self.executions.append(record)
        status = RunStatus.FINISHED
        try:
            for stored in session.trials:
                if stopper.status is not None:
                    status = stopper.status
                    break
                if session.run.budget_nano_usd is not None and spent + PRICE_NANO_USD > session.run.budget_nano_usd:
                    status = RunStatus.BUDGET
                    break
                took_s = self.seconds_per_call * self.rng.uniform(0.5, 1.5)
                with self.database.write() as connection:
                    (attempt,) = attempts.write_intents(connection, [attempts.Intent(stored.id, 1, simulated=True)])
                    self._beat(connection, run_id, self.clock.utc() + timedelta(seconds=took_s))
                self.fired.append((run_id, stored.id))
                record["spent"] += PRICE_NANO_USD  # unless it turns out to be less
                await self.clock.sleep(took_s)
                cost = self._write_outcome(attempt)
                record["spent"] -= PRICE_NANO_USD - cost
                spent += cost
                if self.rng.random() < self.trouble:
                    raise StoreError("the disk is full")
        except StoreError:
            self._end(session, RunStatus.FAILED)
            raise
        except BaseException:
            with self.database.write() as connection:
                self._beat(connection, run_id, self.clock.utc())
            raise
        finally:
            record["ended"] = self.clock.utc()
            self.busy.append((OWNER.get(), began_at, self.clock.utc()))
        self._end(session, status)
        return status

    def _write_outcome(self, attempt):
        kind = self.rng.choice(["image", "image", "cheap", "refused"])
        usd = {"image": "0.01", "cheap": "0.004", "refused": None}[kind]
        outcome = failed(simulated=True) if kind == "refused" else succeeded(usd=usd, simulated=True)
        with self.database.write() as connection:
            attempts.write_outcomes(connection, [attempts.Ended(attempt, outcome)])
        # A failure that may have been billed counts in full.
        return PRICE_NANO_USD if usd is None else nano_usd(Decimal(usd))

    def _end(self, session, status):
        with self.database.write() as connection:
            runs.end_run(connection, session.run.id, session.owner, status)

    @staticmethod
    def _beat(connection, run_id, moment):
        connection.execute(runs.RUN.update().where(runs.RUN.c.id == run_id).values(heartbeat_at=moment))

    async def machine(self, name, *, mean_life_h, mean_off_h, nap_s):
        """A machine on which a scheduler is there, until it dies, and is there again after a while."""
        entries = self.entries()
        for life in itertools.count():
            OWNER.set(f"{name}:{life + 1}:1")
            began_at = self.clock.utc()
            ends_at = began_at + timedelta(hours=self.rng.expovariate(1 / mean_life_h))
            with anyio.CancelScope() as alive:
                async with anyio.create_task_group() as tasks:
                    tasks.start_soon(self._die, alive, ends_at)
                    await self.service(nap_s, entries=entries).serve(lambda: None)
            self.up.append((OWNER.get(), began_at, self.clock.utc()))
            await self.clock.sleep(3600 * self.rng.expovariate(1 / mean_off_h))

    async def _die(self, alive, moment):
        await self.clock.sleep((moment - self.clock.utc()).total_seconds())
        alive.cancel()


class Stopper:
    """What of a runner can be stopped."""

    def __init__(self):
        self.status = None

    def stop(self, status):
        self.status = status

    abort = stop


def utc(text):
    return datetime.fromisoformat(text).replace(tzinfo=UTC)
