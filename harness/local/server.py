"""Serves pipelines until it is told to stop: the address, the devices' processes, signals, and how it ends.

Importing this module does not import torch, and neither does serving: only the devices' processes do.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import signal
import socket
import threading
from functools import partial
from typing import TYPE_CHECKING

import uvicorn

from arena.errors import ConfigError
from harness.local.app import build_app
from harness.local.device import DeviceProcess, log_to_stderr
from harness.local.faults import NoDeviceError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from harness.local.settings import LocalSettings

logger = logging.getLogger(__name__)

_GRACE_S = 8
"""How long uvicorn waits for replies: longer than a job may run on, and a step of it takes."""


class _Stopped(BaseException):
    """SIGINT or SIGTERM came."""


def serve(host: str, port: int, settings: LocalSettings, *, on_ready: Callable[[str], None]) -> None:
    """Load the pipelines, warm them up and serve until SIGINT or SIGTERM; port 0 takes a free one.

    `on_ready` gets the base URL, such as `http://127.0.0.1:8188/v1`, as soon as requests are answered. Raises
    `ConfigError` when the address or the model cannot be used, and `NoDeviceError` when the last device is lost.
    """
    log_to_stderr()
    with (
        _stop_on_signals(),
        contextlib.closing(_bound_socket(host, port)) as listener,
        _device_processes(settings) as pipelines,
    ):
        ends: list[str] = []
        app = build_app(settings, pipelines, ends.append)
        config = uvicorn.Config(
            app,
            log_level="warning",
            lifespan="on",
            ws="none",
            timeout_graceful_shutdown=_GRACE_S,
        )
        ready = partial(on_ready, _base_url(host, listener))
        Server(config, ready, app.state.stop, ends).run(sockets=[listener])
        if ends:
            raise NoDeviceError(ends[0])


@contextlib.contextmanager
def _device_processes(settings: LocalSettings) -> Iterator[list[DeviceProcess]]:
    """A process for every device, all of them ready; they end with the body."""
    with contextlib.ExitStack() as stack:
        processes = []
        for device in settings.devices or (settings.device,):
            process = DeviceProcess(settings.model_copy(update={"device": device, "devices": ()}))
            stack.callback(process.stop)
            processes.append(process)
        for process in processes:
            process.wait_ready()
        yield processes


class Server(uvicorn.Server):
    """A server that says when it has started, and ends once there is a reason in `ends`.

    `stop_work`, which may block, is called as soon as it is to end: uvicorn itself tells the application only when no
    request is left, and until then cuts off those that take longer than it waits.
    """

    def __init__(
        self, config: uvicorn.Config, on_ready: Callable[[], None], stop_work: Callable[[], None], ends: list[str]
    ) -> None:
        super().__init__(config)
        self._on_ready = on_ready
        self._stop_work = stop_work
        self._ends = ends

    async def on_tick(self, counter: int) -> bool:
        """Whether to end; asked ten times a second."""
        return bool(self._ends) or await super().on_tick(counter)

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Listen, and say so."""
        await super().startup(sockets)
        self._on_ready()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Take no more connections, and wait until those that there are have their replies."""
        stopping = asyncio.create_task(asyncio.to_thread(self._stop_work))
        await super().shutdown(sockets)
        await stopping


def _bound_socket(host: str, port: int) -> socket.socket:
    # Bound before the weights are loaded, so that a port in use is said at once; not listening yet. The protocol is
    # named because asyncio sets TCP_NODELAY only then, and without it a reply waits 40 ms for the client's delayed ACK.
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
    except (OSError, OverflowError) as error:
        listener.close()
        raise ConfigError(f"{host}:{port} cannot be served on ({error}); choose another --host or --port") from error
    return listener


def _base_url(host: str, listener: socket.socket) -> str:
    reachable = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104 - not bound to
    name = f"[{reachable}]" if ":" in reachable else reachable
    return f"http://{name}:{listener.getsockname()[1]}/v1"


@contextlib.contextmanager
def _stop_on_signals() -> Iterator[threading.Event]:
    """End the body at SIGINT or SIGTERM and set the event; signals reach the main thread alone."""
    stopped = threading.Event()
    if threading.current_thread() is not threading.main_thread():
        yield stopped
        return

    def stop(_number: int, _frame: object) -> None:
        if not stopped.is_set():  # a second signal must not cut the way out short
            stopped.set()
            raise _Stopped

    # While it runs uvicorn has handlers of its own, and raises the signal again, for these, when it is done.
    previous = {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield stopped
    except BaseException:
        # An import or a library that is interrupted may turn the exception into another one.
        if not stopped.is_set():
            raise
        logger.info("stopped")
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)
