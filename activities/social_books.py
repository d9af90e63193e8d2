"""What the `social` channel writes down of each post: an intent before, what became of it after (DESIGN, rule 6)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

from activities.channels.base import Busy, ChannelError, Unreachable
from activities.social_http import Posted
from activities.social_post import About
from activities.tid import new_key
from store import social
from store.database import Database
from store.social import Stands
from store.tables.sending import SocialPost

WITHIN = 15.0
"""Seconds for all calls about one post; for so long after its intent a request may still arrive."""


class SocialBooks:
    def __init__(self, db: Database, clock: Callable[[], datetime]) -> None:
        self._db = db
        self._clock = clock

    def stands(self, about: About) -> Stands:
        with self._db.write() as session:
            return social.stands(session, about.job.alert_id, about.message.address)

    def intend(self, about: About) -> tuple[Stands, SocialPost, bool]:
        """What stands, the row of what is to be said, and whether nobody tried that before."""
        now = self._clock()
        said = (about.job.edition, about.ends, about.sha256)
        with self._db.write() as session:
            stands = social.stands(session, about.job.alert_id, about.message.address)
            newest = stands.posts[-1] if stands.posts else None
            if newest is not None and (newest.edition, newest.ends, newest.sha256) == said:
                return stands, newest, False
            row = SocialPost(
                key=new_key(now),
                alert_id=about.job.alert_id,
                account=about.message.address,
                revision=stands.revision,
                intent_at=now,
                in_flight_until=now + timedelta(seconds=WITHIN),
                edition=about.job.edition,
                ends=about.ends,
                sha256=about.sha256,
            )
            session.add(row)
        return stands, row, True

    def failed(self, key: str, error: ChannelError, new: bool, *, at_most_once: bool) -> None:
        """Forget it where nothing came of it for certain, and no earlier attempt is in doubt.

        An error of the server is no certainty where the same may be asked again under the same key.
        """
        if isinstance(error, Unreachable) and error.in_doubt:
            return
        answered = isinstance(error, Busy) and not at_most_once
        with self._db.write() as session:
            if answered:
                social.note(session, key, in_flight_until=None)
            elif new:
                social.forget(session, key)

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
