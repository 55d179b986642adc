"""A report as one HTML page that needs nothing else: no script, no font, no image, no style from anywhere."""

from __future__ import annotations

import json
import re
from functools import lru_cache
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any

from arena import __version__
from arena.reports import written
from arena.reports.render_svg import svg

if TYPE_CHECKING:
    from jinja2 import Template
    from markupsafe import Markup

    from arena.reports.document import Chart, Document

FIGURES_ID = "arena-figures"
_CONTROLS = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]")


def html(document: Document) -> str:
    """The whole page. Whatever a provider or a prompt's author wrote is text in it."""
    from markupsafe import Markup

    numbers = count(1)

    def drawn(chart: Chart) -> Markup:
        # Built as a tree of elements, whose texts its serializer escapes; control characters no HTML may hold.
        return Markup(_printable(svg(chart, f"chart-{next(numbers)}")))  # noqa: S704

    page = _template().render(
        document=document,
        drawn=drawn,
        made_at=written.utc(document.made_at),
        version=__version__,
        figures_id=FIGURES_ID,
        figures=Markup(script_safe(document.figures)),  # noqa: S704 - escaped right there
    )
    return _printable(page)


def script_safe(value: Any) -> str:
    """JSON that can stand inside a `<script>` element: nothing in it can end that element or begin a comment."""
    text = json.dumps(value, ensure_ascii=False, allow_nan=False, default=str)
    for character in "<>&\u2028\u2029":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return text


def _printable(text: str) -> str:
    """Control characters are no HTML; each becomes the sign for what cannot be shown."""
    return _CONTROLS.sub("\N{REPLACEMENT CHARACTER}", text).encode(errors="replace").decode()


@lru_cache(maxsize=1)
def _template() -> Template:
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    directory = Path(__file__).parent / "templates"
    environment = Environment(
        loader=FileSystemLoader(directory),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.tests["block"] = lambda block, name: type(block).__name__ == name
    environment.filters["anchor"] = lambda title: re.sub(r"[^a-z0-9]+", "-", title.lower()).strip("-")
    return environment.get_template("report.html.j2")
