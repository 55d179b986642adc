"""The tools of one run of scoring, each opened once, when it is first asked for."""

from __future__ import annotations

from functools import cached_property
from importlib import metadata
from typing import TYPE_CHECKING

from arena.errors import ConfigError
from harness.scoring.base import Identity
from harness.scoring.clip import Clip
from harness.scoring.features import Features
from harness.scoring.reader import Reader
from harness.scoring.weights import missing_package

if TYPE_CHECKING:
    from harness.scoring.base import ToolName
    from harness.scoring.models import Models


class Toolbox:
    """Everything on one device with one number of threads. `device`: cpu, cuda, cuda:1, mps, or None for the best."""

    def __init__(self, models: Models, device: str | None = None, threads: int = 1) -> None:
        self._models, self._device, self._threads = models, device, threads

    @cached_property
    def clip(self) -> Clip:
        """Text and image embeddings; ConfigError where package or weights are missing."""
        return Clip(self._models.clip, self.device)

    @cached_property
    def features(self) -> Features:
        """Features of patches; ConfigError where package or weights are missing."""
        return Features(self._models.features, self.device)

    @cached_property
    def reader(self) -> Reader:
        """Text in images; ConfigError where the package is missing."""
        return Reader(self._threads)

    @cached_property
    def device(self) -> str:
        """The torch device; ConfigError for one that is not here."""
        try:
            import torch
        except ImportError as error:
            raise missing_package("scoring with a model", error) from error
        torch.set_num_threads(self._threads)
        if self._device is None:
            return "cuda" if torch.cuda.is_available() else "cpu"
        try:
            torch.empty(1, device=self._device)
        except (RuntimeError, AssertionError) as error:
            reason = (str(error).splitlines() or [""])[0]
            raise ConfigError(f"--device {self._device}: cannot be used here ({reason}); try cpu") from error
        return self._device

    def identity(self, tool: ToolName) -> Identity:
        """What a tool is; opens it."""
        match tool:
            case "clip":
                return self.clip.identity
            case "features":
                return self.features.identity
            case "reader":
                return self.reader.identity
            case "pixels":
                return Identity("numpy", metadata.version("numpy"))
