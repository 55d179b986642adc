"""What is shown, as a file: one small menu beside a table or a chart."""

from __future__ import annotations

import io
from functools import partial
from typing import TYPE_CHECKING

import streamlit as st

if TYPE_CHECKING:
    from collections.abc import Callable

    import pandas as pd

CSV_MIME, PARQUET_MIME = "text/csv", "application/vnd.apache.parquet"


def download(frame: pd.DataFrame, name: str, key: str) -> None:
    """A menu that hands `frame` out as CSV and as Parquet, in files called `name`.

    `frame` holds numbers with units in the column names, not cells as they are written on the page; missing is empty.
    `key` is unique on its page. A file is made when it is asked for, not with the page.
    """
    with st.popover("Download", icon=":material/download:", disabled=frame.empty):
        _button("CSV", partial(csv, frame), f"{name}.csv", CSV_MIME, f"{key}-csv")
        _button("Parquet", partial(parquet, frame), f"{name}.parquet", PARQUET_MIME, f"{key}-parquet")


def _button(label: str, data: Callable[[], bytes], file_name: str, mime: str, key: str) -> None:
    st.download_button(label, data, file_name, mime, key=key, on_click="ignore", width="stretch")


def csv(frame: pd.DataFrame) -> bytes:
    """UTF-8 with a header, full precision, and nothing where a value is missing."""
    return frame.to_csv(index=False).encode()


def parquet(frame: pd.DataFrame) -> bytes:
    """Columns with the types of the frame."""
    out = io.BytesIO()
    frame.to_parquet(out, index=False)
    return out.getvalue()
