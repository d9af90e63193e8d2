"""The ledger: who got which edition, crash-safe, an intent before each chunk and its outcomes after.

Positions of the frozen audience are cut into chunks on a fixed grid, two bytes for each position of a chunk. What a
position gets next follows from what it got last, so a change reaches those who had the old text, an end message only
those reached, and a resend after a crash is the same message with the same id. A chunk without outcomes is in doubt
and counts as reached.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from enum import IntEnum
from typing import NamedTuple

import sqlalchemy
from sqlalchemy import ColumnElement, case, insert, update
from sqlmodel import Session, col, func, select

from alerts.values import Value
from alerts.vocabulary import MessageKind
from store.audience import Member, audience_size
from store.rows import put
from store.tables.sending import ChannelTrouble, LedgerChunk

KINDS = (None, *MessageKind)
"""What a byte of `LedgerChunk.intended` says; 0: no message."""
CODES = {kind: code for code, kind in enumerate(KINDS)}


class Status(IntEnum):
    """One byte a position in `LedgerChunk.outcomes`."""

    NONE = 0
    """No message was due, or it was stopped before it went."""
    REACHED = 1
    GONE = 2
    REJECTED = 3
    RETRY = 4
    """Not taken yet; tried again in the same wave."""
    DOUBT = 5
    """Perhaps taken; tried again in the same wave, counts as reached after it."""


REACHED = frozenset({Status.REACHED, Status.DOUBT})
FAILED = frozenset({Status.GONE, Status.REJECTED})
OPEN = frozenset({Status.RETRY, Status.DOUBT})


class Wave(Value):
    """One statement to the audience of a channel; its key in the ledger is edition + announcement + purpose."""

    alert_id: str
    channel: str
    purpose: str
    edition: int
    announcement: int
    revision: int
    announces: bool = False
    """Whether a refresh is a message of its own to those who have the edition already."""


class Task(NamedTuple):
    """What one position gets in this wave."""

    member: Member
    kind: MessageKind


class Last(NamedTuple):
    """The last entry of a position: that it was reached, may have been, or refused for good."""

    purpose: str
    edition: int
    failed: bool = False


class Chunk(NamedTuple):
    """What one chunk of a wave has still to do. `row` is None as long as its intent is not written."""

    start: int
    tasks: list[Task]
    row: LedgerChunk | None


Outside = Mapping[int, Collection[int]]
"""Edition to the positions that its area does not cover."""


def plan(
    session: Session, wave: Wave, members: Iterable[Member], grid: int, outside: Outside | None = None
) -> list[Chunk]:
    """What is left to do for these members, in chunks of `grid` positions; those with nothing left are not named.

    A chunk that was begun is resumed: without outcomes all of it again, else what is still open.
    """
    by_start: dict[int, list[Member]] = {}
    for member in members:
        by_start.setdefault(member.position // grid * grid, []).append(member)
    if not by_start:
        return []
    rows = _rows(session, wave.alert_id, wave.channel, min(by_start), max(by_start))
    chunks = (_chunk(wave, start, here, rows.get(start, ()), outside or {}) for start, here in by_start.items())
    return [chunk for chunk in chunks if chunk.tasks]


def write_intent(session: Session, wave: Wave, chunk: Chunk, now: datetime) -> LedgerChunk:
    """Write what is about to be sent. Raises IntegrityError when somebody else is at the same chunk."""
    count = chunk.tasks[-1].member.position - chunk.start + 1
    intended = bytearray(count)
    for task in chunk.tasks:
        intended[task.member.position - chunk.start] = CODES[task.kind]
    row = LedgerChunk(
        **wave.model_dump(exclude={"announces"}),
        start=chunk.start,
        intent_at=now,
        intended=bytes(intended),
        messages=len(chunk.tasks),
    )
    values = row.model_dump(exclude={"id"})
    (row.id,) = session.connection().execute(insert(LedgerChunk).values(values)).inserted_primary_key or (None,)
    return row


def record_outcomes(
    session: Session, row: LedgerChunk, outcomes: Iterable[tuple[int, Status]], first: datetime, last: datetime
) -> None:
    """Write what became of positions of a chunk; positions not named keep what they had."""
    statuses = bytearray(row.outcomes or bytes(len(row.intended)))
    for position, status in outcomes:
        statuses[position - row.start] = status
    row.outcomes, row.first_at, row.last_at = bytes(statuses), row.first_at or first, last
    row.reached = sum(map(row.outcomes.count, REACHED))
    row.failed = sum(map(row.outcomes.count, FAILED))
    row.in_doubt = row.outcomes.count(Status.DOUBT)
    changed = row.model_dump(include={"outcomes", "first_at", "last_at", "reached", "failed", "in_doubt"})
    session.connection().execute(update(LedgerChunk).where(col(LedgerChunk.id) == row.id).values(changed))


class Counts(Value):
    """Of one edition on one channel; in doubt are counted in `reached` too."""

    recipients: int
    reached: int
    failed: int
    in_doubt: int
    first_dispatch: datetime | None
    last_dispatch: datetime | None


def channel_counts(session: Session, alert_id: str, channel: str, edition: int) -> Counts:
    """From sums that each chunk carries; only chunks of several waves are read position by position."""
    shown = _of(alert_id, channel, "show")
    doubtful = col(LedgerChunk.outcomes).is_(None)
    chunks = (
        sqlalchemy.select(
            col(LedgerChunk.start),
            func.count().label("rows"),
            func.sum(case((doubtful, LedgerChunk.messages), else_=LedgerChunk.reached)).label("reached"),
            func.sum(LedgerChunk.failed).label("failed"),
            func.sum(case((doubtful, LedgerChunk.messages), else_=LedgerChunk.in_doubt)).label("in_doubt"),
        )
        .where(*shown, col(LedgerChunk.edition) == edition)
        .group_by(col(LedgerChunk.start))
        .subquery()
    )
    sums = select(func.sum(chunks.c.reached), func.sum(chunks.c.failed), func.sum(chunks.c.in_doubt))
    reached, failed, in_doubt = (int(one or 0) for one in session.exec(sums.where(chunks.c.rows == 1)).one())
    again = select(chunks.c.start).where(chunks.c.rows > 1)
    rows = select(LedgerChunk).where(*shown, LedgerChunk.edition == edition, col(LedgerChunk.start).in_(again))
    last: dict[int, int] = {}
    for row in session.exec(rows.order_by(col(LedgerChunk.id))):
        last.update((position, status) for position, _, status in entries(row))
    found = list(last.values())
    times = select(func.min(LedgerChunk.first_at), func.max(LedgerChunk.last_at)).where(*shown)
    first_dispatch, last_dispatch = session.exec(times).one()
    return Counts(
        recipients=audience_size(session, alert_id, channel),
        reached=reached + sum(1 for status in found if status in REACHED),
        failed=failed + sum(1 for status in found if status in FAILED),
        in_doubt=in_doubt + found.count(Status.DOUBT),
        first_dispatch=first_dispatch,
        last_dispatch=last_dispatch,
    )


class Receipt(Value):
    """One message to one recipient: what, when, and what became of it."""

    purpose: str
    edition: int
    announcement: int
    kind: MessageKind
    status: str
    at: datetime
    """When its chunk was through; of one in doubt, when it was begun."""


def receipts(session: Session, alert_id: str, channel: str, position: int, grid: int) -> list[Receipt]:
    """All that a position was sent, oldest first."""
    start = position // grid * grid
    found = []
    for row in _rows(session, alert_id, channel, start, start).get(start, ()):
        for place, kind, status in entries(row):
            if place == position:
                at = row.last_at or row.intent_at
                said = {"purpose": row.purpose, "edition": row.edition, "announcement": row.announcement}
                found.append(Receipt(**said, kind=kind, status=Status(status).name.lower(), at=at))
    return found


def entries(row: LedgerChunk) -> Iterable[tuple[int, MessageKind, int]]:
    """Position, kind and status of each message of a chunk; all in doubt while it has no outcomes."""
    for index, code in enumerate(row.intended):
        kind = KINDS[code]
        if kind is not None:
            yield row.start + index, kind, row.outcomes[index] if row.outcomes is not None else Status.DOUBT


def note_trouble(session: Session, alert_id: str, channel: str, error: str, now: datetime) -> None:
    """Remember what keeps a channel from going on, for whoever watches."""
    row = session.get(ChannelTrouble, (alert_id, channel), with_for_update=True)
    if row is None:
        put(session, ChannelTrouble(alert_id=alert_id, channel=channel, error=error, since=now))
    else:
        row.error, row.attempts = error, row.attempts + 1
        session.add(row)


def clear_trouble(session: Session, alert_id: str, channel: str) -> None:
    row = session.get(ChannelTrouble, (alert_id, channel))
    if row is not None:
        session.delete(row)


def _rows(session: Session, alert_id: str, channel: str, first: int, last: int) -> dict[int, list[LedgerChunk]]:
    """Every row of those chunks, by start, oldest first."""
    query = select(LedgerChunk).where(LedgerChunk.alert_id == alert_id, LedgerChunk.channel == channel)
    query = query.where(col(LedgerChunk.start).between(first, last)).order_by(col(LedgerChunk.id))
    found: dict[int, list[LedgerChunk]] = {}
    for row in session.exec(query):
        found.setdefault(row.start, []).append(row)
    return found


def _chunk(wave: Wave, start: int, members: Sequence[Member], rows: Sequence[LedgerChunk], outside: Outside) -> Chunk:
    key = (wave.edition, wave.announcement, wave.purpose)
    row = next((row for row in rows if (row.edition, row.announcement, row.purpose) == key), None)
    if row is not None:
        todo = {place: kind for place, kind, status in entries(row) if row.outcomes is None or status in OPEN}
        tasks = [Task(member, todo[member.position]) for member in members if member.position in todo]
        return Chunk(start, tasks, row)
    history = _history(rows)
    tasks = []
    for member in members:
        kind = _kind(wave, history.get(member.position), member.position, outside)
        if kind:
            tasks.append(Task(member, kind))
    return Chunk(start, tasks, None)


def _kind(wave: Wave, last: Last | None, position: int, outside: Outside) -> MessageKind | None:
    """What a position gets, from the last thing it got: nothing, an alert, a change, a renewal or the end."""
    reached = last is not None and not last.failed
    if wave.purpose == "outcome":
        return MessageKind.UPDATE if reached else None
    if wave.purpose == "end":
        return MessageKind.CANCEL if last is not None and reached and last.purpose == "show" else None
    is_outside = position in outside.get(wave.edition, ())
    if last is None or last.purpose != "show":
        return None if is_outside else MessageKind.ALERT
    if last.failed:
        return MessageKind.ALERT if last.edition != wave.edition and not is_outside else None
    if last.edition != wave.edition:
        # Outside a narrowed area: the change once, so that they know, then nothing.
        return None if is_outside and position in outside.get(last.edition, ()) else MessageKind.UPDATE
    return MessageKind.REFRESH if wave.announces and not is_outside else None


def _history(rows: Iterable[LedgerChunk]) -> dict[int, Last]:
    """What each position got last, outcome messages aside; what was only refused does not hide what was reached."""
    history: dict[int, Last] = {}
    for row in rows:
        if row.purpose == "outcome":
            continue
        for position, _, status in entries(row):
            if status in REACHED:
                history[position] = Last(row.purpose, row.edition)
            elif status in FAILED and (position not in history or history[position].failed):
                history[position] = Last(row.purpose, row.edition, failed=True)
    return history


def _of(alert_id: str, channel: str, purpose: str) -> tuple[ColumnElement[bool], ...]:
    mine = col(LedgerChunk.alert_id) == alert_id, col(LedgerChunk.channel) == channel
    return *mine, col(LedgerChunk.purpose) == purpose
