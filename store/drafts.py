"""Drafts of alerts: what was typed and its photos, sealed with a key of each draft's own that dies with it.

A draft is its operator's alone. Once it was started or deleted, its row tells a page that is still open so, until it
expires.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

from sqlmodel import Session, col, delete, select, update
from sqlmodel.sql.expression import SelectOfScalar

from alerts.sealing import seal, unseal
from alerts.values import Value
from store.database import Database
from store.keys import KeyDestroyed, KeyMissing, KeyStore
from store.rows import insert_new
from store.tables.draft import DraftPhoto, DraftRow
from store.tables.intake import IntakeLink

LASTS = timedelta(hours=24)
"""From the last thing typed: into the next shift, not longer."""
MOST_BYTES = 200_000
"""Of what was typed, as JSON."""
MOST_OF_ONE = 50
"""Open drafts of one operator."""
MOST_PHOTOS = 40


class Gone(LookupError):
    """There is no such draft of this operator (any more); `alert_id` when an alert was made of it."""

    def __init__(self, alert_id: str | None = None) -> None:
        super().__init__("this draft was deleted or has expired")
        self.alert_id = alert_id


class Elsewhere(RuntimeError):
    """Another page saved a newer version, which this one has not seen."""


class TooMuch(ValueError):
    """More than a draft holds; the text says what."""


class Draft(Value):
    id: str
    owner: str
    door: str
    alert_id: str
    version: int
    touched_at: datetime
    values: dict[str, str]
    """What the form's fields say."""


class Crop(NamedTuple):
    """A square of a photo, in its pixels."""

    left: int
    top: int
    side: int


class Photo(Value):
    """A photo of a draft, opened."""

    id: str
    child: int
    file: str
    """Its name where it came from."""
    jpeg: bytes
    width: int
    height: int
    crop: Crop | None
    parents: bool


class Drafts:
    """Every method takes the operator: somebody else's draft is none."""

    def __init__(self, db: Database, keys: KeyStore) -> None:
        self._db = db
        self._keys = keys

    def save(
        self, owner: str, draft_id: str, door: str, values: dict[str, str], *, page: str, version: int, now: datetime
    ) -> Draft:
        """Keep what was typed, in a new draft or over an older version. Raises Gone, Elsewhere or TooMuch."""
        text = json.dumps(values, ensure_ascii=False).encode()
        if len(text) > MOST_BYTES:
            raise TooMuch(f"more than {MOST_BYTES // 1000} kB of text")
        with self._db.read() as session:
            known = session.get(DraftRow, draft_id)
            if known is not None:
                _row(session, owner, draft_id)
            many = len(session.exec(_open_of(owner)).all()) >= MOST_OF_ONE
        if known is None:
            if many:
                raise TooMuch(f"{MOST_OF_ONE} drafts already; delete some first")
            self._keys.create(draft_id, ["draft"])
        key = self._key(draft_id)
        with self._db.write() as session:
            if known is None:
                fresh = DraftRow(
                    id=draft_id,
                    owner=owner,
                    door=door,
                    alert_id=new_id(),
                    page=page,
                    version=version,
                    touched_at=now,
                )
                insert_new(session, fresh)
            row = _row(session, owner, draft_id, lock=True)
            if row.page != page and row.version != version:
                raise Elsewhere("another page saved this draft since")
            row.page, row.version, row.touched_at = page, row.version + 1, now
            row.sealed = seal(key, text, aad=_aad(draft_id))
            session.add(row)
            return _opened(row, values)

    def open(self, owner: str, draft_id: str) -> Draft:
        """Raises Gone."""
        with self._db.read() as session:
            row = _row(session, owner, draft_id)
        return self._open(row)

    def all(self, owner: str) -> list[Draft]:
        """The open ones, the newest first."""
        with self._db.read() as session:
            rows = session.exec(_open_of(owner)).all()
        found = []
        for row in rows:
            try:
                found.append(self._open(row))
            except Gone:
                continue  # its key was destroyed after we looked
        return found

    def end(self, owner: str, draft_id: str, how: str, now: datetime) -> None:
        """`started` or `deleted`: all that was typed is unreadable from now on."""
        with self._db.write() as session:
            row = _row(session, owner, draft_id, lock=True)
            row.ended, row.sealed, row.touched_at = how, None, now
            session.add(row)
            _drop_parts(session, [draft_id])
        self._keys.destroy(draft_id, "draft")

    def begin_again(self, draft_id: str) -> None:
        """Its alert was not started and its id is used up: the next try gets another one."""
        with self._db.write() as session:
            session.exec(update(DraftRow).where(col(DraftRow.id) == draft_id).values(alert_id=new_id()))

    def sweep(self, now: datetime) -> int:
        """Destroy what nobody touched for `LASTS`; how many drafts."""
        with self._db.read() as session:
            old = session.exec(select(DraftRow).where(col(DraftRow.touched_at) < now - LASTS)).all()
        for row in old:
            self._keys.destroy(row.id, "draft")
        ids = [row.id for row in old]
        if ids:
            with self._db.write() as session:
                _drop_parts(session, ids)
                session.exec(delete(IntakeLink).where(col(IntakeLink.draft_id).in_(ids)))
                session.exec(delete(DraftRow).where(col(DraftRow.id).in_(ids)))
        return len(ids)

    # Photos

    def add_photo(self, draft: Draft, photo: Photo, now: datetime) -> None:
        """Raises Gone or TooMuch."""
        with self._db.write() as session:
            self.add_photos(session, draft.owner, draft.id, self._key(draft.id), [photo], now)

    def add_photos(
        self, session: Session, owner: str, draft_id: str, key: bytes, photos: Sequence[Photo], now: datetime
    ) -> None:
        """All or none; raises Gone or TooMuch."""
        _row(session, owner, draft_id, lock=True)
        if len(session.exec(_photos_of(draft_id)).all()) + len(photos) > MOST_PHOTOS:
            raise TooMuch(f"{MOST_PHOTOS} photos already; take some away first")
        for n, photo in enumerate(photos):
            said = json.dumps({"file": photo.file}).encode() + b"\n" + photo.jpeg
            session.add(
                DraftPhoto(
                    **photo.model_dump(include={"id", "child", "width", "height", "parents"}),
                    draft_id=draft_id,
                    sealed=seal(key, said, aad=_aad(photo.id)),
                    added_at=now + timedelta(microseconds=n),
                )
            )

    def photos(self, draft: Draft) -> list[Photo]:
        """In the order in which they came."""
        with self._db.read() as session:
            rows = session.exec(_photos_of(draft.id)).all()
        key = self._key(draft.id) if rows else b""
        return [_photo(row, key) for row in rows]

    def change_photo(self, draft: Draft, photo_id: str, **values: object) -> None:
        """Its `crop` (left, top, side by commas) or `parents`."""
        mine = col(DraftPhoto.id) == photo_id, col(DraftPhoto.draft_id) == draft.id
        with self._db.write() as session:
            session.exec(update(DraftPhoto).where(*mine).values(**values))

    def remove_photo(self, draft: Draft, photo_id: str) -> None:
        mine = col(DraftPhoto.id) == photo_id, col(DraftPhoto.draft_id) == draft.id
        with self._db.write() as session:
            session.exec(delete(DraftPhoto).where(*mine))

    def _open(self, row: DraftRow) -> Draft:
        sealed = unseal(self._key(row.id), row.sealed or b"", aad=_aad(row.id))
        return _opened(row, json.loads(sealed))

    def _key(self, draft_id: str) -> bytes:
        try:
            return self._keys.get(draft_id, "draft")
        except (KeyDestroyed, KeyMissing) as error:
            raise Gone from error


