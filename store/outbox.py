"""Commands that take away, written down with the revision they raise before Temporal hears of them (rule 2)."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from sqlmodel import Session, col, select

from alerts.command import SignedCommand
from alerts.sealing import seal, unseal
from alerts.values import Value
from alerts.vocabulary import Meaning
from store.standing import locked, take_away
from store.tables.alert import AlertStanding, OutboxCommand
from store.tables.audit import AuditEntry

BAKEN = "baken"
"""The actor of a ruling that no workflow gave."""


class Waiting(Value):
    """A command the pump has to bring to its workflow; `signed` is still sealed."""

    command_id: str
    alert_id: str
    action: str
    sealed: bytes


def write(
    session: Session,
    key: bytes,
    now: datetime,
    *,
    alert_id: str,
    command_id: str,
    action: str,
    signed: SignedCommand,
    meaning: Meaning,
) -> None:
    """In one transaction: the command, and the revision it raises, so that nothing is shown from now on.

    The same command again has no second effect.
    """
    locked(session, alert_id)  # the same command twice at once: the second looks when the first is through
    if session.get(OutboxCommand, command_id) is not None:
        return
    session.add(
        OutboxCommand(
            command_id=command_id,
            alert_id=alert_id,
            action=action,
            sealed=seal(key, signed.model_dump_json().encode(), aad=f"outbox:{command_id}".encode()),
            raised=take_away(session, alert_id, meaning, now),
            written_at=now,
        )
    )


def unsignalled(session: Session) -> list[Waiting]:
    rows = session.exec(
        select(OutboxCommand)
        .where(col(OutboxCommand.signalled_at).is_(None), col(OutboxCommand.ruled_at).is_(None))
        .order_by(col(OutboxCommand.written_at))
    )
    return [_waiting(row) for row in rows]


def forgotten(session: Session) -> list[Waiting]:
    """Commands that were signalled to an alert which closed before it judged them."""
    rows = session.exec(
        select(OutboxCommand)
        .join(AlertStanding, col(AlertStanding.alert_id) == col(OutboxCommand.alert_id))
        .where(
            col(OutboxCommand.signalled_at).is_not(None),
            col(OutboxCommand.ruled_at).is_(None),
            col(AlertStanding.closed_at).is_not(None),
        )
    )
    return [_waiting(row) for row in rows]


def ruled_without_workflow(session: Session, command_id: str) -> bool:
    """Whether Baken itself said how a command ended, because no workflow could."""
    query = select(AuditEntry.id).where(AuditEntry.command_id == command_id, AuditEntry.actor == BAKEN)
    return session.exec(query.limit(1)).first() is not None


def open_command(waiting: Waiting, key: bytes) -> SignedCommand:
    opened = unseal(key, waiting.sealed, aad=f"outbox:{waiting.command_id}".encode())
    return SignedCommand.model_validate_json(opened)


def mark_signalled(session: Session, command_id: str, now: datetime) -> None:
    row = session.get(OutboxCommand, command_id)
    if row is not None and row.signalled_at is None:
        row.signalled_at = now
        session.add(row)


def mark_ruled(session: Session, command_ids: Iterable[str], now: datetime) -> None:
    for row in session.exec(select(OutboxCommand).where(col(OutboxCommand.command_id).in_(list(command_ids)))):
        row.ruled_at = row.ruled_at or now
        session.add(row)


def oldest_unruled(session: Session) -> datetime | None:
    query = select(OutboxCommand.written_at).where(col(OutboxCommand.ruled_at).is_(None))
    return session.exec(query.order_by(col(OutboxCommand.written_at)).limit(1)).first()


def _waiting(row: OutboxCommand) -> Waiting:
    return Waiting(command_id=row.command_id, alert_id=row.alert_id, action=row.action, sealed=row.sealed)
