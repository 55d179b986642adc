"""The main job against the local server with a real diffusers pipeline: tiny, random weights, the same code."""

import io
import json
from decimal import Decimal

import pandas as pd
import pytest

from harness.local.process import background
from harness.local.settings import LocalSettings


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_a_run_against_the_local_pipeline_generates_and_edits(arena):
    with background(LocalSettings(tiny=True, gpu_hour_usd=Decimal("3.60"))) as url:
        plan = arena.config / "plans" / "own.toml"
        plan.write_text(
            'name = "own"\nendpoints = ["local/tiny-flux.2-klein"]\nrepetitions = 2\n'
            '[prompts]\nsets = ["core", "edit"]\nids = ["neon-sign-wet-street", "EDIT"]\n'
            '[request]\nsize = "256x192"\nsteps = 2\n[load]\nin_flight = 2\n'.replace("EDIT", first_edit())
        )
        arena("run", str(plan), "--yes", ARENA_LOCAL_URL=url)
        again = arena("run", str(plan), "--yes", ARENA_LOCAL_URL=url)
    assert "SIMULATED" in again.out
    rows = pd.read_csv(io.StringIO(arena("export", "--out", "-").out))
    assert len(rows) == 8
    assert set(rows["status"]) == {"succeeded"}
    assert set(rows["simulated"]) == {True}
    assert set(rows["mode"]) == {"t2i", "edit"}
    assert set(zip(rows["image_width_px"], rows["image_height_px"], strict=True)) == {(256, 192)}
    assert rows["server_ms"].str.contains("denoise").all()
    # At $0.001 a second, what an image cost is what the server says of the device's time.
    device_ms = rows["server_ms"].map(lambda text: json.loads(text)["device"])
    assert set(rows["cost_source"]) == {"reported"}
    assert (rows["cost_usd"] - device_ms / 1e6).abs().max() < 1e-8
    # The same seed gives the same bytes in both runs, and another repetition is another image.
    for _, same in rows.groupby(["prompt_id", "repetition"]):
        assert same["image_sha256"].nunique() == 1
    assert rows["image_sha256"].nunique() == 4


def first_edit():
    from arena.catalog import Catalog

    return Catalog(environ={}).prompt_sets()["edit"].prompts[0].id
