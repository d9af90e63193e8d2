"""What every process of the tree does the same way: be born so that it dies with its parent, say it is ready."""

from __future__ import annotations

import asyncio
import ctypes
import os
import signal
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

READY_FILE = "BAKEN_READY_FILE"
_PR_SET_PDEATHSIG = 1


def dies_with(parent: int) -> Callable[[], None]:
    """To run in a forked child before exec: a session of its own (Ctrl-C reaches the parent only), and the
    kernel kills it when the parent's main thread ends, however it ends.
    """
    libc = ctypes.CDLL(None, use_errno=True) if sys.platform == "linux" else None

    def before_exec() -> None:
        os.setsid()
        os.umask(0o077)
        if libc is not None:
            libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:
            os._exit(1)

    return before_exec


def announce_ready(environ: Mapping[str, str]) -> None:
    """Touch the file the supervisor waits for."""
    if path := environ.get(READY_FILE):
        Path(path).touch(mode=0o600)


def stop_signal() -> asyncio.Event:
    """An event that SIGTERM or SIGINT sets."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    return stop
