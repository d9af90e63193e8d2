"""Subscribers of personal channels, their addresses sealed with a key of the installation."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlmodel import Session, col, func, select

from alerts.sealing import seal, unseal
from store.tables.sending import Subscriber

_AAD = b"subscriber"


def subscribe(
    session: Session,
    key: bytes,
    channel: str,
    addresses: Sequence[str],
    now: datetime,
    *,
    language: str = "nl",
    exercise: bool = False,
) -> None:
    """Add addresses as they are; the caller has checked them."""
    for address in addresses:
        session.add(
            Subscriber(
                channel=channel,
                sealed_address=seal(key, address.encode(), aad=_AAD),
                language=language,
                exercise=exercise,
                since=now,
            )
        )


def count(session: Session, channel: str, *, exercise: bool = False) -> int:
    query = select(func.count()).where(Subscriber.channel == channel, Subscriber.exercise == exercise)
    return session.exec(query.where(col(Subscriber.left_at).is_(None))).one()


def keep_exactly(
    session: Session, key: bytes, channel: str, addresses: Sequence[str], now: datetime, *, exercise: bool
) -> None:
    """Make the subscribers of a configured channel (partners) those named: add the new, end the others."""
    query = select(Subscriber).where(Subscriber.channel == channel, Subscriber.exercise == exercise)
    known: set[str] = set()
    for row in session.exec(query.where(col(Subscriber.left_at).is_(None))):
        address = unseal(key, row.sealed_address, aad=_AAD).decode()
        if address in addresses:
            known.add(address)
        else:
            row.left_at = now
            session.add(row)
    new = [address for address in addresses if address not in known]
    subscribe(session, key, channel, new, now, exercise=exercise)
