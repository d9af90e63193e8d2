"""Tables of tips. What anybody told, and every photo, is sealed with the alert's record key."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Index
from sqlmodel import Field, SQLModel

from store.tables.types import UtcDateTime


class Tip(SQLModel, table=True):
    """One thing that somebody told about an alert."""

    __tablename__ = "tip"
    __table_args__ = (
        Index("tip_once", "alert_id", "key", unique=True),
        Index("tip_unread", "alert_id", "read_at", "from_child"),
        Index("tip_repeats", "alert_id", "same_as", "number"),
        Index("tip_by_text", "text_print"),
        Index("tip_by_photo", "photo_print"),
    )
    alert_id: str = Field(primary_key=True)
    number: int = Field(primary_key=True)
    """Counted from 1, by which colleagues name it."""
    key: str
    """Of the sender's id and all that it says, so that sent twice it is there once."""
    from_child: bool
    same_as: int | None
    """Number of the earlier tip that it repeats."""
    text_print: str | None
    photo_print: str | None
    """Of what it says and shows, with the record key: finds repeats without opening any tip."""
    received_at: datetime = Field(sa_type=UtcDateTime)
    read_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    mark: str | None = None
    passed_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    """When it came into the alert's history, as a sighting."""
    sealed: bytes


class TipPhoto(SQLModel, table=True):
    """The photo of a tip, stripped and encoded again."""

    __tablename__ = "tip_photo"
    alert_id: str = Field(primary_key=True)
    number: int = Field(primary_key=True)
    sealed: bytes
