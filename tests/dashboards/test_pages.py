"""Every page, over an empty directory, over results, and over what is broken."""

import io
import itertools
import shutil

import pandas as pd
import pytest
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from arena.battles.house import House
from arena.domain.failure import FailureKind
from arena.domain.run import RunStatus
from arena.metrics.intervals import order_statistic_ranks
from arena.metrics.phases import PHASES
from arena.reports.export import OF_A_RUN, FileFormat, Table
from arena.reports.methodology import QUANTILES, sections
from arena.reports.summary import summarize
from arena.reports.windows import WINDOW_METRICS
from arena.settings import Settings
from arena.store.blobs import BlobStore
from dashboards import data
from dashboards.format import capitalized
from dashboards.tables import SHOWN
from tests.dashboards.small_run import BEGAN, NASTY, NASTY_MESSAGE, make_run, stored_outcomes

PAGES = ["results", "images", "trial", "methodology"]
RUN_ID = "20260102-030405-test"


def words(app):
    """Everything the page says."""
    kinds = (app.title, app.markdown, app.caption, app.text, app.error, app.code)
    return "\n".join(str(element.value) for element in itertools.chain(*kinds))


@pytest.mark.parametrize("page", PAGES[:3])
def test_without_a_database_the_page_names_the_command_that_fills_it(open_page, directory, page):
    app = open_page(page)
    assert [code.value for code in app.code] == ["arena demo"]
    assert not app.error
    assert not (directory / "arena.db").exists()


@pytest.mark.parametrize("page", PAGES)
def test_every_page_opens_over_results(open_page, small, page):
    app = open_page(page)
    assert [title.value for title in app.title] == [page.capitalize()]
    assert not app.error


def test_results_show_the_figures_of_the_summary(open_page, small):
    shown = open_page().table[0].value
    expected = summarize(stored_outcomes(small, RUN_ID))
    assert len(shown) == len(expected) == 2
    for row, summary in enumerate(expected):
        assert summary.endpoint.split("/")[1] in shown["Endpoint"].iloc[row]
        assert "simulated" in shown["Endpoint"].iloc[row]
        for metric in SHOWN:
            value, cell = summary.figures[metric.name].value, shown[capitalized(metric.title)].iloc[row]
            assert pd.isna(cell) if value is None else cell == pytest.approx(value)
    assert "2 capacity" in " ".join(shown["Failures"])


def test_equal_prices_are_said_to_be_equal_and_not_to_have_intervals(open_page, small):
    said = [line for line in words(open_page()).splitlines() if line.startswith("Not told apart")]
    assert any(line.endswith(r"the prices are the same\.") for line in said)


def test_results_name_the_run_its_plan_and_that_it_is_simulated(open_page, small):
    app = open_page()
    said = words(app)
    assert "SIMULATED" in said
    assert "Plan **small** · finished" in said
    assert "2026\\-01\\-02 03:04 UTC".replace(":", "\\:") in said
    assert "12 of 12 trials" in said
    assert "Fastest" in said
    assert len(app.get("plotly_chart")) == 5


def test_a_real_run_is_not_marked_simulated(open_page, directory):
    make_run(directory, simulated=False)
    assert "simulated" not in words(open_page()).lower()


def test_an_unknown_cost_is_missing_and_not_zero(open_page, directory):
    make_run(directory, names=("test/unpriced", "sim/steady"))
    shown = open_page().table[0].value.set_index("Endpoint")["$ / image"]
    assert shown.isna().sum() == 1
    assert (shown.dropna() > 0).all()


def test_the_newest_run_is_shown_and_another_one_can_be_had_by_its_address(open_page, small):
    newer = make_run(small, run_id="20270101-000000-next", began=BEGAN.replace(year=2027))
    assert open_page().selectbox(key="run").value == newer
    assert open_page(run=RUN_ID).selectbox(key="run").value == RUN_ID


def test_an_address_of_no_run_shows_the_newest_and_says_so(open_page, small):
    app = open_page(run="no-such-run")
    assert app.selectbox(key="run").value == RUN_ID
    assert "There is no run" in words(app)


def test_clearing_the_choice_of_a_run_goes_back_to_the_newest(open_page, small):
    newer = make_run(small, run_id="20270101-000000-next", began=BEGAN.replace(year=2027))
    app = open_page(run=RUN_ID)
    app.selectbox(key="run").set_value(None).run()
    assert not app.error
    assert app.selectbox(key="run").value == newer


def test_a_running_run_says_how_far_it_is(open_page, directory):
    make_run(directory, status=RunStatus.RUNNING, done=5)
    app = open_page()
    assert "5 of 12 trials" in str(app.get("progress")[0].proto)
    assert "· running ·" in words(app)


def test_a_run_without_a_measured_trial_says_so(open_page, directory):
    make_run(directory, status=RunStatus.RUNNING, done=0)
    for page in ("results", "images"):
        assert "No measured trial" in words(open_page(page))
    assert "has not been fired" in words(open_page("trial"))


def test_images_show_the_prompt_as_text_and_never_as_markup(open_page, small):
    app = open_page("images", prompt="cat")
    assert NASTY in [text.value for text in app.text]
    assert NASTY not in [markdown.value for markdown in app.markdown]


