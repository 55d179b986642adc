"""Simulated hosts held against a reference, many times over: how often is who caught?

Pictures are those of the simulator. Each seeded run draws some prompts and two seeds each from a pool, and shows them
as each kind of host would deliver them to the comparison that `arena providers same-weights` makes.
"""

from __future__ import annotations

import hashlib
import io
import random
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pandas as pd

from arena.catalog import Catalog, spread
from arena.domain.request import Mode
from arena.metrics.likeness import Gallery
from arena.reports.same_weights import compare_hosts
from harness.scoring.base import Subject
from harness.scoring.metrics import every_metric
from harness.sim.habits import downsized, named, noisier, noisy
from harness.sim.pictures import draw

if TYPE_CHECKING:
    from collections.abc import Sequence

    from PIL import Image

    from arena.domain.prompt import Prompt
    from arena.reports.same_weights import Comparison

HONEST = ("same", "restamped", "nearly", "other-noise")
DISHONEST = ("cached", "downsized", "noisier", "downsized+other-noise", "noisier+other-noise")
REFERENCE, SEEDS = "lab/reference", 6
QUALITY = 0.75


@dataclass
class Pool:
    """Pictures of prompts by seed, as files, with their values; made once and shown in many runs."""

    prompts: Sequence[Prompt]
    side_px: int = 256
    files: dict[str, bytes] = field(default_factory=dict)
    values: dict[str, dict[str, float]] = field(default_factory=dict)
    known: dict[tuple[str, int, str], str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """One gallery for all runs: what two pictures have in common does not change."""
        self.gallery = Gallery(self.files.__getitem__)

    def image(self, prompt: Prompt, seed: int, change: str) -> str:
        """The hash of a picture as a host with that change delivers it."""
        key = (prompt.id, seed, change)
        if key not in self.known:
            self.known[key] = self._made(prompt, seed, change)
        return self.known[key]

    def _made(self, prompt: Prompt, seed: int, change: str) -> str:
        picture = draw(prompt.text, seed, self.side_px, self.side_px, QUALITY, "flat")
        changed = {"downsized": downsized, "noisier": lambda i: noisier(i, seed), "nearly": lambda i: noisy(i, seed)}
        picture = changed.get(change, lambda i: i)(picture)
        out = io.BytesIO()
        picture.save(out, "PNG", compress_level=1)
        data = named(out.getvalue(), f"{prompt.id}-{seed}") if change == "restamped" else out.getvalue()
        sha256 = hashlib.sha256(data).hexdigest()
        self.files[sha256] = data
        self.values[sha256] = measured(picture, prompt)
        return sha256


def measured(picture: Image.Image, prompt: Prompt) -> dict[str, float]:
    """The indicators that need no weights."""
    subject = [Subject("", picture, prompt)]
    indicators = [m for m in every_metric().values() if m.tool == "pixels" and m.negligible is not None]
    return {m.name: m.compute(subject, None)[0].value for m in indicators}  # type: ignore[arg-type]


def make_pool(prompts: int = 24, side_px: int = 256) -> Pool:
    """Prompts of the shipped core set, spread over its categories."""
    core = Catalog().prompt_sets()["core"].prompts
    return Pool(spread([p for p in core if p.mode is Mode.TEXT_TO_IMAGE], prompts), side_px)


def delivered(pool: Pool, host: str, prompt: Prompt, seed: int, first: int) -> str:
    """What a host answers to a prompt and a seed, where `first` was the seed that it was asked for before."""
    kind, _, other = host.removeprefix("lab/").partition("+")
    if "other-noise" in (kind, other):
        seed, kind = seed + SEEDS, kind.replace("other-noise", "")
    return pool.image(prompt, first if kind == "cached" else seed, kind if kind not in {"same", "cached"} else "")


def one_run(pool: Pool, seed: int, hosts: Sequence[str], prompts: int = 16) -> Comparison:
    """One seeded run of some hosts, two seeds a prompt."""
    from harness.scoring.base import Identity

    rng = random.Random(seed)
    chosen = rng.sample(list(pool.prompts), prompts)
    seeds = {p.id: rng.sample(range(SEEDS), 2) for p in chosen}
    rows = []
    for endpoint in (REFERENCE, *hosts):
        for prompt in chosen:
            for repetition, image_seed in enumerate(seeds[prompt.id]):
                name = "lab/same" if endpoint == REFERENCE else endpoint
                sha256 = delivered(pool, name, prompt, image_seed, seeds[prompt.id][0])
                rows.append((endpoint, prompt.sha256, repetition, image_seed, sha256))
    images = pd.DataFrame(rows, columns=["endpoint", "prompt_sha256", "repetition", "seed", "image_sha256"])
    images = images.assign(phase="measure", simulated=True, image_format="png")
    for side in ("width", "height"):
        images[f"image_{side}_px"] = images[f"requested_{side}_px"] = pool.side_px
    numbers = {m.name: i for i, m in enumerate(every_metric().values())}
    instruments = {
        numbers[m.name]: m.instrument(Identity("numpy", "0")) for m in every_metric().values() if m.tool == "pixels"
    }
    scores = pd.DataFrame(
        [
            ("measure", 0, r.endpoint, r.prompt_sha256, numbers[name], value)
            for r in images.itertuples()
            for name, value in pool.values[r.image_sha256].items()
        ],
        columns=["phase", "position", "endpoint", "prompt_sha256", "instrument", "value"],
    )
    return compare_hosts(images, scores, instruments, REFERENCE, hosts, pool.gallery)


def tally(pool: Pool, runs: int, hosts: Sequence[str], prompts: int = 16) -> dict[str, dict[str, int]]:
    """How often each verdict was given to each host, every host in a comparison of its own."""
    found: dict[str, dict[str, int]] = {host: {} for host in hosts}
    for seed in range(runs):
        for host in hosts:
            verdict = str(one_run(pool, seed, [f"lab/{host}"], prompts).hosts[0].verdict)
            found[host][verdict] = found[host].get(verdict, 0) + 1
    return found
