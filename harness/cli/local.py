"""`arena local`: a diffusers pipeline on this machine as just another endpoint."""

from __future__ import annotations

from typing import Annotated

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
    model: Annotated[str, typer.Option("--model", help="A model id, or a directory with weights.")] = DEFAULT_MODEL,
    revision: Annotated[str | None, typer.Option("--revision", help="A commit or tag of the model.")] = None,
    device: Annotated[str, typer.Option("--device", help="auto, cuda, cuda:1, mps or cpu.")] = "auto",
    dtype: Annotated[str, typer.Option("--dtype", help="auto, bfloat16, float16 or float32.")] = "auto",
    steps: Annotated[int, typer.Option("--steps", min=1, help="Denoising steps where a request names none.")] = 4,
    max_queue: Annotated[
        int, typer.Option("--max-queue", min=1, help="Requests that may wait; more are refused.")
    ] = 16,
    offline: Annotated[bool, typer.Option("--offline", help="Never download; use the cache or fail.")] = False,
    tiny: Annotated[
        bool,
        typer.Option("--tiny", help="A tiny pipeline with random weights, without any download; marked as simulated."),
    ] = False,
) -> None:
    """Load the pipeline and serve it until interrupted."""
    from arena.catalog import parse
    from harness.local.server import serve as serve_until_stopped
    from harness.local.settings import LocalSettings

    given = {
        "model": model,
        "revision": revision,
        "device": device,
        "speed": {"dtype": dtype},
        "steps": steps,
        "max_queue": max_queue,
        "local_files_only": offline,
        "tiny": tiny,
    }
    settings = parse(LocalSettings, given, "arena local serve")

    def ready(url: str) -> None:
        say(f"serving at {url}; endpoints local/… find it through ARENA_LOCAL_URL={url}")

    serve_until_stopped(host, port, settings, on_ready=ready)
