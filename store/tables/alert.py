"""Tables about alerts: what the public should see, what was prepared for it, and what commands wait."""

from __future__ import annotations

from datetime import datetime

from sqlmodel import Field, SQLModel

from store.tables.types import UtcDateTime


class Meta(SQLModel, table=True):
    """Facts that are of no alert: the store's own, such as its `incarnation`, and when partners fetched."""

    __tablename__ = "meta"
    name: str = Field(primary_key=True)
    value: str


class AlertStanding(SQLModel, table=True):
    """One row an alert: the monotone revision that senders and the read path obey alone (DESIGN, rule 1)."""

    __tablename__ = "alert_standing"
    alert_id: str = Field(primary_key=True)
    kind: str
    programme: str
    revision: int = 0
    dark_revision: int = 0
    """The last revision that took something away; what was published under an earlier one is gone for good."""
    meaning: str = "nothing"
    edition: int | None = None
    digest: str | None = None
    """Edition digest of what is shown, or was."""
    why: str | None = None
    outcome_digest: str | None = None
    lease_until: datetime | None = Field(default=None, sa_type=UtcDateTime)
    started_at: datetime = Field(sa_type=UtcDateTime)
    changed_at: datetime = Field(sa_type=UtcDateTime)
    shown_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    """When an edition was first declared; None when nobody ever saw it."""
    closed_at: datetime | None = Field(default=None, sa_type=UtcDateTime)


class SealedEdition(SQLModel, table=True):
    """An edition, sealed with the alert's display key, under its edition digest."""

    __tablename__ = "edition"
    alert_id: str = Field(primary_key=True)
    digest: str = Field(primary_key=True)
    number: int
    sealed: bytes


class SealedRendition(SQLModel, table=True):
    """What one channel will send for an edition, frozen when it was prepared; sealed with the display key."""

    __tablename__ = "rendition"
    alert_id: str = Field(primary_key=True)
    digest: str = Field(primary_key=True)
    channel: str = Field(primary_key=True)
    sealed: bytes


class Media(SQLModel, table=True):
    """A photo as Baken keeps it (stripped, encoded again), sealed with the display key."""

    __tablename__ = "media"
    alert_id: str = Field(primary_key=True)
    sha256: str = Field(primary_key=True)
    token: str = Field(unique=True)
    sealed: bytes


class EditionPhotoRow(SQLModel, table=True):
    """Which photos an edition shows; a token outside the standing edition answers 410."""

    __tablename__ = "edition_photo"
    alert_id: str = Field(primary_key=True)
    digest: str = Field(primary_key=True)
    token: str = Field(primary_key=True)


class Publication(SQLModel, table=True):
    """Bytes of ours that the read path serves as they are, sealed with the display key."""

    __tablename__ = "publication"
    alert_id: str = Field(primary_key=True)
    channel: str = Field(primary_key=True)
    name: str = Field(primary_key=True)
    revision: int
    content_type: str
    etag: str
    published_at: datetime = Field(sa_type=UtcDateTime)
    sealed: bytes


class CapMessage(SQLModel, table=True):
    """One CAP message: a row before it is published, so that what is in doubt can be referenced too."""

    __tablename__ = "cap_message"
    alert_id: str = Field(primary_key=True)
    n: int = Field(primary_key=True)
    identifier: str
    sent: str
    """With its offset, exactly as written in the message."""
    message_type: str
    revision: int
    expires: datetime = Field(sa_type=UtcDateTime)
    intent_at: datetime = Field(sa_type=UtcDateTime)
    published_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    sealed: bytes

    @property
    def cancels(self) -> bool:
        """A Cancel, which is kept in the clear and outlives the display key."""
        return self.message_type == "Cancel"


class NetworkMessage(SQLModel, table=True):
    """What one operator's network was told of an alert, without a word of it: a row before it is sent."""

    __tablename__ = "network_message"
    alert_id: str = Field(primary_key=True)
    network: str = Field(primary_key=True)
    n: int = Field(primary_key=True)
    identifier: str
    sent: str
    """With its offset, exactly as written in the message."""
    edition: int
    cancels: bool = False
    expires: datetime = Field(sa_type=UtcDateTime)
    state: str
    """`store.network_messages.State`."""


class OutboxCommand(SQLModel, table=True):
    """A command that takes away: written with its raised revision before Temporal hears of it (rule 2)."""

    __tablename__ = "outbox"
    command_id: str = Field(primary_key=True)
    alert_id: str = Field(index=True)
    action: str
    sealed: bytes
    raised: int | None
    """The revision it raised; None when all was withdrawn already."""
    written_at: datetime = Field(sa_type=UtcDateTime)
    signalled_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    ruled_at: datetime | None = Field(default=None, sa_type=UtcDateTime)


class AlertView(SQLModel, table=True):
    """The read model of an alert, sealed with its record key; a list needs only the columns in the clear."""

    __tablename__ = "alert_view"
    alert_id: str = Field(primary_key=True)
    version: int
    stage: str = Field(index=True)
    kind: str
    programme: str
    started_at: datetime = Field(sa_type=UtcDateTime)
    sealed: bytes
