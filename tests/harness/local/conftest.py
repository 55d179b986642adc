"""Servers under test: one around a stub pipeline in this process, one around the tiny pipeline in another."""

from __future__ import annotations

import base64
import contextlib
import io
import queue
import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import httpx
import pytest
import uvicorn
from PIL import Image

from harness.local.app import KEY_VARIABLE, build_app
from harness.local.pipeline import LocalJob, LocalResult
from harness.local.process import background
from harness.local.server import Server
from harness.local.settings import LocalSettings

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from harness.local.pipeline import ImagePipeline


@dataclass
class StubPipeline:
    """Plain images whose colour is the seed; can be held back, and raises what is put into `raises`."""

    device: str = "cpu"
    dtype: str = "float32"
    simulated: bool = False
    jobs: list[LocalJob] = field(default_factory=list)
    batches: list[int] = field(default_factory=list)
    raises: list[BaseException] = field(default_factory=list)
    restarts: int = 0
    restart_raises: Exception | None = None
    restart_may_end: threading.Event = field(default_factory=threading.Event)
    started: queue.Queue[LocalJob] = field(default_factory=queue.Queue)
    may_finish: threading.Event = field(default_factory=threading.Event)
    interrupted: bool = False

    def __post_init__(self) -> None:
        self.may_finish.set()
        self.restart_may_end.set()

    def interrupt(self) -> None:
        self.interrupted = True
        self.may_finish.set()
        self.restart_may_end.set()

    def restart(self) -> None:
        self.restarts += 1
        assert self.restart_may_end.wait(20)
        if self.restart_raises is not None:
            raise self.restart_raises

    def run(self, jobs: Sequence[LocalJob]) -> tuple[LocalResult, ...]:
        self.jobs += jobs
        self.batches.append(len(jobs))
        for job in jobs:
            self.started.put(job)
        assert self.may_finish.wait(20)
        if self.raises:
            raise self.raises.pop()
        return tuple(map(self._result, jobs))

    def _result(self, job: LocalJob) -> LocalResult:
        colours = [((job.seed + i) % 256, 0, 0) for i in range(job.n)]
        images = tuple(Image.new("RGB", (job.width_px, job.height_px), colour) for colour in colours)
        stages = {"text_encode": 1.0, "step_1": 2.0, "denoise": 2.0, "decode": 3.0, "generate": 7.0, "device": 7.0}
        return LocalResult(images, stages)


@contextlib.contextmanager
def running(settings: LocalSettings, *pipelines: ImagePipeline) -> Iterator[str]:
    """The base URL of a server of `pipelines` in a thread of this process."""
    app = build_app(settings, pipelines)
    config = uvicorn.Config(app, port=0, log_level="warning", lifespan="on", ws="none")
    server = Server(config, lambda: None, app.state.stop, [])
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        while not server.started:
            assert thread.is_alive()
            thread.join(0.01)
        yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}/v1"
    finally:
        server.should_exit = True
        thread.join(20)


@pytest.fixture
def stub() -> StubPipeline:
    return StubPipeline()


@pytest.fixture
def stub_of() -> type[StubPipeline]:
    return StubPipeline


@pytest.fixture
def start() -> Iterator[Callable[..., httpx.Client]]:
    """Starts servers of stub pipelines and gives clients for them."""
    with contextlib.ExitStack() as stack:

        def started(*pipelines: ImagePipeline, **settings: Any) -> httpx.Client:
            base_url = stack.enter_context(running(LocalSettings(**settings), *pipelines))
            return stack.enter_context(httpx.Client(base_url=base_url, timeout=30))

        yield started


@pytest.fixture(scope="session")
def tiny_url() -> Iterator[str]:
    """The base URL of a server of the tiny pipeline, in a process of its own, with a queue for one job."""
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv(KEY_VARIABLE, raising=False)
        with background(LocalSettings(tiny=True, max_queue=1)) as base_url:
            yield base_url


@pytest.fixture
def tiny(tiny_url: str) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=tiny_url, timeout=60) as client:
        yield client


class Pictures:
    """Image files for requests, and what is in the files of replies."""

    @staticmethod
    def of(reply: httpx.Response, index: int = 0) -> bytes:
        assert reply.status_code == 200, reply.text
        return base64.b64decode(reply.json()["data"][index]["b64_json"], validate=True)

    @staticmethod
    def opened(data: bytes) -> Image.Image:
        image = Image.open(io.BytesIO(data))
        image.load()
        return image

    @staticmethod
    def png(width_px: int = 96, height_px: int = 80, colour: str = "red") -> bytes:
        size = (width_px, height_px)
        gradient = Image.radial_gradient("L").resize(size).convert("RGB")
        buffer = io.BytesIO()
        Image.blend(gradient, Image.new("RGB", size, colour), 0.5).save(buffer, "PNG")
        return buffer.getvalue()


@pytest.fixture
def pictures() -> Pictures:
    return Pictures()


@pytest.fixture
def serving() -> Callable[..., Any]:
    return running
