"""Heartbeats of long activities, and work in a thread that ends when its activity does."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import TypeVar

from temporalio import activity

T = TypeVar("T")
EVERY = 1.0
"""Seconds between two."""


class Stopped(Exception):
    """The activity ended before its work did."""


@asynccontextmanager
async def beating() -> AsyncIterator[None]:
    """Say once a second that this activity is alive. Without a cursor: the store knows where to go on."""

    async def beat() -> None:
        while True:
            await asyncio.sleep(EVERY)  # first: most batches are through before that, and each beat costs a message
            activity.heartbeat()

    task = asyncio.create_task(beat())
    try:
        yield
    finally:
        task.cancel()


async def in_thread(work: Callable[[Callable[[], None]], T]) -> T:
    """Run blocking work that calls what it is given between its steps; that raises once nobody waits any more."""
    stopped = False

    def go_on() -> None:
        if stopped:
            raise Stopped

    try:
        return await asyncio.to_thread(work, go_on)
    finally:
        stopped = True
