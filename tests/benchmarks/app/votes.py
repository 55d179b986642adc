"""How long a voter waits for the next pair: `python -m tests.benchmarks.app.votes [DATA_DIR]`.

One voter in a real Chromium: from the press of a key until both images of the next pair are painted, as the browser's
own element timing says. Then thirty voters at once, as real sessions over Streamlit's own protocol (its websocket and
protobuf, its cookie, its images over HTTP): from a click until the next pair's message and both of its images are
here. What a browser does after that is in the first figure alone; thirty browsers on two cores would measure
themselves. Without a directory, half a million outcomes and 100,000 votes are made in a temporary one.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import random
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

import httpx
import numpy as np
import websockets
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from streamlit.proto.WidgetStates_pb2 import WidgetState

from tests.benchmarks.app.seed import seed

LOOK_S = (1.0, 3.0)
VOTERS, VOTES_EACH, VOTES_ALONE = 30, 8, 30
PAINTS = """
    window.paints = []; window.pressed = 0;
    new PerformanceObserver(list => { for (const e of list.getEntries()) window.paints.push(e.renderTime); })
      .observe({type: 'element', buffered: true});
    addEventListener('keydown', () => { window.pressed = performance.now(); }, true);
"""
IDLE = "document.querySelector('[data-testid=stApp]').dataset.testScriptState === 'notRunning'"


class Session:
    """One voter who speaks to the app as a browser does, without one."""

    def __init__(self, address: str, client: httpx.AsyncClient) -> None:
        self._address, self._client = address, client
        self._buttons: dict[str, str] = {}
        self._pair: dict | None = None
        self._known: set[str] = set()
        self._component = ""
        self._fragment = ""

    async def run(self, votes: int, waited_ms: list[float], failed: list[str]) -> None:
        """Open the page and vote so often, looking at each pair for a while."""
        page = await self._client.get(f"{self._address}/vote", headers={"accept": "text/html"})
        cookie = page.headers["set-cookie"].partition(";")[0]
        url = self._address.replace("http", "ws") + "/_stcore/stream"
        headers = {"Cookie": cookie, "Origin": self._address}
        async with websockets.connect(
            url, subprotocols=["streamlit"], additional_headers=headers, max_size=None
        ) as socket:
            await self._send(socket, "vote")
            await self._run_over(socket)
            for _ in range(votes):
                await self._painted(socket)
                await asyncio.sleep(random.uniform(*LOOK_S))
                before, began = (self._pair or {}).get("name"), time.perf_counter()
                await self._click(socket, "left" if random.random() < 0.5 else "right")
                await self._run_over(socket, before)
                if self._pair is None or self._pair["name"] == before:
                    failed.append("no new pair came")
                    return
                waited_ms.append((time.perf_counter() - began) * 1000)

    async def _painted(self, socket) -> None:
        """Fetch both images, say that they are painted, and load the next pair, as the browser does meanwhile."""
        await self._images("shown")
        events = f"$$STREAMLIT_INTERNAL_KEY_{self._component}__events"
        name = (self._pair or {})["name"]
        await self._send(socket, "vote", (events, json.dumps([{"event": "painted", "value": name}])))
        await self._run_over(socket)
        await self._images("next")

    async def _click(self, socket, key: str) -> None:
        await self._send(socket, "vote", (self._buttons[key], True))

    async def _send(self, socket, page: str, widget: tuple[str, object] | None = None) -> None:
        message = BackMsg()
        message.rerun_script.page_name = page
        message.rerun_script.query_string = ""
        if widget is not None:
            state = WidgetState(id=widget[0])
            if widget[1] is True:
                state.trigger_value = True
            else:
                state.json_trigger_value = widget[1]
            message.rerun_script.widget_states.widgets.append(state)
            message.rerun_script.widget_states.widgets.append(WidgetState(id=self._component, json_value="{}"))
            message.rerun_script.fragment_id = self._fragment
        await socket.send(message.SerializeToString())

    async def _run_over(self, socket, before: str | None = None) -> None:
        """Read until the script has run; after a vote, until another pair is here with both of its images."""
        async with asyncio.timeout(60):
            while True:
                message = ForwardMsg()
                message.ParseFromString(await socket.recv())
                if message.WhichOneof("type") == "delta":
                    self._note(message.delta)
                if message.WhichOneof("type") == "script_finished":
                    break
        if before is not None:
            await self._images("shown")

    def _note(self, delta) -> None:
        element = delta.new_element
        if element.WhichOneof("type") == "button":
            self._buttons[element.button.id.rpartition("-")[2]] = element.button.id
        if element.WhichOneof("type") == "bidi_component":
            component = element.bidi_component
            sent = json.loads(component.mixed.json or component.json)
            self._component, self._fragment = component.id, delta.fragment_id
            self._pair = {**sent["shown"], "next": sent["next"]}

    async def _images(self, place: str) -> None:
        """Both images of a pair, unless they were fetched before."""
        pair = self._pair if place == "shown" else (self._pair or {}).get("next")
        if not pair:
            return
        wanted = [pair[side] for side in ("left", "right") if pair[side] not in self._known]
        for answer in await asyncio.gather(*(self._client.get(self._address + path) for path in wanted)):
            answer.raise_for_status()
        self._known.update(wanted)


async def together(address: str, voters: int, votes: int) -> tuple[list[float], list[str]]:
    """Many voters at once; returns how long each waited for each pair, and what went wrong."""
    waited_ms: list[float] = []
    failed: list[str] = []

    async def one() -> None:
        await asyncio.sleep(random.uniform(0, LOOK_S[1]))
        try:
            async with httpx.AsyncClient(timeout=60) as client:
                await Session(address, client).run(votes, waited_ms, failed)
        except Exception as error:  # noqa: BLE001 - counted and reported, whatever it was
            failed.append(f"{type(error).__name__}: {error}")

    await asyncio.gather(*(one() for _ in range(voters)))
    return waited_ms, failed


def alone(address: str, votes: int) -> list[float]:
    """One voter in Chromium, by key: milliseconds from the press until both images are painted."""
    from playwright.sync_api import sync_playwright

    from tests.browser.screenshots import ARGUMENTS, CHROMIUM

    waited_ms = []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        page = browser.new_page(viewport={"width": 1400, "height": 950})
        page.add_init_script(PAINTS)
        page.goto(f"{address}/vote")
        for number in range(votes):
            page.wait_for_function(f"window.paints.length >= {2 * number + 2} && {IDLE}", timeout=60_000)
            time.sleep(random.uniform(*LOOK_S))
            page.keyboard.press("ArrowLeft" if random.random() < 0.5 else "ArrowRight")
            page.wait_for_function(f"window.paints.length >= {2 * number + 4}", timeout=60_000)
            waited_ms.append(page.evaluate("Math.max(...window.paints.slice(-2)) - window.pressed"))
        browser.close()
    return waited_ms


def said(name: str, waited_ms: list[float]) -> None:
    """One line of figures, with what else the machine was doing."""
    p50, p95 = median(waited_ms), float(np.quantile(waited_ms, 0.95))
    figures = f"p50 {p50:.0f} ms, p95 {p95:.0f} ms, worst {max(waited_ms):.0f} ms, n {len(waited_ms)}"
    print(f"{name}: {figures}, load {os.getloadavg()[0]:.1f}")


def main() -> None:
    """Measure both and print them."""
    from tests.browser.screenshots import served

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data_dir", type=Path, nargs="?")
    parser.add_argument("--voters", type=int, default=VOTERS)
    parser.add_argument("--votes", type=int, default=VOTES_EACH)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as made:
        directory = arguments.data_dir or Path(made)
        if not (directory / "arena.db").exists():
            seed(directory)
        with served(directory.absolute()) as address:
            said("one voter, Chromium, key to both images painted", alone(address, VOTES_ALONE))
            waited_ms, failed = asyncio.run(together(address, arguments.voters, arguments.votes))
            said(f"{arguments.voters} voters at once, click to both images received", waited_ms)
            if failed:
                sys.exit(f"{len(failed)} voters failed: {failed[0]}")


if __name__ == "__main__":
    main()
