"""Which models score: from `scoring/weights.toml`, or as a command names them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import Field

import prompts
from arena.catalog import parse, read_toml
from arena.domain.base import Value
from arena.errors import ConfigError
from harness.scoring.base import Change

if TYPE_CHECKING:
    from arena.domain.prompt import Prompt


class ClipModel(Value):
    """An architecture of open_clip with a pretrained tag or a weights file, or a `directory` that holds both."""

    model: str = ""
    pretrained: str | None = None
    path: str | None = None
    directory: Path | None = None


class FeatureModel(Value):
    """A vision transformer of timm, its tag after a dot, with a weights file of one's own or without."""

    model: str
    path: str | None = None


class Models(Value):
    """What images are scored with."""

    clip: ClipModel
    features: FeatureModel


class Captions(Value):
    """What edits start from (by file name of the source), and what they should come to (by prompt)."""

    before: dict[str, str] = Field(default_factory=dict)
    after: dict[str, str] = Field(default_factory=dict)

    def change(self, prompt: Prompt) -> Change | None:
        """Both captions of an edit; None where either is missing."""
        before = self.before.get(prompt.sources[0]) if prompt.sources else None
        after = self.after.get(prompt.id)
        return None if before is None or after is None else Change(before, after)


def read_models(config_dir: Path | None, clip: str | None = None, features: str | None = None) -> Models:
    """The models of the data files, one's own before the shipped ones, or as they are named here.

    `clip` is MODEL:TAG, MODEL=PATH or a directory with an `open_clip_config.json`, `features` MODEL.TAG or MODEL=PATH.
    """
    tables = _tables(config_dir, "weights.toml")
    if clip is not None:
        tables["clip"] = _named_clip(clip)
    if features is not None:
        model, _, path = features.partition("=")
        tables["features"] = {"model": model, "path": path or None}
    return parse(Models, tables, "scoring/weights.toml")


def read_captions(config_dir: Path | None) -> Captions:
    """The captions of the data files; one's own add to the shipped ones."""
    found: dict[str, Any] = {"before": {}, "after": {}}
    for root in _roots(config_dir):
        path = root / "scoring" / "captions.toml"
        if path.is_file():
            mine = parse(Captions, read_toml(path), str(path))
            found = {"before": found["before"] | mine.before, "after": found["after"] | mine.after}
    return Captions(**found)


def _named_clip(named: str) -> dict[str, Any]:
    model, equals, path = named.partition("=")
    if equals:
        return {"model": model, "path": path}
    if Path(named).is_dir():
        return {"model": Path(named).name, "directory": named}
    model, colon, tag = named.rpartition(":")
    if not colon:
        raise ConfigError(f"--clip {named}: write MODEL:TAG, MODEL=PATH, or a directory that exists")
    return {"model": model, "pretrained": tag}


def _tables(config_dir: Path | None, name: str) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for root in _roots(config_dir):
        path = root / "scoring" / name
        if path.is_file():
            found |= read_toml(path)
    return found


def _roots(config_dir: Path | None) -> list[Path]:
    """Shipped files first: what comes later wins."""
    return [prompts.ROOT] if config_dir is None else [prompts.ROOT, config_dir]
