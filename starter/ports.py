"""Ports of a process tree, so that nobody else can take one between choosing and listening.

The parent itself listens for the web process and hands the socket down: it is taken from the first moment, and while
the web process is started again, those who connect wait instead of being refused. The Temporal server opens its ports
by itself: those are taken outside the range from which the kernel lends ports to outgoing connections.
"""

from __future__ import annotations

import os
import random
import socket
from collections.abc import Callable, Mapping
from pathlib import Path

from starter.errors import CannotReach

DEFAULT_PORT = 8080
WEB_SOCKET = "BAKEN_WEB_SOCKET"
"""In the environment of the web process: the number of the file descriptor it inherits."""
BACKLOG = 2048
LENT = Path("/proc/sys/net/ipv4/ip_local_port_range")
LOWEST = 10_000


def listen_for_web(wanted: int | None, say: Callable[[str], None]) -> socket.socket:
    """A listening socket; an explicit port must be free (CannotReach), else 8080 or the next free one; 0: any."""
    if wanted is not None:
        listening = _listen(wanted)
        if listening is None:
            raise CannotReach(f"port {wanted}", "something else listens there; choose another --port, or 0 for any")
        return listening
    for port in range(DEFAULT_PORT, DEFAULT_PORT + 100):
        listening = _listen(port)
        if listening is not None:
            if port != DEFAULT_PORT:
                say(f"port {DEFAULT_PORT} is taken; using {port}")
            return listening
    return listen_for_web(0, say)


def inherited(environ: Mapping[str, str]) -> socket.socket | None:
    """The socket that the parent listens on, in the web process; None when that runs alone."""
    number = environ.get(WEB_SOCKET)
    return socket.socket(fileno=int(number)) if number else None


def quiet_port() -> int:
    """A free port that the kernel lends to nobody, at random, so that two trees hardly ever choose the same."""
    lent_from = int(LENT.read_text("ascii").split()[0]) if LENT.exists() else 32_768
    while True:
        port = random.randrange(LOWEST, max(lent_from, LOWEST + 1_000))  # noqa: S311  no secret
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
        return port


def answers(port: int) -> bool:
    with socket.socket() as probe:
        probe.settimeout(0.2)
        return probe.connect_ex(("127.0.0.1", port)) == 0


def _listen(port: int) -> socket.socket | None:
    listening = socket.socket()
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind(("127.0.0.1", port))
        listening.listen(BACKLOG)
    except OSError:
        listening.close()
        return None
    os.set_inheritable(listening.fileno(), False)  # given to the web process alone
    return listening
