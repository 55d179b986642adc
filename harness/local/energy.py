"""What a card has consumed, from the counter of its driver.

The counter is the card's own: it holds whatever ran on the card meanwhile, its idle draw included, and the driver
moves it on only every few tens of milliseconds, so that the figure of one short job is coarse and the mean of many is
not. https://docs.nvidia.com/deploy/nvml-api/group__nvmlDeviceQueries.html, nvmlDeviceGetTotalEnergyConsumption
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

logger = logging.getLogger(__name__)

_MJ_PER_J = 1000


def energy_counter(device: str) -> Callable[[], float | None]:
    """A function that reads the joules which the card of `device` has consumed since its driver was loaded.

    It gives None on other devices, without the package `nvidia-ml-py`, and where the driver has no such counter.
    """
    if not device.startswith("cuda"):
        return _unknown
    try:
        import pynvml

        handle = _handle(pynvml, device)
        pynvml.nvmlDeviceGetTotalEnergyConsumption(handle)
    except Exception as error:  # noqa: BLE001 - an old driver, a virtual card, no package: energy is then not told
        logger.info("the energy of jobs is not known (%s)", error)
        return _unknown
    return lambda: _read_j(pynvml, handle)


def _handle(pynvml: Any, device: str) -> Any:
    import torch

    pynvml.nvmlInit()
    # By its UUID: torch counts the cards that it may see, the driver counts them all.
    return pynvml.nvmlDeviceGetHandleByUUID(f"GPU-{torch.cuda.get_device_properties(device).uuid}")


def _read_j(pynvml: Any, handle: Any) -> float | None:
    try:
        return float(pynvml.nvmlDeviceGetTotalEnergyConsumption(handle)) / _MJ_PER_J
    except pynvml.NVMLError:
        return None


def _unknown() -> None:
    return None
