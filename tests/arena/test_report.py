"""Reports: what stands in them is what the summary says, and nothing that anybody wrote becomes markup."""

import json
import re
import tomllib
from datetime import UTC, datetime, timedelta
from html.parser import HTMLParser
from pathlib import Path

import pytest
from markdown_it import MarkdownIt

from arena.battles.house import House
from arena.catalog import Catalog
from arena.domain.fitness import Fitness
from arena.domain.plan import Plan
from arena.domain.run import RunStatus
from arena.domain.stop import StopRule
from arena.errors import ConfigError
from arena.metrics.figures import METRICS
from arena.reports import render_html, render_markdown, summary, written
from arena.reports.document import Cell, Column, Dot, DotChart, Table
from arena.reports.render_svg import svg
from arena.reports.run_facts import plan_toml
from arena.reports.run_report import run_report
from arena.reports.window_report import window_report
from arena.reports.windows import WINDOW_METRICS, Window, provider_summaries
from arena.settings import Settings
from arena.store import digests, pruning, queries, runs
from arena.store.blobs import BlobStore
from arena.store.engine import open_database
from tests.dashboards import small_run
from tests.factories import make_plan

VOID = {"meta", "img", "br", "link", "input", "hr"}
HOSTILE = "</script><script>alert(1)</script><img src=x onerror=alert(2)> \"'` @all http://evil.example &amp; | \x07"


class Page(HTMLParser):
    """Reads a page strictly: every element is closed where it should be, ids are there once."""

    def __init__(self, text):
        super().__init__(convert_charrefs=True)
        self.open, self.ids, self.tags, self.attributes, self.texts = [], [], [], [], []
        self.feed(text)
        self.close()
        assert self.open == []
        assert len(self.ids) == len(set(self.ids))

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += [(tag, *pair) for pair in attrs]
        self.ids += [value for name, value in attrs if name == "id"]
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.handle_starttag(tag, attrs)
        if tag not in VOID:
            self.open.pop()

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.texts.append((self.open[-1] if self.open else "", data))

    @property
    def text(self):
        return " ".join(data for tag, data in self.texts if tag not in {"style", "script"})

    @property
    def figures(self):
        return json.loads(next(data for tag, data in self.texts if tag == "script"))


@pytest.fixture
def make(tmp_path):
    """Makes a small run and its report."""
    opened = []

    def made(change=None, images=False, **options):
        run_id = small_run.make_run(tmp_path, **options)
        database = open_database(Settings(data_dir=tmp_path))
        opened.append(database)
        if change is not None:
            with database.write() as connection:
                change(connection, run_id)
        with database.read() as connection:
            blobs = BlobStore(tmp_path / "images") if images else None
            return run_report(connection, run_id, House(), blobs), queries.outcomes(connection, run_id)

    yield made
    for database in opened:
        database.close()


def test_every_figure_of_the_summary_is_on_the_page_and_in_its_json(make):
    document, rows = make(repetitions=8)
    page = Page(render_html.html(document))
    summaries = summary.summarize(rows)
    assert page.figures["endpoints"] == json.loads(json.dumps(summary.as_json(summaries)))
    for s in summaries:
        for metric in METRICS:
            figure = s.figures[metric.name]
            if figure.value is not None:
                assert written.value(metric, figure.value) in page.text
                assert written.interval(metric, figure) in page.text
                assert metric.unit == "count" or f"n {figure.n}" in page.text
    assert "capacity" in page.text
    assert page.figures["run"]["id"] in page.text


def test_the_page_asks_nobody_for_anything_and_runs_nothing(make):
    text = render_html.html(make(images=True)[0])
    page = Page(text)
    assert "default-src 'none'" in text
    assert page.tags.count("script") == 1
    assert ("script", "type", "application/json") in page.attributes
    assert not [a for a in page.attributes if a[1].startswith("on")]
    fetched = [value for _, name, value in page.attributes if name in {"src", "href", "srcset", "data", "poster"}]
    assert all(value.startswith(("#", "data:image/jpeg;base64,")) for value in fetched)
    assert not re.search(r"url\(|@import", text)
    assert sum(tag == "img" and name == "alt" and bool(value) for tag, name, value in page.attributes) == 4


def test_every_chart_has_words_for_who_cannot_see_it(make):
    page = Page(render_html.html(make()[0]))
    charts = page.tags.count("figure")
    assert charts >= 4
    assert page.attributes.count(("svg", "role", "img")) == charts
    for _, _, named in [a for a in page.attributes if a[:2] == ("svg", "aria-labelledby")]:
        assert set(named.split()) <= set(page.ids)


def test_simulated_endpoints_are_marked_in_the_words_of_every_chart(make):
    said = render_markdown.markdown(make()[0]).split("US dollars per 1,000 images and median time to image. ")[1]
    points = said.splitlines()[0].split("; ")
    assert len(points) > 1
    assert [p for p in points if ": " in p] == [p for p in points if "(simulated): " in p]


