"""What the endpoints of a run made, side by side and small: thumbnails that travel inside the report."""

from __future__ import annotations

import base64
import io
import warnings
from typing import TYPE_CHECKING

from PIL import Image, ImageOps, UnidentifiedImageError

from arena.errors import StoreError
from arena.reports.document import Picture, PictureRow, Pictures
from arena.reports.written import label

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import pandas as pd

    from arena.domain.prompt import Prompt
    from arena.reports.summary import EndpointSummary
    from arena.store.blobs import BlobStore

SIDE_PX = 192
QUALITY = 70
MOST_BYTES = 2_000_000
"""Of all thumbnails together; base64 makes a third more of it."""
MOST_PIXELS = 64_000_000


def contact_sheet(
    outcomes: pd.DataFrame, summaries: Sequence[EndpointSummary], prompts: Mapping[str, Prompt], blobs: BlobStore
) -> tuple[Pictures, str]:
    """The first kept image of every prompt at every endpoint, and what is not shown, in a sentence.

    `outcomes` are of one run, `summaries` its endpoints in the order in which they are shown. Prompts follow each other
    as they were sent, until `MOST_BYTES` are used up.
    """
    measured = outcomes[outcomes["phase"] == "measure"]
    shown: list[PictureRow] = []
    used = 0
    every = list(dict.fromkeys(measured["prompt_id"]))
    for prompt_id in every:
        rows = measured[measured["prompt_id"] == prompt_id]
        cells = [_of_endpoint(rows, summary, blobs) for summary in summaries]
        used += sum(len(cell.uri or "") * 3 // 4 for cell in cells)
        if used > MOST_BYTES:
            break
        text = prompts[prompt_id].text if prompt_id in prompts else str(prompt_id)
        shown.append(PictureRow(text, tuple(cells)))
    told = f"The first image of each prompt at each endpoint, at most {SIDE_PX} px wide and high"
    left = len(every) - len(shown)
    return Pictures(tuple(shown)), f"{told}. Further prompts that are not shown: {left}." if left else f"{told}."


def _of_endpoint(rows: pd.DataFrame, summary: EndpointSummary, blobs: BlobStore) -> Picture:
    caption = label(summary)
    mine = (rows["endpoint"] == summary.endpoint) & (rows["simulated"] == summary.simulated)
    kept = rows[mine & (rows["status"] == "succeeded")]["image_sha256"].dropna()
    if kept.empty:
        return Picture(None, "no image was kept", caption)
    try:
        return Picture(_thumbnail(blobs.get(str(kept.iloc[0]))), f"What {caption} made of this prompt", caption)
    except StoreError:
        return Picture(None, "the image is missing or damaged", caption)


def _thumbnail(data: bytes) -> str:
    """A small JPEG without metadata as a data URI; StoreError if the image cannot be read."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            with Image.open(io.BytesIO(data)) as image:
                if image.width * image.height > MOST_PIXELS:
                    raise ValueError("too many pixels")
                small = _on_white(ImageOps.exif_transpose(image))
    except (UnidentifiedImageError, OSError, SyntaxError, ValueError) as error:
        raise StoreError(f"an image cannot be shown: {type(error).__name__}") from error
    out = io.BytesIO()
    small.save(out, "JPEG", quality=QUALITY)
    return "data:image/jpeg;base64," + base64.b64encode(out.getvalue()).decode()


def _on_white(image: Image.Image) -> Image.Image:
    image.thumbnail((SIDE_PX, SIDE_PX), Image.Resampling.LANCZOS)
    if "A" not in image.getbands() and "transparency" not in image.info:
        return image.convert("RGB")
    layer = image.convert("RGBA")
    ground = Image.new("RGBA", layer.size, "white")
    return Image.alpha_composite(ground, layer).convert("RGB")
