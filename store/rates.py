"""Sending rates of whole systems: what an endpoint allows, shared by every process on every host.

Slots are reserved in the database, never more than 100 ms of rate at once and never further ahead than that, so a
withdrawal finds nothing booked that would still go out, and whoever is more urgent comes first almost at once. Time is
the database's own: hosts' clocks differ.
"""

from __future__ import annotations

import time
from enum import IntEnum
from typing import NamedTuple

from sqlmodel import Session, func, select

from store.database import on_postgresql
from store.rows import insert_new
from store.tables.sending import SendingRate

AHEAD = 0.1
"""Seconds of rate that one reservation takes at most, and how far ahead of now it may begin."""
BEHIND = 0.25
"""Seconds of rate that senders who came late may make up for: a busy machine does not slow them down for good."""
WAITS = 0.5
"""Seconds for which somebody who asked counts as waiting: nobody less urgent gets a slot meanwhile."""


class Urgency(IntEnum):
    """Who comes first where messages have to wait for each other."""

    END = 0
    ALERT = 1
    EXERCISE = 2


class Slots(NamedTuple):
    """So many messages may leave after so many seconds; none: ask again after them."""

    number: int
    wait: float


def reserve(session: Session, endpoint: str, per_second: float, wanted: int, urgency: Urgency) -> Slots:
    """Slots for up to `wanted` messages; `session` is a writing one, to be committed at once."""
    insert_new(session, SendingRate(endpoint=endpoint))
    row = session.exec(select(SendingRate).where(SendingRate.endpoint == endpoint).with_for_update()).one()
    now = _now(session)
    asked = [row.end_asked_at, row.alert_asked_at, row.exercise_asked_at]
    asked[urgency] = now
    row.end_asked_at, row.alert_asked_at, row.exercise_asked_at = asked
    session.add(row)
    if any(0 <= now - before < WAITS for before in asked[:urgency]):
        return Slots(0, AHEAD / 2)
    furthest = now + AHEAD + max(AHEAD, 1 / per_second)
    # What lies further ahead was booked before the clock was set back.
    idle = now - row.free_at > WAITS
    begins = now if idle or row.free_at > furthest else max(row.free_at, now - BEHIND)
    if begins - now > AHEAD:
        return Slots(0, begins - now - AHEAD)
    number = min(wanted, max(1, int(per_second * AHEAD)))
    row.free_at = begins + number / per_second
    return Slots(number, max(begins - now, 0.0))


def _now(session: Session) -> float:
    if not on_postgresql(session):
        return time.time()
    return float(session.exec(select(func.extract("epoch", func.clock_timestamp()))).one())
