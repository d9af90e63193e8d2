"""The ledger: who got which edition, crash-safe, an intent before each chunk and its outcomes after.

Positions of the frozen audience are cut into chunks on a fixed grid, two bytes for each position of a chunk. A chunk
without outcomes is in doubt and counts as reached. What a position gets next is for `store.due`.
"""

from __future__ import annotations

import zlib
from base64 import b64decode, b64encode
from bisect import bisect_left
from collections.abc import Iterable, Sequence
from datetime import datetime
from enum import IntEnum
from typing import Any, NamedTuple

import sqlalchemy
from sqlalchemy import Connection, bindparam, case, insert, update
from sqlmodel import Session, col, func, select

from alerts.values import Value
from alerts.vocabulary import MessageKind
from store.audience import Members
from store.rows import insert_new, of
from store.tables.sending import FinishedBatches, LedgerChunk

KINDS = (None, *MessageKind)
"""What a byte of `LedgerChunk.intended` says; 0: no message."""
CODES = {kind: code for code, kind in enumerate(KINDS)}


class Status(IntEnum):
    """One byte a position in `LedgerChunk.outcomes`."""

    NONE = 0
    """No message was due."""
    REACHED = 1
    GONE = 2
    REJECTED = 3
    RETRY = 4
    """Not taken, or stopped before it went; tried again in the same wave."""
    DOUBT = 5
    """Perhaps taken; tried again in the same wave, counts as reached after it."""
    ASSUMED = 6
    """Perhaps taken, and never to be known: not tried again, counts as reached."""


DOUBTFUL = frozenset({Status.DOUBT, Status.ASSUMED})
REACHED = frozenset({Status.REACHED, *DOUBTFUL})
FAILED = frozenset({Status.GONE, Status.REJECTED})
OPEN = frozenset({Status.RETRY, Status.DOUBT})
_AFTER_DOUBT: dict[int, int] = {Status.RETRY: Status.DOUBT, Status.REJECTED: Status.ASSUMED}
"""What a later attempt makes of a doubt: that nothing came of it says nothing of the first."""
_SURENESS = {
    int(status): place
    for place, status in enumerate(
        (
            Status.NONE,
            Status.RETRY,
            Status.REJECTED,
            Status.DOUBT,
            Status.ASSUMED,
            Status.GONE,
            Status.REACHED,
        )
    )
}
_ALL_IN_DOUBT = bytes(Status.DOUBT if code else Status.NONE for code in range(256))
_NOTHING_YET = {"reached": 0, "failed": 0, "in_doubt": 0}
_KEY = ("alert_id", "channel", "start", "edition", "announcement", "purpose")
"""Of a row, as its index has it."""
_IS_IT = of(LedgerChunk, *_KEY)
_INTEND = insert(LedgerChunk)
_AS_IT_WAS = update(LedgerChunk).where(
    *_IS_IT,
    col(LedgerChunk.outcomes).is_not_distinct_from(bindparam("outcomes_before")),
    func.length(LedgerChunk.intended) == bindparam("had"),
)
_WIDEN = _AS_IT_WAS.values(
    intended=bindparam("intended"),
    outcomes=bindparam("outcomes"),
    messages=col(LedgerChunk.messages) + bindparam("joined"),
    reached=col(LedgerChunk.reached) + bindparam("more_reached"),
    in_doubt=col(LedgerChunk.in_doubt) + bindparam("more_in_doubt"),
)
_WRITTEN = (
    sqlalchemy.select(col(LedgerChunk.intended), col(LedgerChunk.outcomes), col(LedgerChunk.first_at))
    .where(*_IS_IT)
    .with_for_update()
)
_ROWS = (
    select(LedgerChunk)
    .where(*of(LedgerChunk, "alert_id", "channel"))
    .where(col(LedgerChunk.start).between(bindparam("first"), bindparam("last")))
    .order_by(col(LedgerChunk.id))
)
_COUNT = (
    update(FinishedBatches)
    .where(*of(FinishedBatches, "alert_id", "channel"))
    .values(number=col(FinishedBatches.number) + 1)
)
"""What a sender says of its chunks and batches: made once, for a million is two thousand."""


