"""The chain of CAP messages of an alert: numbered, with what is in force and so must be referenced."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy.orm import defer
from sqlmodel import Session, col, select

from store.tables.alert import CapMessage


def messages(session: Session, alert_id: str) -> Sequence[CapMessage]:
    """All of them, in order."""
    query = select(CapMessage).where(CapMessage.alert_id == alert_id)
    return session.exec(query.order_by(col(CapMessage.n))).all()


def expired_after(session: Session, moment: datetime) -> Sequence[CapMessage]:
    """Of every alert the messages that were in force after a moment, the newest first; without what they say."""
    without = defer(CapMessage.sealed, raiseload=True)  # type: ignore[arg-type]  # sqlmodel types it by its value
    query = select(CapMessage).where(col(CapMessage.expires) > moment).options(without)
    return session.exec(query.order_by(col(CapMessage.intent_at).desc(), col(CapMessage.n).desc())).all()


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
        since = [] if message.cancels else [*since, message]
    return since
