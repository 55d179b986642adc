"""Metrics for Prometheus: over HTTP, computed at most once in a while, and as a file for node_exporter."""

from __future__ import annotations

import socket
import threading
import time
from contextlib import suppress
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

from arena.errors import ArenaError, ConfigError, StoreError
from arena.reports.exposition import families, snapshot
from arena.store import digests
from arena.whole_file import whole_file

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from pathlib import Path

    from prometheus_client import CollectorRegistry
    from prometheus_client import Metric as Family

    from arena.reports.exposition import OpenIncidents, Snapshot
    from arena.store.engine import Database

PATHS = ("/", "/metrics")


class Figures:
    """What is scraped. Scrapes within `fresh_s` seconds share one snapshot, so that scraping often costs nothing."""

    def __init__(
        self,
        database: Database,
        windows: Sequence[str],
        fresh_s: float,
        open_incidents: OpenIncidents | None = None,
    ) -> None:
        self._database, self._windows, self._fresh_s = database, windows, fresh_s
        self._open_incidents = open_incidents
        self._lock = threading.Lock()
        self._last: Snapshot | None = None
        self._until_s = 0.0

    def collect(self) -> Iterator[Family]:
        """The metric families; StoreError if the database cannot be read."""
        return families(self._snapshot())

    def _snapshot(self) -> Snapshot:
        with self._lock:
            if self._last is None or time.monotonic() >= self._until_s:
                known = None if self._last is None else self._last.counted
                with self._database.read() as connection:
                    self._last = snapshot(connection, self._windows, datetime.now(UTC), known, self._open_incidents)
                self._until_s = time.monotonic() + self._fresh_s
            return self._last


def registry(
    database: Database, windows: Sequence[str], fresh_s: float = 0.0, open_incidents: OpenIncidents | None = None
) -> CollectorRegistry:
    """A registry that holds these figures and nothing of this process.

    `open_incidents` counts those that are open by endpoint and whether it is simulated, where somebody watches.
    """
    from prometheus_client import CollectorRegistry

    with suppress(StoreError):  # a database that may only be read is read more slowly
        digests.refresh(database)
    made = CollectorRegistry(auto_describe=False)
    made.register(Figures(database, windows, fresh_s, open_incidents))
    return made


def write(database: Database, windows: Sequence[str], out: Path, open_incidents: OpenIncidents | None = None) -> None:
    """Write the metrics to a file that appears whole; StoreError if it cannot be written."""
    text = exposed(database, windows, open_incidents)
    with whole_file(out) as file:
        file.write(text)


def exposed(database: Database, windows: Sequence[str], open_incidents: OpenIncidents | None = None) -> bytes:
    """The metrics in Prometheus' text format."""
    from prometheus_client import generate_latest

    return generate_latest(registry(database, windows, open_incidents=open_incidents))


def server(
    database: Database,
    windows: Sequence[str],
    fresh_s: float,
    host: str,
    port: int,
    open_incidents: OpenIncidents | None = None,
) -> WSGIServer:
    """A server that is bound and not yet serving; ConfigError if the address cannot be had."""
    figures = registry(database, windows, fresh_s, open_incidents)
    try:
        return make_server(host, port, _application(figures), _server_class(host), handler_class=_Quiet)
    except (OSError, OverflowError) as error:
        raise ConfigError(f"cannot listen on {host}:{port} ({error}); choose another --host or --port") from None


def _server_class(host: str) -> type[WSGIServer]:
    """A server with a thread a request, for the family of this address."""
    from prometheus_client.exposition import ThreadingWSGIServer

    family = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)[0][0]
    return type("Server", (ThreadingWSGIServer,), {"address_family": family})


class _Quiet(WSGIRequestHandler):
    """Says nothing of every scrape."""

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class calls it so
        """Nothing."""


def _application(figures: CollectorRegistry) -> Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]:
    from prometheus_client import make_wsgi_app

    scrape = make_wsgi_app(figures)

    def answer(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        if environ["PATH_INFO"] not in PATHS:
            start_response("404 Not Found", [("Content-Type", "text/plain; charset=utf-8")])
            return [b"metrics are at /metrics\n"]
        try:
            return list(scrape(environ, start_response))
        except ArenaError as error:
            # Prometheus then marks the target as down, which is what it is: old figures would look like new ones.
            start_response("503 Service Unavailable", [("Content-Type", "text/plain; charset=utf-8")])
            return [f"{error}\n".encode()]

    return answer