class ChunkTaken(RuntimeError):
    """Two sent the same chunk at the same time; whoever comes second tries again."""


class Wave(Value):
    """One statement to the audience of a channel; its key in the ledger is edition + announcement + purpose.

    The revision is not part of it: a row has that of the first who wrote it.
    """

    alert_id: str
    channel: str
    purpose: str
    edition: int
    announcement: int
    revision: int
    announces: bool = False
    """Whether a refresh is a message of its own to those who have the edition already."""


class Intent(NamedTuple):
    """The row of a chunk of a wave, as far as recording its outcomes needs it."""

    announcement: int
    start: int
    intended: bytes
    outcomes: bytes | None = None
    first_at: datetime | None = None
    begun: bool = False
    """By somebody who never said what became of it."""
    joined: int | None = None
    """The first position that this sender added to the row, when the others of it had been told: to those from it on
    nothing was sent yet."""


class Outcomes(NamedTuple):
    """What became of positions of a chunk, one `Status` each; positions not named keep what they had."""

    intent: Intent
    positions: Sequence[int]
    statuses: bytes
    final: bool = False
    """Whatever was in doubt of them: it is known what became of them."""


class Chunk(NamedTuple):
    """What one chunk of a wave has still to do. `intent` is None as long as its intent is not written."""

    start: int
    end: int
    """Before this position it was looked at everybody."""
    members: Members
    """Those who get something."""
    kinds: bytes
    """What each of them gets, as codes of `KINDS`."""
    intent: Intent | None
    announcement: int
    """Which one its messages belong to."""


def write_intents(connection: Connection, wave: Wave, chunks: Sequence[Chunk], now: datetime) -> list[Intent]:
    """Write what is about to be sent, where that is not written yet; the intent of each.

    Raises IntegrityError or ChunkTaken when somebody else is at one of these chunks: then none of it is written.
    """
    shared = {"alert_id": wave.alert_id, "channel": wave.channel, "purpose": wave.purpose, "edition": wave.edition}
    shared |= {"revision": wave.revision, "intent_at": now, **_NOTHING_YET}
    intents, rows = [], []
    for chunk in chunks:
        intent = chunk.intent
        if intent is None:
            intended = _spread(bytes(chunk.end - chunk.start), chunk.start, chunk.members.positions, chunk.kinds)
            intent = Intent(chunk.announcement, chunk.start, intended)
            own = {"announcement": chunk.announcement, "start": chunk.start, "intended": intended}
            rows.append(shared | own | {"messages": len(chunk.kinds)})
        elif len(chunk.members) and chunk.members.positions[-1] >= intent.start + len(intent.intended):
            intent = _widened(connection, wave, chunk, intent)
        intents.append(intent)
    if rows:
        connection.execute(_INTEND, rows)
    return intents


def _widened(connection: Connection, wave: Wave, chunk: Chunk, intent: Intent) -> Intent:
    """The intent of a chunk that was begun, with those in it who joined since: in doubt until it is said."""
    positions = chunk.members.positions
    first = bisect_left(positions, intent.start + len(intent.intended))
    joined, kinds = positions[first:], chunk.kinds[first:]
    length = chunk.end - intent.start
    intended = _spread(intent.intended, intent.start, joined, kinds).ljust(length, b"\0")
    outcomes, in_doubt = intent.outcomes, 0
    if outcomes is not None:  # else all of it is in doubt
        in_doubt = len(joined)
        outcomes = _spread(outcomes, intent.start, joined, bytes([Status.DOUBT]) * in_doubt).ljust(length, b"\0")
    change = {
        **_row_of(wave, intent),
        "outcomes_before": intent.outcomes,
        "had": len(intent.intended),
        "intended": intended,
        "outcomes": outcomes,
        "joined": len(joined),
        "more_reached": in_doubt,
        "more_in_doubt": in_doubt,
    }
    if connection.execute(_WIDEN, change).rowcount == 0:
        raise ChunkTaken(f"somebody else is at the chunk from {intent.start} on")
    return intent._replace(intended=intended, outcomes=outcomes, joined=joined[0])


