"""What goes wrong with weights and devices, in one sentence that says what to change."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from arena.errors import ArenaError, ConfigError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from harness.local.settings import LocalSettings


# How the hub library and its HTTP client, of whatever version, say that there was no way to the files.
_NOT_REACHED = {
    "LocalEntryNotFoundError",
    "CachedRepoTreeNotFoundError",
    "OfflineModeIsEnabled",
    "HfHubHTTPError",
    "TransportError",
    "ConnectionError",
    "Timeout",
}


# What cuBLAS and cuDNN say of a full card, which is no fault of it, although torch writes "CUDA error:" before that.
_MEMORY_WORDS = ("out of memory", "can't allocate memory", "_STATUS_ALLOC_FAILED")
_FAULT_WORDS = ("CUDA error:", "CUDNN_STATUS_EXECUTION_FAILED", "CUBLAS_STATUS_EXECUTION_FAILED", "device-side assert")


class DeviceMemoryError(ArenaError):
    """The device has too little memory for the model or for this job; a smaller job may succeed."""


class InterruptedJobError(ArenaError):
    """The server is being stopped and gave up the job between two steps."""


class DeviceFaultError(ArenaError):
    """The driver reported a fault while a job ran, or the device's process ended: what was there is lost."""


class NoDeviceError(ArenaError):
    """No device is left to run a job."""


def is_device_fault(error: BaseException) -> bool:
    """Whether the driver reports a fault by `error`; after one, nothing more runs in this process on that device.

    An illegal address, a failed assertion in a kernel or a card that fell off the bus destroys the process's context,
    and every later call fails too. Exhausted memory does not, so ask `is_out_of_memory` first.
    """
    import torch

    # cuBLAS refused a call, of a shape that it does not have, say: torch writes "CUDA error:" there, too.
    if "CUBLAS_STATUS_" in str(error) and "CUBLAS_STATUS_EXECUTION_FAILED" not in str(error):
        return False
    # Before torch 2.8 there was no class of its own for it.
    own_class: type[BaseException] | None = getattr(torch, "AcceleratorError", None)
    if own_class is not None and isinstance(error, own_class):
        return True
    return isinstance(error, RuntimeError) and any(words in str(error) for words in _FAULT_WORDS)


def device_fault(error: BaseException, device: str) -> DeviceFaultError:
    """The sentence for an `error` that `is_device_fault`."""
    return DeviceFaultError(f"the driver of {device} reported a fault ({_first_line(error)}); this job is lost")


def is_out_of_memory(error: BaseException) -> bool:
    """Whether torch reports exhausted memory by `error`: by its class on CUDA, only by its text elsewhere."""
    import torch

    if isinstance(error, (torch.OutOfMemoryError, MemoryError)):
        return True
    return isinstance(error, RuntimeError) and any(words in str(error) for words in _MEMORY_WORDS)


def missing_package(error: ImportError | RuntimeError) -> ConfigError:
    """The sentence for an installation without torch, or with libraries that are too old."""
    return ConfigError(
        f"local generation needs current versions of torch, diffusers, transformers and accelerate "
        f"({_first_line(error)}); install them with: pip install -U 'provider-arena[gpu]'"
    )


def warm_up_fault(error: Exception, settings: LocalSettings, device: str) -> ConfigError:
    """The sentence for an `error` that the first image raised, before anything is served.

    Nothing that a client sent has a part in it: it is the settings, the libraries or the device, and where kernels are
    compiled it is mostly that.
    """
    speed = settings.speed
    asked = {"compile": speed.compile != "off", "quantization": speed.quantization != "none"}
    asked |= {"attention": speed.attention != "auto", "channels_last": speed.channels_last}
    doubtful = [f"speed.{name}" for name, is_asked in asked.items() if is_asked]
    advice = (
        f"serve without {' and '.join(doubtful)}"
        if doubtful
        else "update torch and diffusers, or name another --device"
    )
    return ConfigError(f"{device} cannot make the first image ({_first_line(error)}); {advice}")


def load_fault(error: Exception, settings: LocalSettings, device: str) -> ArenaError:
    """The sentence for an `error` that loading the pipeline of `settings` on `device` raised."""
    if is_out_of_memory(error):
        offload = "" if device == "cpu" or settings.speed.offload != "none" else "use --offload model, "
        return DeviceMemoryError(
            f"{settings.model}: the weights do not fit into the memory of {device}; "
            f"free memory there, {offload}choose another --device, or use --tiny"
        )
    return ConfigError(f"{settings.model}: {_what_to_change(error, settings)}")


def _what_to_change(error: Exception, settings: LocalSettings) -> str:
    if Path(settings.model).exists():
        return f"this directory does not hold a usable FLUX.2 [klein] pipeline ({_first_line(error)})"
    # The library wraps what the hub said into other errors, so the whole chain is looked through, by class
    # name: where the classes are defined differs between versions.
    names = {base.__name__ for link in _chain(error) for base in type(link).__mro__}
    sentences = {
        "GatedRepoError": "its licence has to be accepted on https://huggingface.co/{model}; "
        "then set HF_TOKEN to a token of that account",
        "RevisionNotFoundError": "there is no revision {revision!r}; check --revision",
        "RepositoryNotFoundError": "there is no such model on the hub, or it is private; "
        "check the name, or set HF_TOKEN",
        "HFValidationError": "this is neither a directory nor a model id of the form owner/name",
        "RemoteEntryNotFoundError": "this is not a diffusers pipeline: it has no model_index.json",
    }
    for name, sentence in sentences.items():
        if name in names:
            return sentence.format(model=settings.model, revision=settings.revision)
    if names & _NOT_REACHED:
        return (
            "the weights are not in the cache and cannot be downloaded from here; use --tiny, or put them into HF_HOME"
        )
    return f"this is not a usable FLUX.2 [klein] pipeline ({_first_line(error)})"


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


def _first_line(error: BaseException) -> str:
    text = str(error).strip()
    return (text.splitlines()[0] if text else type(error).__name__)[:300].rstrip(".")
