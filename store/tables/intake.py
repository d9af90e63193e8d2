"""Table of the links by which a parent adds to a draft during the call."""

from __future__ import annotations

from datetime import datetime

from sqlmodel import Field, SQLModel

from store.tables.types import UtcDateTime


class IntakeLink(SQLModel, table=True):
    """A link that works once; the word in it is kept nowhere."""

    __tablename__ = "intake_link"
    word_sha256: str = Field(primary_key=True)
    draft_id: str = Field(index=True)
    expires_at: datetime = Field(sa_type=UtcDateTime)
    revoked: bool = False
    used_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    sealed: bytes | None = None
    """What the parent wrote, with the draft's key."""
