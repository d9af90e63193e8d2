"""People on duty: their accounts, roles and public keys. Private keys are never in the database."""

from __future__ import annotations

from sqlmodel import Field, SQLModel


class PersonRow(SQLModel, table=True):
    __tablename__ = "person"
    user: str = Field(primary_key=True)
    person: str
    """Four eyes count persons, not accounts."""
    name: str
    roles: str
    """Comma-separated."""
    public_key: str
