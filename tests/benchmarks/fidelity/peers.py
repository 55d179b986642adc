"""Other tools against the same server, where they are installed: AIPerf, GuideLLM, and a first script with the OpenAI
client.

They are found on PATH (`aiperf`, `guidellm`). Both want a tokenizer although no token is counted; one with a few words
is made by their own Python, so that nothing is downloaded.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from tests.benchmarks.fidelity.cells import HERE, errors, truth_server

if TYPE_CHECKING:
    from tests.benchmarks.fidelity.cells import Cell

LIMIT_S = 300
TOKENIZER = """
import sys
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import PreTrainedTokenizerFast
words = {w: i for i, w in enumerate(["[UNK]", "a", "cat", *(f"w{i}" for i in range(500))])}
made = Tokenizer(models.WordLevel(words, unk_token="[UNK]"))
made.pre_tokenizer = pre_tokenizers.Whitespace()
named = dict.fromkeys(("unk_token", "eos_token", "bos_token", "pad_token"), "[UNK]")
PreTrainedTokenizerFast(tokenizer_object=made, **named).save_pretrained(sys.argv[1])
"""


def installed() -> list[str]:
    """The names of the peers that can run here."""
    return ["naive", *(name for name in ("aiperf", "guidellm") if shutil.which(name))]


def peer(name: str, cell: Cell) -> dict[str, float] | None:
    """A peer's line of the table; None where it cannot do the cell, or did not come to its end."""
    if cell.body != "inline" or cell.tls:
        return None
    with truth_server(cell.law, cell.body) as served, tempfile.TemporaryDirectory() as directory:
        try:
            told = {"naive": _naive, "aiperf": _aiperf, "guidellm": _guidellm}[name](cell, served.port, Path(directory))
        except (subprocess.SubprocessError, OSError, KeyError, ValueError) as error:
            print(f"  {name} did not come to its end: {type(error).__name__}", file=sys.stderr)
            return None
        delays_ms = [ns / 1e6 for ns in served.truth()["delays_ns"][-cell.requests :]]
    if isinstance(told, list):
        return errors(told, delays_ms)
    true = errors(delays_ms, delays_ms)["true50"]
    p50_ms, p95_ms, worst_ms = told
    return {
        "true50": true,
        "p50_err": p50_ms - true,
        "p95_err": p95_ms - sorted(delays_ms)[round(0.95 * (len(delays_ms) - 1))],
        "worst_err": worst_ms - max(delays_ms),
    }


def _naive(cell: Cell, port: int, _directory: Path) -> list[float]:
    wanted = {"port": port, "in_flight": cell.in_flight, "requests": cell.requests, "warmup": cell.warmup}
    done = _run([sys.executable, str(HERE / "naive_openai.py"), json.dumps(wanted)])
    told: list[float] = json.loads(done)
    return told


def _aiperf(cell: Cell, port: int, directory: Path) -> tuple[float, float, float]:
    _run(
        [
            *("aiperf", "profile", "-m", "m", "--url", f"http://127.0.0.1:{port}"),
            *("--endpoint-type", "image_generation", "--tokenizer", str(_tokenizer("aiperf", directory))),
            *("--concurrency", str(cell.in_flight), "--request-count", str(cell.requests)),
            *("--warmup-request-count", str(cell.warmup), "--synthetic-input-tokens-mean", "10"),
            *("--artifact-dir", str(directory / "out"), "--ui", "none"),
        ]
    )
    told = json.loads((directory / "out" / "profile_export_aiperf.json").read_text())["request_latency"]
    return told["p50"], told["p95"], told["max"]


def _guidellm(cell: Cell, port: int, directory: Path) -> tuple[float, float, float]:
    """Through its route for embeddings: it knows no images. It has no warm-up by count."""
    backend = {
        "kind": "openai_http",
        "target": f"http://127.0.0.1:{port}",
        "model": "m",
        "request_format": "/v1/embeddings",
        "api_routes": {"/v1/embeddings": "v1/images/generations"},
        "validate_backend": False,
    }
    prompts = directory / "prompts.jsonl"
    prompts.write_text("".join(json.dumps({"prompt": f"a cat w{i % 500}"}) + "\n" for i in range(cell.requests + 1000)))
    tokenizer = {"kind": "huggingface_auto", "model": str(_tokenizer("guidellm", directory))}
    _run(
        [
            *("guidellm", "run", "--backend", json.dumps(backend), "--tokenizer", json.dumps(tokenizer)),
            *("--profile", f"kind=concurrent,streams={cell.in_flight}"),
            *("--constraint", f"kind=max_requests,count={cell.requests}", "--data", f"kind=json_file,path={prompts}"),
            *("--output", f"kind=json,path={directory / 'told.json'}", "--disable-console"),
        ]
    )
    (benchmark,) = json.loads((directory / "told.json").read_text())["benchmarks"]
    told = benchmark["metrics"]["request_latency"]["successful"]
    return told["percentiles"]["p50"] * 1000, told["percentiles"]["p95"] * 1000, told["max"] * 1000


def _tokenizer(tool: str, directory: Path) -> Path:
    where = directory / "tokenizer"
    python = Path(shutil.which(tool) or "").resolve().parent / "python"
    _run([str(python), "-c", TOKENIZER, str(where)])
    return where


def _run(command: list[str]) -> str:
    done = subprocess.run(command, capture_output=True, text=True, timeout=LIMIT_S, check=True)
    return done.stdout
