"""The chain of CAP messages of an alert: numbered, with what is in force and so must be referenced."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlmodel import Session, col, select

from store.tables.alert import CapMessage


def messages(session: Session, alert_id: str) -> Sequence[CapMessage]:
    """All of them, in order."""
    query = select(CapMessage).where(CapMessage.alert_id == alert_id)
    return session.exec(query.order_by(col(CapMessage.n))).all()


def newest_of_all(session: Session) -> list[CapMessage]:
    """The newest message of every alert, newest first."""
    newest: dict[str, CapMessage] = {}
    for row in session.exec(select(CapMessage).order_by(col(CapMessage.n))):
        newest[row.alert_id] = row
    return sorted(newest.values(), key=lambda row: row.intent_at, reverse=True)


def by_identifier(session: Session, alert_id: str, identifier: str) -> CapMessage | None:
    query = select(CapMessage).where(CapMessage.alert_id == alert_id, CapMessage.identifier == identifier)
    return session.exec(query).first()


def in_force(session: Session, alert_id: str, moment: datetime) -> list[CapMessage]:
    """Messages since the last Cancel that have not expired: an Update or Cancel references them all."""
    return [message for message in _since_cancel(session, alert_id) if message.expires > moment]


def to_cancel(session: Session, alert_id: str, moment: datetime) -> list[CapMessage]:
    """What a Cancel references: all in force, or the newest one when all have just expired."""
    since = _since_cancel(session, alert_id)
    return [message for message in since if message.expires > moment] or since[-1:]


def next_number(session: Session, alert_id: str) -> int:
    known = messages(session, alert_id)
    return known[-1].n + 1 if known else 1


def add(session: Session, message: CapMessage) -> None:
    session.add(message)


def aad(alert_id: str, identifier: str) -> bytes:
    return f"cap:{alert_id}:{identifier}".encode()


def _since_cancel(session: Session, alert_id: str) -> list[CapMessage]:
    since: list[CapMessage] = []
    for message in messages(session, alert_id):
        since = [] if message.message_type == "Cancel" else [*since, message]
    return since
