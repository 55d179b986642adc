"""Scores what is not scored yet: images decoded on threads ahead of the models, one transaction a batch.

A process that dies loses the batch that it was at; the next one finds what is missing and goes on.
"""

from __future__ import annotations

import hashlib
import math
import time
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from PIL import Image

from arena.battles.renditions import flattened
from arena.domain.score import Score
from arena.errors import ConfigError, StoreError
from arena.store import scores
from arena.store.runs import run_prompts
from harness.scoring.base import Measured, Subject

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
    from concurrent.futures import Future

    from arena.catalog import Catalog
    from arena.domain.prompt import Prompt
    from arena.store.blobs import BlobStore
    from arena.store.engine import Database
    from arena.store.scores import Shown
    from harness.scoring.base import Change, Identity, QualityMetric, Tools
    from harness.scoring.models import Captions

BATCHES_AHEAD = 2


@dataclass(slots=True)
class Tally:
    """What a run of scoring came to. `lacking`: what could not be computed at all, by the sentence that says why."""

    images: int = 0
    scores: int = 0
    known: int = 0
    seconds: float = 0.0
    missing: list[str] = field(default_factory=list)
    lacking: dict[str, list[str]] = field(default_factory=dict)

    @property
    def images_per_s(self) -> float | None:
        """Images scored a second, decoding and writing included, loading of models not."""
        return self.images / self.seconds if self.images and self.seconds else None


@dataclass(frozen=True, slots=True)
class Due:
    """A metric with its tool, and what it is still to be held against, by image."""

    metric: QualityMetric
    identity: Identity
    instrument_id: int
    against: Mapping[Shown, str]


