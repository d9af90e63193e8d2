"""When an alert is refreshed: a grid fixed at its start, never a chain of sleeps.

Refresh n is due at `live_at + n x every` of its phase, n counted on through the phases from 1, the end of a phase
included. After downtime only the latest missed one fires; the grid goes on.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from alerts.programme import Phase
from alerts.values import Value


class Due(Value):
    n: int
    due: datetime


def refresh_due(plan: Sequence[Phase], live_at: datetime, n: int) -> datetime | None:
    """When refresh n (from 1) is due; None when the plan ends before it."""
    start, left = live_at, n
    for phase in plan:
        if phase.for_ is None:
            return start + left * phase.every
        count = phase.for_ // phase.every
        if left <= count:
            return start + left * phase.every
        start, left = start + phase.for_, left - count
    return None


def next_due(plan: Sequence[Phase], live_at: datetime, last: int, now: datetime) -> tuple[Due | None, list[Due]]:
    """The refresh to wait for after refresh `last`, and those missed before it (all but the latest due one)."""
    missed: list[Due] = []
    n = last + 1
    due = refresh_due(plan, live_at, n)
    while due is not None:
        following = refresh_due(plan, live_at, n + 1)
        if following is None or following > now:
            return Due(n=n, due=due), missed
        missed.append(Due(n=n, due=due))
        n, due = n + 1, following
    return None, missed


def plan_end(plan: Sequence[Phase], live_at: datetime) -> datetime | None:
    """The end of the last phase; None for a plan that goes on."""
    total = timedelta()
    for phase in plan:
        if phase.for_ is None:
            return None
        total += phase.for_
    return live_at + total
