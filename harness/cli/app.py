"""`arena app`: the dashboards in a browser."""

from __future__ import annotations

import signal
import subprocess
import sys
from importlib import util
from pathlib import Path
from typing import Annotated

import typer

from arena.errors import ConfigError
from harness.cli import console


def app(
    *,
    host: Annotated[str, typer.Option("--host", help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option("--port", min=1, max=65535, help="Port.")] = 8501,
    headless: Annotated[bool, typer.Option("--headless", help="Do not open a browser.")] = False,
) -> None:
    """Open the app over what was measured."""
    console.settings()  # a value that cannot be used is said now, and not by every page
    if util.find_spec("streamlit") is None:
        raise ConfigError("the app needs Streamlit; `pip install 'provider-arena[app]'`, or `make demo APP=1`")
    package = util.find_spec("dashboards")
    if package is None or package.origin is None:
        raise ConfigError("the dashboards are not installed beside this command; reinstall provider-arena")
    script = Path(package.origin).parent / "server.py"
    command = [sys.executable, "-m", "streamlit", "run", str(script)]
    command += ["--server.address", host, "--server.port", str(port), "--browser.gatherUsageStats", "false"]
    command += ["--server.headless", "true"] if headless else []
    process = subprocess.Popen(command)  # noqa: S603 - our own script
    signal.signal(signal.SIGTERM, lambda *_: process.terminate())  # whoever stops this process stops the app
    try:
        code = process.wait()
        raise typer.Exit(code if code >= 0 else 128 - code)
    except KeyboardInterrupt:
        process.terminate()
        process.wait()
        raise typer.Exit(0) from None