def test_images_show_what_came_back_and_failures_as_text(open_page, small):
    app = open_page("images")
    rows = stored_outcomes(small, RUN_ID)
    rows = rows[rows["prompt_id"] == app.selectbox(key="prompt").value]
    assert len(app.image) == (rows["status"] == "succeeded").sum()
    failed = (rows["status"] == "failed").sum()
    assert failed > 0
    assert [text.value for text in app.text].count(NASTY_MESSAGE) == failed
    assert "capacity" in words(app)


def test_the_category_narrows_the_prompts(open_page, small):
    app = open_page("images")
    app.selectbox(key="category").select("type").run()
    assert app.selectbox(key="prompt").options == ["poster"]


def test_never_more_images_than_can_be_loaded_at_once(open_page, directory):
    make_run(directory, names=tuple(f"sim/e{i}" for i in range(10)), repetitions=6)
    app = open_page("images")
    assert len(app.image) == 24
    assert len(app.get("pagination")) == 1


def test_a_lost_image_is_missed_in_its_own_place_only(open_page, small):
    rows = stored_outcomes(small, RUN_ID)
    lost = rows.loc[rows["prompt_id"] == "cat", "image_sha256"].dropna().iloc[0]
    (small / "images" / lost[:2] / lost).unlink()
    app = open_page("images", prompt="cat")
    assert app.image
    assert any("is missing from" in text.value for text in app.text)


def test_a_trial_shows_its_calls_and_every_column(open_page, small):
    app = open_page("trial")
    assert "steady" in words(app)
    assert len(app.get("plotly_chart")) == 1
    calls, outcome = (frame.value for frame in app.dataframe)
    assert calls["ended_ms"].tolist() == [400.0]
    recorded = outcome.set_index("Column")["Value"]
    assert recorded["time_to_image_ms"] == "400.000"
    assert recorded["failure_kind"] == "–"


def test_a_failed_trial_shows_its_message_as_text(open_page, small):
    app = open_page("trial")
    app.number_input(key="trial").set_value(3).run()
    assert NASTY_MESSAGE in [text.value for text in app.text]
    assert "Failed: capacity, blame\\: provider" in words(app)


def test_methodology_defines_every_figure_and_every_failure(open_page, directory):
    app = open_page("methodology")
    figures, _, _, failures, _ = (table.value for table in app.table)
    assert len(figures) == len(WINDOW_METRICS) + len(PHASES)
    assert set(failures["Blame"]) == {"provider", "moderation", "ours"}
    assert len(failures) == len(FailureKind)
    assert next(h.value for h in app.markdown if h.value.startswith("## ")) == "## Figures"


def test_methodology_speaks_of_the_rules_that_hold_here(open_page, directory, monkeypatch):
    monkeypatch.setenv("ARENA_VOTE_GOLD_SHARE", "0.05")
    monkeypatch.setenv("ARENA_VOTES_PER_VOTER_AND_DAY", "77")
    said = words(open_page("methodology"))
    assert "5% of pairs have a known answer" in said
    assert "at most 77 votes a day" in said


def test_methodology_says_from_how_many_values_an_interval_is_shown():
    needs = next(s for s in sections(House()) if "quantile" in s.title).rows
    for row in needs:
        q, from_n = QUANTILES[row["Quantile"]], int(row["Its interval from"])
        assert order_statistic_ranks(from_n, q) is not None
        assert order_statistic_ranks(from_n - 1, q) is None


@pytest.mark.parametrize("page", PAGES[:3])
def test_a_database_that_cannot_be_read_is_one_sentence(open_page, directory, page):
    (directory / "arena.db").write_bytes(b"this is no database at all" * 100)
    app = open_page(page)
    assert len(app.error) == 1
    assert "Traceback" not in words(app)


def test_an_unexpected_error_is_one_sentence_and_a_log_entry(open_page, small, monkeypatch, caplog):
    monkeypatch.setattr(data, "choices", lambda: 1 / 0)
    app = open_page()
    assert [error.value for error in app.error] == ["This page could not be drawn; the log of the app says why."]
    assert "ZeroDivisionError" in caplog.text


def test_a_database_that_was_made_anew_is_seen(open_page, small):
    open_page()
    for path in small.iterdir():
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    make_run(small, run_id="20270101-000000-next")
    assert open_page().selectbox(key="run").options == ["20270101-000000-next"]


@pytest.mark.parametrize("table", OF_A_RUN)
def test_downloads_are_what_export_writes(small, table):
    text = data.file(RUN_ID, table, FileFormat.CSV)
    binary = data.file(RUN_ID, table, FileFormat.PARQUET)
    rows = 12 if table is Table.OUTCOMES else 2
    assert len(pd.read_csv(io.BytesIO(text))) == len(pd.read_parquet(io.BytesIO(binary))) == rows


def test_a_preview_is_small_and_carries_no_metadata(small):
    note, out = PngInfo(), io.BytesIO()
    note.add_text("Software", "vendor")
    Image.new("RGB", (3000, 1500), "red").save(out, "PNG", pnginfo=note)
    preview = Image.open(io.BytesIO(data.preview(BlobStore(Settings().images_dir).put(out.getvalue()))))
    assert preview.size == (1024, 512)
    assert preview.format == "PNG"
    assert not preview.info