def record_outcomes(
    connection: Connection, wave: Wave, told: Sequence[Outcomes], first: datetime, last: datetime
) -> None:
    """Write what became of chunks of a wave that were sent between `first` and `last`.

    A sender that was given up for dead may come back when another has sent its chunk again: of what two say of a
    position the surer holds, so that nobody who was reached is forgotten.
    """
    changes = []
    for one in told:
        intent = one.intent
        outcomes = _outcomes(intent, one)
        changes.append(_change(wave, intent, intent.outcomes, outcomes, intent.first_at or first, last))
    if connection.execute(_AS_IT_WAS, changes).rowcount == len(changes):
        return
    for one, change in zip(told, changes, strict=True):
        intended, written, began = connection.execute(_WRITTEN, _row_of(wave, one.intent)).one()
        outcomes, length = change["outcomes"], len(intended)  # which another may have widened by who joined
        theirs = written
        if theirs is None:  # so they are under way
            theirs = intended[len(outcomes) :].translate(_ALL_IN_DOUBT).rjust(length, b"\0")
        outcomes, theirs = outcomes.ljust(length, b"\0"), theirs.ljust(length, b"\0")
        if written is None or theirs != outcomes:
            surer = bytes(max(pair, key=_SURENESS.__getitem__) for pair in zip(outcomes, theirs, strict=True))
            intent = one.intent._replace(intended=intended)
            connection.execute(_AS_IT_WAS, _change(wave, intent, written, surer, began or first, last))


def _outcomes(intent: Intent, told: Outcomes) -> bytes:
    """Of the whole chunk, once these positions have these statuses."""
    positions, statuses, before = told.positions, told.statuses, intent.outcomes
    if before is None:
        before = intent.intended.translate(_ALL_IN_DOUBT) if intent.begun else bytes(len(intent.intended))
    if intent.joined is not None:
        before = before[: intent.joined - intent.start].ljust(len(before), b"\0")
    if Status.DOUBT in before and not told.final:
        known = gather(before, intent.start, positions)
        statuses = bytes(map(_next, known, statuses))
    return _spread(before, intent.start, positions, statuses)


def _change(
    wave: Wave, intent: Intent, before: bytes | None, outcomes: bytes, first: datetime, last: datetime
) -> dict[str, Any]:
    """Of the row of a chunk, where it still has the outcomes that were known before."""
    return {
        **_row_of(wave, intent),
        "outcomes_before": before,
        "had": len(intent.intended),
        "outcomes": outcomes,
        "first_at": first,
        "last_at": last,
        "reached": sum(map(outcomes.count, REACHED)),
        "failed": sum(map(outcomes.count, FAILED)),
        "in_doubt": sum(map(outcomes.count, DOUBTFUL)),
    }


def _row_of(wave: Wave, intent: Intent) -> dict[str, Any]:
    """Which row it is, as `_IS_IT` asks."""
    return {
        "of_alert_id": wave.alert_id,
        "of_channel": wave.channel,
        "of_purpose": wave.purpose,
        "of_edition": wave.edition,
        "of_announcement": intent.announcement,
        "of_start": intent.start,
    }


def settled_to(session: Session, alert_id: str, channel: str, edition: int) -> int:
    """The first position that a wave showing this edition has to look at: all before it had it, or refused it.

    So a refresh of a million recipients looks at those who joined since and at nobody else.
    """
    has_it = (col(LedgerChunk.purpose) == "show") & (col(LedgerChunk.edition) == edition)
    chunks = (
        sqlalchemy.select(
            func.max(LedgerChunk.id).label("last"),
            func.max(func.length(LedgerChunk.intended)).label("length"),
            func.max(case((col(LedgerChunk.outcomes).is_(None), 1), else_=LedgerChunk.in_doubt)).label("doubts"),
        )
        .where(col(LedgerChunk.alert_id) == alert_id, col(LedgerChunk.channel) == channel)
        .group_by(col(LedgerChunk.start))
        .having(func.min(case((has_it, 1), else_=0)) == 1)
        .subquery()
    )
    # Whom one wave did not get to is in the next one again, so the last says it all; but doubts stay where they are.
    done = (col(LedgerChunk.reached) + col(LedgerChunk.failed) == col(LedgerChunk.messages)) & (chunks.c.doubts == 0)
    last = sqlalchemy.select(col(LedgerChunk.start), chunks.c.length, done)
    last = last.join(chunks, col(LedgerChunk.id) == chunks.c.last).order_by(col(LedgerChunk.start))
    settled = 0
    for start, length, complete in session.connection().execute(last):
        if start != settled or not complete:
            break
        settled = start + length
    return settled


