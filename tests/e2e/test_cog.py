"""The main job against a real cog server: a server that nobody here wrote."""

import io
import os
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path

import httpx
import pandas as pd
import pytest
from PIL import Image

from tests.ports import free_port

PREDICTOR = Path(__file__).parent / "cog_predictor"
PROMPTS = """
name = "own"
title = "Own"
licence = "CC0-1.0"
[[prompts]]
id = "fine"
text = "a plain square"
category = "own"
clip_tokens = 3
[[prompts]]
id = "falls-over"
text = "please fail"
category = "own"
clip_tokens = 2
[[prompts]]
id = "refused"
text = "something indecent"
category = "own"
clip_tokens = 2
[[prompts]]
id = "edited"
text = "the same, smaller"
category = "own"
mode = "edit"
sources = ["white-mug.jpg"]
clip_tokens = 4
"""


@contextmanager
def cog_server():
    port = free_port()
    bin_directory = str(Path(sys.executable).parent)
    environment = {
        **os.environ,
        "PORT": str(port),
        "COG_PREDICT_TYPE_STUB": "predict.py:Predictor",
        "PATH": f"{bin_directory}{os.pathsep}{os.environ['PATH']}",  # its worker runs plain `python`
    }
    command = [sys.executable, "-m", "cog.server.http", "--host", "127.0.0.1"]
    process = subprocess.Popen(
        command,
        cwd=PREDICTOR,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    )
    try:
        deadline = time.monotonic() + 60
        while True:
            try:
                if httpx.get(f"http://127.0.0.1:{port}/health-check").json()["status"] == "READY":
                    break
            except (httpx.HTTPError, ValueError):
                pass
            assert process.poll() is None, process.stderr.read().decode()
            assert time.monotonic() < deadline, "cog did not become ready"
            time.sleep(0.1)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(20)
        process.stderr.close()


@pytest.mark.slow
def test_a_run_against_a_real_cog_server(arena):
    with cog_server() as url:
        (arena.config / "prices.toml").unlink()
        (arena.config / "endpoints.toml").write_text(
            '[[endpoint]]\nid = "own/cog"\nprovider = "own"\nprotocol = "cog"\nmodel = "square"\n'
            f'base_url = "{url}"\nmodes = ["t2i", "edit"]\noptions.fields = {{ guidance = "" }}\n'
            "limits = { max_in_flight = 1 }\n"
        )
        (arena.config / "own.toml").write_text(PROMPTS)
        plan = arena.config / "plans" / "own.toml"
        plan.write_text(
            'name = "own"\nendpoints = ["own/cog"]\nrepetitions = 3\nprompts.sets = ["own"]\n'
            'request.size = "96x64"\nrequest.steps = 2\nrequest.guidance = 1.5\n'
            # Not back to back: cog frees its slot a moment after it has answered, and refuses (409) until then.
            'load = { kind = "constant", rate_per_s = 4 }\n'
        )
        shown = arena.json("run", str(plan), "--yes")
    (summary,) = shown["endpoints"]
    assert summary["simulated"] is False
    assert summary["failures"] == {"moderated_output": 3, "provider_error": 3}
    assert summary["figures"]["success_rate"] | {"low": 0, "high": 0} == {"value": 6 / 9, "n": 9, "low": 0, "high": 0}

    rows = pd.read_csv(io.StringIO(arena("export", "last", "--out", "-").out)).set_index("prompt_id")
    fine = rows.loc["fine"]
    assert set(fine["image_width_px"]) == {96}
    assert fine["seed"].nunique() == fine["image_sha256"].nunique() == 3
    assert fine["server_ms"].str.contains("predict").all()
    assert set(rows["unsupported"]) == {'["guidance"]'}
    assert "the model fell over" in rows.loc["falls-over", "failure_message"].iloc[0]
    assert rows.loc["edited", "image_sha256"].nunique() == 1
    digest = rows.loc["edited", "image_sha256"].iloc[0]
    with Image.open(arena.data / "images" / digest[:2] / digest) as edited:
        assert edited.size == (96, 64)
        assert len(edited.getcolors(100_000)) > 100, "the mug arrived and came back"
