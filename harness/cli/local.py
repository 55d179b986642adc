"""`arena local`: a diffusers pipeline on this machine as just another endpoint."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from harness.cli import local_bench
from harness.cli.console import say

cli = typer.Typer(
    name="local",
    help="Serve a local diffusion pipeline over the OpenAI-compatible images API.",
    no_args_is_help=True,
)
cli.command("bench")(local_bench.bench)
DEFAULT_MODEL = "black-forest-labs/FLUX.2-klein-4B"


@cli.callback()
def _group() -> None:
    pass


@cli.command()
def serve(
    *,
    host: Annotated[str, typer.Option("--host", help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option("--port", min=0, max=65535, help="Port; 0 takes a free one.")] = 8702,
    settings: Annotated[
        Path | None,
        typer.Option("--settings", help="A TOML file of settings (docs/local.md); options go before what it says."),
    ] = None,
    model: Annotated[
        str | None,
        typer.Option("--model", help="A model id, or a directory with weights: FLUX.2 [klein] 4B."),
    ] = None,
    revision: Annotated[str | None, typer.Option("--revision", help="A commit or tag of the model.")] = None,
    device: Annotated[str | None, typer.Option("--device", help="auto, cuda, cuda:1, mps or cpu.")] = None,
    devices: Annotated[
        str | None, typer.Option("--devices", help="Several, such as cuda:0,cuda:1: a process each, one address.")
    ] = None,
    dtype: Annotated[str | None, typer.Option("--dtype", help="auto, bfloat16, float16 or float32.")] = None,
    compile_mode: Annotated[
        str | None, typer.Option("--compile", help="off, default, reduce-overhead or max-autotune.")
    ] = None,
    attention: Annotated[
        str | None, typer.Option("--attention", help="auto, math, efficient, flash or cudnn kernels.")
    ] = None,
    quantization: Annotated[str | None, typer.Option("--quantization", help="none, int8 or float8.")] = None,
    offload: Annotated[
        str | None, typer.Option("--offload", help="none, model or sequential, where memory is short.")
    ] = None,
    channels_last: Annotated[
        bool | None, typer.Option("--channels-last/--no-channels-last", help="Memory format of the decoder.")
    ] = None,
    embedding_cache: Annotated[
        int | None, typer.Option("--embedding-cache", help="Prompts whose embeddings are kept; 0 keeps none.")
    ] = None,
    batch_window_ms: Annotated[
        float | None, typer.Option("--batch-window-ms", help="How long a job waits for others to run with.")
    ] = None,
    max_batch: Annotated[int | None, typer.Option("--max-batch", help="Images that run together at most.")] = None,
    warm_size: Annotated[
        list[str] | None, typer.Option("--warm-size", help="A size to generate before serving; may be repeated.")
    ] = None,
    gpu_hour_usd: Annotated[
        str | None, typer.Option("--gpu-hour-usd", help="What an hour of one device costs; prices every image.")
    ] = None,
    steps: Annotated[int | None, typer.Option("--steps", help="Denoising steps where a request names none.")] = None,
    max_queue: Annotated[
        int | None, typer.Option("--max-queue", min=1, help="Requests that may wait; more are refused.")
    ] = None,
    offline: Annotated[
        bool | None, typer.Option("--offline/--online", help="Never download; use the cache or fail.")
    ] = None,
    tiny: Annotated[
        bool | None,
        typer.Option(
            "--tiny/--no-tiny", help="A tiny pipeline with random weights, without any download; marked as simulated."
        ),
    ] = None,
    random_weights: Annotated[
        bool | None,
        typer.Option(
            "--random-weights/--no-random-weights",
            help="The model's full size with random weights, without any download; marked as simulated.",
        ),
    ] = None,
) -> None:
    """Load the pipeline and serve it until interrupted."""
    from harness.local.server import serve as serve_until_stopped
    from harness.local.settings_file import read_settings

    speed = {
        "dtype": dtype,
        "compile": compile_mode,
        "attention": attention,
        "quantization": quantization,
        "offload": offload,
        "channels_last": channels_last,
        "embedding_cache": embedding_cache,
        "batch_window_ms": batch_window_ms,
        "max_batch": max_batch,
    }
    given = {
        "model": model,
        "revision": revision,
        "device": device,
        "devices": None if devices is None else [name.strip() for name in devices.split(",")],
        "speed": _given(speed) or None,
        "warm_sizes": warm_size or None,
        "gpu_hour_usd": gpu_hour_usd,
        "steps": steps,
        "max_queue": max_queue,
        "local_files_only": offline,
        "tiny": tiny,
        "random_weights": random_weights,
    }
    served = read_settings(settings, _given(given), "arena local serve")

    def ready(url: str) -> None:
        say(f"serving at {url}; endpoints local/… find it through ARENA_LOCAL_URL={url}")

    serve_until_stopped(host, port, served, on_ready=ready)


def _given(values: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in values.items() if value is not None}
