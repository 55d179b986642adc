"""A database with images of four contenders over a few prompts, and the arena over it, on both databases."""

from datetime import UTC, datetime, timedelta

import pytest

from arena.battles.ballots import Ballots
from arena.domain.artifact import Artifact
from arena.domain.outcome import Outcome
from arena.domain.request import ImageFormat
from arena.domain.timings import Timings
from arena.settings import Settings
from arena.store import attempts, runs
from arena.store.blobs import BlobStore
from arena.store.engine import open_database
from tests.arena.store.conftest import BOTH, settings_for
from tests.factories import make_endpoint, make_plan, make_prompt, make_run, make_trial
from tests.servers import png

CONTENDERS = ("lab/one", "lab/two", "mill/one", "mill/two")


class Watch:
    """A clock that a test moves."""

    def __init__(self):
        self.now = datetime(2026, 11, 20, 12, tzinfo=UTC)

    def __call__(self):
        return self.now

    def ahead(self, **by):
        self.now += timedelta(**by)


def fill(settings, endpoints=CONTENDERS, prompts=3, repetitions=2, failed=()):
    """A finished run whose images all decode; `failed` are trials that brought none."""
    blobs = BlobStore(settings.images_dir)
    database = open_database(settings, create=True)
    named = {f"p-{i}": make_prompt(f"p-{i}", category=["people", "places"][i % 2]) for i in range(prompts)}
    plan = make_plan(endpoints=list(endpoints), repetitions=repetitions, request={"size": "64x48"})
    cells = [(e, p, r) for r in range(repetitions) for p in named for e in endpoints]
    trials = [make_trial(i, e, p, r) for i, (e, p, r) in enumerate(cells)]
    known = [(make_endpoint(e, provider=e.split("/")[0]), None) for e in endpoints]
    with database.write() as connection:
        stored = runs.create_run(connection, make_run(plan), known, trials, named, "host:1:1")
        for entry in stored:
            if entry.trial.seq in failed:
                continue
            data = png(64, 48, (entry.trial.seq % 256, 90, 200))
            image = Artifact(
                sha256=blobs.put(data), format=ImageFormat.PNG, width_px=64, height_px=48, size_bytes=len(data)
            )
            timings = Timings(accepted_ns=1, result_ns=2, result_end_ns=3, first_image_byte_ns=3,
                              last_image_byte_ns=4, ended_ns=5)  # fmt: skip
            attempt = attempts.write_intent(connection, entry.id, 1, simulated=False)
            outcome = Outcome(started_at=datetime.now(UTC), timings=timings, images=(image,))
            attempts.write_outcome(connection, attempt, outcome)
    return database


@pytest.fixture(params=BOTH)
def settings(request, tmp_path) -> Settings:
    return settings_for(request.param, request, tmp_path / "data")


@pytest.fixture
def database(settings):
    opened = fill(settings)
    yield opened
    opened.close()


@pytest.fixture
def watch():
    return Watch()


@pytest.fixture
def ballots(database, watch):
    opened = Ballots(database, now=watch)
    opened.register("ann")
    opened.register("bob")
    return opened
