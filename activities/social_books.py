"""What the `social` channel writes down of each post: an intent before, what became of it after (DESIGN, rule 6)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

from activities.channels.base import Busy, ChannelError, Unreachable
from activities.social_http import Posted
from activities.social_post import About
from activities.tid import new_key
from store import social
from store.database import Database
from store.social import Stands
from store.tables.sending import SocialPost

WITHIN = 15.0
"""Seconds for all calls about one post; for so long after each attempt began a request may still arrive."""


class Intended(NamedTuple):
    """What is about to be said, and what stands before it is."""

    stands: Stands
    row: SocialPost
    earlier_until: datetime | None
    """Until when a request of an earlier attempt may still arrive."""
    new: bool
    """Whether nobody tried it before."""


class SocialBooks:
    def __init__(self, db: Database, clock: Callable[[], datetime]) -> None:
        self._db = db
        self._clock = clock

    def stands(self, alert_id: str, account: str) -> Stands:
        with self._db.write() as session:
            return social.stands(session, alert_id, account)

    def intend(self, about: About) -> Intended:
        """Write down that it is tried now, until it is known to be posted."""
        now = self._clock()
        until = now + timedelta(seconds=WITHIN)
        said = (about.job.edition, about.ends, about.sha256)
        with self._db.write() as session:
            stands = social.stands(session, about.job.alert_id, about.message.address)
            newest = stands.posts[-1] if stands.posts else None
            if newest is not None and (newest.edition, newest.ends, newest.sha256) == said:
                earlier = newest.in_flight_until
                if newest.posted_at is None:
                    newest.in_flight_until = until
                    session.add(newest)
                return Intended(stands, newest, earlier, new=False)
            row = SocialPost(
                key=new_key(now),
                alert_id=about.job.alert_id,
                account=about.message.address,
                revision=stands.revision,
                intent_at=now,
                in_flight_until=until,
                edition=about.job.edition,
                ends=about.ends,
                sha256=about.sha256,
            )
            session.add(row)
        return Intended(stands, row, None, new=True)

    def failed(self, intended: Intended, error: ChannelError) -> None:
        """Forget this attempt where nothing came of it for certain; what earlier ones left in doubt stays so."""
        if isinstance(error, (Busy, Unreachable)) and error.in_doubt:
            return
        with self._db.write() as session:
            if intended.new:
                social.forget(session, intended.row.key)
            else:
                social.note(session, intended.row.key, in_flight_until=intended.earlier_until)

    def posted(self, key: str, posted: Posted | None, said_before: Sequence[str]) -> None:
        now = self._clock()
        known = {"post_id": posted.post_id, "url": posted.url} if posted else {}
        with self._db.write() as session:
            social.note(session, key, posted_at=now, in_flight_until=None, **known)
            for one in said_before:
                social.note(session, one, gone_at=now)

    def gone(self, keys: Sequence[str], now: datetime) -> None:
        with self._db.write() as session:
            for key in keys:
                social.note(session, key, gone_at=now)

    def to_look_at(self, every: float) -> Sequence[SocialPost]:
        with self._db.write() as session:
            return social.claim_looks(session, self._clock(), timedelta(seconds=every))

    def seen(self, key: str) -> None:
        with self._db.write() as session:
            social.note(session, key, seen_at=self._clock())
