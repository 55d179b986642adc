"""How many images a second are scored on this machine, everything included: reading, decoding, models, writing."""

from __future__ import annotations

import io
import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import psutil

from arena.catalog import Catalog, spread
from arena.domain.artifact import Artifact
from arena.domain.plan import Selection
from arena.domain.run import RunStatus
from arena.settings import Settings
from arena.store import attempts, runs
from arena.store.blobs import BlobStore
from arena.store.engine import open_database
from harness.scoring.metrics import every_metric
from harness.scoring.models import read_captions, read_models
from harness.scoring.toolbox import Toolbox
from harness.scoring.work import Scoring
from harness.sim.pictures import draw
from tests.factories import make_endpoint, make_plan, make_run, make_trial, succeeded
from tests.scoring_models import save_clip, save_features

if TYPE_CHECKING:
    from arena.store.engine import Database

SIDE_PX, PROMPTS = 512, 25
ENDPOINTS = ("sim/steady", "sim/atelier")
REAL = "ViT-B-32"


def measure(images: int, threads: int) -> None:
    """Print the rates of pixels, OCR, tiny models, and of a CLIP of real size with random weights."""
    with tempfile.TemporaryDirectory(prefix="arena-score-") as name:
        root = Path(name)
        settings = Settings(data_dir=root / "data")
        database = open_database(settings, create=True)
        run_id = stored(database, settings, images)
        tiny = read_models(None, str(save_clip(root / "clip")), save_features(root))
        real = read_models(None, f"{REAL}={real_size(root)}")
        print(
            f"{images} simulated images of {SIDE_PX}x{SIDE_PX}, PNG; {threads} threads; load {os.getloadavg()[0]:.1f}"
        )
        for title, models, tools in (
            ("pixels (contrast, sharpness, fine detail, noise)", tiny, {"pixels"}),
            ("tiny CLIP and features, random weights", tiny, {"clip", "features"}),
            ("OCR, prompts that ask for text only", tiny, {"reader"}),
            (f"{REAL}, random weights: its cost is real, its values mean nothing", real, {"clip"}),
        ):
            toolbox = Toolbox(models, "cpu", threads)
            work = Scoring(
                database, BlobStore(settings.images_dir), Catalog(), read_captions(None), toolbox,
                batch_size=16, workers=threads,
            )  # fmt: skip
            warm_up(toolbox, tools)
            metrics = [m for m in every_metric().values() if m.tool in tools]
            tally = work.run(run_id, metrics, insist=[m.name for m in metrics])
            rate = tally.images_per_s or 0.0
            print(f"  {title}: {tally.scores} scores of {tally.images} images in {tally.seconds:.1f} s = {rate:.1f}/s")
        print(f"  peak memory {psutil.Process().memory_info().rss / 1e6:.0f} MB")
        database.close()


def warm_up(toolbox: Toolbox, tools: set[str]) -> None:
    """Load what is loaded at the first use, so that the rate is that of a long run."""
    blank = draw("a hill", 1, 64, 64, 0.9, "flat")
    if "clip" in tools:
        toolbox.clip.images([("warm-up", blank)])
    if "features" in tools:
        toolbox.features.patches("warm-up", blank)
    if "reader" in tools:
        toolbox.reader.read(blank)


def stored(database: Database, settings: Settings, images: int) -> str:
    """A finished run of so many different pictures, of texts and edits alike."""
    catalog, blobs = Catalog(), BlobStore(settings.images_dir)
    plan = make_plan(prompts=Selection(sets=("core", "edit")))
    chosen = spread(catalog.select_prompts(plan, "bench"), PROMPTS)
    endpoints = [make_endpoint(e, provider="sim", simulated=True) for e in ENDPOINTS]
    rounds = -(-images // (PROMPTS * len(ENDPOINTS)))
    cells = [(e, p, r) for r in range(rounds) for p in chosen for e in ENDPOINTS][:images]
    trials = [make_trial(i, e, p.id, r, seed=r) for i, (e, p, r) in enumerate(cells)]
    run = make_run(simulated=True)
    with database.write() as connection:
        pairs = [(e, None) for e in endpoints]
        found = runs.create_run(connection, run, pairs, trials, {p.id: p for p in chosen}, "bench:1:1")
        for entry, (endpoint, prompt, repetition) in zip(found, cells, strict=True):
            quality = 0.9 if endpoint == "sim/atelier" else 0.7
            picture, out = draw(prompt.text, repetition, SIDE_PX, SIDE_PX, quality, "flat"), io.BytesIO()
            picture.save(out, "PNG", compress_level=1)
            sha256, size = blobs.put(out.getvalue()), len(out.getvalue())
            image = Artifact(sha256=sha256, format="png", width_px=SIDE_PX, height_px=SIDE_PX, size_bytes=size)
            attempt = attempts.write_intent(connection, entry.id, 1, simulated=True)
            attempts.write_outcome(connection, attempt, succeeded(images=(image,), simulated=True))
        runs.end_run(connection, run.id, "bench:1:1", RunStatus.FINISHED)
    return run.id


def real_size(root: Path) -> Path:
    """A weights file of a real architecture with random weights: 605 MB."""
    import open_clip
    from safetensors.torch import save_file

    net = open_clip.create_model(REAL)
    save_file({k: v.contiguous() for k, v in net.state_dict().items()}, root / "real.safetensors")
    return root / "real.safetensors"
