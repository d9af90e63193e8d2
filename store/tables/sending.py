"""Tables of sending: who can be reached, the frozen audience of an alert, and the ledger of what each got."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Index
from sqlmodel import Field, SQLModel

from store.tables.types import UtcDateTime


class Subscriber(SQLModel, table=True):
    """Somebody who wants to hear of alerts on a personal channel; the address is sealed."""

    __tablename__ = "subscriber"
    id: int | None = Field(default=None, primary_key=True)
    channel: str = Field(index=True)
    sealed_address: bytes
    language: str = "nl"
    exercise: bool = False
    """A counterpart for exercises; never mixed with the public."""
    since: datetime = Field(sa_type=UtcDateTime)
    left_at: datetime | None = Field(default=None, sa_type=UtcDateTime)


class Audience(SQLModel, table=True):
    """The frozen audience of one alert on one channel: dense positions, from 0, in the order of joining."""

    __tablename__ = "audience"
    alert_id: str = Field(primary_key=True)
    channel: str = Field(primary_key=True)
    position: int = Field(primary_key=True)
    subscriber_id: int


class LedgerChunk(SQLModel, table=True):
    """An intent before, an outcome after: what a chunk of positions got, one status byte each.

    Key: edition + announcement + purpose. A row without outcomes is in doubt and counts as reached.
    """

    __tablename__ = "ledger"
    __table_args__ = (
        Index("ledger_key", "alert_id", "channel", "start", "edition", "announcement", "purpose", unique=True),
    )
    id: int | None = Field(default=None, primary_key=True)
    alert_id: str
    channel: str
    purpose: str
    edition: int
    announcement: int
    start: int
    count: int
    revision: int
    intent_at: datetime = Field(sa_type=UtcDateTime)
    intended: bytes
    """One byte a position: 1 where a message goes out, 0 where none does."""
    outcomes: bytes | None = None
    first_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    last_at: datetime | None = Field(default=None, sa_type=UtcDateTime)


class ChannelTrouble(SQLModel, table=True):
    """What keeps a channel from going on right now; gone as soon as it went on."""

    __tablename__ = "channel_trouble"
    alert_id: str = Field(primary_key=True)
    channel: str = Field(primary_key=True)
    error: str
    since: datetime = Field(sa_type=UtcDateTime)
    attempts: int = 1
