"""On what something was measured: the card, its driver, and the libraries that decide how fast it is."""

from __future__ import annotations

import platform
import shutil
import subprocess
from importlib import metadata

from harness.local.bench.measured import Environment

_LIBRARIES = ("torch", "diffusers", "transformers", "torchao", "triton")


def describe(device: str) -> Environment:
    """The environment of a torch device of this process."""
    return Environment(device=device, card=_card(device), driver=_driver(device), versions=_versions())


def _card(device: str) -> str:
    import torch

    if device.startswith("cuda"):
        properties = torch.cuda.get_device_properties(device)
        return f"{properties.name}, {properties.total_memory / 2**30:.0f} GiB"
    name = _processor()
    threads = torch.get_num_threads()
    return name if device == "mps" else f"{name}, {threads} thread{'' if threads == 1 else 's'}"


def _processor() -> str:
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as lines:  # noqa: PTH123 - a line of it
            for line in lines:
                if line.startswith("model name"):
                    return line.partition(":")[2].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()


def _driver(device: str) -> str | None:
    if not device.startswith("cuda"):
        return None
    import torch

    tool = shutil.which("nvidia-smi")
    runtime = f"CUDA {torch.version.cuda}" if torch.version.cuda else f"ROCm {torch.version.hip}"
    if tool is None:
        return runtime
    done = subprocess.run(  # noqa: S603 - found on the path, fixed arguments
        [tool, "--query-gpu=driver_version", "--format=csv,noheader"],
        capture_output=True, text=True, check=False, timeout=30,
    )  # fmt: skip
    lines = done.stdout.split("\n")
    return f"{lines[0].strip()}, {runtime}" if done.returncode == 0 and lines[0].strip() else runtime


def _versions() -> dict[str, str]:
    found = {"python": platform.python_version()}
    for name in _LIBRARIES:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return found
