"""How long a page takes until it is drawn: `python -m tests.benchmarks.app.first_paint DATA_DIR [--times 5]`.

A real Chromium opens each page in a context of its own, without a cache of anything; the clock runs from the
navigation. `painted` is the median until the page's own heading stands; `drawn` until its script has ended, its last
chart stands and no skeleton is left, wherever on the page they are. `first` is `drawn` at the first visit right after
an app was started, when nothing has been read yet; the others are of an app in which every page was opened once.
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
import time
from pathlib import Path

from playwright.sync_api import Browser, sync_playwright

import dashboards
from tests.browser.screenshots import ARGUMENTS, CHROMIUM, served

PAINTED = "title => [...document.querySelectorAll('h1')].some(h => h.textContent.trim() === title)"
DRAWN = """title => {
    const app = document.querySelector('[data-testid=stApp]');
    const heading = [...document.querySelectorAll('h1')].some(h => h.textContent.trim() === title);
    return app && app.dataset.testScriptState === 'notRunning' && heading
        && !document.querySelector('[data-testid=stSkeleton]')
        && [...document.querySelectorAll('[data-testid=stPlotlyChart]')].every(c => c.querySelector('.main-svg'));
}"""
AIM_MS = 1500


def pages() -> list[str]:
    """Every page by its address; the one that the app opens with has none."""
    stems = sorted(p.stem for p in (Path(dashboards.__file__).parent / "app_pages").glob("*.py"))
    return ["" if stem == "results" else stem for stem in stems]


def titles(browser: Browser, address: str) -> dict[str, str]:
    """The heading of each page; opening them also makes the app read what it keeps."""
    found = {}
    for name in pages():
        page = browser.new_page()
        page.goto(f"{address}/{name}")
        page.locator("h1").first.wait_for(timeout=120_000)
        found[name] = page.locator("h1").first.inner_text().strip()
        page.close()
    return found


def visit(browser: Browser, url: str, title: str) -> tuple[float, float]:
    """Milliseconds until a page is painted, and until it is drawn, in a context that has seen nothing."""
    context = browser.new_context(viewport={"width": 1440, "height": 1000})
    page = context.new_page()
    began = time.perf_counter()
    page.goto(url, wait_until="commit")
    took_ms = []
    for state in (PAINTED, DRAWN):
        page.wait_for_function(state, arg=title, timeout=120_000, polling=20)
        took_ms.append((time.perf_counter() - began) * 1000)
    context.close()
    return took_ms[0], took_ms[1]


def main() -> None:
    """Print one line a page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data_dir", type=Path)
    parser.add_argument("--times", type=int, default=5)
    arguments = parser.parse_args()
    load = os.getloadavg()[0]
    sys.stdout.write(f"{os.cpu_count()} processors, load {load:.1f} before; aim: median under {AIM_MS} ms\n")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        with served(arguments.data_dir.absolute()) as address:
            known = titles(browser, address)
            later = {n: [visit(browser, f"{address}/{n}", t) for _ in range(arguments.times)] for n, t in known.items()}
        sys.stdout.write(f"{'page':14s} {'painted':>8s} {'drawn':>8s} {'worst':>8s} {'first':>8s}  ms\n")
        for name, title in known.items():
            with served(arguments.data_dir.absolute()) as address:
                _, first = visit(browser, f"{address}/{name}", title)
            painted, drawn = ([one[kind] for one in later[name]] for kind in (0, 1))
            medians = f"{statistics.median(painted):8.0f} {statistics.median(drawn):8.0f}"
            sys.stdout.write(f"{title:14s} {medians} {max(drawn):8.0f} {first:8.0f}\n")
            sys.stdout.flush()
        browser.close()


if __name__ == "__main__":
    main()
