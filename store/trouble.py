"""What keeps a channel from going on, for whoever watches it."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Connection, delete
from sqlmodel import Session

from store.rows import of, put
from store.tables.sending import ChannelTrouble, ChannelTry

TABLES = (ChannelTrouble, ChannelTry)
_CLEAR = [delete(table).where(*of(table, "alert_id", "channel")) for table in TABLES]
"""Made once: every batch that gets through ends with it."""


def note_trouble(
    session: Session, alert_id: str, channel: str, error: str, now: datetime, waits: float | None = None
) -> None:
    """Remember what keeps a channel from going on, for whoever watches; a counterpart may have said anything.

    `waits` is how many seconds go by until it is tried again.
    """
    error = error.replace("\0", "\ufffd")
    row = session.get(ChannelTrouble, (alert_id, channel), with_for_update=True)
    if row is None:
        put(session, ChannelTrouble(alert_id=alert_id, channel=channel, error=error, since=now))
    else:
        row.error, row.attempts = error, row.attempts + 1
        session.add(row)
    put(session, ChannelTry(alert_id=alert_id, channel=channel, at=now, waits=waits))


def clear_trouble(connection: Connection, alert_id: str, channel: str) -> None:
    for clear in _CLEAR:
        connection.execute(clear, {"of_alert_id": alert_id, "of_channel": channel})


def forget_troubles(session: Session) -> None:
    """Of a copy of the store: they are of then, and who still fails says so at the next try."""
    for table in TABLES:
        session.exec(delete(table))
