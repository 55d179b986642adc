"""What pictures themselves tell of a host: copies, other sizes, and how alike same seeds are."""

from __future__ import annotations

from collections import Counter, defaultdict
from itertools import pairwise
from typing import TYPE_CHECKING

from arena.metrics.base import Figure
from arena.metrics.likeness import Likeness

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import pandas as pd

    from arena.metrics.likeness import Gallery

MOST_PAIRS = 40
"""How many pairs of pictures are compared pixel by pixel for each question."""


def copies(mine: pd.DataFrame, theirs: pd.DataFrame, gallery: Gallery) -> Figure:
    """The share of the host's pictures that copy another one of their prompt, where the reference made none."""
    honest = {prompt: _to_differ(images) for prompt, images in _requests(mine)}
    total = copied = compared = 0
    for prompt, images in _requests(theirs):
        group = _to_differ(images)
        expected = honest.get(prompt, [])
        if len(group) < 2 or len(expected) < 2 or len(set(expected)) < len(expected):
            continue
        known: list[str] = []
        for sha256 in group:
            exact = sha256 in known
            if not exact and known and compared < MOST_PAIRS:
                compared += 1
                exact = gallery.alike(known[-1], sha256) in {Likeness.BYTES, Likeness.PIXELS}
            copied += exact and not gallery.blank(sha256)
            known.append(sha256)
        total += len(group)
    return Figure(copied / total if total else None, total)


def other_sizes(pairs: pd.DataFrame) -> Figure:
    """The share of images whose size is neither what was asked for nor what the reference sent."""
    sent = [pairs[f"image_{side}_px_host"] for side in ("width", "height")]
    asked = [pairs[f"requested_{side}_px_host"] for side in ("width", "height")]
    meant = [pairs[f"image_{side}_px_reference"] for side in ("width", "height")]
    wrong = ((sent[0] != asked[0]) | (sent[1] != asked[1])) & ((sent[0] != meant[0]) | (sent[1] != meant[1]))
    return Figure(float(wrong.mean()) if len(pairs) else None, len(pairs))


def same_seed(pairs: pd.DataFrame, gallery: Gallery) -> Counter[Likeness]:
    """How alike the pictures of both hosts are that were asked for with one seed."""
    seeded = pairs[pairs["seed_reference"].notna() & (pairs["seed_reference"] == pairs["seed_host"])]
    couples = zip(seeded["image_sha256_reference"], seeded["image_sha256_host"], strict=True)
    shown = [(str(a), str(b)) for a, b in list(couples)[:MOST_PAIRS]]
    return Counter(gallery.alike(a, b) for a, b in shown if not (gallery.blank(a) or gallery.blank(b)))


def repeats(rows: pd.DataFrame, gallery: Gallery) -> Counter[Likeness]:
    """How alike one endpoint's own pictures are that were asked for twice with one seed."""
    found: Counter[Likeness] = Counter()
    for _, images in _requests(rows):
        by_seed = defaultdict(list)
        for seed, sha256 in images:
            if seed is not None:
                by_seed[seed].append(sha256)
        for group in by_seed.values():
            for pair in pairwise(group):
                if sum(found.values()) < MOST_PAIRS:
                    found[gallery.alike(*pair)] += 1
    return found


def _requests(rows: pd.DataFrame) -> Iterator[tuple[str, list[tuple[int | None, str]]]]:
    """For each prompt the seeds and images, in the order of the rows."""
    for prompt, alike in rows.groupby("prompt_sha256", sort=True):
        seeds = [None if missing else int(s) for s, missing in zip(alike["seed"], alike["seed"].isna(), strict=True)]
        yield str(prompt), list(zip(seeds, alike["image_sha256"].astype(str), strict=True))


def _to_differ(images: Sequence[tuple[int | None, str]]) -> list[str]:
    """Those that should all be different: the first image of each seed, and every one asked for without a seed."""
    first: dict[int, str] = {}
    for seed, sha256 in images:
        if seed is not None:
            first.setdefault(seed, sha256)
    return [*first.values(), *(sha256 for seed, sha256 in images if seed is None)]
