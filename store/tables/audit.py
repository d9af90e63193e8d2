"""The audit chain: append-only, each entry hashed over the one before."""

from __future__ import annotations

from datetime import datetime

from sqlmodel import Field, SQLModel

from store.tables.types import UtcDateTime


class AuditEntry(SQLModel, table=True):
    __tablename__ = "audit"
    id: int = Field(primary_key=True)
    """Numbered from 1 without a gap; part of the hash."""
    at: datetime = Field(sa_type=UtcDateTime)
    alert_id: str = Field(index=True)
    actor: str
    action: str
    verdict: str
    """`given`, `accepted` or `refused`."""
    command_id: str
    sealed: bytes
    """Reason and details, sealed with the alert's record key."""
    previous: str
    hash: str
