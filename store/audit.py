"""Who did what, when, with which answer: an append-only chain in which any changed byte shows."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from datetime import datetime
from typing import Any

from sqlmodel import Session, col, select

from alerts.sealing import seal, unseal
from alerts.values import Value
from store.database import Database
from store.tables.audit import AuditEntry

GENESIS = "0" * 64


class AuditVerdict(Value):
    """`broken` is the id of the first entry that does not fit; None when the chain is whole."""

    entries: int
    broken: int | None = None


def append(
    session: Session,
    key: bytes,
    now: datetime,
    *,
    alert_id: str,
    actor: str,
    action: str,
    verdict: str,
    command_id: str,
    details: dict[str, Any],
) -> None:
    """Add an entry, inside the caller's write transaction."""
    last = session.exec(select(AuditEntry).order_by(col(AuditEntry.id).desc()).limit(1)).first()
    entry = AuditEntry(
        at=now,
        alert_id=alert_id,
        actor=actor,
        action=action,
        verdict=verdict,
        command_id=command_id,
        sealed=seal(key, json.dumps(details, ensure_ascii=False).encode(), aad=b"audit"),
        previous=last.hash if last else GENESIS,
        hash="",
    )
    entry.hash = _hash(entry)
    session.add(entry)


def ruled_commands(session: Session, alert_id: str) -> set[str]:
    """Commands of an alert whose ruling stands in the chain."""
    query = select(AuditEntry.command_id).where(AuditEntry.alert_id == alert_id, AuditEntry.verdict != "given")
    return set(session.exec(query))


def verify(db: Database) -> AuditVerdict:
    """Walk the whole chain."""
    previous, count = GENESIS, 0
    with db.read() as session:
        for entry in session.exec(select(AuditEntry).order_by(col(AuditEntry.id))):
            count += 1
            if entry.previous != previous or entry.hash != _hash(entry):
                return AuditVerdict(entries=count, broken=entry.id)
            previous = entry.hash
    return AuditVerdict(entries=count)


def export(db: Database, key: bytes) -> Iterator[dict[str, Any]]:
    """Every entry with its opened details, oldest first."""
    with db.read() as session:
        for entry in session.exec(select(AuditEntry).order_by(col(AuditEntry.id))):
            details = json.loads(unseal(key, entry.sealed, aad=b"audit"))
            yield {**entry.model_dump(exclude={"sealed"}), "at": entry.at.isoformat(), "details": details}


def _hash(entry: AuditEntry) -> str:
    said = [entry.at.isoformat(), entry.alert_id, entry.actor, entry.action, entry.verdict, entry.command_id]
    text = json.dumps([*said, entry.sealed.hex(), entry.previous])
    return hashlib.sha256(text.encode()).hexdigest()
