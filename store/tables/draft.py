"""Tables of drafts: what an operator has typed so far, its photos, and the links by which a parent adds to it."""

from __future__ import annotations

from datetime import datetime

from sqlmodel import Field, SQLModel

from store.tables.types import UtcDateTime


class DraftRow(SQLModel, table=True):
    """A draft. What was typed is sealed with its own key; after its end only what it became stays, for a while."""

    __tablename__ = "draft"
    id: str = Field(primary_key=True)
    owner: str = Field(index=True)
    """The user: who writes on it alone is its author, so nobody else goes on with it."""
    door: str
    """`actual`, `exercise` or `public-test`: what kind of alert it becomes."""
    alert_id: str
    """The id its alert gets, so that two presses of the button start one."""
    page: str
    """The open page that saved last: another one that has not seen that version may not save over it."""
    version: int
    sealed: bytes | None = None
    ended: str = ""
    """`started` or `deleted`."""
    touched_at: datetime = Field(sa_type=UtcDateTime)


class DraftPhoto(SQLModel, table=True):
    """A photo of a draft, without metadata, sealed with the draft's key."""

    __tablename__ = "draft_photo"
    id: str = Field(primary_key=True)
    draft_id: str = Field(index=True)
    child: int
    """From 0."""
    sealed: bytes
    width: int
    height: int
    crop: str = ""
    """Square that is shown: left, top and side in pixels, by commas; empty: all of it."""
    parents: bool = False
    """It came by an intake link, and nobody took it over yet."""
    added_at: datetime = Field(sa_type=UtcDateTime)
