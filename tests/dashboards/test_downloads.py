"""What is shown can be taken along, and reads back as what it was."""

import io

import pandas as pd
from pandas.testing import assert_frame_equal
from streamlit.testing.v1 import AppTest

from dashboards import downloads

FRAME = pd.DataFrame({"endpoint": ["a/ö", "b, c"], "p50_ms": [0.1 + 0.2, None], "votes": [3, 0]})


def test_a_file_reads_back_as_what_was_shown():
    assert_frame_equal(pd.read_csv(io.BytesIO(downloads.csv(FRAME))), FRAME)
    assert_frame_equal(pd.read_parquet(io.BytesIO(downloads.parquet(FRAME))), FRAME)


def test_a_missing_value_is_empty_and_not_zero():
    assert downloads.csv(FRAME).decode().splitlines()[2] == '"b, c",,0'


def page(rows):
    import pandas as pd

    from dashboards.downloads import download

    download(pd.DataFrame({"a": range(rows)}), "board", "one")


def test_the_menu_offers_both_files_by_name():
    app = AppTest.from_function(page, args=(3,)).run()
    buttons = app.get("download_button")
    assert not app.exception
    assert [b.proto.label for b in buttons] == ["CSV", "Parquet"]