def test_what_providers_and_prompts_say_is_text(make):
    page = Page(render_html.html(make()[0]))
    quoted = [data for tag, data in page.texts if tag == "q"]
    assert small_run.NASTY_MESSAGE in quoted
    assert small_run.NASTY in quoted
    assert "b" not in page.tags


def test_hostile_words_stay_words_wherever_they_stand(make):
    document, _ = make(images=True)
    cell = Table(HOSTILE, (Column(HOSTILE),), ((Cell(HOSTILE, HOSTILE, foreign=True),),))
    chart = DotChart(HOSTILE, HOSTILE, HOSTILE, (Dot(HOSTILE, True, 1, 1, None, None, HOSTILE),), log=False)
    section = type(document.sections[0])(HOSTILE, (cell, chart))
    hostile = type(document)(HOSTILE, HOSTILE, True, document.made_at, (section,), {"text": HOSTILE})
    page = Page(render_html.html(hostile))
    assert page.tags.count("script") == 1
    assert "img" not in page.tags
    assert page.figures == {"text": HOSTILE}
    assert page.text.count("onerror=alert(2)") >= 8
    assert "\x07" not in page.text
    Page(svg(chart, "c"))


def test_simulated_is_marked_everywhere_and_real_is_not(make):
    document, _ = make()
    text = render_html.html(document)
    assert "(simulated)</title>" in text
    assert text.count(">simulated<") >= 2 * 5
    assert "sim/steady (simulated)" in text
    assert "\n> [!WARNING]\n" in render_markdown.markdown(document)


def test_a_real_run_is_not_marked(make):
    document, _ = make(names=("test/a", "test/b"), simulated=False)
    text = render_html.html(document)
    assert ">simulated<" not in text
    assert "SIMULATED" not in text
    assert "[!WARNING]" not in render_markdown.markdown(document)


def test_a_machine_that_was_not_fit_says_so_on_top(make):
    def unfit(connection, run_id):
        seen = Fitness(
            samples=10, loop_lag_p50_ms=1, loop_lag_p95_ms=900, loop_lag_max_ms=900, clock_step_ms=0,
            machine_cpu_p50=0.2, machine_cpu_p95=0.3, own_cpu=0.2,
        )  # fmt: skip
        runs.note_fitness(connection, run_id, seen)

    document, _ = make(unfit)
    for text in (render_html.html(document), render_markdown.markdown(document)):
        assert text.index("Not fit to measure") < text.rindex("Who comes first")


def test_an_interrupted_run_says_what_it_is_of(make):
    text = Page(render_html.html(make(status=RunStatus.INTERRUPTED, done=6)[0])).text
    assert "This run is interrupted: the figures are of what it has so far." in text


def test_a_run_without_a_measured_outcome_has_no_report(make):
    with pytest.raises(ConfigError, match="no measured outcome yet; next: arena run --resume"):
        make(done=0, status=RunStatus.INTERRUPTED)


def test_endpoints_are_compared_with_the_fastest_in_words(make):
    document, _ = make(repetitions=8)
    assert [c["b"]["endpoint"] for c in document.figures["comparisons"]] == ["sim/flaky"]
    assert "A: sim/steady, B: sim/flaky (both simulated)" in Page(render_html.html(document)).text


def test_images_are_small_copies_in_the_page(make):
    text = render_html.html(make(images=True)[0])
    page = Page(text)
    assert page.tags.count("img") == 4
    assert len(text) < 150_000
    assert "img" not in Page(render_html.html(make(run_id="20260102-030405-next")[0])).tags


def test_a_contact_sheet_stops_at_its_size_and_says_so(make, monkeypatch):
    monkeypatch.setattr("arena.reports.contact_sheet.MOST_BYTES", 1500)
    page = Page(render_html.html(make(images=True)[0]))
    assert page.tags.count("img") == 2
    assert "Further prompts that are not shown: 1." in page.text


def test_a_missing_image_is_said_and_costs_nothing_else(make, tmp_path):
    def lose_one(_connection, _run_id):
        next(p for p in (tmp_path / "images").rglob("*") if p.is_file()).unlink()

    page = Page(render_html.html(make(lose_one, images=True)[0]))
    assert page.tags.count("img") <= 4
    assert "Images" in page.text


def test_markdown_reads_as_it_was_meant(make):
    text = render_markdown.markdown(make()[0])
    tokens = MarkdownIt("commonmark").enable("table").parse(text)
    inline = [child for token in tokens for child in token.children or ()]
    assert sum(t.type == "table_open" for t in tokens) >= 6
    assert {t.content for t in inline if t.type == "html_inline"} <= {"<br>", "<sub>", "</sub>"}
    assert {t.content.strip().split(">")[0] for t in tokens if t.type == "html_block"} <= {"<details", "</details"}
    assert not any(t.type in {"link_open", "image"} for t in inline)
    codes = [t.content.strip() for t in inline if t.type == "code_inline"]
    assert small_run.NASTY_MESSAGE in codes
    assert small_run.NASTY in codes


