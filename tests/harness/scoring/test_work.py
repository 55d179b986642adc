"""Scoring stored images: once each, whatever happens; other weights add rows."""

import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest
import sqlalchemy as sa

from arena.errors import ConfigError
from arena.reports.scores import scored, suspects
from arena.store.blobs import BlobStore
from arena.store.engine import open_database
from arena.store.scores import SCORE, delivered_scores, instruments
from harness.scoring.metrics import chosen_metrics
from harness.scoring.models import read_models
from harness.scoring.toolbox import Toolbox
from tests.factories import make_prompt
from tests.harness.scoring.conftest import RUN, picture, png, store


def rows(database):
    with database.read() as connection:
        return (
            connection.execute(sa.select(SCORE).order_by(SCORE.c.image_sha256, SCORE.c.instrument_id)).mappings().all()
        )


@pytest.mark.slow
def test_a_second_time_nothing_is_computed_or_written(stored_run, database, scoring, toolbox):
    first = scoring(toolbox).run(stored_run, chosen_metrics(["clip_score", "noise"]))
    assert (first.images, first.scores, first.known) == (6, 12, 0)
    before = rows(database)
    again = scoring(toolbox).run(stored_run, chosen_metrics(["clip_score", "noise"]))
    assert (again.images, again.scores, again.known) == (0, 0, 12)
    assert rows(database) == before
    assert all(r["tool_version"] and r["device"] == "cpu" for r in before)


def test_other_weights_add_rows_and_leave_the_others_alone(
    stored_run, database, scoring, toolbox, other_clip_directory
):
    metrics = chosen_metrics(["clip_score"])
    scoring(toolbox).run(stored_run, metrics)
    before = rows(database)
    other = Toolbox(read_models(None, str(other_clip_directory)), "cpu")
    assert scoring(other).run(stored_run, metrics).scores == 6
    after = rows(database)
    assert len(after) == 12
    assert [r for r in after if r["instrument_id"] == before[0]["instrument_id"]] == before
    with database.read() as connection:
        known = instruments(connection)
    assert len({i.weights_sha256 for i in known.values()}) == 2
    assert {i.tool for i in known.values()} == {"open_clip"}


@pytest.mark.slow
def test_only_what_an_image_is_held_against_decides_what_is_scored(stored_run, scoring, toolbox):
    tally = scoring(toolbox).run(stored_run, chosen_metrics(["legible_text", "preservation", "edit_direction"]))
    assert (tally.images, tally.scores, tally.lacking) == (0, 0, {})


def test_what_cannot_be_computed_here_is_left_out_or_refused(stored_run, database, scoring, tmp_path):
    tools = Toolbox(read_models(None, f"ViT-B-32={tmp_path}/none.pt"), "cpu")
    tally = scoring(tools).run(stored_run, chosen_metrics(["clip_score", "noise"]))
    assert tally.scores == 6
    [(sentence, names)] = tally.lacking.items()
    assert names == ["clip_score"]
    assert "none.pt" in sentence
    with pytest.raises(ConfigError, match=r"none\.pt"):
        scoring(tools).run(stored_run, chosen_metrics(["clip_score"]), insist=["clip_score"])
    assert len(rows(database)) == 6


def test_a_missing_file_is_told_and_looked_for_again(stored_run, settings, scoring, toolbox):
    blobs = BlobStore(settings.images_dir)
    gone = min(r.name for r in settings.images_dir.glob("*/*"))
    data = blobs.path(gone).read_bytes()
    blobs.path(gone).unlink()
    tally = scoring(toolbox).run(stored_run, chosen_metrics(["noise"]))
    assert (tally.images, len(tally.missing)) == (5, 1)
    assert gone[:12] in tally.missing[0]
    blobs.path(gone).write_bytes(data)
    assert scoring(toolbox).run(stored_run, chosen_metrics(["noise"])).images == 1


