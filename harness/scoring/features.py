"""Features of patches by a vision transformer of timm."""

from __future__ import annotations

from collections import OrderedDict
from functools import cached_property
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any

from arena.errors import ConfigError
from harness.scoring.base import Identity
from harness.scoring.weights import given, in_hub_cache, missing_package, not_there, sha256_of

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from PIL import Image

    from harness.scoring.models import FeatureModel

FILES = ("model.safetensors", "pytorch_model.bin")
REMEMBERED = 64


class Features:
    """One transformer on one device. Opening it finds and hashes the weights; they are loaded when first used."""

    def __init__(self, model: FeatureModel, device: str) -> None:
        try:
            import timm
        except ImportError as error:
            raise missing_package("features of patches", error) from error
        self._timm, self._model, self.device = timm, model, device
        self._file = self._found()
        self._known: OrderedDict[str, NDArray[np.float32]] = OrderedDict()

    @cached_property
    def identity(self) -> Identity:
        """The model's name and the hash of its weights."""
        weights = self._file.name if self._model.path else self._model.model.partition(".")[2]
        return Identity(
            "timm", metadata.version("timm"), self.device, self._model.model, weights, sha256_of(self._file)
        )

    def _found(self) -> Path:
        what = f"feature model {self._model.model}"
        if not self._timm.is_model(self._model.model):
            raise ConfigError(f"{what}: timm has no such model; `timm.list_models()` has them all")
        if self._model.path:
            return given(Path(self._model.path), what)
        known = self._timm.get_pretrained_cfg(self._model.model)
        repository = "" if known is None else str(known.hf_hub_id or "")
        if not repository:
            raise ConfigError(f"{what}: has no weights on the hub; name a file with --features MODEL=PATH")
        found = in_hub_cache(repository, FILES)
        if found is None:
            raise not_there(what, repository, FILES, "features", "--features MODEL=PATH")
        return found

    @cached_property
    def _net(self) -> Any:
        try:
            net = self._timm.create_model(
                self._model.model, pretrained=False, num_classes=0, checkpoint_path=str(self._file)
            )
        except Exception as error:
            reason = (str(error).strip().splitlines() or [type(error).__name__])[0][:200]
            raise ConfigError(f"{self._file}: are no weights of {self._model.model} ({reason})") from error
        return net.to(self.device).eval()

    @cached_property
    def _side_px(self) -> int:
        return int(self._net.patch_embed.img_size[0])

    @cached_property
    def _grid(self) -> tuple[int, int]:
        high, wide = self._net.patch_embed.grid_size
        return int(high), int(wide)

    def patches(self, name: str, image: Image.Image) -> NDArray[np.float32]:
        """Features of unit length, shape (patches, d), row by row, of an image that is known by a name."""
        import numpy as np
        import torch

        if name not in self._known:
            mean, deviation = (np.array(self._net.pretrained_cfg[k], dtype=np.float32) for k in ("mean", "std"))
            pixels = (np.asarray(padded(image, self._side_px), dtype=np.float32) / 255 - mean) / deviation
            batch = torch.from_numpy(pixels.transpose(2, 0, 1)[None]).to(self.device)
            with torch.inference_mode():
                tokens = self._net.forward_features(batch)[0, self._net.num_prefix_tokens :]
            self._known[name] = torch.nn.functional.normalize(tokens.float(), dim=1).cpu().numpy()
        found = self._known[name]
        while len(self._known) > REMEMBERED:
            self._known.popitem(last=False)
        return found

    def inside(self, size_px: tuple[int, int]) -> NDArray[np.bool_]:
        """Which patches show the picture and not what it was padded with, shape (patches,)."""
        import numpy as np

        high, wide = self._grid
        scale = max(size_px)
        shares = size_px[1] / scale, size_px[0] / scale
        rows, columns = (
            np.abs((np.arange(n) + 0.5) / n - 0.5) < share / 2 for n, share in zip((high, wide), shares, strict=True)
        )
        return np.asarray(np.outer(rows, columns).ravel(), dtype=bool)


def padded(image: Image.Image, side_px: int) -> Image.Image:
    """The whole image in the middle of a grey square."""
    from PIL import ImageOps
    from PIL.Image import Resampling

    return ImageOps.pad(image.convert("RGB"), (side_px, side_px), Resampling.BICUBIC, color=(127, 127, 127))
