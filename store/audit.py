"""Who did what, when, with which answer: an append-only chain in which any changed byte shows.

Each entry is hashed over its number, its fields and the hash before it, so anybody can check an export. The newest
entry is remembered outside the database too (`remember_head`), so that a tail cut off shows as well.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from datetime import datetime
from typing import Any

from sqlmodel import Session, col, select

from alerts.sealing import Unsealable, seal, unseal
from alerts.values import Value
from store.database import Database, serialise
from store.keys import KeyStore
from store.tables.audit import AuditEntry

GENESIS = "0" * 64
HEAD = "audit_head"
AAD = b"audit"
SAID = "said"
"""In the details of a command that was given: the reason that its person wrote."""


class AuditVerdict(Value):
    """The chain is whole when `broken` and `missing_after` are both None."""

    entries: int
    broken: int | None = None
    """Number of the first entry that is not as it was written."""
    missing_after: int | None = None
    """Number of the last entry, when more had been written than there are."""

    @property
    def whole(self) -> bool:
        return self.broken is None and self.missing_after is None


def append(
    session: Session,
    keys: KeyStore,
    now: datetime,
    *,
    alert_id: str,
    actor: str,
    action: str,
    verdict: str,
    command_id: str,
    details: dict[str, Any],
) -> None:
    """Add an entry, at the end of the caller's write transaction: from here on no other can add one.

    What was said is sealed with the alert's record key and dies with it; of an unknown alert with the installation's.
    """
    serialise(session, "audit")
    last = session.exec(select(AuditEntry).order_by(col(AuditEntry.id).desc()).limit(1)).first()
    entry = AuditEntry(
        id=last.id + 1 if last else 1,
        at=now,
        alert_id=alert_id,
        actor=actor,
        action=action,
        verdict=verdict,
        command_id=command_id,
        sealed=seal(_key(keys, alert_id), json.dumps(details, ensure_ascii=False).encode(), aad=AAD),
        previous=last.hash if last else GENESIS,
        hash="",
    )
    entry.hash = entry_hash(_said(entry))
    session.add(entry)
    session.flush()  # so that another one in the same transaction follows it


def ruled_commands(session: Session, alert_id: str) -> set[str]:
    """Commands of an alert whose ruling stands in the chain."""
    query = select(AuditEntry.command_id).where(AuditEntry.alert_id == alert_id, AuditEntry.verdict != "given")
    return set(session.exec(query))


def reasons(session: Session, keys: KeyStore, alert_id: str) -> dict[str, str]:
    """What persons wrote with their commands, by command; of those that were given here."""
    query = select(AuditEntry).where(AuditEntry.alert_id == alert_id, AuditEntry.verdict == "given")
    opened = ((entry.command_id, _details(keys, entry) or {}) for entry in session.exec(query))
    return {command: details[SAID] for command, details in opened if details.get(SAID)}


def remember_head(db: Database, keys: KeyStore) -> None:
    """Keep number and hash of the newest entry beside the keys; called each second while Baken runs.

    Never goes back: a chain that became shorter is for `verify` to report.
    """
    with db.read() as session:
        last = session.exec(select(AuditEntry).order_by(col(AuditEntry.id).desc()).limit(1)).first()
    known = _head(keys)
    if last is not None and (known is None or last.id > known[0]):
        keys.remember(HEAD, f"{last.id} {last.hash}")


def verify(db: Database, keys: KeyStore) -> AuditVerdict:
    """Walk the whole chain."""
    head, previous, count = _head(keys), GENESIS, 0
    with db.read() as session:
        for number in session.exec(select(AuditEntry.id).order_by(col(AuditEntry.id))).all():
            entry_is = _intact(session, number, count + 1, previous)
            if entry_is is None or (head and head[0] == number and head[1] != entry_is):
                return AuditVerdict(entries=count, broken=count + 1)
            count, previous = count + 1, entry_is
    return AuditVerdict(entries=count, missing_after=count if head and head[0] > count else None)


def export(db: Database, keys: KeyStore) -> Iterator[dict[str, Any]]:
    """Every entry, oldest first, with what its hash is made of and its opened details.

    `details` is None once the alert's record key is destroyed: what happened stays provable, what was said does not.
    """
    with db.read() as session:
        entries = session.exec(select(AuditEntry).order_by(col(AuditEntry.id)).execution_options(yield_per=500))
        for entry in entries:
            yield {**_said(entry), "hash": entry.hash, "details": _details(keys, entry)}


def entry_hash(said: dict[str, Any]) -> str:
    """SHA-256 over the JSON array of the values of an exported entry, `hash` and `details` left out."""
    return hashlib.sha256(json.dumps(list(said.values()), separators=(",", ":")).encode()).hexdigest()


def _said(entry: AuditEntry) -> dict[str, Any]:
    return {
        "id": entry.id,
        "at": entry.at.isoformat(),
        "alert_id": entry.alert_id,
        "actor": entry.actor,
        "action": entry.action,
        "verdict": entry.verdict,
        "command_id": entry.command_id,
        "sealed": entry.sealed.hex(),
        "previous": entry.previous,
    }


def _intact(session: Session, number: int, expected: int, previous: str) -> str | None:
    """The hash of an entry that is as it was written and follows the one before; else None."""
    try:
        entry = session.get_one(AuditEntry, number)
        fits = number == expected and entry.previous == previous and entry.hash == entry_hash(_said(entry))
    except (ValueError, TypeError, AttributeError):  # damaged so that it cannot even be read
        return None
    return entry.hash if fits else None


def _details(keys: KeyStore, entry: AuditEntry) -> dict[str, Any] | None:
    try:
        opened: dict[str, Any] = json.loads(unseal(_key(keys, entry.alert_id), entry.sealed, aad=AAD))
    except Unsealable:
        return None
    return opened


def _key(keys: KeyStore, alert_id: str) -> bytes:
    try:
        return keys.record_key(alert_id)
    except LookupError:
        return keys.system_key("audit")


def _head(keys: KeyStore) -> tuple[int, str] | None:
    said = keys.recall(HEAD)
    if said is None:
        return None
    number, known = said.split()
    return int(number), known
