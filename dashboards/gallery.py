"""What the gallery shows: a page of images at a time, and everything that is known of one."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd
import streamlit as st

from arena.domain.purpose import RunPurpose
from arena.settings import Settings
from arena.store import gallery as store
from arena.store.blobs import BlobStore
from arena.store.gallery import Place, Shot, Wanted
from arena.units import format_ms, format_usd
from dashboards import data
from dashboards import format as fmt

if TYPE_CHECKING:
    from arena.domain.run import Run

PAGE = 12
THUMBNAIL_PX, WHOLE_PX = 384, 1460
"""Streamlit sends no image wider than this; the original can be had as a file."""


def kinds() -> list[bool]:
    """Whether there are real (False) and simulated (True) images."""
    return _kinds(data.source())


def prompts() -> list[tuple[str, str]]:
    """Id and category of every prompt."""
    return _prompts(data.source(), _newest())


def endpoints(*, simulated: bool) -> list[str]:
    """Every endpoint that there may be images of."""
    return _endpoints(data.source(), _newest(), simulated)


def page(wanted: Wanted, after: Place | None, before: Place | None) -> tuple[list[Shot], bool, bool]:
    """The images of a page, and whether there are newer and older ones."""
    with data.database().read() as connection:
        shown = [] if before is None else store.newer(connection, wanted, PAGE, before)
        if len(shown) < PAGE:  # nothing newer fills a page: the newest page it is, unless older ones were asked for
            shown = store.shots(connection, wanted, PAGE, after if before is None else None)
        older = bool(shown) and bool(store.shots(connection, wanted, 1, shown[-1].place))
        newer = bool(shown) and bool(store.newer(connection, wanted, 1, shown[0].place))
        return shown, newer, older


def newest_by_endpoint(prompt_id: str, names: list[str], *, simulated: bool) -> dict[str, Shot]:
    """The newest image of a prompt from each of these endpoints that has one."""
    with data.database().read() as connection:
        found = {n: store.shots(connection, Wanted(simulated, prompt_id, n), 1) for n in names}
    return {name: shots[0] for name, shots in found.items() if shots}


def one(text: str) -> Shot | None:
    """The image that an address names: `123-0`; None if there is none such."""
    named = _numbers(text, 2)
    if named is None:
        return None
    with data.database().read() as connection:
        return store.shot(connection, *named)


def address(shot: Shot) -> str:
    """How an address names an image."""
    return f"{shot.place.attempt_id}-{shot.place.position}"


def words(place: Place) -> str:
    """A place in the order of the gallery, as the address holds it."""
    return f"{place.trial_id}-{place.attempt_id}-{place.position}"


def place(text: str | None) -> Place | None:
    """The place that an address holds; None if it holds none."""
    marks = _numbers(text or "", 3)
    return None if marks is None else Place(*marks)


def _numbers(text: str, count: int) -> list[int] | None:
    """So many row numbers out of an address; None for anything else, such as numbers that no database has."""
    parts = text.split("-")
    if len(parts) != count or not all(part.isascii() and part.isdecimal() and len(part) < 19 for part in parts):
        return None
    return [int(part) for part in parts]


def prompt_text(prompt_id: str, sha256: str | None = None) -> str | None:
    """The words of a prompt."""
    with data.database().read() as connection:
        return store.prompt_text(connection, prompt_id, sha256)


def original(sha256: str) -> bytes:
    """The bytes as they were delivered; StoreError if they are lost."""
    return BlobStore(Settings().images_dir).get(sha256)


def file_name(shot: Shot) -> str:
    """What the original is called once it is downloaded."""
    return f"{shot.endpoint.replace('/', '-')}-{shot.prompt_id}-{shot.sha256[:8]}.{shot.image_format}"


def standing(shot: Shot) -> str:
    """Whether an image takes part in battles."""
    if not RunPurpose(shot.purpose).counts:
        return f"takes no part in battles: made for {shot.purpose}"
    if shot.kept_out is not None:
        return f"kept out of battles: {shot.kept_out}"
    return "may meet others in battles" if shot.screened else "may meet others in battles; not screened yet"


def facts(shot: Shot, run: Run) -> pd.DataFrame:
    """Everything about one image, as text."""
    asked, steps = run.plan.request, run.plan.request.steps
    requested = f"{shot.requested[0]}×{shot.requested[1]} {shot.requested_format}"
    seed = "left to the provider" if shot.seed is None else str(shot.seed)
    guidance = "the provider's default" if asked.guidance is None else f"{asked.guidance:g}"
    values = {
        "Delivered": f"{shot.width_px}×{shot.height_px} {shot.image_format}",
        "Requested": requested,
        "Size as it was sent": shot.sent_size or "as requested",
        "Bytes": f"{shot.size_bytes:,}",
        "Seed": seed if shot.served_seed in {None, shot.seed} else f"{seed}; {shot.served_seed} was served",
        "Steps": "the provider's default" if steps is None else str(steps),
        "Guidance": guidance,
        "Time to image": format_ms(shot.time_to_image_ms),
        "Cost": format_usd(shot.cost_usd) + (f", by {shot.cost_source}" if shot.cost_source else ""),
        "Made": fmt.DASH if shot.started_at is None else fmt.utc(shot.started_at),
        "Run": f"{shot.run_id}, plan {run.plan.name}",
        "Trial": f"{shot.trial}, attempt {shot.attempt}, repetition {shot.repetition + 1}",
        "Battles": standing(shot),
    }
    return pd.DataFrame({"What": list(values), "Value": list(values.values())})


def frame(shots: list[Shot]) -> pd.DataFrame:
    """A page as a table."""
    return pd.DataFrame(
        [
            {
                "run": s.run_id,
                "trial": s.trial,
                "endpoint": s.endpoint,
                "simulated": s.simulated,
                "prompt": s.prompt_id,
                "repetition": s.repetition,
                "seed": s.seed,
                "sha256": s.sha256,
                "format": s.image_format,
                "width_px": s.width_px,
                "height_px": s.height_px,
                "bytes": s.size_bytes,
                "made_utc": s.started_at,
                "time_to_image_ms": s.time_to_image_ms,
                "cost_usd": s.cost_usd,
                "battles": standing(s),
            }
            for s in shots
        ]
    )


def _newest() -> str:
    known = data.choices()
    return known[0].id if known else ""


@st.cache_data(ttl=data.LIVE_S, max_entries=4, show_spinner=False)
def _kinds(source: str) -> list[bool]:
    with data.database().read() as connection:
        return store.kinds(connection)


@st.cache_data(ttl=data.SETTLED_S, max_entries=4, show_spinner=False)
def _prompts(source: str, newest: str) -> list[tuple[str, str]]:
    with data.database().read() as connection:
        return store.prompts_known(connection)


@st.cache_data(ttl=data.SETTLED_S, max_entries=4, show_spinner=False)
def _endpoints(source: str, newest: str, simulated: bool) -> list[str]:
    with data.database().read() as connection:
        return store.endpoints_known(connection, simulated=simulated)
