"""What webhook partners ask of Baken: what they missed, and to be believed that an alert is gone.

A partner that was away gets what holds now and no history: of a live alert the edition that is shown, of one that was
taken down its cancel and nothing else. The store's revision is obeyed at every request.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

from fastapi import APIRouter, Request, Response
from sqlmodel import Session, col, select
from standardwebhooks.webhooks import Webhook, WebhookVerificationError

from activities.channels.base import Rendition
from activities.partner_book import Known, PartnerBook
from activities.partner_care import CANCELLED, cancelled, removed_url
from activities.templating import templates
from activities.webhook_calls import event
from alerts.compose import dark_text
from alerts.vocabulary import Kind, Meaning, MessageKind
from starter.parts import Parts
from starter.public.answers import plain
from store import editions, removals
from store.removals import Word
from store.standing import visible
from store.tables.alert import AlertStanding

MISSED_FOR = timedelta(hours=24)
"""How long a partner that was away is told that an alert was taken down."""
PUBLISHED = "alert.published"
NO_BODY = ""
HEADERS = {"cache-control": "no-store"}

_templates = templates(Path(__file__).parent / "templates")


class PartnerSite:
    """Reads the store for each request."""

    def __init__(self, parts: Parts, base_url: str, clock: Callable[[], datetime]) -> None:
        self._parts = parts
        self._base_url = base_url
        self._clock = clock
        self._key = cache(lambda: parts.keys.system_key("partners"))
        self._book = PartnerBook(parts.settings.channels(), parts.db, self._key, clock)

    def missed(self, request: Request, name: str) -> Response:
        """What holds now, as the calls would have said it, for whoever signs with the partner's secret."""
        found = self._signed_by(request, name)
        if found is None:
            return plain("sign the request with your secret, as Standard Webhooks signs a call without a body", 401)
        known, exercise = found
        self._book.note_answer(name, exercise=exercise)
        events = self._events(known, exercise=exercise)
        self._note_fetched(name, events, exercise=exercise)
        content = json.dumps({"events": events}, ensure_ascii=False)
        return Response(content, headers=HEADERS, media_type="application/json")

    def _note_fetched(self, name: str, events: Sequence[Mapping[str, Any]], *, exercise: bool) -> None:
        """Before it has them, as before a call: whoever repaired itself here must hear of the end as well."""
        now = self._clock()
        with self._parts.db.read() as session:
            told = removals.told_of(session, name)
        for said in events:
            alert_id, number = said["data"]["alert_id"], said["id"]
            by = told.get(alert_id, "")
            if said["type"] == PUBLISHED and by != f"{removals.ASKED}{number}":
                with self._parts.db.write() as session:
                    removals.fetched(session, alert_id, name, number, now, exercise=exercise)
            elif said["type"] == CANCELLED and by.startswith(removals.ASKED):
                with self._parts.db.write() as session:
                    removals.fetched_end(session, alert_id, name, number, now)

    def removed(self, request: Request, language: str, word: str, *, now: bool) -> Response:
        """A page with one button; pressed, or called by software, it says that the alert is gone there.

        Mail servers look at links before people do, so looking changes nothing.
        """
        read = removals.read_word(self._key(), word)
        if read is not None and now:
            with self._parts.db.write() as session:
                removals.confirm(session, read, self._clock())
        return self._page(language, read, confirmed=now)

    def _page(self, language: str, word: Word | None, *, confirmed: bool) -> Response:
        html = _templates.get_template("removed.html").render(
            language=language, other="en" if language == "nl" else "nl", word=word, confirmed=confirmed
        )
        return Response(html, 200 if word else 404, HEADERS, media_type="text/html; charset=utf-8")

    def _signed_by(self, request: Request, name: str) -> tuple[Known, bool] | None:
        for exercise in (False, True):
            known = self._book.find(name, exercise=exercise)
            if known is not None and any(_verifies(secret, request.headers) for secret in known.partner.secrets):
                return known, exercise
        return None

    def _events(self, known: Known, *, exercise: bool) -> list[Mapping[str, Any]]:
        """The longest standing first. A partner that is paused hears of ends alone."""
        now = self._clock()
        with self._parts.db.read() as session:
            rows = session.exec(
                select(AlertStanding)
                .where(col(AlertStanding.shown_at).is_not(None), col(AlertStanding.changed_at) > now - MISSED_FOR)
                .order_by(col(AlertStanding.changed_at))
            ).all()
            live = session.exec(select(AlertStanding).where(col(AlertStanding.meaning) == Meaning.EDITION)).all()
            mine = {row.alert_id: row for row in (*live, *rows) if (row.kind == Kind.EXERCISE) == exercise}
            said = [self._event(session, row, known) for row in mine.values()]
        return [one for one in said if one is not None]

    def _event(self, session: Session, row: AlertStanding, known: Known) -> Mapping[str, Any] | None:
        name = known.partner.name
        number = hashlib.sha256(f"{row.alert_id}\n{row.revision}\n{name}".encode()).hexdigest()[:32]
        if not visible(row, self._clock()):
            over = row.meaning == Meaning.WITHDRAWN
            said = {**cancelled(row), "removed_url": removed_url(self._key(), self._base_url, row.alert_id, name)}
            return {"id": number, **event(CANCELLED, said if over else {**said, "end": dark_text("nl")})}
        payload = None if known.paused else self._payload(session, row)
        if payload is None:
            return None
        assert row.lease_until is not None, "it is visible"
        about = {
            "alert_id": row.alert_id,
            "edition": row.edition,
            "kind": MessageKind.ALERT.value,
            "status": row.kind,
            "lease_until": row.lease_until.isoformat(),
        }
        return {"id": number, **event(PUBLISHED, {**about, **payload})}

    def _payload(self, session: Session, row: AlertStanding) -> Mapping[str, Any] | None:
        """None where the programme does not use this channel."""
        assert row.digest is not None, "it is visible"
        try:
            key = self._parts.keys.display_key(row.alert_id)
            text = editions.get_rendition(session, key, row.alert_id, row.digest, "webhook")
        except LookupError:
            return None
        payload: Mapping[str, Any] = json.loads(Rendition.model_validate_json(text).part("payload"))
        return payload


def partner_router(
    parts: Parts, base_url: str, clock: Callable[[], datetime], language_of: Callable[[Request], str]
) -> APIRouter:
    """Routes for partners of the channel `webhook`."""
    site, router = PartnerSite(parts, base_url, clock), APIRouter()

    @router.get("/partners/{name}/events")
    def missed(request: Request, name: str) -> Response:
        return site.missed(request, name)

    @router.api_route("/removed/{word}", methods=["GET", "HEAD"])
    def removed(request: Request, word: str) -> Response:
        return site.removed(request, language_of(request), word, now=False)

    @router.post("/removed/{word}")
    def removed_now(request: Request, word: str) -> Response:
        return site.removed(request, language_of(request), word, now=True)

    return router


def _verifies(secret: str, headers: Mapping[str, str]) -> bool:
    try:
        Webhook(secret).verify(NO_BODY, dict(headers), json_parse=False)
    except (WebhookVerificationError, ValueError):
        return False
    return True
