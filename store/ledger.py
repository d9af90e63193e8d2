"""The ledger: who got which edition, crash-safe, an intent before each chunk and its outcomes after.

Positions of the frozen audience are cut into chunks on a fixed grid. What a position gets next follows from its
last entry, so a change reaches those who had the old text, an end message only those reached, and a resend after
a crash is the same message with the same id. A chunk without outcomes is in doubt and counts as reached.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from enum import IntEnum

from sqlmodel import Session, col, func, select

from alerts.values import Value
from alerts.vocabulary import Kind, MessageKind
from store.tables.sending import Audience, ChannelTrouble, LedgerChunk, Subscriber


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


class Recipient(Value):
    position: int
    subscriber_id: int
    sealed_address: bytes
    language: str
    left: bool


class Task(Value):
    """What one position gets in this wave."""

    recipient: Recipient
    kind: MessageKind


class Last(Value):
    """The last entry of a position that reached it, or may have."""

    purpose: str
    edition: int


def extend_audience(session: Session, alert_id: str, channel: str, kind: Kind, now: datetime) -> int:
    """Freeze who is there at the first call, add at the end who joined since; the audience's size."""
    size = session.exec(select(func.count()).where(Audience.alert_id == alert_id, Audience.channel == channel)).one()
    known = select(Audience.subscriber_id).where(Audience.alert_id == alert_id, Audience.channel == channel)
    joined = session.exec(
        select(Subscriber.id)
        .where(
            Subscriber.channel == channel,
            col(Subscriber.exercise) == (kind is Kind.EXERCISE),
            col(Subscriber.left_at).is_(None),
            Subscriber.since <= now,
            col(Subscriber.id).not_in(known),
        )
        .order_by(col(Subscriber.id))
    ).all()
    for offset, subscriber_id in enumerate(joined):
        assert subscriber_id is not None
        position = size + offset
        session.add(Audience(alert_id=alert_id, channel=channel, position=position, subscriber_id=subscriber_id))
    return size + len(joined)


def plan_chunk(
    session: Session, wave: Wave, start: int, count: int, now: datetime
) -> tuple[LedgerChunk | None, list[Task]]:
    """Write the intent of one chunk; the row and what to send now. None when nothing is left to do.

    A row that is there already is resumed: without outcomes all of it again, else what is still open.
    """
    row = _chunk(session, wave, start)
    if row is not None and row.outcomes is not None and not OPEN.intersection(row.outcomes):
        return None, []
    recipients = _recipients(session, wave, start, count)
    due = _due(session, wave, start, recipients, before=row.id if row else None)
    if row is None:
        tasks = [task for task in due if task]
        if not tasks:
            return None, []
        row = LedgerChunk(
            **wave.model_dump(exclude={"announces"}),
            start=start,
            count=len(recipients),
            intent_at=now,
            intended=bytes(1 if task else 0 for task in due),
        )
        session.add(row)
        session.flush()
        return row, tasks
    return row, [task for task in due if task and _still_open(row, task.recipient.position)]


def record_outcomes(
    session: Session, row_id: int, outcomes: Sequence[tuple[int, Status]], first: datetime, last: datetime
) -> None:
    """Write what became of positions of a chunk; positions not named keep what they had."""
    row = session.get(LedgerChunk, row_id)
    assert row is not None
    statuses = bytearray(row.outcomes or bytes(row.count))
    for position, status in outcomes:
        statuses[position - row.start] = status
    row.outcomes = bytes(statuses)
    row.first_at, row.last_at = row.first_at or first, last
    session.add(row)


class Counts(Value):
    """Of one edition on one channel; in doubt are counted in `reached` too."""

    recipients: int
    reached: int
    failed: int
    in_doubt: int
    first_dispatch: datetime | None
    last_dispatch: datetime | None


def channel_counts(session: Session, alert_id: str, channel: str, edition: int) -> Counts:
    size = session.exec(select(func.count()).where(Audience.alert_id == alert_id, Audience.channel == channel)).one()
    rows = session.exec(
        select(LedgerChunk)
        .where(LedgerChunk.alert_id == alert_id, LedgerChunk.channel == channel, LedgerChunk.purpose == "show")
        .order_by(col(LedgerChunk.id))
    ).all()
    last: dict[int, int] = {}
    for row in rows:
        if row.edition == edition:
            last.update(_statuses(row))
    found = list(last.values())
    return Counts(
        recipients=size,
        reached=sum(1 for status in found if status in REACHED),
        failed=sum(1 for status in found if status in (Status.GONE, Status.REJECTED)),
        in_doubt=sum(1 for status in found if status == Status.DOUBT),
        first_dispatch=min((row.first_at for row in rows if row.first_at), default=None),
        last_dispatch=max((row.last_at for row in rows if row.last_at), default=None),
    )