def entries(row: LedgerChunk) -> Iterable[tuple[int, MessageKind, int]]:
    """Position, kind and status of each message of a chunk; all in doubt while it has no outcomes."""
    statuses = statuses_in(row)
    for index, code in enumerate(row.intended):
        kind = KINDS[code]
        if kind is not None:
            yield row.start + index, kind, statuses[index]


def statuses_of(session: Session, wave: Wave, start: int, count: int, grid: int) -> bytes:
    """What this very wave came to for each of so many positions from `start` on; 0: not begun."""
    first = start // grid * grid
    found = bytearray(start - first + count)
    for rows in chunk_rows(session, wave.alert_id, wave.channel, first, start + count - 1).values():
        for row in rows:
            if key_of(row) == key_of(wave):
                statuses = statuses_in(row)[: len(found) - (row.start - first)]
                found[row.start - first : row.start - first + len(statuses)] = statuses
    return bytes(found[start - first :])


def packed(statuses: bytes) -> str:
    """Short: a batch was told up to some place, and the rest was not."""
    return b64encode(zlib.compress(statuses)).decode()


def unpacked(statuses: str) -> bytes:
    return zlib.decompress(b64decode(statuses))


def count_batch(connection: Connection, alert_id: str, channel: str) -> None:
    """Note that one more batch came to its end."""
    mine = {"of_alert_id": alert_id, "of_channel": channel}
    if connection.execute(_COUNT, mine).rowcount == 0:
        insert_new(connection, FinishedBatches(alert_id=alert_id, channel=channel))
        connection.execute(_COUNT, mine)


def chunk_rows(session: Session, alert_id: str, channel: str, first: int, last: int) -> dict[int, list[LedgerChunk]]:
    """Every row of those chunks, by start, oldest first."""
    wanted = {"of_alert_id": alert_id, "of_channel": channel, "first": first, "last": last}
    found: dict[int, list[LedgerChunk]] = {}
    for row in session.exec(_ROWS, params=wanted):
        found.setdefault(row.start, []).append(row)
    return found


def key_of(of: LedgerChunk | Wave) -> tuple[int, int, str]:
    return of.edition, of.announcement, of.purpose


def _next(before: int, after: int) -> int:
    """What holds of a position after one more attempt."""
    return _AFTER_DOUBT.get(after, after) if before == Status.DOUBT else after


def statuses_in(row: LedgerChunk) -> bytes:
    """One byte a position; all messages in doubt while the chunk has no outcomes."""
    return row.outcomes if row.outcomes is not None else row.intended.translate(_ALL_IN_DOUBT)


def gather(column: bytes, start: int, positions: Sequence[int]) -> bytes:
    """The bytes of these positions, of a column that begins at `start`; 0 past its end."""
    if positions[-1] - positions[0] + 1 == len(positions):
        first = positions[0] - start
        return column[first : first + len(positions)].ljust(len(positions), b"\0")
    column = column.ljust(positions[-1] - start + 1, b"\0")
    return bytes(column[position - start] for position in positions)


def _spread(column: bytes, start: int, positions: Sequence[int], values: bytes) -> bytes:
    """A column that begins at `start` with these positions changed; as long as it must be."""
    spread = bytearray(column.ljust(positions[-1] - start + 1, b"\0"))
    if positions[-1] - positions[0] + 1 == len(positions):
        spread[positions[0] - start : positions[-1] - start + 1] = values
    else:
        for position, value in zip(positions, values, strict=True):
            spread[position - start] = value
    return bytes(spread)
