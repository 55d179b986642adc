"""CLIP by open_clip: embeddings of texts and images, of unit length.

Texts are scored in chunks that the model can read, where open_clip would cut them off in silence; images are padded to
a square, where its usual preparation would crop them.
"""

from __future__ import annotations

import re
from collections import OrderedDict
from functools import cached_property
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any

from arena.errors import ConfigError
from harness.scoring.base import Identity
from harness.scoring.weights import given, in_hub_cache, missing_package, not_there, sha256_of, weights_in

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    from numpy.typing import NDArray
    from PIL import Image

    from harness.scoring.models import ClipModel

    Vector = NDArray[np.float32]

PACKAGE = "open-clip-torch"
PADDING = 127
"""Grey level around images that are not square."""
REMEMBERED = 4096
SAFE, OTHER = "open_clip_model.safetensors", "open_clip_pytorch_model.bin"
START_AND_END = 2


class Clip:
    """One model on one device. Opening it finds and hashes the weights; they are loaded when first used."""

    def __init__(self, model: ClipModel, device: str) -> None:
        try:
            import open_clip
        except ImportError as error:
            raise missing_package("CLIP scores", error) from error
        self._open_clip, self._model, self.device = open_clip, model, device
        self._file = self._found()
        self._images: OrderedDict[str, Vector] = OrderedDict()
        self._texts: OrderedDict[str, Vector] = OrderedDict()

    @cached_property
    def identity(self) -> Identity:
        """The model's name and the hash of its weights."""
        is_tag = not self._model.path and self._model.directory is None
        name = self._model.pretrained if is_tag else self._file.name
        model = self._model.model if self._model.directory is None else self._model.directory.name
        return Identity(
            "open_clip", metadata.version(PACKAGE), self.device, model, name or self._file.name, sha256_of(self._file)
        )

    def _found(self) -> Path:
        model, what = self._model, f"CLIP model {self._model.model}"
        if model.directory is not None:
            directory = given(model.directory, what)
            if not (directory / "open_clip_config.json").is_file():
                raise ConfigError(f"{directory}: is no directory of a CLIP model; it has no open_clip_config.json")
            return weights_in(directory, (SAFE, OTHER))
        if model.model not in self._open_clip.list_models():
            raise ConfigError(f"{what}: open_clip has no such architecture; `open_clip.list_models()` has them all")
        if model.path:
            return given(Path(model.path), what)
        known = self._open_clip.get_pretrained_cfg(model.model, model.pretrained or "")
        if not known:
            tags = ", ".join(self._open_clip.list_pretrained_tags_by_model(model.model))
            raise ConfigError(f"{what}: there is no pretrained tag {model.pretrained!r}; it has {tags or 'none'}")
        repository, _, name = str(known.get("hf_hub", "")).rpartition("/")
        if not repository:
            raise ConfigError(f"{what}: {model.pretrained} is not on the hub; download {known.get('url')} and name it")
        names = (name,) if name else (SAFE, OTHER)
        found = in_hub_cache(repository, names)
        if found is None:
            raise not_there(f"{what} ({model.pretrained})", repository, names, "clip", "--clip MODEL=PATH")
        return found

    @cached_property
    def _trained(self) -> dict[str, Any]:
        """How images were prepared, and which activation was used, in training: what open_clip knows of the tag.

        Of weights from a file it is what all tags of the architecture have in common; a directory says it itself.
        """
        if self._model.directory is not None:
            return {}
        names = [self._model.pretrained] if not self._model.path else None
        names = names or self._open_clip.list_pretrained_tags_by_model(self._model.model)
        known = [self._open_clip.get_pretrained_cfg(self._model.model, name) for name in names]
        return {k: v for k, v in known[0].items() if all(one.get(k) == v for one in known)} if known else {}

    @cached_property
    def _name(self) -> str:
        return self._model.model if self._model.directory is None else f"local-dir:{self._model.directory.resolve()}"

    @cached_property
    def _net(self) -> Any:
        """The model, ready to be asked; ConfigError if the weights are not its own."""
        named = {} if self._model.directory is not None else {"pretrained": str(self._file)}
        quick = not self._model.path and bool(self._trained.get("quick_gelu"))
        try:
            net = self._open_clip.create_model(
                self._name, device=self.device, force_quick_gelu=quick, require_pretrained=True, **named
            )
        except Exception as error:
            if "out of memory" in str(error):
                raise ConfigError(
                    f"{self.device}: too little memory for {self._model.model}; try another --device"
                ) from error
            reason = (str(error).strip().splitlines() or [type(error).__name__])[0][:200]
            raise ConfigError(f"{self._file}: are no weights of {self._model.model} ({reason})") from error
        return net.eval()

    @cached_property
    def _prepare(self) -> Any:
        from open_clip.transform import PreprocessCfg, image_transform_v2

        settings = {**self._net.visual.preprocess_cfg, "resize_mode": "longest", "fill_color": PADDING}
        settings |= {k: v for k, v in self._trained.items() if k in {"mean", "std", "interpolation"}}
        return image_transform_v2(PreprocessCfg(**settings), is_train=False)

    @cached_property
    def _tokenizer(self) -> Any:
        return self._open_clip.get_tokenizer(self._name)

    def prepared(self, image: Image.Image) -> Any:
        """A padded, scaled, normalised tensor; safe to be called on several threads once the model is loaded."""
        return self._prepare(image)

    def images(self, images: Sequence[tuple[str, Image.Image]]) -> Vector:
        """Embeddings, shape (n, d), of images that are known by a name; the last few thousand are remembered."""
        import numpy as np
        import torch

        new = {name: image for name, image in images if name not in self._images}
        if new:
            batch = torch.stack([self.prepared(image) for image in new.values()]).to(self.device)
            with torch.inference_mode():
                found = self._net.encode_image(batch, normalize=True).float().cpu().numpy()
            self._images.update(zip(new, found, strict=True))
        vectors = np.stack([self._images[name] for name, _ in images])
        _forget_oldest(self._images)
        return vectors

    def texts(self, texts: Sequence[str]) -> Vector:
        """Embeddings, shape (n, d), of texts that the model can read whole."""
        import numpy as np
        import torch

        new = [text for text in dict.fromkeys(texts) if text not in self._texts]
        if new:
            tokens = self._tokenizer(new).to(self.device)
            with torch.inference_mode():
                found = self._net.encode_text(tokens, normalize=True).float().cpu().numpy()
            self._texts.update(zip(new, found, strict=True))
        vectors = np.stack([self._texts[text] for text in texts])
        _forget_oldest(self._texts)
        return vectors

    def chunks(self, text: str) -> list[str]:
        """The text in pieces that the model can read: sentences as far as they fit together, else words."""
        room = int(self._tokenizer.context_length) - START_AND_END
        if self._tokens(text) <= room:
            return [text]
        pieces: list[str] = []
        for sentence in re.split(r"(?<=[.!?;:])\s+", text.strip()):
            fits = self._tokens(sentence) <= room
            for part in [sentence] if fits else sentence.split():
                longer = f"{pieces[-1]} {part}" if pieces else part
                if pieces and self._tokens(longer) <= room:
                    pieces[-1] = longer
                else:
                    pieces.append(part)
        return pieces

    def _tokens(self, text: str) -> int:
        """How many tokens a text has, without start and end."""
        if hasattr(self._tokenizer, "encode"):
            return len(self._tokenizer.encode(text))
        return len(self._tokenizer.tokenizer.encode(text, add_special_tokens=False))


def _forget_oldest(known: OrderedDict[str, Vector]) -> None:
    while len(known) > REMEMBERED:
        known.popitem(last=False)
