"""Editions, renditions, photos and publications: everything about the child on disk, sealed with its display key.

When the display key is destroyed, all of it is unreadable at once, whatever copies exist.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable, Sequence
from datetime import datetime

import sqlalchemy
from sqlmodel import Session, col, select

from alerts.edition import Edition
from alerts.sealing import seal, unseal
from alerts.values import Value
from store.rows import insert_new, of, put
from store.standing import require_revision
from store.tables.alert import EditionPhotoRow, Media, Publication, SealedEdition, SealedRendition

_RENDITION = sqlalchemy.select(col(SealedRendition.sealed)).where(
    *of(SealedRendition, "alert_id", "digest", "channel")
)
KeyOf = Callable[[str], bytes]
"""The display key of an alert by its id; raises when it is missing, destroyed or away."""


class MediaInfo(Value):
    alert_id: str
    token: str
    sha256: str


def photo_token(display_key: bytes, sha256: str) -> str:
    """Unguessable, and the same for the same photo of the same alert."""
    return hmac.new(display_key, f"photo:{sha256}".encode(), hashlib.sha256).hexdigest()[:40]


def put_photo(session: Session, key: bytes, alert_id: str, sha256: str, jpeg: bytes) -> str:
    """Keep a photo; its token. The same photo twice is kept once."""
    aad = f"media:{alert_id}:{sha256}".encode()
    token = photo_token(key, sha256)
    insert_new(session, Media(alert_id=alert_id, sha256=sha256, token=token, sealed=seal(key, jpeg, aad=aad)))
    return token


def get_photo(session: Session, key: bytes, alert_id: str, sha256: str) -> bytes | None:
    row = session.get(Media, (alert_id, sha256))
    return unseal(key, row.sealed, aad=f"media:{alert_id}:{sha256}".encode()) if row else None


def media_by_token(session: Session, token: str) -> MediaInfo | None:
    row = session.exec(select(Media).where(Media.token == token)).first()
    return MediaInfo(alert_id=row.alert_id, token=row.token, sha256=row.sha256) if row else None


def shows_photo(session: Session, alert_id: str, digest: str | None, token: str) -> bool:
    """Whether the edition of that digest shows this photo."""
    return digest is not None and session.get(EditionPhotoRow, (alert_id, digest, token)) is not None


def put_edition(session: Session, key: bytes, edition: Edition) -> None:
    """Freeze an edition; the same digest twice is the same edition."""
    aad = f"edition:{edition.alert_id}:{edition.digest}".encode()
    sealed = seal(key, edition.model_dump_json().encode(), aad=aad)
    put(
        session,
        SealedEdition(alert_id=edition.alert_id, digest=edition.digest, number=edition.number, sealed=sealed),
    )
    for token in dict.fromkeys(photo.token for photo in edition.photos):
        insert_new(session, EditionPhotoRow(alert_id=edition.alert_id, digest=edition.digest, token=token))


def get_edition(session: Session, key: bytes, alert_id: str, digest: str) -> Edition:
    """The edition of that digest; raises LookupError."""
    row = session.get(SealedEdition, (alert_id, digest))
    if row is None:
        raise LookupError(f"no edition {digest[:12]} of alert {alert_id} in the store")
    opened = unseal(key, row.sealed, aad=f"edition:{alert_id}:{digest}".encode())
    return Edition.model_validate_json(opened)


def all_editions(session: Session, key: bytes, alert_id: str) -> list[Edition]:
    """Every edition of an alert that was prepared, by number."""
    query = select(SealedEdition.digest).where(SealedEdition.alert_id == alert_id).order_by(col(SealedEdition.number))
    return [get_edition(session, key, alert_id, digest) for digest in session.exec(query).all()]


def numbered(session: Session, alert_id: str) -> Sequence[tuple[int, str]]:
    """Number and digest of every edition that was prepared; they outlive what the display key seals."""
    query = select(SealedEdition.number, SealedEdition.digest).where(SealedEdition.alert_id == alert_id)
    return session.exec(query.order_by(col(SealedEdition.number))).all()


def put_rendition(session: Session, key: bytes, alert_id: str, digest: str, channel: str, text: str) -> None:
    aad = f"rendition:{alert_id}:{digest}:{channel}".encode()
    sealed = seal(key, text.encode(), aad=aad)
    put(session, SealedRendition(alert_id=alert_id, digest=digest, channel=channel, sealed=sealed))


def has_rendition(session: Session, alert_id: str, digest: str, channel: str) -> bool:
    return session.get(SealedRendition, (alert_id, digest, channel)) is not None


def get_rendition(session: Session, key: bytes, alert_id: str, digest: str, channel: str) -> str:
    """What the channel will send for that edition, as JSON; raises LookupError."""
    wanted = {"of_alert_id": alert_id, "of_digest": digest, "of_channel": channel}
    sealed = session.connection().execute(_RENDITION, wanted).scalar()
    if sealed is None:
        raise LookupError(f"no rendition of edition {digest[:12]} for {channel} in the store")
    return unseal(key, sealed, aad=f"rendition:{alert_id}:{digest}:{channel}".encode()).decode()


def publish(
    session: Session,
    key: bytes,
    *,
    alert_id: str,
    channel: str,
    revision: int,
    items: Sequence[tuple[str, str, bytes]],
    now: datetime,
) -> None:
    """Replace what a channel of ours serves by `items` (name, content type, bytes); compare-and-set.

    Raises Superseded when the store knows another revision than the one this is for.
    """
    require_revision(session, alert_id, revision)
    unpublish(session, alert_id, channel)
    for name, content_type, content in items:
        aad = f"publication:{alert_id}:{channel}:{name}".encode()
        session.add(
            Publication(
                alert_id=alert_id,
                channel=channel,
                name=name,
                revision=revision,
                content_type=content_type,
                etag=hashlib.sha256(content).hexdigest()[:32],
                published_at=now,
                sealed=seal(key, content, aad=aad),
            )
        )


def unpublish(session: Session, alert_id: str, channel: str) -> None:
    """Delete what a channel of ours serves of an alert."""
    rows = session.exec(select(Publication).where(Publication.alert_id == alert_id, Publication.channel == channel))
    for row in rows:
        session.delete(row)
    session.flush()


def published(session: Session, alert_id: str, channel: str, name: str) -> Publication | None:
    return session.get(Publication, (alert_id, channel, name))


def open_publication(row: Publication, key: bytes) -> bytes:
    return unseal(key, row.sealed, aad=f"publication:{row.alert_id}:{row.channel}:{row.name}".encode())


def publications(session: Session, channel: str, name: str) -> Sequence[Publication]:
    """That item of every alert, newest first."""
    query = select(Publication).where(Publication.channel == channel, Publication.name == name)
    return session.exec(query.order_by(col(Publication.published_at).desc())).all()
