"""A process that stood still for long ends before it says another word.

It may be frozen (a machine that is moved, a container that is paused) between its look at what holds and its write to
the network, inside libcurl, and does not know it when it wakes: the child may have been found. So while messages are
under way a timer of the kernel runs, which is set anew as long as the process lives; when it runs out, the kernel ends
the process before a single instruction more. Whoever started it starts it again, and the ledger knows the rest. That
libcurl asks before each message instead costs a tenth of all CPU (docs/gotchas.md).
"""

from __future__ import annotations

import asyncio
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

LASTS = 2.0
"""Seconds. As long as a sender goes on that cannot see what holds (`activities.revisions`), and shorter than Temporal
waits before it gives the batch to another, so that no two are at it."""
RENEWED_EVERY = 0.25
"""Seconds: it may miss a few, on a busy machine."""


class Fuse:
    """Of one process, whose event loop renews it."""

    def __init__(self) -> None:
        self._holders = 0
        self._next: asyncio.TimerHandle | None = None

    @asynccontextmanager
    async def lit(self) -> AsyncIterator[None]:
        """While this lasts. It does nothing in a process that uses SIGALRM itself, as one that runs tests."""
        self._holders += 1
        if self._next is None and signal.getsignal(signal.SIGALRM) == signal.SIG_DFL:
            self._renew()
        try:
            yield
        finally:
            self._holders -= 1
            if not self._holders and self._next is not None:
                self._next.cancel()
                self._next = None
                signal.setitimer(signal.ITIMER_REAL, 0)

    def _renew(self) -> None:
        signal.setitimer(signal.ITIMER_REAL, LASTS)
        self._next = asyncio.get_running_loop().call_later(RENEWED_EVERY, self._renew)
