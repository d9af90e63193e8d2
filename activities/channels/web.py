"""`web`: the public page with photo, the page that says only that it ended, and what other sites frame.

All of it is rendered once, when the edition is prepared, and served as bytes by the read path; publishing is a
compare-and-set on the revision.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any, ClassVar, Final

from activities.channels.base import Capabilities, Part, PublishJob, Rendition
from activities.templating import templates
from alerts.edition import Edition
from alerts.vocabulary import Kind
from store import editions
from store.database import Database
from store.standing import require_not_overtaken

FRAMED: Final = ("banner", "widget")
"""What other sites put in a frame: a line across a page, and a block with photo."""

_templates = templates(Path(__file__).parent / "templates")


class WebChannel:
    name: ClassVar[str] = "web"
    capabilities: ClassVar[Capabilities] = Capabilities(
        label={"nl": "Openbare pagina", "en": "Public page"},
        audience="public",
        update=True,
        recall=True,
        renews="renew",
        picture=True,
        counterpart=False,
    )

    def __init__(self, db: Database, display_key: Callable[[str], bytes], clock: Callable[[], datetime]) -> None:
        self._db = db
        self._display_key = display_key
        self._clock = clock

    def render(self, edition: Edition, base_url: str) -> Rendition:
        pages = [
            Part(name=f"page.{language}", media="html", content=_page(edition, language, base_url))
            for language in edition.texts
        ]
        framed = [
            Part(
                name=f"{what}.{language}",
                media="html",
                content=framed_page(what, _framed(edition, language, base_url)),
            )
            for what in FRAMED
            for language in edition.texts
        ]
        item = Part(name="item", media="json", content=json.dumps(_item(edition), ensure_ascii=False))
        return Rendition(channel=self.name, parts=(*pages, *framed, item))

    async def probe(self, kind: Kind) -> str | None:
        """Our own store; the arm that asks has just read from it."""
        return None

    def publish(self, job: PublishJob) -> None:
        types = {"html": "text/html; charset=utf-8", "json": "application/json"}
        items = [(part.name, types[part.media], part.content.encode()) for part in job.rendition.parts]
        with self._db.write() as session:
            editions.publish(
                session,
                self._display_key(job.alert_id),
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


def _page(edition: Edition, language: str, base_url: str) -> str:
    """A whole document: works without script, in five seconds on a small screen."""
    return _templates.get_template("page.html").render(
        edition=edition,
        text=edition.texts[language],
        language=language,
        other="en" if language == "nl" else "nl",
        base_url=base_url,
        tel=number_of(edition.tip_line),
    )


def framed_page(what: str, said: Mapping[str, Any]) -> str:
    """A document with one `.alert` in it, which the frame takes out of it."""
    return _templates.get_template("framed.html").render(what=what, **said)


def _framed(edition: Edition, language: str, base_url: str) -> dict[str, Any]:
    text = edition.texts[language]
    return {
        "language": language,
        "kind": edition.kind.value,
        "event": text.event,
        "headline": text.headline,
        "photos": [{"src": f"/media/{photo.token}", "alt": photo.alt[language]} for photo in edition.photos[:1]],
        "more": text.more,
        "warning": text.warning,
        "tip_line": edition.tip_line,
        "tel": number_of(edition.tip_line),
        "url": f"{base_url}/alerts/{edition.alert_id}?lang={language}",
    }


def number_of(tip_line: str) -> str:
    """The first telephone number in it, as a phone dials it; empty where there is none."""
    found = re.search(r"\+?\d[\d ()./-]*", tip_line)
    return re.sub(r"[^\d+]|\(0\)", "", found[0]) if found else ""


def _item(edition: Edition) -> dict[str, object]:
    """What lists and feeds show of it."""
    return {
        "headline": {language: text.headline for language, text in edition.texts.items()},
        "event": {language: text.event for language, text in edition.texts.items()},
        "subject": {language: text.subject for language, text in edition.texts.items()},
        "body": {language: text.body for language, text in edition.texts.items()},
        "ask": {language: text.ask for language, text in edition.texts.items()},
        "area": edition.area.name,
        "kind": edition.kind.value,
        "edition": edition.number,
    }
