"""What of the published may be read now: the store's revision and leases are obeyed at every look."""

from __future__ import annotations

from collections.abc import Callable, Collection
from datetime import datetime

from sqlalchemy import and_, func
from sqlmodel import Session, col, select

from alerts.vocabulary import Kind
from starter.parts import Parts
from starter.public.answers import shared
from store import editions
from store.standing import may_serve, standing, visible
from store.tables.alert import AlertStanding, Publication

Live = tuple[AlertStanding, Publication, bytes]


def _stamp(row: AlertStanding, published_at: object, now: datetime) -> str:
    shows = visible(row, now) and row.lease_until is not None
    cached = shared(row.lease_until - now) if shows and row.lease_until else ""
    return f"{row.alert_id} {row.revision} {row.digest} {row.why} {row.outcome_digest} {published_at} {cached}"


class Showing:
    """Reads the store for each request; holds nothing."""

    def __init__(self, parts: Parts, clock: Callable[[], datetime]) -> None:
        self._parts = parts
        self._clock = clock

    def published(self, session: Session, row: AlertStanding, channel: str, name: str) -> bytes | None:
        """What is published of an alert; None when it is not shown now."""
        publication = editions.published(session, row.alert_id, channel, name)
        if publication is None or not may_serve(row, publication.revision, self._clock()):
            return None
        try:
            return editions.open_publication(publication, self._parts.keys.display_key(row.alert_id))
        except LookupError:
            return None

    def stamps(self, session: Session, alert_ids: Collection[str]) -> dict[str, str]:
        """All that the page and the photos of these alerts hang on, in a line each; another one: another answer."""
        rows = select(AlertStanding, func.max(Publication.published_at)).join(
            Publication,
            and_(col(Publication.alert_id) == AlertStanding.alert_id, col(Publication.channel) == "web"),
            isouter=True,
        )
        wanted = rows.where(col(AlertStanding.alert_id).in_(alert_ids)).group_by(col(AlertStanding.alert_id))
        now = self._clock()
        return {row.alert_id: _stamp(row, published_at, now) for row, published_at in session.exec(wanted)}

    def live(self, channel: str, name: str, *, exercise: bool) -> list[Live]:
        """That item of every alert that is shown now, the newest first."""
        found = []
        with self._parts.db.read() as session:
            for publication in editions.publications(session, channel, name):
                row = standing(session, publication.alert_id)
                content = self.published(session, row, channel, name)
                if content is not None and (row.kind == Kind.EXERCISE) == exercise:
                    found.append((row, publication, content))
        return found

    def leased(self, channel: str, name: str, *, exercise: bool) -> list[dict[str, str]]:
        """The same for a page that lets go of each by itself at the end of its lease, the oldest first."""
        return [
            {"alert_id": row.alert_id, "lease_until": row.lease_until.isoformat(), "html": content.decode()}
            for row, _, content in reversed(self.live(channel, name, exercise=exercise))
            if row.lease_until is not None
        ]
