"""What goes wrong on a page is one sentence there, and a traceback in the log."""

from __future__ import annotations

import logging
from contextlib import contextmanager
from typing import TYPE_CHECKING

import streamlit as st

from arena.errors import ArenaError
from dashboards import format as fmt

if TYPE_CHECKING:
    from collections.abc import Iterator

_LOG = logging.getLogger(__name__)


@contextmanager
def guarded() -> Iterator[None]:
    """Around a page or a fragment's body, as a block or as a decorator."""
    try:
        yield
    except ArenaError as error:
        st.error(fmt.capitalized(fmt.sentence(str(error))), icon=":material/error:")
    except Exception:  # noqa: BLE001 - the page's last resort, and the log has it
        _LOG.exception("a page failed")
        st.error("This page could not be drawn; the log of the app says why.", icon=":material/error:")