@pytest.mark.parametrize("words", [HOSTILE, "a`b``c", "x | y \\| z", "`", "- item", "1. one", "new\nline", "@team #1"])
def test_hostile_words_stay_words_in_markdown(words):
    reader = MarkdownIt("commonmark").enable("table")
    shown = " ".join(words.split())
    cell = render_markdown.code(words).replace("|", "\\|")
    tokens = reader.parse(f"| a | b |\n| --- | --- |\n| {cell} | end |\n")
    last = [t for t in tokens if t.type == "inline"][-2:]
    assert last[1].content == "end"
    assert [t.type for t in last[0].children] == ["code_inline"]
    outside = reader.parse(render_markdown.plain(words))
    inline = [child for t in outside for child in t.children or ()]
    assert "".join(t.content for t in inline if t.type in {"text", "text_special"}) == shown
    assert {t.type for t in inline} <= {"text", "text_special", "html_inline"}
    assert {t.content for t in inline if t.type == "html_inline"} <= {"<!-- -->"}


@pytest.mark.parametrize("path", sorted(Path("prompts/plans").glob("*.toml")), ids=lambda p: p.stem)
def test_the_plan_on_the_page_is_the_plan(path):
    plan = Catalog().plan(str(path))[0]
    assert Plan.model_validate(tomllib.loads(plan_toml(plan))) == plan


def test_a_plan_with_everything_comes_back_the_same():
    plan = make_plan(
        description='quotes " and \\ and \x7f and ü and\nlines',
        load={
            "kind": "constant",
            "stages": [{"for_s": 2.5, "rate_per_s": 4}, {"for_s": 3, "rate_per_s": 8, "ramp": True}],
        },
        request={"aspect_ratio": "16:9", "megapixels": 0.5, "seed": 7, "safety": False, "format": "jpeg"},
        stop=StopRule(metric="time_to_image_p50_ms", relative_width=0.1),
    )
    assert Plan.model_validate(tomllib.loads(plan_toml(plan))) == plan


def test_what_failures_said_is_a_dash_where_nobody_knows_it_any_more(tmp_path):
    run_id = small_run.make_run(tmp_path)
    database = open_database(Settings(data_dir=tmp_path))
    digests.refresh(database)
    with database.write() as connection:
        pruning.forget_attempts(connection, run_id, datetime.now(UTC))
    with database.read() as connection:
        told = render_markdown.markdown(run_report(connection, run_id, House()))
    database.close()
    assert "| capacity | 2 | – |" in told


def test_a_window_has_its_runs_and_the_figures_of_the_provider_table(tmp_path, monkeypatch):
    for day in (1, 2):
        small_run.make_run(tmp_path, run_id=f"2026010{day}-r", began=small_run.BEGAN + timedelta(days=day))
    plan = small_run.Plan
    monkeypatch.setattr(small_run, "Plan", lambda **fields: plan(**{**fields, "purpose": "capacity"}))
    small_run.make_run(tmp_path, run_id="20260103-overloaded", began=small_run.BEGAN + timedelta(days=3))
    database = open_database(Settings(data_dir=tmp_path))
    window = Window(small_run.BEGAN, datetime(2100, 1, 1, tzinfo=UTC))
    with database.read() as connection:
        document = window_report(connection, window, Catalog(), House())
        expected = provider_summaries(connection, window, phases=True)
        with pytest.raises(ConfigError, match="nothing was measured from"):
            window_report(connection, Window(window.start - timedelta(9), window.start), Catalog(), House())
    database.close()
    page = Page(render_html.html(document))
    assert page.figures["endpoints"] == json.loads(json.dumps(summary.as_json(expected)))
    assert "in 2 runs" in page.text  # a search for a limit is in no figure of the window
    assert [run["id"] for run in page.figures["runs"]] == ["20260102-r", "20260101-r"]
    uptime = next(m for m in WINDOW_METRICS if m.name == "uptime")
    assert written.figure_text(uptime, expected[0].figures["uptime"]).split(" (")[0] in page.text
    assert "20260101-r" in render_markdown.markdown(document)


def test_reading_outcomes_leaves_the_connection_as_it_was(tmp_path):
    """What is read after them on the same connection, votes above all, has to be read whole."""
    run_id = small_run.make_run(tmp_path)
    database = open_database(Settings(data_dir=tmp_path))
    with database.read() as connection:
        before = dict(connection.get_execution_options())
        assert len(queries.outcomes(connection, run_id)) == 12
        assert dict(connection.get_execution_options()) == before
    database.close()
