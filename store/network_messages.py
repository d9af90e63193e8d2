"""What each operator's network was told of an alert, and so what it has: what a change or an end refers to."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum

from sqlmodel import Session, col, select

from store.tables.alert import NetworkMessage


class State(StrEnum):
    DOUBT = "doubt"
    """It may have it: it was sent, or was about to be, and nobody knows what became of it."""
    ACKNOWLEDGED = "acknowledged"
    MISSED = "missed"
    """It does not have it, by its own word or because nothing ever left."""


def messages(session: Session, alert_id: str, network: str) -> list[NetworkMessage]:
    """All of them, in order."""
    query = select(NetworkMessage).where(NetworkMessage.alert_id == alert_id, NetworkMessage.network == network)
    return list(session.exec(query.order_by(col(NetworkMessage.n))))


def networks(session: Session, alert_id: str) -> list[str]:
    """Those that were told anything, or were about to be."""
    query = select(NetworkMessage.network).where(NetworkMessage.alert_id == alert_id).distinct()
    return sorted(session.exec(query))


def since_cancel(told: Sequence[NetworkMessage]) -> list[NetworkMessage]:
    """What the network has, or may have, since it last acknowledged a Cancel."""
    since: list[NetworkMessage] = []
    for message in told:
        if message.cancels and message.state == State.ACKNOWLEDGED:
            since = []
        elif not message.cancels and message.state != State.MISSED:
            since.append(message)
    return since


def cancel_in_doubt(told: Sequence[NetworkMessage]) -> bool:
    """Whether it may have taken all of that away without our knowing."""
    ends = [message.state for message in told if message.cancels]
    return State.DOUBT in ends[-1:]


def acknowledged(session: Session, alert_id: str) -> dict[str, bool]:
    """Of each network: whether it acknowledged the last message that it was told."""
    last = {name: messages(session, alert_id, name)[-1] for name in networks(session, alert_id)}
    return {name: message.state == State.ACKNOWLEDGED for name, message in last.items()}
