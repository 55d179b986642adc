"""Takes the pictures of the app in docs/: `python -m tests.browser.screenshots DATA_DIR [--out docs]`."""

from __future__ import annotations

import argparse
import io
import os
import signal
import subprocess
import sys
import time
import urllib.request
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from PIL import Image
from playwright.sync_api import sync_playwright

from tests.ports import free_port

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Page

CHROMIUM = os.environ.get("CHROMIUM", "/usr/bin/chromium")
ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
WIDTH_PX, HEIGHT_PX, MAX_BYTES = 1440, 1000, 300_000
STARTS_WITHIN_S, STILL = 60, 4
DRAWN = """
    document.querySelector('[data-testid=stApp]').dataset.testScriptState === 'running'
    || document.querySelector('[data-testid=stSkeleton]')
    || [...document.images].some(image => !image.complete)
    ? -1 : document.querySelectorAll('*').length
"""


@contextmanager
def served(data_dir: Path, *, port: int | None = None, directory: Path | None = None) -> Iterator[str]:
    """The app over a data directory, as `arena app` starts it in a directory; yields its address."""
    port = free_port() if port is None else port
    command = [str(Path(sys.executable).with_name("arena")), "app", "--headless", "--port", str(port)]
    checks = {"ARENA_VOTE_GOLD_SHARE": "0", "ARENA_VOTE_REPEAT_SHARE": "0", "ARENA_PLAYGROUND_USD_PER_DAY": "0"}
    environ = {**os.environ, "ARENA_DATA_DIR": str(data_dir), **checks}
    process = subprocess.Popen(
        command, cwd=directory, env=environ, start_new_session=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )
    try:
        address = f"http://127.0.0.1:{port}"
        await_health(process, address)
        yield address
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGTERM)
        process.communicate(timeout=30)


def await_health(process: subprocess.Popen[bytes], address: str) -> None:
    """Return once the app answers; RuntimeError with its output if it ends or stays silent."""
    until = time.monotonic() + STARTS_WITHIN_S
    while time.monotonic() < until:
        if process.poll() is not None:
            output = process.stdout.read().decode() if process.stdout else ""
            raise RuntimeError(f"the app ended with {process.returncode}:\n{output}")
        try:
            with urllib.request.urlopen(f"{address}/_stcore/health", timeout=2):  # noqa: S310 - our own address
                return
        except OSError:
            time.sleep(0.2)
    raise RuntimeError(f"the app did not answer within {STARTS_WITHIN_S} s")


def follow(page: Page, menu: str, name: str) -> None:
    """Go to a page by the navigation at the top."""
    page.get_by_test_id("stTopNavSection").filter(has_text=menu).click()
    page.get_by_test_id("stTopNavDropdownLink").filter(has_text=name).click()


def settle(page: Page, title: str) -> None:
    """Wait until the page with this title is drawn and has been still for a while."""
    page.get_by_role("heading", name=title, exact=True).wait_for(timeout=60_000)
    until, last, still = time.monotonic() + 60, -1, 0
    while still < STILL and time.monotonic() < until:
        page.wait_for_timeout(400)
        size = page.evaluate(DRAWN)
        still = still + 1 if size == last > 0 else 0
        last = size


def save(page: Page, path: Path) -> None:
    """A screenshot with as many colours as fit into the size that a repository should carry."""
    image = Image.open(io.BytesIO(page.screenshot())).convert("RGB")
    for candidate in (image, image.quantize(256, dither=Image.Dither.NONE), image.quantize(96)):
        out = io.BytesIO()
        candidate.save(out, "PNG", optimize=True)
        if out.tell() <= MAX_BYTES:
            break
    path.write_bytes(out.getvalue())
    sys.stdout.write(f"{path}: {out.tell() / 1000:.0f} kB\n")


def main() -> None:
    """Take all pictures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data_dir", type=Path)
    parser.add_argument("--out", type=Path, default=Path("docs"))
    parser.add_argument("--trial", default="14", help="number of the trial that is shown")
    arguments = parser.parse_args()
    shots = [
        ("results", "", "Results", "light", None),
        ("results-dark", "", "Results", "dark", "Time to image"),
        ("providers", "providers", "Providers", "light", None),
        ("providers-over-time", "providers?view=Distribution", "Providers", "dark", None),
        ("watch", "watch", "Watch", "light", None),
        ("runs", "runs", "Runs", "light", None),
        ("run", "run", "Run", "light", None),
        ("compare", "compare", "Compare", "light", None),
        ("trial", f"trial?trial={arguments.trial}", "Trial", "light", None),
        ("images", "images", "Images", "light", None),
        ("gallery", "gallery", "Gallery", "light", None),
        ("playground", "playground", "Playground", "dark", None),
        ("vote", "vote", "Vote", "light", None),
        ("leaderboard", "board", "Leaderboard", "light", None),
        ("trade-offs", "tradeoffs", "Trade-offs", "light", None),
        ("matchups", "matchups", "Matchups", "light", None),
        ("competitions", "competitions", "Competitions", "light", None),
        ("methodology", "methodology", "Methodology", "light", None),
    ]
    arguments.out.mkdir(parents=True, exist_ok=True)
    with served(arguments.data_dir.absolute()) as address, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        for name, path, title, scheme, heading in shots:
            page = browser.new_page(viewport={"width": WIDTH_PX, "height": HEIGHT_PX}, color_scheme=scheme)
            page.goto(f"{address}/{path}")
            settle(page, title)
            if heading:
                page.get_by_role("heading", name=heading, exact=True).evaluate(
                    "e => e.scrollIntoView({block: 'start'})"
                )
                page.wait_for_timeout(1000)
            save(page, arguments.out / f"{name}.png")
            page.close()
        browser.close()


if __name__ == "__main__":
    main()
