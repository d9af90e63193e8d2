"""Tables of the duty roster: shifts, where each supervisor is called, and what each was called about."""

from __future__ import annotations

from datetime import datetime

from sqlmodel import Field, SQLModel

from store.tables.types import UtcDateTime


class DutyShift(SQLModel, table=True):
    """A shift as its supervisor acknowledged it, or as it was announced."""

    __tablename__ = "duty_shift"
    id: int | None = Field(default=None, primary_key=True)
    user: str = Field(index=True)
    begins_at: datetime = Field(sa_type=UtcDateTime)
    until: datetime = Field(sa_type=UtcDateTime)
    begun_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    """When the supervisor acknowledged it; None: it is only announced, and nobody is on duty by it."""
    ended_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    relieves: str = ""
    """The user who hands over, and stays on duty until this shift begins."""


class DutyAddress(SQLModel, table=True):
    """Where somebody is called; sealed, as it leads to a person (`store.duty`)."""

    __tablename__ = "duty_address"
    digest: str = Field(primary_key=True)
    """Of way, user and address under a key, so that the same one is kept once."""
    user: str = Field(index=True)
    way: str
    """`email` or `webpush`."""
    language: str
    sealed: bytes


class DutyCall(SQLModel, table=True):
    """That somebody was called about an alert, at one address; a call tried again leaves these out."""

    __tablename__ = "duty_call"
    alert_id: str = Field(primary_key=True)
    about: str = Field(primary_key=True)
    """What waits, as the alert's escalations name it."""
    n: int = Field(primary_key=True)
    """0 when it was asked for, then the number of the escalation."""
    address: str = Field(primary_key=True)
    """Digest of the address."""
    user: str
    way: str
    at: datetime = Field(sa_type=UtcDateTime)
