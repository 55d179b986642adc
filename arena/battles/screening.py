"""Images that are no answer to their prompt are kept out of battles, each with a reason that the operator can overrule.

Blank ones are told by themselves; placeholders and marks by what several images of one provider have in common, see
`image_marks`. An image is looked at once; a pass costs one decoding of each new image. Marks are searched for with
every eighth image of an endpoint, which decodes sixteen of its images for each size that it delivers, and sixteen of
others.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from PIL import Image

from arena.battles import image_marks
from arena.battles.image_marks import LEAST_IMAGES, LEAST_PROMPTS_ALIKE, MOST_IMAGES, PRESENT
from arena.battles.renditions import flattened, unfit
from arena.errors import StoreError
from arena.store import contenders, rulings, screening

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from arena.battles.image_marks import Grey
    from arena.store.blobs import BlobStore
    from arena.store.engine import Database
    from arena.store.screening import Delivered

RULES = "1"
WATERMARK = "watermark"
MOST_GREYS = 64
"""Of a megabyte each, kept during a pass."""
Owner = tuple[str, bool]


@dataclass(slots=True)
class Screened:
    """What a pass has found: how many images were new, and which are kept out now, and why."""

    looked_at: int = 0
    kept_out: dict[str, str] = field(default_factory=dict)

    def add(self, sha256s: Iterable[str], reason: str) -> None:
        """Note a reason for images that have none yet."""
        for sha256 in sha256s:
            self.kept_out.setdefault(sha256, reason)


class Screen:
    """Looks at new images. Safe to use from several processes: what one has found, the others find once more."""

    def __init__(self, database: Database, originals: BlobStore) -> None:
        self._database, self._originals = database, originals
        self._greys: dict[str, Grey | None] = {}  # of one pass

    def run(self, most: int | None = None) -> Screened:
        """Look at images that are new, at most so many deliveries (None: all), and keep out what is unfit."""
        with self._database.read() as connection:
            joining = contenders.newcomers(connection, datetime.now(UTC))
        if joining:
            with self._database.write() as connection:
                contenders.enroll(connection, joining)
        with self._database.read() as connection:
            new = screening.not_screened(connection, most)
        if not new:
            return Screened()
        self._greys.clear()
        found, thumbnails = Screened(looked_at=len({d.sha256 for d in new})), dict[str, bytes]()
        for sha256 in dict.fromkeys(d.sha256 for d in new):
            thumbnails[sha256] = self._looked_at(sha256, found)
        with self._database.write() as connection:
            screening.write_screened(connection, thumbnails, RULES, datetime.now(UTC))
        with self._database.read() as connection:
            owners = sorted({(d.provider, d.simulated) for d in new})
            known, said = screening.delivered(connection, owners), rulings.rulings_on_images(connection)
            everybody = screening.delivered(connection)
        _find_placeholders(known, set(thumbnails), found)
        for endpoint in sorted({(d.endpoint_id, d.simulated) for d in new}):
            mine = [d for d in everybody if (d.endpoint_id, d.simulated) == endpoint and d.thumbnail]
            before = sum(d.sha256 not in thumbnails for d in mine)
            marked = any(d.kept_out is not None and d.kept_out.startswith(WATERMARK) for d in mine)
            if marked or before // LEAST_IMAGES != len(mine) // LEAST_IMAGES:
                self._find_marks(mine, everybody, found)
        found.kept_out = {s: why for s, why in found.kept_out.items() if s not in said}
        with self._database.write() as connection:
            screening.keep_out(connection, found.kept_out, datetime.now(UTC))
        return found

    def _looked_at(self, sha256: str, found: Screened) -> bytes:
        """The thumbnail of an image, without bytes if there is none to be had."""
        try:
            data = self._originals.get(sha256)
        except StoreError:
            return b""  # `arena db check` says that it is missing
        reason = unfit(data)
        if reason is not None:
            found.add([sha256], reason)
            return b""
        return image_marks.thumbnail(flattened(data))

    def _find_marks(self, mine: Sequence[Delivered], everybody: Sequence[Delivered], found: Screened) -> None:
        """A mark that an endpoint lays over its images, by their size."""
        by_size = defaultdict(list)
        for image in mine:
            by_size[image.size].append(image)
        for alike in by_size.values():
            sample = _of_different_subjects(alike)
            if len(sample) < LEAST_IMAGES:
                continue
            provider = alike[0].provider
            strangers = [d for d in everybody if d.provider != provider and d.thumbnail]
            own, others = (
                [g for d in images if (g := self._grey(d.sha256)) is not None]
                for images in (sample, _of_different_subjects(strangers))
            )
            mark = image_marks.find_mark(own, others)
            if mark is None:
                continue
            reason = f"{WATERMARK}: the same mark, {mark.place}, in {mark.images} of {mark.of_images} images"
            for sha256 in dict.fromkeys(d.sha256 for d in alike if d.kept_out is None):
                picture = self._grey(sha256)
                if picture is not None and mark.presence(picture) >= PRESENT:
                    found.add([sha256], reason)

    def _grey(self, sha256: str) -> Grey | None:
        if sha256 not in self._greys:
            if len(self._greys) >= MOST_GREYS:
                self._greys.clear()
            try:
                self._greys[sha256] = image_marks.grey(flattened(self._originals.get(sha256)))
            except (StoreError, OSError, ValueError, Image.DecompressionBombError):
                self._greys[sha256] = None
        return self._greys[sha256]


def _of_different_subjects(images: Sequence[Delivered]) -> list[Delivered]:
    """The newest image of each of at most sixteen subjects."""
    by_subject: dict[str, Delivered] = {}
    for image in images:
        by_subject.setdefault(image.subject, image)
        if len(by_subject) == MOST_IMAGES:
            break
    return list(by_subject.values())


def _find_placeholders(known: Sequence[Delivered], new: set[str], found: Screened) -> None:
    """The same bytes for two subjects, or the same picture for three, from one provider."""
    by_owner: dict[Owner, list[Delivered]] = defaultdict(list)
    for image in known:
        if image.thumbnail:
            by_owner[image.provider, image.simulated].append(image)
    for images in by_owner.values():
        subjects = defaultdict(set)
        for image in images:
            subjects[image.sha256].add(image.subject)
        for sha256, asked in subjects.items():
            if len(asked) > 1:
                found.add([sha256], f"placeholder: the same image came for {len(asked)} different prompts")
        seen: dict[tuple[str, str], Delivered] = {(d.sha256, d.subject): d for d in images}
        rows = list(seen.values())
        asked_of = [i for i, d in enumerate(rows) if d.sha256 in new]
        alike = image_marks.prompts_alike([d.thumbnail or b"" for d in rows], [d.subject for d in rows], asked_of)
        for index, prompts in alike.items():
            if prompts >= LEAST_PROMPTS_ALIKE:
                reason = f"placeholder: the same picture came for {prompts} different prompts"
                found.add([rows[index].sha256], reason)
