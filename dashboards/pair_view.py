"""The pair on the screen: both images painted in one frame, the next pair decoded meanwhile.

Streamlit's own images appear one by one, as they come. What is drawn here is text and images that are set by script,
so a prompt is never markup.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import streamlit as st
from streamlit import config, runtime

from dashboards.voting import source_image

if TYPE_CHECKING:
    from collections.abc import Callable

    from dashboards.voting import Showing

KEY = "pair"
_HERE = Path(__file__).parent
_mount = st.components.v2.component(
    "arena_pair",
    js=(_HERE / "pair_view.js").read_text(encoding="utf-8"),
    css=(_HERE / "pair_view.css").read_text(encoding="utf-8"),
    isolate_styles=False,
)


def pair_view(shown: Showing, following: Showing | None, on_painted: Callable[[], None]) -> None:
    """Draw a pair, and load another; `on_painted` is called once the first is on the screen, see `painted_name`."""
    data = {"shown": _sent(shown, "shown"), "next": following and _sent(following, "next")}
    _mount(key=KEY, data=data, on_painted_change=on_painted)


def painted_name() -> str | None:
    """The name of the pair that the browser has just painted."""
    return getattr(st.session_state.get(KEY), "painted", None)


def _sent(pair: Showing, place: str) -> dict[str, object]:
    """What a browser gets of a pair: nothing that tells one image from another but their pixels."""
    sources = [
        _address(source_image(name), f"{place}-source-{number}", "image/png" if name.endswith("png") else "image/jpeg")
        for number, name in enumerate(pair.sources)
    ]
    return {
        "name": pair.name,
        "prompt": pair.prompt,
        "left": _address(pair.left, f"{place}-left"),
        "right": _address(pair.right, f"{place}-right"),
        "sources": sources,
    }


def _address(image: bytes, place: str, mimetype: str = "image/jpeg") -> str:
    """Where this session's browser finds an image; it is let go of when another takes its place."""
    path = runtime.get_instance().media_file_mgr.add(image, mimetype, f"arena-pair-{place}")
    base = str(config.get_option("server.baseUrlPath")).strip("/")
    return f"/{base}{path}" if base else path