def note_trouble(session: Session, alert_id: str, channel: str, error: str, now: datetime) -> None:
    """Remember what keeps a channel from going on, for whoever watches."""
    row = session.get(ChannelTrouble, (alert_id, channel))
    if row is None:
        session.add(ChannelTrouble(alert_id=alert_id, channel=channel, error=error, since=now))
    else:
        row.error, row.attempts = error, row.attempts + 1
        session.add(row)


def clear_trouble(session: Session, alert_id: str, channel: str) -> None:
    row = session.get(ChannelTrouble, (alert_id, channel))
    if row is not None:
        session.delete(row)


def _chunk(session: Session, wave: Wave, start: int) -> LedgerChunk | None:
    return session.exec(
        select(LedgerChunk).where(
            LedgerChunk.alert_id == wave.alert_id,
            LedgerChunk.channel == wave.channel,
            LedgerChunk.start == start,
            LedgerChunk.edition == wave.edition,
            LedgerChunk.announcement == wave.announcement,
            LedgerChunk.purpose == wave.purpose,
        )
    ).first()


def _still_open(row: LedgerChunk, position: int) -> bool:
    index = position - row.start
    if index >= row.count or not row.intended[index]:
        return False
    return row.outcomes is None or row.outcomes[index] in OPEN


def _recipients(session: Session, wave: Wave, start: int, count: int) -> list[Recipient]:
    rows = session.exec(
        select(Audience.position, Subscriber)
        .join(Subscriber, col(Subscriber.id) == col(Audience.subscriber_id))
        .where(
            Audience.alert_id == wave.alert_id,
            Audience.channel == wave.channel,
            Audience.position >= start,
            Audience.position < start + count,
        )
        .order_by(col(Audience.position))
    ).all()
    return [
        Recipient(
            position=position,
            subscriber_id=subscriber.id or 0,
            sealed_address=subscriber.sealed_address,
            language=subscriber.language,
            left=subscriber.left_at is not None,
        )
        for position, subscriber in rows
    ]


def _due(
    session: Session, wave: Wave, start: int, recipients: Sequence[Recipient], *, before: int | None
) -> list[Task | None]:
    history = _history(session, wave, start, before)
    due: list[Task | None] = []
    for recipient in recipients:
        kind = None if recipient.left else _kind(wave, history.get(recipient.position))
        due.append(Task(recipient=recipient, kind=kind) if kind else None)
    return due


def _kind(wave: Wave, last: Last | None) -> MessageKind | None:
    """What a position gets, from the last thing it got: nothing, an alert, a change, a renewal or the end."""
    if wave.purpose == "outcome":
        return MessageKind.UPDATE if last is not None else None
    if wave.purpose == "end":
        return MessageKind.CANCEL if last is not None and last.purpose == "show" else None
    if last is None or last.purpose != "show":
        return MessageKind.ALERT
    if last.edition != wave.edition:
        return MessageKind.UPDATE
    return MessageKind.REFRESH if wave.announces else None


def _history(session: Session, wave: Wave, start: int, before: int | None) -> dict[int, Last]:
    query = select(LedgerChunk).where(
        LedgerChunk.alert_id == wave.alert_id,
        LedgerChunk.channel == wave.channel,
        LedgerChunk.start == start,
        LedgerChunk.purpose != "outcome",
    )
    if before is not None:
        query = query.where(col(LedgerChunk.id) < before)
    history: dict[int, Last] = {}
    for row in session.exec(query.order_by(col(LedgerChunk.id))):
        for position, status in _statuses(row):
            if status in REACHED:
                history[position] = Last(purpose=row.purpose, edition=row.edition)
    return history


def _statuses(row: LedgerChunk) -> Iterable[tuple[int, int]]:
    """Position and status of each message of a chunk; all in doubt while it has no outcomes."""
    for index, intended in enumerate(row.intended):
        if intended:
            yield row.start + index, row.outcomes[index] if row.outcomes is not None else Status.DOUBT
