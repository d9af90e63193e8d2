"""Tables of partners: those that were added while Baken runs, and what each has still to take down."""

from __future__ import annotations

from datetime import datetime

from sqlmodel import Field, SQLModel

from store.tables.types import UtcDateTime


class PartnerRow(SQLModel, table=True):
    """A partner of the register; where it is and its secrets are sealed (`store.partners`)."""

    __tablename__ = "partner"
    name: str = Field(primary_key=True)
    exercise: bool
    sealed: bytes
    paused: bool
    touched_by: str
    """The person who last added or paused it: another one lets the public's alerts go to it."""
    added_at: datetime = Field(sa_type=UtcDateTime)


class Removal(SQLModel, table=True):
    """That a partner was told to take an alert down, and whether it said that it did."""

    __tablename__ = "removal"
    alert_id: str = Field(primary_key=True)
    partner: str = Field(primary_key=True)
    exercise: bool
    told_by: str
    """Id of the cancel; after a hold and a return comes another one, and all of it begins anew."""
    told_at: datetime = Field(sa_type=UtcDateTime)
    reminders: int = 0
    reminded_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    removed_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