def test_an_image_that_cannot_be_decoded_has_no_value_and_says_why(database, settings, scoring, toolbox, prompts):
    whole = png(picture(prompts[0], 1))
    images = [("lab/one", prompts[0].id, 1, whole), ("lab/one", prompts[1].id, 1, whole[: len(whole) // 2])]
    store(database, settings, prompts, images)
    assert scoring(toolbox).run(RUN, chosen_metrics(["noise"])).scores == 2
    found = {r["prompt_id"]: (r["value"], r["detail_json"]) for r in rows(database)}
    assert found[prompts[0].id][0] is not None
    assert found[prompts[1].id][0] is None
    assert "cannot be decoded" in found[prompts[1].id][1]
    assert scoring(toolbox).run(RUN, chosen_metrics(["noise"])).scores == 0


def test_the_report_has_means_by_endpoint_flags_and_suspects(database, settings, scoring, toolbox):
    from PIL import Image

    rain = "A boat on a lake in the rain. "
    prompts = [make_prompt(f"p-{i}", text=f"Boat {i}. {rain * (20 if i else 1)}") for i in range(4)]
    blank = png(Image.new("RGB", (96, 64), "black"))
    rows_ = [("lab/one", p.id, 1, png(picture(p, i))) for i, p in enumerate(prompts)]
    rows_ += [("lab/two", p.id, 1, blank) for p in prompts]
    store(database, settings, prompts, rows_)
    scoring(toolbox).run(RUN, chosen_metrics(["clip_score", "contrast"]))
    with database.read() as connection:
        frame, known = delivered_scores(connection, RUN), instruments(connection)
    found = {(s.endpoint, s.instrument.metric): s for s in scored(frame, known)}
    clip = found["lab/one", "clip_score"]
    assert (clip.mean.n, clip.prompts, clip.truncated, clip.simulated) == (4, 4, 3, True)
    assert clip.mean.low < clip.mean.value < clip.mean.high
    apart = {s.endpoint: s for s in suspects(frame, known)}
    assert (apart["lab/two"].blank, apart["lab/two"].repeated) == (4, 4)
    assert (apart["lab/one"].blank, apart["lab/one"].repeated) == (0, 0)


@pytest.mark.slow
def test_postgres_keeps_scores_alike(postgres_url, tmp_path, prompts, toolbox):
    from arena.catalog import Catalog
    from arena.settings import Settings
    from harness.scoring.models import read_captions
    from harness.scoring.work import Scoring
    from tests.postgres import new_postgres_database

    settings = Settings(data_dir=tmp_path / "pg", database_url=new_postgres_database(postgres_url))
    database = open_database(settings, create=True)
    try:
        store(database, settings, prompts, [("lab/one", p.id, 1, png(picture(p, 1))) for p in prompts])
        for expected in (6, 0):
            work = Scoring(database, BlobStore(settings.images_dir), Catalog(), read_captions(None), toolbox)
            assert work.run(RUN, chosen_metrics(["noise"])).scores == expected
        assert len(rows(database)) == 6
    finally:
        database.close()


@pytest.mark.slow
def test_killed_half_way_it_goes_on_and_scores_nothing_twice(database, settings, clip_directory, prompts, tmp_path):
    """SIGKILL to the real command, between two of its batches; the second one does the rest."""
    many = [make_prompt(f"q-{i}", text=f"a green hill, number {i}") for i in range(60)]
    store(database, settings, many, [("lab/one", p.id, 1, png(picture(p, i, (320, 256)))) for i, p in enumerate(many)])
    arena = str(Path(sys.executable).with_name("arena"))
    command = [arena, "score", "last", "--clip", str(clip_directory), "--device", "cpu", "--batch-size", "1"]
    command += ["--threads", "1", "--metric", "clip_score", "--metric", "sharpness", "--metric", "fine_detail"]
    environment = {**os.environ, "ARENA_DATA_DIR": str(settings.data_dir)}
    with subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        until_s = time.monotonic() + 90
        while len(rows(database)) < 30 and process.poll() is None and time.monotonic() < until_s:
            time.sleep(0.02)
        process.send_signal(signal.SIGKILL)
    before = rows(database)
    assert 30 <= len(before) < 180, "it was to be killed half-way"
    assert len(before) % 3 == 0  # whole batches
    done = subprocess.run([*command, "--json"], env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert f"{180 - len(before)} scores of {60 - len(before) // 3} images" in done.stderr
    assert f"{len(before)} were there" in done.stderr
    after = rows(database)
    assert len(after) == 180
    assert [r for r in after if r in before] == before  # not a moment of theirs was written again


def test_a_device_too_small_for_a_batch_is_said_and_what_was_scored_is_kept(stored_run, database, scoring, toolbox):
    [noise] = chosen_metrics(["noise"])
    batches = []

    def short_of_memory(subjects, tools):
        batches.append(len(subjects))
        if len(batches) > 1:
            raise RuntimeError("CUDA out of memory. Tried to allocate 2.00 GiB.")
        return noise.compute(subjects, tools)

    with pytest.raises(ConfigError, match=r"noise: cpu has too little memory for 3 images .*--batch-size"):
        scoring(toolbox, batch_size=3).run(stored_run, [replace(noise, compute=short_of_memory)])
    assert len(rows(database)) == 3
