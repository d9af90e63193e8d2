"""Waiting in tests: look again until it is so or the time is up; never a bare sleep."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import TypeVar

T = TypeVar("T")


def eventually(look: Callable[[], T], within: float = 15.0, every: float = 0.1, what: str = "it") -> T:
    """What `look` gives as soon as that is true; fails after `within` seconds."""
    deadline = time.monotonic() + within
    while True:
        seen = look()
        if seen:
            return seen
        assert time.monotonic() < deadline, f"{what} did not happen within {within} s; last seen: {seen!r}"
        time.sleep(every)


async def eventually_async(
    look: Callable[[], Awaitable[T]], within: float = 15.0, every: float = 0.1, what: str = "it"
) -> T:
    deadline = asyncio.get_running_loop().time() + within
    while True:
        seen = await look()
        if seen:
            return seen
        assert asyncio.get_running_loop().time() < deadline, f"{what} did not happen within {within} s: {seen!r}"
        await asyncio.sleep(every)
