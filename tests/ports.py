"""A port for a server that a test starts and that binds it later."""

from __future__ import annotations

import secrets
import socket

AT_WILL = range(20_000, 32_000)
"""Below what systems give to whoever asks for any port (Linux: 32768 to 60999), so that nobody gets it meanwhile.

Whoever still looks for a server that has ended, as a browser's page does, then disturbs no other test either.
"""


def free_port() -> int:
    """A port at which nobody listens."""
    while True:
        port = secrets.choice(AT_WILL)
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
