"""The cells of the table, and the server that each of them has to itself."""

from __future__ import annotations

import json
import subprocess
import sys
import urllib.request
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

HERE = Path(__file__).parent
REALISTIC, STRESS = "lognormal:900:0.35", "fixed:50"


@dataclass(frozen=True, slots=True)
class Cell:
    """One line of the table: the server's law of delay, what it answers with, the load, the share of images kept.

    `body`: "inline" (2.2 MB of base64), "url" (an address, then 1.65 MB), "tiny" (a few hundred bytes, inline).
    """

    law: str
    body: str
    in_flight: int
    requests: int
    keep: float = 1.0
    tls: bool = False

    @property
    def warmup(self) -> int:
        """Requests before those that count: they open the connections, all at once."""
        return self.in_flight

    @property
    def size(self) -> str:
        """What is asked for."""
        return "64x64" if self.body == "tiny" else "1024x1024"

    @property
    def name(self) -> str:
        """How the table calls it."""
        kept = "" if self.keep == 1 else f" keep {self.keep:g}"
        return f"{self.law} {self.body}{' TLS' if self.tls else ''}{kept}"


CELLS = (
    Cell(REALISTIC, "inline", 1, 30),
    Cell(REALISTIC, "inline", 16, 500),
    Cell(REALISTIC, "inline", 64, 2000),
    Cell(REALISTIC, "inline", 256, 4000, keep=0.1),
    Cell(REALISTIC, "url", 64, 2000),
    Cell(REALISTIC, "inline", 64, 2000, tls=True),
    Cell(STRESS, "inline", 1, 300),
    Cell(STRESS, "inline", 16, 1500),
    Cell(STRESS, "inline", 64, 2000),
    Cell(STRESS, "inline", 64, 4000, keep=0.01),
    Cell("fixed:5", "tiny", 64, 8000, keep=0.01),
    Cell("fixed:5", "tiny", 256, 8000, keep=0.01),
)
QUICK = (1, 2, 8)


@dataclass(frozen=True, slots=True)
class Served:
    """A running truth server."""

    port: int
    authority: Path | None = None
    """The certificate to trust, where it speaks TLS."""

    def truth(self) -> dict[str, Any]:
        """What the server measured."""
        import ssl

        trusted = None if self.authority is None else ssl.create_default_context(cafile=str(self.authority))
        scheme = "http" if trusted is None else "https"
        url = f"{scheme}://127.0.0.1:{self.port}/truth"
        with urllib.request.urlopen(url, timeout=10, context=trusted) as reply:  # noqa: S310 - our own server
            told: dict[str, Any] = json.load(reply)
        return told


@contextmanager
def truth_server(law: str, body: str, certificates: Path | None = None) -> Iterator[Served]:
    """A server for one measurement. With `certificates`, a directory for them, it speaks TLS."""
    authority = served_with = None
    if certificates is not None:
        authority, served_with = _certificates(certificates)
    wanted = json.dumps({"law": law, "body": body, "seed": 1, "certificate": served_with and str(served_with)}) + "\n"
    with subprocess.Popen(
        [sys.executable, HERE / "truth_server.py"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(wanted)
        process.stdin.flush()
        yield Served(int(process.stdout.readline()), authority)
        process.stdin.close()
        process.wait(10)


def _certificates(directory: Path) -> tuple[Path, Path]:
    """An authority made for this run, and a certificate of its for 127.0.0.1 with its key."""
    import trustme

    authority = trustme.CA()
    trusted, served_with = directory / "ca.pem", directory / "server.pem"
    authority.cert_pem.write_to_path(str(trusted))
    authority.issue_cert("127.0.0.1").private_key_and_cert_chain_pem.write_to_path(str(served_with))
    return trusted, served_with


def errors(reported_ms: Sequence[float], true_ms: Sequence[float]) -> dict[str, float]:
    """Reported percentiles less true ones, in milliseconds."""
    reported, true = np.asarray(reported_ms), np.asarray(true_ms)
    found = {"true50": float(np.median(true))}
    for name, q in (("p50_err", 0.5), ("p95_err", 0.95), ("worst_err", 1.0)):
        found[name] = float(np.quantile(reported, q) - np.quantile(true, q))
    return found
