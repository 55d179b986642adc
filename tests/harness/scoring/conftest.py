"""A stored run of drawn pictures, and tiny models to score it with."""

import io

import pytest
from PIL import Image

from arena.catalog import Catalog
from arena.domain.artifact import Artifact
from arena.domain.run import RunStatus
from arena.store import attempts, runs
from arena.store.blobs import BlobStore
from harness.scoring.models import read_captions, read_models
from harness.scoring.toolbox import Toolbox
from harness.scoring.work import Scoring
from harness.sim.pictures import draw
from tests.factories import make_endpoint, make_prompt, make_run, make_trial, succeeded
from tests.scoring_models import save_clip, save_features

RUN = "20260101-000000-test"


@pytest.fixture(scope="session")
def clip_directory(tmp_path_factory):
    return save_clip(tmp_path_factory.mktemp("clip") / "tiny")


@pytest.fixture(scope="session")
def other_clip_directory(tmp_path_factory):
    return save_clip(tmp_path_factory.mktemp("clip") / "tiny", seed=1)


@pytest.fixture(scope="session")
def features(tmp_path_factory):
    return save_features(tmp_path_factory.mktemp("features"))


@pytest.fixture
def toolbox(clip_directory, features):
    return Toolbox(read_models(None, str(clip_directory), features), "cpu", threads=1)


def png(image):
    out = io.BytesIO()
    image.save(out, "PNG")
    return out.getvalue()


def picture(prompt, seed, size=(96, 64)):
    return draw(prompt.text, seed, *size, 0.9, "flat")


def store(database, settings, prompts, images, simulated=True):
    """A finished run: `images` are (endpoint id, prompt id, seed, encoded image)."""
    blobs = BlobStore(settings.images_dir)
    endpoints = [make_endpoint(e, simulated=simulated) for e in dict.fromkeys(row[0] for row in images)]
    counts, trials = {}, []
    for seq, (endpoint, prompt_id, seed, _) in enumerate(images):
        repetition = counts[endpoint, prompt_id] = counts.get((endpoint, prompt_id), -1) + 1
        trials.append(make_trial(seq, endpoint, prompt_id, repetition, seed=seed))
    with database.write() as connection:
        run = make_run(run_id=RUN, simulated=simulated)
        stored = runs.create_run(
            connection, run, [(e, None) for e in endpoints], trials, {p.id: p for p in prompts}, "host:1:1"
        )
        for entry, (*_, data) in zip(stored, images, strict=True):
            with Image.open(io.BytesIO(data)) as opened:
                width, height = opened.size
            artifact = Artifact(
                sha256=blobs.put(data), format="png", width_px=width, height_px=height, size_bytes=len(data)
            )
            attempt = attempts.write_intent(connection, entry.id, 1, simulated=simulated)
            attempts.write_outcome(connection, attempt, succeeded(images=(artifact,), simulated=simulated))
        runs.end_run(connection, RUN, "host:1:1", RunStatus.FINISHED)
    return RUN


@pytest.fixture
def prompts():
    return [make_prompt(f"p-{i}", text=f"a red boat on a lake, number {i}") for i in range(6)]


@pytest.fixture
def stored_run(database, settings, prompts):
    rows = [("lab/one", p.id, 1, png(picture(p, 1))) for p in prompts]
    return store(database, settings, prompts, rows)


@pytest.fixture
def scoring(database, settings):
    """Scoring with given tools."""

    def made(tools, **options):
        blobs = BlobStore(settings.images_dir)
        return Scoring(database, blobs, Catalog(), read_captions(None), tools, **{"workers": 1, **options})

    return made
