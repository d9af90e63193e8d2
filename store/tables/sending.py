"""Tables of sending: who can be reached, the frozen audience of an alert, and the ledger of what each got."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Index, text
from sqlmodel import Field, SQLModel

from store.tables.types import UtcDateTime

AWAY = text("(left_at IS NOT NULL OR paused)")
"""Of a subscriber who gets nothing now; exactly so in queries, or the index below is not used."""


class Subscriber(SQLModel, table=True):
    """Somebody who wants to hear of alerts on a personal channel; the address is sealed."""

    __tablename__ = "subscriber"
    __table_args__ = (
        Index("subscriber_once", "channel", "exercise", "fingerprint", unique=True),
        Index("subscriber_joined", "channel", "exercise", "id"),
        Index("subscriber_away", "id", sqlite_where=AWAY, postgresql_where=AWAY),
        {"sqlite_autoincrement": True},  # an audience knows up to which one it looked: none may be given twice
    )
    id: int | None = Field(default=None, primary_key=True)
    channel: str
    fingerprint: bytes
    """Of the address, with a key of the installation: finds it again without opening any other."""
    sealed_address: bytes
    language: str = "nl"
    areas: str = ""
    """Codes of municipalities, with a comma between; empty: wherever in the country."""
    exercise: bool = False
    """A counterpart for exercises; never mixed with the public."""
    paused: bool = False
    since: datetime = Field(sa_type=UtcDateTime)
    left_at: datetime | None = Field(default=None, sa_type=UtcDateTime)


class FormerNumber(SQLModel, table=True):
    """The number of somebody who has another one now, under the same address.

    Audiences that were frozen with it pass it by, save to say that it ended: who was reached must hear that.
    """

    __tablename__ = "former_number"
    subscriber_id: int = Field(primary_key=True)
    channel: str
    exercise: bool
    fingerprint: bytes


class SubscriberArea(SQLModel, table=True):
    """Who wants to hear of alerts in a municipality."""

    __tablename__ = "subscriber_area"
    __table_args__ = {"sqlite_with_rowid": False}
    code: str = Field(primary_key=True)
    subscriber_id: int = Field(primary_key=True)


class Audience(SQLModel, table=True):
    """How far the audience of one alert on one channel is frozen."""

    __tablename__ = "audience"
    alert_id: str = Field(primary_key=True)
    channel: str = Field(primary_key=True)
    size: int = 0
    """Positions given out, from 0."""
    pages: int = 0
    areas: str = ""
    """The codes it was frozen for, with a comma between; `*` for the whole country."""
    last_subscriber: int = 0
    """Everybody up to this one was looked at for those areas."""


class FinishedBatches(SQLModel, table=True):
    """How many batches to an audience came to their end: an older copy of the store has fewer (`store.witness`)."""

    __tablename__ = "finished_batches"
    alert_id: str = Field(primary_key=True)
    channel: str = Field(primary_key=True)
    number: int = 0


class AudiencePage(SQLModel, table=True):
    """A run of positions with all that sending to them needs, sealed with the alert's display key."""

    __tablename__ = "audience_page"
    __table_args__ = (
        Index("audience_page_from", "alert_id", "channel", "start", unique=True),
        Index("audience_page_with", "alert_id", "channel", "first_subscriber", "last_subscriber"),
    )
    alert_id: str = Field(primary_key=True)
    channel: str = Field(primary_key=True)
    number: int = Field(primary_key=True)
    start: int
    count: int
    first_subscriber: int
    last_subscriber: int
    """Lowest and highest in it; pages of a later extension may lie between."""
    sealed: bytes


class LedgerChunk(SQLModel, table=True):
    """An intent before, an outcome after: what a chunk of positions got, one byte each.

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
    revision: int
    intent_at: datetime = Field(sa_type=UtcDateTime)
    intended: bytes
    """One byte a position: which kind of message goes out (`store.ledger.KINDS`), 0 where none does."""
    messages: int
    """How many of them are not 0."""
    outcomes: bytes | None = None
    """One byte a position: `store.ledger.Status`."""
    reached: int = 0
    failed: int = 0
    in_doubt: int = 0
    first_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    last_at: datetime | None = Field(default=None, sa_type=UtcDateTime)


class SeenPage(SQLModel, table=True):
    """A run of positions of an audience, and which of them have an edition by receipt (`store.proof`)."""

    __tablename__ = "seen_page"
    alert_id: str = Field(primary_key=True)
    channel: str = Field(primary_key=True)
    edition: int = Field(primary_key=True)
    page: int = Field(primary_key=True)
    bits: bytes
    """One a position, the lowest first."""
    number: int
    """How many of them are 1."""


class ScreenShowing(SQLModel, table=True):
    """What a screen with the player page said that it shows, and when."""

    __tablename__ = "screen_showing"
    __table_args__ = (Index("screen_showing_of", "screen"),)
    alert_id: str = Field(primary_key=True)
    screen: str = Field(primary_key=True)
    edition: int
    at: datetime = Field(sa_type=UtcDateTime)


class SendingRate(SQLModel, table=True):
    """How far an endpoint's rate is booked, in seconds of the database's clock since 1970 (`store.rates`)."""

    __tablename__ = "sending_rate"
    endpoint: str = Field(primary_key=True)
    free_at: float = 0.0
    """When the next message may leave."""
    end_asked_at: float = 0.0
    alert_asked_at: float = 0.0
    exercise_asked_at: float = 0.0
    """When somebody of that urgency last asked."""


class SocialPost(SQLModel, table=True):
    """What was said in one post: its hash, its times and its address as proof, never its words or picture.

    A change of a post is a row of its own, and ends the row before.
    """

    __tablename__ = "social_post"
    key: str = Field(primary_key=True)
    """By which its service knows it again: `Idempotency-Key` of Mastodon, record key of Bluesky."""
    alert_id: str = Field(index=True)
    account: str
    """Name and language, such as `Police/nl`."""
    revision: int
    """The alert's when it was written."""
    edition: int
    ends: bool = False
    """Whether it says that the alert ended, or is not shown now."""
    sha256: str
    """Of the text, and of the photos in their order."""
    intent_at: datetime = Field(sa_type=UtcDateTime)
    in_flight_until: datetime | None = Field(default=None, sa_type=UtcDateTime)
    """Until then a request that nobody heard of again may still arrive."""
    post_id: str | None = None
    """Under which the service has it; None: not known (yet)."""
    url: str | None = None
    posted_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    """None: in doubt."""
    gone_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    """When it was deleted, or said something else."""
    looked_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    seen_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    """When it was last read back as everybody reads it."""


class ChannelTrouble(SQLModel, table=True):
    """What keeps a channel from going on right now; gone as soon as it went on."""

    __tablename__ = "channel_trouble"
    alert_id: str = Field(primary_key=True)
    channel: str = Field(primary_key=True)
    error: str
    since: datetime = Field(sa_type=UtcDateTime)
    attempts: int = 1


class ChannelTry(SQLModel, table=True):
    """The last try of a channel in trouble; gone with its trouble."""

    __tablename__ = "channel_try"
    alert_id: str = Field(primary_key=True)
    channel: str = Field(primary_key=True)
    at: datetime = Field(sa_type=UtcDateTime)
    waits: float | None = None
    """Seconds from then until it is tried again; None: nobody knows."""