class Scoring:
    """Scores the images of runs. Several at once do no harm: what two have computed is written once."""

    def __init__(
        self,
        database: Database,
        images: BlobStore,
        catalog: Catalog,
        captions: Captions,
        tools: Tools,
        *,
        batch_size: int = 16,
        workers: int = 2,
    ) -> None:
        self._database, self._images, self._catalog = database, images, catalog
        self._captions, self._tools = captions, tools
        self._batch_size, self._workers = batch_size, workers
        self._sources: dict[str, Image.Image] = {}

    def run(
        self,
        run_id: str,
        metrics: Sequence[QualityMetric],
        *,
        insist: Collection[str] = (),
        progress: Callable[[int, int], None] = lambda _done, _of: None,
    ) -> Tally:
        """Score every image of a run by these metrics, but for what is scored already.

        What cannot be computed here is left out and noted; of metrics named in `insist` it is raised as ConfigError
        before anything is written. `progress` gets images done and in all.
        """
        tally = Tally()
        with self._database.read() as connection:
            prompts, shown = run_prompts(connection, run_id), scores.shown_in(connection, run_id)
        changes = {p.id: self._captions.change(p) for p in prompts.values()}
        due = self._due(run_id, metrics, prompts, changes, shown, tally, insist=insist)
        waiting = [one for one in shown if any(one in d.against for d in due)]
        began_s = time.monotonic()
        for batch, images in self._decoded(waiting):
            subjects = {s: self._subject(s, i, prompts, changes) for s, i in self._whole(batch, images, tally)}
            found = [written for d in due for written in self._computed(d, subjects)]
            with self._database.write() as connection:
                scores.write_scores(connection, found, datetime.now(UTC))
            tally.images, tally.scores = tally.images + len(subjects), tally.scores + len(found)
            progress(tally.images + len(tally.missing), len(waiting))
        tally.seconds = time.monotonic() - began_s
        return tally

    def _due(
        self,
        run_id: str,
        metrics: Sequence[QualityMetric],
        prompts: Mapping[str, Prompt],
        changes: Mapping[str, Change | None],
        shown: Sequence[Shown],
        tally: Tally,
        *,
        insist: Collection[str],
    ) -> list[Due]:
        """What is to be computed. Tools are opened here, for metrics that say something about any of the prompts."""
        opened: list[tuple[QualityMetric, Identity, dict[Shown, str]]] = []
        for metric in metrics:
            against = {p.id: metric.held_against(p, changes[p.id]) for p in prompts.values()}
            applying = {s: text for s in shown if (text := against[s.prompt_id]) is not None}
            if not applying:
                continue
            try:
                opened.append((metric, self._tools.identity(metric.tool), applying))
            except ConfigError as error:
                if metric.name in insist:
                    raise
                tally.lacking.setdefault(str(error), []).append(metric.name)
        found = []
        for metric, identity, applying in opened:
            with self._database.write() as connection:
                instrument_id = scores.register(connection, metric.instrument(identity))
            with self._database.read() as connection:
                known = scores.scored(connection, run_id, instrument_id)
            new = {s: a for s, a in applying.items() if (s.sha256, s.prompt_id, s.prompt_sha256, a) not in known}
            tally.known += len(applying) - len(new)
            if new:
                found.append(Due(metric, identity, instrument_id, new))
        return found

    def _computed(self, due: Due, subjects: Mapping[Shown, Subject | Measured]) -> list[tuple[int, Score]]:
        mine = [s for s in subjects if s in due.against]
        whole = [(s, subject) for s in mine if isinstance(subject := subjects[s], Subject)]
        values: dict[Shown, Measured] = {s: m for s in mine if isinstance(m := subjects[s], Measured)}
        if whole:
            found = self._measured(due, [subject for _, subject in whole])
            values |= {s: value for (s, _), value in zip(whole, found, strict=True)}
        return [(due.instrument_id, _score(due, s, value)) for s, value in values.items()]

    def _measured(self, due: Due, subjects: Sequence[Subject]) -> list[Measured]:
        """The values of a batch; ConfigError where the device has too little memory for one."""
        try:
            return due.metric.compute(subjects, self._tools)
        except RuntimeError as error:
            if "out of memory" not in str(error):
                raise
            raise ConfigError(
                f"{due.metric.name}: {due.identity.device} has too little memory for {len(subjects)} images at a time; "
                "give a smaller --batch-size or another --device; what was scored before is kept"
            ) from error

    def _subject(
        self,
        shown: Shown,
        image: Image.Image | str,
        prompts: Mapping[str, Prompt],
        changes: Mapping[str, Change | None],
    ) -> Subject | Measured:
        """An image with what it is held against; without a picture only why there is none."""
        if isinstance(image, str):
            return Measured(None, {"reason": image})
        prompt = prompts[shown.prompt_id]
        pairs = zip(prompt.sources, prompt.source_sha256, strict=False)
        sources = tuple(self._source(name, sha256) for name, sha256 in pairs)
        return Subject(shown.sha256, image, prompt, sources, changes[prompt.id])

    def _source(self, name: str, sha256: str) -> Image.Image:
        if sha256 not in self._sources:
            data = self._catalog.source_path(name).read_bytes()
            if hashlib.sha256(data).hexdigest() != sha256:
                raise ConfigError(
                    f"prompts/sources/{name}: is not the image that the run was made with; put that one back "
                    f"(its SHA-256 begins with {sha256[:12]})"
                )
            self._sources[sha256] = flattened(data)
        return self._sources[sha256]

    # -- decoding ---------------------------------------------------------------------------------------------------

    def _decoded(self, waiting: Sequence[Shown]) -> Iterator[tuple[list[Shown], list[Future[Image.Image | str]]]]:
        """Batches in order, the next ones being decoded meanwhile."""
        batches = [list(waiting[i : i + self._batch_size]) for i in range(0, len(waiting), self._batch_size)]
        ahead: deque[tuple[list[Shown], list[Future[Image.Image | str]]]] = deque()
        with ThreadPoolExecutor(self._workers, thread_name_prefix="decode") as pool:
            try:
                for batch in batches:
                    ahead.append((batch, [pool.submit(self._decode, shown.sha256) for shown in batch]))
                    if len(ahead) > BATCHES_AHEAD:
                        yield ahead.popleft()
                while ahead:
                    yield ahead.popleft()
            finally:
                pool.shutdown(cancel_futures=True)

    def _decode(self, sha256: str) -> Image.Image | str:
        """The picture, or why there is none; StoreError where the file is missing or damaged."""
        data = self._images.get(sha256)
        try:
            return flattened(data)
        except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
            return f"cannot be decoded: {type(error).__name__}"

    @staticmethod
    def _whole(
        batch: Sequence[Shown], images: Sequence[Future[Image.Image | str]], tally: Tally
    ) -> Iterator[tuple[Shown, Image.Image | str]]:
        """Those whose file is there; the others are noted, and will be looked for again."""
        for shown, image in zip(batch, images, strict=True):
            try:
                yield shown, image.result()
            except StoreError as error:
                tally.missing.append(str(error))


def _score(due: Due, shown: Shown, measured: Measured) -> Score:
    if measured.value is not None and not math.isfinite(measured.value):
        measured = Measured(None, {"reason": "the result is no number"})
    return Score(
        image_sha256=shown.sha256,
        prompt_id=shown.prompt_id,
        prompt_sha256=shown.prompt_sha256,
        against=due.against[shown],
        value=measured.value,
        tool_version=due.identity.version,
        device=due.identity.device,
        detail=dict(measured.detail),
    )
