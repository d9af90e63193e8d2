"""Intake links: a one-time way for a parent to add photos and words to a draft, which its operator takes over or not.

Of the word in a link only its SHA-256 is kept; it has 128 random bits, so nobody finds one by trying.
"""

from __future__ import annotations

import hashlib
import json
import secrets
from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlmodel import Session, col, select, update
from sqlmodel.sql.expression import SelectOfScalar

from alerts.sealing import seal, unseal
from alerts.values import Value
from store.database import Database
from store.drafts import Draft, Drafts, Gone, Photo, TooMuch
from store.keys import KeyDestroyed, KeyMissing, KeyStore
from store.tables.draft import DraftRow
from store.tables.intake import IntakeLink

WORKS_FOR = timedelta(hours=1)
MOST_LINKS = 10
"""Of one draft, over all its life."""


class Closed(LookupError):
    """A link that was used, revoked or has expired, or whose draft is gone; `used` when it was used."""

    def __init__(self, *, used: bool) -> None:
        super().__init__("this link works no more")
        self.used = used


class Unknown(LookupError):
    """There never was such a link, or it is long gone."""


class Link(Value):
    """A link as its operator sees it."""

    id: str
    """Tells it from others of the draft; not the word."""
    expires_at: datetime
    open: bool
    used_at: datetime | None
    said: dict[str, str]
    """What the parent wrote, by field of the form."""


class Intake:
    def __init__(self, db: Database, keys: KeyStore) -> None:
        self._db = db
        self._keys = keys
        self._drafts = Drafts(db, keys)

    def make(self, draft: Draft, now: datetime) -> str:
        """The word of a new link; raises TooMuch."""
        word = secrets.token_urlsafe(16)
        with self._db.write() as session:
            if len(session.exec(_links_of(draft.id)).all()) >= MOST_LINKS:
                raise TooMuch(f"{MOST_LINKS} links already")
            session.add(IntakeLink(word_sha256=_hash(word), draft_id=draft.id, expires_at=now + WORKS_FOR))
        return word

    def revoke(self, draft: Draft, link_id: str) -> None:
        mine = col(IntakeLink.draft_id) == draft.id, col(IntakeLink.word_sha256).startswith(link_id)
        with self._db.write() as session:
            session.exec(update(IntakeLink).where(*mine).values(revoked=True))

    def links(self, draft: Draft, now: datetime) -> list[Link]:
        """Of a draft, the newest last."""
        with self._db.read() as session:
            rows = session.exec(_links_of(draft.id)).all()
        return [
            Link(
                id=row.word_sha256[:16],
                expires_at=row.expires_at,
                open=_is_open(row, now),
                used_at=row.used_at,
                said=self._said(row),
            )
            for row in rows
        ]

    def check(self, word: str, now: datetime) -> None:
        """Whether a link works now; raises Closed or Unknown."""
        with self._db.read() as session:
            row, _ = _find(session, word)
        if not _is_open(row, now):
            raise Closed(used=row.used_at is not None)

    def use(self, word: str, said: dict[str, str], photos: Sequence[Photo], now: datetime) -> None:
        """Bring it all into the draft, once. Raises Closed, Unknown or TooMuch, and then nothing was brought."""
        with self._db.read() as session:
            row, draft = _find(session, word)
        try:
            key = self._keys.get(draft.id, "draft")
        except (KeyDestroyed, KeyMissing) as error:
            raise Closed(used=False) from error
        sealed = seal(key, json.dumps(said, ensure_ascii=False).encode(), aad=_aad(row))
        with self._db.write() as session:
            row = session.get_one(IntakeLink, row.word_sha256, with_for_update=True, populate_existing=True)
            if not _is_open(row, now):
                raise Closed(used=row.used_at is not None)
            row.used_at, row.sealed = now, sealed
            session.add(row)
            try:
                self._drafts.add_photos(session, draft.owner, draft.id, key, photos, now)
            except Gone as error:
                raise Closed(used=False) from error

    def _said(self, row: IntakeLink) -> dict[str, str]:
        if row.sealed is None:
            return {}
        opened = unseal(self._keys.get(row.draft_id, "draft"), row.sealed, aad=_aad(row))
        found: dict[str, str] = json.loads(opened)
        return found


def _find(session: Session, word: str) -> tuple[IntakeLink, DraftRow]:
    row = session.get(IntakeLink, _hash(word))
    draft = session.get(DraftRow, row.draft_id) if row else None
    if row is None or draft is None:
        raise Unknown("no such link")
    if draft.ended:
        raise Closed(used=row.used_at is not None)
    return row, draft


def _is_open(row: IntakeLink, now: datetime) -> bool:
    return row.used_at is None and not row.revoked and now < row.expires_at


def _links_of(draft_id: str) -> SelectOfScalar[IntakeLink]:
    return select(IntakeLink).where(col(IntakeLink.draft_id) == draft_id).order_by(col(IntakeLink.expires_at))


def _hash(word: str) -> str:
    return hashlib.sha256(word.encode()).hexdigest()


def _aad(row: IntakeLink) -> bytes:
    return f"intake:{row.word_sha256}".encode()
