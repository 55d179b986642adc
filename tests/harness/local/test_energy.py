"""The driver's energy counter, with a module in the place of `nvidia-ml-py`: no card is at hand."""

from __future__ import annotations

import sys
from types import SimpleNamespace

import pytest

from harness.local.energy import energy_counter


class NVMLError(Exception):
    pass


@pytest.fixture
def driver(monkeypatch):
    readings: list[int | NVMLError] = []

    def read(handle: str) -> int:
        assert handle == "handle of GPU-1234"
        reading = readings.pop(0)
        if isinstance(reading, NVMLError):
            raise reading
        return reading

    pynvml = SimpleNamespace(
        NVMLError=NVMLError,
        nvmlInit=lambda: None,
        nvmlDeviceGetHandleByUUID=lambda uuid: f"handle of {uuid}",
        nvmlDeviceGetTotalEnergyConsumption=read,
    )
    cuda = SimpleNamespace(get_device_properties=lambda device: SimpleNamespace(uuid="1234"))
    monkeypatch.setitem(sys.modules, "pynvml", pynvml)
    monkeypatch.setitem(sys.modules, "torch", SimpleNamespace(cuda=cuda))
    return readings


def test_joules_are_read_from_the_card_that_torch_uses(driver):
    driver += [0, 5_000, 17_500, NVMLError("lost")]
    energy_j = energy_counter("cuda:0")
    assert [energy_j() for _ in range(3)] == [5.0, 17.5, None]


def test_a_driver_without_a_counter_tells_nothing(driver):
    driver.append(NVMLError("Not Supported"))
    assert energy_counter("cuda")() is None


def test_without_the_package_nothing_is_told(monkeypatch):
    monkeypatch.setitem(sys.modules, "pynvml", None)
    assert energy_counter("cuda")() is None


@pytest.mark.parametrize("device", ["cpu", "mps"])
def test_other_devices_have_no_counter(device):
    assert energy_counter(device)() is None
