"""Loading, and what goes wrong with weights and memory, with torch in this process."""

from __future__ import annotations

import json
import subprocess
import sys
import textwrap
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import httpx
import pytest

from arena.errors import ConfigError
from harness.local.faults import DeviceMemoryError, InterruptedJobError
from harness.local.pipeline import LocalJob, load
from harness.local.settings import LocalSettings
from harness.local.tiny import save_tiny_pipeline

pytestmark = pytest.mark.slow

JOB = LocalJob("a", 64, 64, seed=1, steps=2, guidance=1.0)


@pytest.fixture(scope="module")
def directory(tmp_path_factory):
    return save_tiny_pipeline(tmp_path_factory.mktemp("tiny") / "pipeline")


def test_saving_is_small_seeded_and_leaves_the_random_state_alone(directory, tmp_path):
    import torch

    torch.manual_seed(5)
    undisturbed = torch.rand(3)
    torch.manual_seed(5)
    same, other = save_tiny_pipeline(tmp_path / "same"), save_tiny_pipeline(tmp_path / "other", seed=1)
    assert torch.equal(torch.rand(3), undisturbed)
    assert sum(file.stat().st_size for file in directory.rglob("*")) < 5_000_000
    weights = "transformer/diffusion_pytorch_model.safetensors"
    assert (same / weights).read_bytes() == (directory / weights).read_bytes() != (other / weights).read_bytes()


def test_a_saved_directory_is_marked_as_random_however_it_is_loaded(directory):
    pipeline = load(LocalSettings(model=str(directory), device="cpu"))
    assert pipeline.simulated
    assert (pipeline.device, pipeline.dtype) == ("cpu", "float32")
    plain = pipeline.generate(JOB)
    tiny = load(LocalSettings(tiny=True, device="cpu")).generate(JOB)
    assert plain.images[0].tobytes() == tiny.images[0].tobytes()


def test_stages_give_the_image_that_one_call_of_the_pipeline_gives(directory):
    import torch

    pipeline = load(LocalSettings(model=str(directory), device="cpu"))
    generator = torch.Generator("cpu").manual_seed(1)
    whole = pipeline.pipe(
        prompt="a", width=64, height=64, num_inference_steps=2, guidance_scale=1.0, generator=generator
    )
    assert pipeline.generate(JOB).images[0].tobytes() == whole.images[0].tobytes()


def test_running_out_of_memory_is_said_and_the_next_job_works(directory, serving, monkeypatch):
    import torch

    pipeline = load(LocalSettings(model=str(directory), device="cpu"))
    forward = pipeline.pipe.transformer.forward

    def exhausted(*args, **kwargs):
        monkeypatch.setattr(pipeline.pipe.transformer, "forward", forward)
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 9 GiB.")

    ask = {"prompt": "a", "size": "64x64"}
    with serving(LocalSettings(tiny=True), pipeline) as base_url:
        monkeypatch.setattr(pipeline.pipe.transformer, "forward", exhausted)
        refused = httpx.post(f"{base_url}/images/generations", json=ask, timeout=60)
        assert httpx.post(f"{base_url}/images/generations", json=ask, timeout=60).status_code == 200
    assert refused.status_code == 503
    assert refused.json()["error"]["code"] == "out_of_memory"
    assert "smaller size" in refused.json()["error"]["message"]


def test_an_interrupted_pipeline_gives_up_between_steps(directory):
    pipeline = load(LocalSettings(model=str(directory), device="cpu"))
    pipeline.interrupt()
    with pytest.raises(InterruptedJobError):
        pipeline.generate(JOB)


def test_weights_that_do_not_fit_are_said(directory, monkeypatch):
    import torch
    from diffusers import Flux2KleinPipeline

    def exhausted(*args, **kwargs):
        raise torch.OutOfMemoryError("CUDA out of memory.")

    monkeypatch.setattr(Flux2KleinPipeline, "to", exhausted)
    with pytest.raises(DeviceMemoryError, match="do not fit into the memory of cpu"):
        load(LocalSettings(model=str(directory), device="cpu"))


@pytest.mark.parametrize("device", ["cuda:99", "tpu", "cuda:x"])
def test_an_unknown_device_is_named_with_those_that_are_there(device):
    with pytest.raises(ConfigError, match=rf"'{device}' is not available here.*auto.*cpu"):
        load(LocalSettings(tiny=True, device=device))


def test_a_directory_without_a_pipeline_is_said(tmp_path):
    with pytest.raises(ConfigError, match="does not hold a usable"):
        load(LocalSettings(model=str(tmp_path)))


def test_weights_that_are_not_in_the_cache_are_one_sentence():
    with pytest.raises(ConfigError) as refused:
        load(LocalSettings(model="nobody/nothing", local_files_only=True, device="cpu"))
    assert str(refused.value) == (
        "nobody/nothing: the weights are not in the cache and cannot be downloaded from here; "
        "use --tiny, or put them into HF_HOME"
    )


ERRORS = {
    "missing": (401, "RepoNotFound"),
    "gated": (403, "GatedRepo"),
    "branch": (404, "RevisionNotFound"),
    "other": (404, "EntryNotFound"),
    "forbidden": (403, None),
}


class Hub(BaseHTTPRequestHandler):
    """Answers for a model hub, by the owner's name in the address."""

    def do_HEAD(self) -> None:
        self.do_GET()

    def do_GET(self) -> None:
        owner = next((name for name in ERRORS if f"/{name}/" in self.path), "")
        if owner in {"gated", "other"} and self.path.startswith("/api/models/"):
            names = ["model_index.json"] if owner == "gated" else ["README.md"]
            files = [{"rfilename": name} for name in names]
            self.answer(200, None, json.dumps({"id": f"{owner}/model", "sha": "a" * 40, "siblings": files}).encode())
        else:
            self.answer(*ERRORS.get(owner, (404, None)))

    def answer(self, status: int, code: str | None, body: bytes = b"") -> None:
        self.send_response(status)
        if code:
            self.send_header("X-Error-Code", code)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args) -> None:
        pass


@pytest.fixture
def hub_url():
    with ThreadingHTTPServer(("127.0.0.1", 0), Hub) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def test_each_trouble_with_the_hub_has_its_sentence(hub_url, tmp_path):
    sentences = {
        "missing/model": "no such model on the hub",
        "gated/model": "https://huggingface.co/gated/model",
        "branch/model": "no revision 'v9'",
        "other/model": "not a diffusers pipeline",
        "forbidden/model": "use --tiny, or put them into HF_HOME",
    }
    code = textwrap.dedent(
        """
        import sys
        from arena.errors import ConfigError
        from harness.local.pipeline import load
        from harness.local.settings import LocalSettings
        for model in sys.argv[1:]:
            try:
                load(LocalSettings(model=model, revision="v9" if "branch" in model else None, device="cpu"))
            except ConfigError as error:
                print(error)
        """
    )
    environment = {
        "HF_ENDPOINT": hub_url,
        "HF_HOME": str(tmp_path),
        "PATH": "",
        "PYTHONPATH": ":".join(sys.path),
    }
    done = subprocess.run(
        [sys.executable, "-c", code, *sentences], check=True, capture_output=True, text=True, env=environment
    )
    lines = done.stdout.splitlines()
    assert len(lines) == len(sentences), done
    for line, (model, sentence) in zip(lines, sentences.items(), strict=True):
        assert line.startswith(f"{model}: ")
        assert sentence in line
