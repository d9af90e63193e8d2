"""What of the published may be read now: the store's revision and leases are obeyed at every look."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from sqlmodel import Session

from alerts.vocabulary import Kind
from starter.parts import Parts
from store import editions
from store.standing import may_serve, standing
from store.tables.alert import AlertStanding, Publication

Live = tuple[AlertStanding, Publication, bytes]


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
