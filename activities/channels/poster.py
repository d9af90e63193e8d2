"""`poster`: sheets of A4 and A3 to print and a square picture for posts, each with a code that tells whether it holds.

They are made while the approver reads, kept sealed, and served as bytes like the public page. What hangs on a wall
nobody can take back, so the code on it leads to a page that can.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import ClassVar

from sqlmodel import Session

from activities.channels.base import Capabilities, Part, PhotoBytes, PublishJob, Rejected, Rendition
from activities.poster_sheet import FONTS, SHEETS, CannotSet, Posters, in_words, make_posters
from alerts.edition import Edition
from alerts.vocabulary import Kind
from store import editions
from store.database import Database
from store.standing import require_not_overtaken

TYPES = {"pdf": "application/pdf", "png": "image/png"}
KEPT = "poster/sheets"
"""Beside the renditions of channels: the files, as they were made for an edition."""
MARK = 6
"""Characters of an edition's digest on its sheets; they are typed over as well."""


class PosterChannel:
    name: ClassVar[str] = "poster"
    capabilities: ClassVar[Capabilities] = Capabilities(
        label={"nl": "Posters om op te hangen", "en": "Posters to put up"},
        audience="public",
        update=True,
        recall=True,
        renews="renew",
        picture=True,
        attaches=True,
        characters="Latin, Greek, Cyrillic, Arabic, emoji",
        counterpart=False,
    )

    def __init__(
        self,
        db: Database,
        display_key: Callable[[str], bytes],
        clock: Callable[[], datetime],
        base_url: str,
        fonts: Path = FONTS,
    ) -> None:
        self._db = db
        self._display_key = display_key
        self._clock = clock
        self._base_url = base_url
        self._fonts = fonts

    def render(self, edition: Edition, base_url: str) -> Rendition:
        """The words; what of them is on which sheet is known once they are set."""
        address = _address(edition, base_url)
        parts = [
            Part(name=f"poster.{language}", media="text", content=in_words(edition, language, address))
            for language in edition.texts
        ]
        return Rendition(channel=self.name, parts=tuple(parts))

    async def probe(self, kind: Kind) -> str | None:
        """Our own store; the arm that asks has just read from it."""
        return None

    def prepare(self, edition: Edition, photos: Sequence[PhotoBytes]) -> tuple[str, ...]:
        """Make the sheets and keep them; what somebody should know before the yes."""
        if edition.purpose == "outcome":
            return ()
        try:
            return self._make(edition, photos).remarks
        except CannotSet as error:
            return (str(error),)

    def publish(self, job: PublishJob) -> None:
        key = self._display_key(job.alert_id)
        with self._db.read() as session:
            kept = kept_sheets(session, key, job.alert_id, job.edition.digest)
        files = kept or self._made_late(job)
        items = [(name, media_type(name), content) for name, content in files.items()]
        with self._db.write() as session:
            editions.publish(
                session,
                key,
                alert_id=job.alert_id,
                channel=self.name,
                revision=job.desired.revision,
                items=items,
                now=self._clock(),
            )

    def take_down(self, job: PublishJob) -> None:
        with self._db.write() as session:
            require_not_overtaken(session, job.alert_id, job.desired.revision)
            editions.unpublish(session, job.alert_id, self.name)

    def _made_late(self, job: PublishJob) -> Mapping[str, bytes]:
        """The yes came before the sheets were ready."""
        try:
            return self._make(job.edition, job.photos).files
        except CannotSet as error:
            raise Rejected(str(error)) from error

    def _make(self, edition: Edition, photos: Sequence[PhotoBytes]) -> Posters:
        jpegs = {photo.sha256: photo.jpeg for photo in photos}
        posters = make_posters(edition, jpegs, _address(edition, self._base_url), self._fonts)
        text = json.dumps({name: base64.b64encode(content).decode() for name, content in posters.files.items()})
        key = self._display_key(edition.alert_id)
        with self._db.write() as session:
            editions.put_rendition(session, key, edition.alert_id, edition.digest, KEPT, text)
        return posters


def media_type(name: str) -> str:
    """Of a file such as `a4.nl`."""
    return TYPES[SHEETS[name.partition(".")[0]]]


def sheets_of(session: Session, edition: Edition) -> tuple[str, ...]:
    """Names of the files of an edition, once they were made."""
    made = editions.has_rendition(session, edition.alert_id, edition.digest, KEPT)
    return tuple(f"{sheet}.{language}" for language in edition.texts for sheet in SHEETS) if made else ()


def kept_sheets(session: Session, key: bytes, alert_id: str, digest: str) -> Mapping[str, bytes]:
    """The files of an edition by `a4.nl`, as they will be or are served; none when they were not made yet."""
    try:
        text = editions.get_rendition(session, key, alert_id, digest, KEPT)
    except LookupError:
        return {}
    return {name: base64.b64decode(content) for name, content in json.loads(text).items()}


def code_of(number: int, digest: str) -> str:
    """What tells one edition's sheets from all others, for paper stays when a newer one comes.

    By its number alone a draft that was printed and then rejected would hold once its number is approved.
    """
    return f"{number}-{digest[:MARK]}"


def _address(edition: Edition, base_url: str) -> str:
    """Where the code on a sheet leads."""
    return f"{base_url}/a/{edition.alert_id}/{code_of(edition.number, edition.digest)}"