def new_id() -> str:
    """Of a draft or an alert: without signs that look alike, as ids are read out over the phone."""
    return "".join(secrets.choice("23456789abcdefghjkmnpqrstuvwxyz") for _ in range(10))


def _row(session: Session, owner: str, draft_id: str, *, lock: bool = False) -> DraftRow:
    row = session.get(DraftRow, draft_id, with_for_update=lock, populate_existing=lock)
    if row is None or row.owner != owner:
        raise Gone
    if row.ended:
        raise Gone(row.alert_id if row.ended == "started" else None)
    return row


def _opened(row: DraftRow, values: dict[str, str]) -> Draft:
    return Draft(**row.model_dump(include=Draft.model_fields.keys() - {"values"}), values=values)


def _open_of(owner: str) -> SelectOfScalar[DraftRow]:
    mine = col(DraftRow.owner) == owner, col(DraftRow.ended) == "", col(DraftRow.sealed).is_not(None)
    return select(DraftRow).where(*mine).order_by(col(DraftRow.touched_at).desc())


def _photos_of(draft_id: str) -> SelectOfScalar[DraftPhoto]:
    return select(DraftPhoto).where(col(DraftPhoto.draft_id) == draft_id).order_by(col(DraftPhoto.added_at))


def _photo(row: DraftPhoto, key: bytes) -> Photo:
    said, _, jpeg = unseal(key, row.sealed, aad=_aad(row.id)).partition(b"\n")
    square = Crop(*map(int, row.crop.split(","))) if row.crop else None
    known = row.model_dump(include={"id", "child", "width", "height", "parents"})
    return Photo(**known, file=json.loads(said)["file"], jpeg=jpeg, crop=square)


def _drop_parts(session: Session, drafts: Sequence[str]) -> None:
    session.exec(delete(DraftPhoto).where(col(DraftPhoto.draft_id).in_(drafts)))
    session.exec(update(IntakeLink).where(col(IntakeLink.draft_id).in_(drafts)).values(sealed=None))


def _aad(name: str) -> bytes:
    return f"draft:{name}".encode()
