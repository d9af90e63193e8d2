"""The audit chain: append-only, each entry hashed over the one before."""

from __future__ import annotations

from datetime import datetime

from sqlmodel import Field, SQLModel

from store.tables.types import UtcDateTime


class AuditEntry(SQLModel, table=True):
    __tablename__ = "audit"
    id: int | None = Field(default=None, primary_key=True)
    at: datetime = Field(sa_type=UtcDateTime)
    alert_id: str = Field(index=True)
    actor: str
    action: str
    verdict: str
    """`given`, `accepted` or `refused`."""
    command_id: str
    sealed: bytes
    """Reason and details, sealed with the installation's audit key."""
    previous: str
    hash: str
