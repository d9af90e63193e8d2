"""The end of a record: after the authority's term its key is destroyed, and nobody can read of the child any more.

Figures stay: when it was, how many were reached, how often somebody decided, and the audit chain with its times.
"""

from __future__ import annotations

from datetime import datetime

from sqlmodel import col, select

from store import audit
from store.database import Database
from store.keys import KeyStore
from store.tables.alert import AlertStanding


def end_records(db: Database, keys: KeyStore, before: datetime, now: datetime) -> list[str]:
    """Destroy the record key of every alert that closed before that moment; the alerts of which it did.

    Each stands in the audit chain first, so that a record never goes without a trace.
    """
    with db.read() as session:
        over = select(AlertStanding.alert_id).where(col(AlertStanding.closed_at) < before)
        closed = session.exec(over.order_by(col(AlertStanding.closed_at))).all()
    readable = keys.readable("record")
    ended = [alert_id for alert_id in closed if alert_id in readable]
    for alert_id in ended:
        with db.write() as session:
            audit.append(
                session,
                keys,
                now,
                alert_id=alert_id,
                actor="baken",
                action="end_record",
                verdict="accepted",
                command_id="",
                details={},
            )
        keys.destroy(alert_id, "record")
    return ended
