"""Posts on social media: an intent before each, what became of it after, and proof when all is gone.

The rows outlive the alert's keys: they say that something was posted, when and where, and not what.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

from sqlmodel import Session, col, func, select

from alerts.values import Value
from store.standing import locked
from store.tables.sending import SocialPost

FRESH = timedelta(seconds=90)
"""For so long a read-back counts."""


class Proof(Value):
    """Of one thing that was said, for the report."""

    account: str
    edition: int
    ends: bool
    sha256: str
    url: str | None
    posted_at: datetime | None
    gone_at: datetime | None


class Stands(NamedTuple):
    """What an account has of an alert, and how far the alert is."""

    posts: Sequence[SocialPost]
    """Those that are not known to be gone, the newest last."""
    revision: int
    dark_revision: int

    def dark(self, post: SocialPost) -> bool:
        """Whether something was taken away since it was written, or it says so itself."""
        return post.ends or post.revision <= self.dark_revision


def stands(session: Session, alert_id: str, account: str) -> Stands:
    """Nobody else posts for this alert until the transaction ends."""
    row = locked(session, alert_id)
    mine = select(SocialPost).where(SocialPost.alert_id == alert_id, SocialPost.account == account)
    posts = session.exec(mine.where(col(SocialPost.gone_at).is_(None)).order_by(col(SocialPost.intent_at))).all()
    return Stands(posts=posts, revision=row.revision, dark_revision=row.dark_revision)


def note(session: Session, key: str, **what: object) -> None:
    """Write down of a post what has become known."""
    row = session.get(SocialPost, key, with_for_update=True)
    if row is not None:
        row.sqlmodel_update(what)
        session.add(row)


def forget(session: Session, key: str) -> None:
    """An intent of which nothing came, for certain."""
    row = session.get(SocialPost, key, with_for_update=True)
    if row is not None:
        session.delete(row)


def claim_looks(session: Session, now: datetime, every: timedelta) -> Sequence[SocialPost]:
    """Posts that show an alert and were not looked at for so long; another process does not get them too."""
    due = col(SocialPost.looked_at).is_(None) | (col(SocialPost.looked_at) <= now - every)
    posts = select(SocialPost).where(
        due, col(SocialPost.posted_at).is_not(None), col(SocialPost.gone_at).is_(None), col(SocialPost.ends).is_(False)
    )
    found = session.exec(posts.with_for_update(skip_locked=True)).all()
    for row in found:
        row.looked_at = now
        session.add(row)
    return found


def seen(session: Session, alert_id: str, now: datetime) -> int:
    """How many posts of an alert were just read back."""
    fresh = col(SocialPost.seen_at) > now - FRESH
    query = select(func.count()).where(SocialPost.alert_id == alert_id, col(SocialPost.gone_at).is_(None), fresh)
    return session.exec(query).one()


def proofs(session: Session, alert_id: str) -> list[Proof]:
    """All that was said, in order."""
    rows = session.exec(select(SocialPost).where(SocialPost.alert_id == alert_id).order_by(col(SocialPost.intent_at)))
    return [Proof.model_validate(row.model_dump(include=set(Proof.model_fields))) for row in rows]
