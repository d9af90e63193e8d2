"""Rates of endpoints: shared by all who send, never booked far ahead, the most urgent first."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

import pytest
from sqlmodel import select

from activities.pacing import Limit, Pace
from store.database import Database
from store.rates import AHEAD, Slots, Urgency, reserve
from store.tables.sending import SendingRate

RATE = 500.0


def _reserve(db: Database, wanted: int, urgency: Urgency = Urgency.ALERT, endpoint: str = "gateway") -> Slots:
    with db.write() as session:
        return reserve(session, endpoint, RATE, wanted, urgency)


async def _send(db: Database, urgency: Urgency, until: float, sent: list[float]) -> None:
    """As a lane does: take what may leave, until the time is over."""
    pace = Pace(db, Limit("gateway", RATE), urgency)
    still: Callable[[], bool] = lambda: time.monotonic() < until  # noqa: E731
    while number := await pace.slots(200, still):
        sent += [time.monotonic()] * number


def test_one_reservation_is_a_tenth_of_a_second_at_most_and_at_least_one_message(db: Database) -> None:
    assert _reserve(db, 10_000).number == RATE * AHEAD
    with db.write() as session:
        assert reserve(session, "slow", 0.5, 10, Urgency.ALERT) == Slots(1, 0)


def test_nothing_is_booked_further_ahead_than_a_tenth_of_a_second(db: Database) -> None:
    began = time.monotonic()
    granted = [_reserve(db, 50) for _ in range(10)]
    booked = sum(slots.number for slots in granted) / RATE
    assert 2 * AHEAD <= booked <= time.monotonic() - began + 2 * AHEAD
    assert all(slots.wait <= AHEAD for slots in granted)


def test_endpoints_have_rates_of_their_own(db: Database) -> None:
    while _reserve(db, 50).number:
        pass
    assert _reserve(db, 50, endpoint="another").number == 50


def test_who_is_more_urgent_keeps_the_others_waiting_while_it_asks(db: Database) -> None:
    ask = (Urgency.EXERCISE, Urgency.END, Urgency.ALERT, Urgency.EXERCISE, Urgency.END)
    with db.write() as session:  # in one, for it holds for half a second, and so long may a busy disk take for two
        assert [reserve(session, "gateway", RATE, 1, urgency).number for urgency in ask] == [1, 1, 0, 0, 1]


def test_clock_set_back_by_an_hour_keeps_nobody_waiting_for_one(db: Database) -> None:
    _reserve(db, 50)
    with db.write() as session:
        row = session.exec(select(SendingRate)).one()
        row.free_at += 3_600.0
        row.end_asked_at = row.free_at
        session.add(row)
    assert _reserve(db, 50) == Slots(50, 0)


@pytest.mark.quiet  # what a busy machine lets pass is lost, so the bound from below holds on one that is not
async def test_several_who_send_keep_to_the_rate_together(db: Database) -> None:
    sent: list[float] = []
    began = time.monotonic()
    await asyncio.gather(*(_send(db, Urgency.ALERT, began + 4.0, sent) for _ in range(6)))
    allowed = RATE * (max(sent) - began + AHEAD)  # what was reserved may be ahead by so much, and no more
    assert 0.95 * RATE * 4.0 <= len(sent) <= allowed


async def test_end_messages_take_the_rate_from_an_alert_that_is_being_sent(db: Database) -> None:
    alerts: list[float] = []
    ends: list[float] = []
    began = time.monotonic()
    alert = asyncio.create_task(_send(db, Urgency.ALERT, began + 3.0, alerts))
    await asyncio.sleep(0.5)
    await _send(db, Urgency.END, time.monotonic() + 1.0, ends)
    ended = time.monotonic()
    await alert
    assert len(ends) >= RATE * 0.8
    between = [at for at in alerts if min(ends) + 2 * AHEAD < at < max(ends)]
    assert between == []
    assert min(alerts) < min(ends)
    assert max(alerts) > ended
