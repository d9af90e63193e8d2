"""Keeping to the rate that an endpoint allows: wait for slots before messages leave."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

from store.database import Database
from store.rates import AHEAD, Slots, Urgency, reserve


@dataclass(frozen=True)
class Limit:
    """What a counterpart allows the whole system."""

    endpoint: str
    """Names the counterpart: whoever sends there shares the rate."""
    per_second: float


class Pace:
    """One wave's way to its slots."""

    def __init__(self, db: Database, limit: Limit, urgency: Urgency) -> None:
        self._db = db
        self._limit = limit
        self._urgency = urgency

    async def slots(self, wanted: int, still: Callable[[], bool]) -> int:
        """Wait until some of these messages may leave; how many, or 0 when `still` says no."""
        while still():
            slots = await asyncio.to_thread(self._reserve, wanted)
            await asyncio.sleep(min(slots.wait, AHEAD))
            if slots.number:
                return slots.number
        return 0

    def _reserve(self, wanted: int) -> Slots:
        with self._db.write() as session:
            return reserve(session, self._limit.endpoint, self._limit.per_second, wanted, self._urgency)
