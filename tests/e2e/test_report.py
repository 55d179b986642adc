"""`arena report`, `arena metrics` and `arena otel` as a user runs them; every command of their pages is executed."""

import json
import os
import re
import shlex
import signal
import urllib.request
from datetime import datetime
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.collector import receiving, values

CHROMIUM = os.environ.get("CHROMIUM", "/usr/bin/chromium")
ROOT = Path(__file__).parents[2]
PAGES = ("docs/report.md", "docs/monitoring.md")
COMMANDS = [
    line
    for page in PAGES
    for block in re.findall(r"```sh\n(.*?)```", (ROOT / page).read_text(), re.DOTALL)
    for line in block.strip().splitlines()
]


@pytest.fixture
def measured(arena):
    """A finished run of two simulated endpoints, one of which always fails."""
    arena("run", arena.plan("quick", "broken"), "--yes")
    return arena


@pytest.mark.slow
def test_every_command_of_the_pages_does_what_they_say(measured):
    with receiving() as collector:
        for command in COMMANDS:
            arguments = shlex.split(command)[1:]
            if "serve" in arguments:
                text = served(measured, *(a for a in arguments if a not in {"--port", "9465"}), "--port", "0")
                assert "arena_attempts_total" in text
                continue
            arguments = [a.replace(":4318", f":{collector.port}") for a in arguments]
            said = measured(*arguments, OTEL_EXPORTER_OTLP_ENDPOINT=collector.url)
            assert said.out or said.err
    directory = measured.directory
    assert '<img src="data:image/jpeg;base64,' in (directory / "last.html").read_text()
    assert "Providers over a window" in (directory / "month.html").read_text()
    assert 'arena_success_ratio{endpoint="t/broken"' in (directory / "arena.prom").read_text()
    assert len(list((measured.data / "exports").glob("*-report.html"))) == 1
    assert len(collector.traces) == 2
    figures = json.loads(
        re.search(r'id="arena-figures">(.*?)</script>', (directory / "last.html").read_text(), re.DOTALL)[1]
    )
    shown = measured.json("runs", "show", "last")
    assert figures["endpoints"] == shown["endpoints"]
    assert {k: v for k, v in figures["run"].items() if k != "plan_json"} == shown["run"]


def served(arena, *arguments):
    """What a scrape of a server gives that is interrupted afterwards and ends in order."""
    process = arena.start(*arguments)
    url = re.search(r"at (http://\S+)", process.stderr.readline())[1]
    with urllib.request.urlopen(url, timeout=60) as answer:  # noqa: S310 - our own server
        text = answer.read().decode()
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=60)
    assert process.returncode == 0
    assert list(text_string_to_metric_families(text))
    return text


def test_a_run_is_exported_once_it_has_ended_if_the_setting_says_so(arena):
    with receiving() as collector:
        said = arena("run", arena.plan("quick"), "--yes", ARENA_OTEL_ENDPOINT=collector.url)
    run = arena.json("runs", "show", "last")["run"]
    spans = [s for s in collector.spans if not s.parent_span_id]
    assert len(spans) == 5
    assert f"run {run['id']}: 5 attempts as" in said.err
    assert min(collector.at) >= datetime.fromisoformat(run["ended_at"])
    assert max(s.end_time_unix_nano for s in spans) / 1e9 <= datetime.fromisoformat(run["ended_at"]).timestamp()
    assert all(values(s.attributes)["arena.simulated"] for s in spans)


def test_a_collector_that_refuses_costs_no_run(arena):
    with receiving() as collector:
        collector.status = 400
        said = arena("run", arena.plan("quick"), "--yes", ARENA_OTEL_ENDPOINT=collector.url)
    assert "not exported: " in said.err
    assert "t/quick" in said.out


def test_a_report_says_why_the_run_stopped_what_was_voted_and_how_to_repeat_it(arena):
    stop = {"metric": "time_to_image_p50_ms", "relative_width": 2.0}
    arena("run", arena.plan("quick", "pods", repetitions=40, stop=stop), "--yes")
    rows = [f"{i},t/quick,t/pods,{'model_b' if i % 3 else 'model_a'},v{i % 7},p{i % 12},true" for i in range(60)]
    votes = arena.directory / "votes.csv"
    votes.write_text("\n".join(["id,model_a,model_b,winner,evaluation_session_id,prompt_id,simulated", *rows]))
    arena("votes", "import", str(votes))
    told = arena("report", "last", "--format", "md", "--out", "-").out
    assert "### When it stopped\n\n- stopped: the interval of time\\_to\\_image\\_p50\\_ms at most 200.0%" in told
    assert "### Blind votes: simulated · endpoints\n\n60 blind votes on 12 prompts by 7 voters" in told
    prices = told.split("### Prices")[1]
    assert "| t/quick<br><sub>simulated</sub> | \\$0.0100/image | 2026-01-01 | simulated | ` here ` |" in prices
    plan = re.search(r"```toml\n(.*?)```", told, re.DOTALL)[1]
    (arena.directory / "again.toml").write_text(plan)
    first = arena.json("runs", "show", "last")["run"]
    arena("run", "again.toml", "--yes")
    assert arena.json("runs", "show", "last")["run"]["plan_sha256"] == first["plan_sha256"]


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["report"], "give either a RUN or --window 30d"),
        (["report", "last", "--window", "30d"], "give either a RUN or --window 30d"),
        (["report", "--window", "soon"], "--window 'soon': write 30d"),
        (["report", "--window", "30d", "--images"], "name a RUN instead of --window"),
        (["report", "last", "--images", "--format", "md"], "--images needs --format html"),
        (["report", "last"], "there is no database at"),
        (["metrics", "write", "--out", "arena.txt"], "name it arena.prom"),
        (["metrics", "write", "--window", "2026-01-01..2026-02-01"], "such as 24h or 7d"),
        (["metrics", "serve", "--window", "soon"], "--window 'soon': write 30d"),
        (["metrics", "serve"], "there is no database at"),
        (["otel", "export", "last"], "there is no database at"),
    ],
)
def test_what_cannot_be_done_is_one_sentence(arena, arguments, sentence):
    assert sentence in arena(*arguments, code=2).sentence


def test_a_bad_collector_is_refused_before_anything_is_fired(arena):
    said = arena("run", arena.plan("quick"), "--yes", code=2, ARENA_OTEL_ENDPOINT="collector:4318")
    assert "ARENA_OTEL_ENDPOINT" in said.sentence
    assert not (arena.data / "arena.db").exists()


@pytest.mark.slow
def test_the_page_opens_in_a_browser_in_light_and_dark_and_on_a_phone(measured):
    from playwright.sync_api import sync_playwright

    measured("report", "last", "--images", "--out", "page.html")
    url = (measured.directory / "page.html").as_uri()
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        grounds = set()
        for width_px, scheme in ((1200, "light"), (390, "dark")):
            page = browser.new_page(viewport={"width": width_px, "height": 800}, color_scheme=scheme)
            asked, complaints = [], []
            page.on("request", lambda request, asked=asked: asked.append(request.url))
            page.on("console", lambda message, complaints=complaints: complaints.append(message.text))
            page.goto(url)
            assert [a for a in asked if not a.startswith("data:")] == [url]
            assert complaints == []
            assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
            assert page.get_by_role("img", name="Time to image").first.is_visible()
            grounds.add(page.evaluate("getComputedStyle(document.body).backgroundColor"))
        browser.close()
    assert len(grounds) == 2


def test_interrupted_serving_leaves_no_traceback(measured):
    process = measured.start("metrics", "serve", "--port", "0")
    process.stderr.readline()
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 0
    assert "Traceback" not in err
