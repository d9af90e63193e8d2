"""Alerts that pages have open: each is looked at once for all of its pages, and only when the store changed.

Looking costs some 15 ms; fifty pages that each look three times a second would leave no time for anything else.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from typing import Generic, TypeVar

from store.changes import Changes
from store.database import Database

T = TypeVar("T")
ASK_EVERY = 0.15
"""Seconds between two questions whether the store changed."""
ANYWAY = 2.0
"""Seconds after which an alert is looked at though nothing was written: proof grows old by time alone."""
BEAT = 4.0
"""Seconds of silence after which a page hears that the line still holds."""


class Following(Generic[T]):
    """`look` says how an alert is now; pages hear of it when that is another answer than before."""

    def __init__(self, db: Database, look: Callable[[str], Awaitable[T]]) -> None:
        self._db = db
        self._look = look
        self._open: dict[str, _Followed[T]] = {}
        self._changes: Changes | None = None
        self._mark = ("", float("-inf"))
        self._asking = asyncio.Lock()
        self._turn = asyncio.Lock()

    async def follow(self, alert_id: str) -> AsyncGenerator[T | None, None]:
        """The alert now and at each change; None when nothing changed for `BEAT` seconds. Ends when looking fails."""
        one = self._open.get(alert_id)
        if one is None:
            one = self._open[alert_id] = _Followed()
            one.task = asyncio.create_task(self._keep_up(alert_id, one))
        one.pages += 1
        number = 0
        try:
            while True:
                try:
                    number, seen = await asyncio.wait_for(one.newer(number), BEAT)
                except TimeoutError:
                    yield None
                else:
                    yield seen
        finally:
            one.pages -= 1
            self._leave(alert_id, one)

    def _leave(self, alert_id: str, one: _Followed[T]) -> None:
        if one.pages or self._open.get(alert_id) is not one:
            return
        del self._open[alert_id]
        if one.task is not None:
            one.task.cancel()
        if not self._open and self._changes is not None:
            self._changes.close()
            self._changes = None

    async def _keep_up(self, alert_id: str, one: _Followed[T]) -> None:
        clock = asyncio.get_running_loop().time
        try:
            while True:
                mark = await self._asked()
                async with self._turn:
                    began = clock()
                    one.publish(await self._look(alert_id))
                    await asyncio.sleep(clock() - began)  # as long again: never more than half a core for all pages
                await self._something_new(mark)
        except Exception as error:
            if self._open.get(alert_id) is one:
                del self._open[alert_id]  # whoever comes next begins anew
            one.fail(error)

    async def _something_new(self, mark: str) -> None:
        for _ in range(int(ANYWAY / ASK_EVERY)):
            await asyncio.sleep(ASK_EVERY)
            if await self._asked() != mark:
                return

    async def _asked(self) -> str:
        """The store's mark; asked once for all alerts."""
        clock = asyncio.get_running_loop().time
        async with self._asking:
            mark, at = self._mark
            if clock() - at >= ASK_EVERY / 2:
                if self._changes is None:
                    self._changes = await asyncio.to_thread(Changes, self._db)
                mark = await asyncio.to_thread(self._changes.mark)
                self._mark = (mark, clock())
        return mark


class _Followed(Generic[T]):
    """One alert: what was last seen of it, and how many pages want to know."""

    def __init__(self) -> None:
        self.pages = 0
        self.task: asyncio.Task[None] | None = None
        self._number = 0
        self._seen: list[T] = []
        self._failed: Exception | None = None
        self._changed = asyncio.Event()

    def publish(self, seen: T) -> None:
        if self._seen != [seen]:
            self._number, self._seen = self._number + 1, [seen]
            self._wake()

    def fail(self, error: Exception) -> None:
        self._failed = error
        self._wake()

    async def newer(self, number: int) -> tuple[int, T]:
        """What is newer than that number, and its own; raises what looking raised."""
        while self._number <= number:
            if self._failed is not None:
                raise self._failed
            await self._changed.wait()
        return self._number, self._seen[0]

    def _wake(self) -> None:
        self._changed.set()
        self._changed = asyncio.Event()
