"""Images as they are shown in a battle: one box, one codec, no metadata, and nothing that tells who made them.

Sizes, codecs, qualities and metadata are fingerprints of providers. So every image is decoded, fitted into one box on a
neutral ground, and encoded anew by the same encoder. For each battle a comment of random bytes is added, which changes
name, hash and length of the file, so that a list of known files is of no use. Whoever decodes the pixels with a script
can still know an image again; caps and the choice of pairs are what stands against that.
"""

from __future__ import annotations

import hashlib
import io
import warnings
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image, ImageOps

from arena.errors import StoreError
from arena.store import battles, rulings

if TYPE_CHECKING:
    from arena.store.blobs import BlobStore
    from arena.store.engine import Database

BOX_PX = 1024
QUALITY = 92
GROUND = (128, 128, 128)
RECIPE = f"jpeg-{QUALITY}-444-{BOX_PX}"
"""Changes when images are to be made anew."""

CANNOT_BE_SHOWN = "cannot be shown"
MAX_PIXELS = 64_000_000
BLANK_DEVIATION = 2.0
"""Grey levels: below this spread an image shows nothing."""
SIZE_STEP_BYTES = 32 * 1024
"""Both files of a battle are padded to one length, a multiple of this."""
MOST_COMMENT_BYTES = 65_533


def render(data: bytes) -> bytes:
    """An image as it is shown: JPEG, scaled into a square of 1024 px, without any metadata."""
    flat = ImageOps.contain(flattened(data), (BOX_PX, BOX_PX), Image.Resampling.LANCZOS)
    box = Image.new("RGB", (BOX_PX, BOX_PX), GROUND)
    box.paste(flat, ((BOX_PX - flat.width) // 2, (BOX_PX - flat.height) // 2))
    encoded = io.BytesIO()
    box.save(encoded, "JPEG", quality=QUALITY, subsampling=0, optimize=False)
    return encoded.getvalue()


def flattened(data: bytes) -> Image.Image:
    """The first frame, upright, with eight bits a channel, laid on the neutral ground."""
    with Image.open(io.BytesIO(data)) as opened:
        if opened.width * opened.height > MAX_PIXELS:
            raise ValueError(f"it has more than {MAX_PIXELS} pixels")
        upright = ImageOps.exif_transpose(opened)
        if upright.mode.startswith(("I", "F")):  # conversion would clip 16 bits instead of scaling them
            grey = np.asarray(upright, dtype=float)
            most = 65535.0 if upright.mode.startswith("I") else max(1.0, float(grey.max(initial=0)))
            upright = Image.fromarray(np.clip(grey / most * 255, 0, 255).astype(np.uint8))
        upright = upright.convert("RGBA")
    ground = Image.new("RGBA", upright.size, (*GROUND, 255))
    return Image.alpha_composite(ground, upright).convert("RGB")


def unfit(data: bytes) -> str | None:
    """Why an image is no entry in a battle, or None: it cannot be decoded, or it shows nothing."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            flat = flattened(data)
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        return f"{CANNOT_BE_SHOWN}: {type(error).__name__}"
    return "blank: the same colour all over" if spread(flat) < BLANK_DEVIATION else None


def spread(flat: Image.Image) -> float:
    """The largest standard deviation of a channel of an RGB image, in grey levels, at 64 x 64 pixels."""
    pixels = np.asarray(flat.resize((64, 64), Image.Resampling.BOX), dtype=float)
    return float(pixels.std(axis=(0, 1)).max())


def salted(shown: bytes, salt: str, side: str, length: int) -> bytes:
    """A rendition with comments of random-looking bytes that bring it to `length` bytes; its pixels are untouched."""
    missing = length - len(shown)
    if missing == 0:
        return shown
    pieces, position = [shown[:2]], 0  # behind the start-of-image marker
    while missing > 0:
        payload = min(missing - 4, MOST_COMMENT_BYTES) if missing - 4 - MOST_COMMENT_BYTES > 4 else missing - 4
        payload = min(payload, MOST_COMMENT_BYTES)
        if 0 < missing - 4 - payload < 4:
            payload -= 4  # a last comment must have room for its own head
        pieces.append(b"\xff\xfe" + (payload + 2).to_bytes(2, "big") + _noise(f"{salt}/{side}/{position}", payload))
        missing -= payload + 4
        position += 1
    return b"".join([*pieces, shown[2:]])


def common_length(left: bytes, right: bytes) -> int:
    """The length to which both files of a battle are padded: at least four bytes more than either has."""
    longest = max(len(left), len(right)) + 4
    return -(-longest // SIZE_STEP_BYTES) * SIZE_STEP_BYTES


def _noise(seed: str, count: int) -> bytes:
    return hashlib.shake_128(seed.encode()).digest(count)


class Gallery:
    """Makes renditions once, and finds them again; an image that is unfit is kept out of every battle from then on."""

    def __init__(self, database: Database, originals: BlobStore, renditions: BlobStore) -> None:
        self._database, self._originals, self._renditions = database, originals, renditions

    def shown(self, source_sha256: str) -> bytes | None:
        """The rendition of an image, made if it is missing; None if the image is unfit to be shown."""
        with self._database.read() as connection:
            known = battles.rendition(connection, source_sha256)
        if known is not None and known["kept_out"] is not None:
            return None
        if known is not None and known["recipe"] == RECIPE:
            try:
                return self._renditions.get(known["sha256"])
            except StoreError:
                return self._made(source_sha256)  # whoever clears the directory loses nothing
        return self._made(source_sha256)

    def prepare(self, source_sha256s: list[str]) -> dict[str, str]:
        """Make what is missing of these images; returns which were kept out, and why."""
        kept_out = {}
        for sha256 in dict.fromkeys(source_sha256s):
            if self.shown(sha256) is None:
                with self._database.read() as connection:
                    known = battles.rendition(connection, sha256)
                kept_out[sha256] = "" if known is None else str(known["kept_out"])
        return kept_out

    def _made(self, source_sha256: str) -> bytes | None:
        original = self._originals.get(source_sha256)
        reason = unfit(original)
        if reason is not None and not reason.startswith(CANNOT_BE_SHOWN):
            with self._database.read() as connection:
                said = rulings.rulings_on_images(connection).get(source_sha256)
            reason = reason if said is None or said.apart else None  # the operator's word stands
        shown = None if reason else render(original)
        sha256 = None if shown is None else self._renditions.put(shown)
        with self._database.write() as connection:
            battles.write_rendition(connection, source_sha256, RECIPE, sha256, reason)
        return shown
