"""What falls due in an alert's life, and what happens then. Pure: time comes in, changes of the state go out.

Every moment is anchored (`live_at + n x every`), so nothing drifts and a restart finds the same grid.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime
from enum import StrEnum

from alerts.refresh import next_due
from alerts.state import AlertState, Escalation, Refreshed
from alerts.values import Value
from alerts.view import review_due
from alerts.vocabulary import Outcome, Stage


class EventKind(StrEnum):
    REFRESH = "refresh"
    ESCALATE = "escalate"
    REVIEW = "review"
    EXPIRE = "expire"
    CLOSE = "close"


class Event(Value):
    """Something that falls due; `says` is the timer's summary in the Temporal Web UI."""

    kind: EventKind
    at: datetime
    says: str
    n: int = 0


def next_event(state: AlertState, now: datetime) -> Event | None:
    """What falls due first; None when the alert only waits for people."""
    return min(_events(state, now), key=lambda event: (event.at, event.kind), default=None)


def fire(state: AlertState, event: Event, now: datetime) -> None:
    """Let an event happen."""
    _FIRE[event.kind](state, event, now)
    state.touch(now)


def skip_overdue(state: AlertState, now: datetime) -> None:
    """List refreshes that fell due while nothing was shown as missed, so that none comes right after."""
    if state.shown is None or state.live_at is None:
        return
    while True:
        due, missed = next_due(state.shown.programme.refresh.plan, state.live_at, _last(state), now)
        state.refreshes += [Refreshed(n=entry.n, due=entry.due, missed=True) for entry in missed]
        if due is None or due.due > now:
            return
        state.refreshes.append(Refreshed(n=due.n, due=due.due, missed=True))


def _events(state: AlertState, now: datetime) -> Iterator[Event]:
    if state.stage is Stage.CLOSED:
        return
    yield from _waiting(state)
    if state.ended:
        yield _closing(state)
    elif state.shown and state.live_at:
        yield from _live(state, now)


def _waiting(state: AlertState) -> Iterator[Event]:
    asked = state.asked
    if asked is not None:
        n = asked.n + 1
        says = f"Nobody answered: call the next group ({n})"
        yield Event(kind=EventKind.ESCALATE, at=asked.escalates_at, n=n, says=says)


def _closing(state: AlertState) -> Event:
    assert state.ended is not None
    assert state.shown is not None
    deadline = max(state.ended.at + state.shown.programme.closing.deadline, state.ended.undo_until)
    talking = state.draft is not None and state.draft.outcome_texts is not None
    if state.all_withdrawn and not talking:
        return Event(kind=EventKind.CLOSE, at=state.ended.undo_until, says="Close: the time to undo is over")
    return Event(kind=EventKind.CLOSE, at=deadline, says="Close although not everything was taken back")


def _live(state: AlertState, now: datetime) -> Iterator[Event]:
    shown, live_at = state.shown, state.live_at
    assert shown is not None
    assert live_at is not None
    over = shown.programme.ends_at(live_at)
    if over:
        yield Event(kind=EventKind.EXPIRE, at=over, says="The longest time of this programme is over")
    review = review_due(state)
    if review:
        asked = sum(1 for entry in state.escalations if entry.about == "review" and entry.at >= review)
        at = review + asked * shown.programme.approval.escalate_after
        yield Event(kind=EventKind.REVIEW, at=at, n=asked, says="Somebody must say that it is still needed")
    if not state.showing or shown.stale:
        return
    due, _ = next_due(shown.programme.refresh.plan, live_at, _last(state), now)
    if due:
        yield Event(kind=EventKind.REFRESH, at=due.due, n=due.n, says=f"Refresh {due.n}")
    elif state.lease_until:
        yield Event(kind=EventKind.EXPIRE, at=state.lease_until, says="The plan and its last lease are over")


def _last(state: AlertState) -> int:
    return state.refreshes[-1].n if state.refreshes else 0


def _refresh(state: AlertState, event: Event, now: datetime) -> None:
    assert state.shown is not None
    assert state.live_at is not None
    _, missed = next_due(state.shown.programme.refresh.plan, state.live_at, _last(state), now)
    state.refreshes += [Refreshed(n=entry.n, due=entry.due, missed=True) for entry in missed]
    state.refreshes.append(Refreshed(n=event.n, due=event.at, at=now))
    state.announcement += 1
    state.renew(now)


def _escalate(state: AlertState, event: Event, now: datetime) -> None:
    assert state.asked is not None
    state.escalations.append(Escalation(about=state.asked.about, n=event.n, at=now))


def _review(state: AlertState, event: Event, now: datetime) -> None:
    assert state.shown is not None
    if state.shown.programme.live.on_silence == "end" and event.n > 0:
        state.end(Outcome.EXPIRED, now)
        return
    state.escalations.append(Escalation(about="review", n=event.n + 1, at=now))


def _expire(state: AlertState, event: Event, now: datetime) -> None:
    state.end(Outcome.EXPIRED, now)


def _close(state: AlertState, event: Event, now: datetime) -> None:
    state.closed_at = now


_FIRE: dict[EventKind, Callable[[AlertState, Event, datetime], None]] = {
    EventKind.REFRESH: _refresh,
    EventKind.ESCALATE: _escalate,
    EventKind.REVIEW: _review,
    EventKind.EXPIRE: _expire,
    EventKind.CLOSE: _close,
}
