"""When each partner that has an address of its own last fetched the feed of CAP messages."""

from __future__ import annotations

from datetime import datetime

from sqlmodel import Session

from store.rows import put
from store.tables.alert import Meta

_FETCHED = "cap feed fetched by: "
"""With a partner's name: the name of a row in `meta`."""


def note_fetch(session: Session, partner: str, now: datetime) -> None:
    put(session, Meta(name=_FETCHED + partner, value=now.isoformat()))


def last_fetch(session: Session, partner: str) -> datetime | None:
    """None: never yet."""
    row = session.get(Meta, _FETCHED + partner)
    return datetime.fromisoformat(row.value) if row else None
