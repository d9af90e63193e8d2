"""The public site: pages, feeds and photos, served from what was published, obeying the store's revision alone.

Nothing here touches Temporal: after `found` the very next request is answered with the end page, whatever the
channels are still doing, and all of it is served while Temporal and the workers are down.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import datetime, timedelta
from functools import partial
from html import escape
from typing import Any
from urllib.parse import quote

from fastapi import APIRouter, Request, Response
from fastapi.responses import RedirectResponse
from sqlmodel import Session

from alerts.compose import end_text
from alerts.edition import Edition
from alerts.vocabulary import CancelReason, Kind, Meaning
from starter.parts import Parts
from starter.public.answers import HTML, LANGUAGES, TEMPLATES, html_page, language_of, plain, respond, respond_leased
from starter.public.cap import cap_router
from starter.public.embedding import SHARED, embed_router
from starter.public.partners import partner_router
from starter.public.poster import poster_router
from starter.public.showing import Showing
from starter.public.subscribing import subscribe_router
from starter.public.tipping import tip_router
from starter.screens import ScreenReport, Screens
from starter.web.times import local_words
from store import editions, subscribers
from store.standing import UnknownAlert, by_code, ended_since, standing, visible
from store.tables.alert import AlertStanding

SCREEN = {language: f"screen.{language}" for language in LANGUAGES}
TOLD_FOR = timedelta(days=7)
"""How long the feed says of an alert that it ended, for readers that look once in a while."""


class PublicSite:
    """Reads the store for each request; holds nothing of it."""

    def __init__(self, parts: Parts, base_url: str, clock: Callable[[], datetime]) -> None:
        self._parts = parts
        self._base_url = base_url
        self._clock = clock
        self._showing = Showing(parts, clock)
        self._screens = Screens(parts.db, parts.keys)

    def index(self, request: Request, *, exercise: bool) -> Response:
        language = language_of(request)
        now = self._clock()
        items = [
            {
                "alert_id": row.alert_id,
                "since": row.shown_at,
                "since_words": local_words(row.shown_at, language, now=now),
                **json.loads(content),
            }
            for row, _, content in self._showing.live("web", "item", exercise=exercise)
            if row.shown_at is not None
        ]
        return html_page(request, "index.html", language=language, items=items, exercise=exercise)

    def page(self, request: Request, alert_id: str) -> Response:
        language = language_of(request)
        with self._parts.db.read() as session:
            try:
                row = standing(session, alert_id)
            except UnknownAlert:
                return html_page(request, "unknown.html", status=404, language=language)
            if row.shown_at is None:
                return html_page(request, "unknown.html", status=404, language=language)
            content = self._showing.published(session, row, "web", f"page.{language}")
            outcome = self._outcome(session, row, language)
        if content is not None:
            return respond(request, content, HTML)
        ended = row.meaning == Meaning.WITHDRAWN
        why = CancelReason(row.why) if row.why else None
        text = end_text(language, why) if ended else None
        return html_page(request, "ended.html", language=language, text=text, outcome=outcome)

    def lease(self, request: Request, alert_id: str) -> Response:
        """For apps that were pushed it: until when it holds, as it was renewed since."""
        with self._parts.db.read() as session:
            try:
                row = standing(session, alert_id)
            except UnknownAlert:
                row = None
        if row is None or row.shown_at is None:
            return plain("there is no such alert", 404)
        if row.lease_until is None or not visible(row, self._clock()):
            return plain("this alert is not shown any more", 410)
        said = json.dumps({"lease_until": row.lease_until.isoformat()})
        return respond(request, said.encode(), "application/json", cache=SHARED)

    def photo(self, request: Request, token: str) -> Response:
        with self._parts.db.read() as session:
            media = editions.media_by_token(session, token)
            if media is None:
                return plain("there is no such photo", 404)
            row = standing(session, media.alert_id)
            if not visible(row, self._clock()) or not editions.shows_photo(session, media.alert_id, row.digest, token):
                return plain("this photo is not shown any more", 410)
            try:
                key = self._parts.keys.display_key(media.alert_id)
            except LookupError:
                return plain("this photo is not shown any more", 410)
            jpeg = editions.get_photo(session, key, media.alert_id, media.sha256)
        assert jpeg is not None, "its row was just read"
        return respond(request, jpeg, "image/jpeg", cache="private, max-age=2, must-revalidate")

    def rss(self, request: Request) -> Response:
        """For people's feed readers; one that reads for many has no language of its own, so only `?lang=` counts."""
        language = "en" if request.query_params.get("lang") == "en" else "nl"
        now = self._clock()
        with self._parts.db.read() as session:  # before the live ones: none may be in both
            ended = ended_since(session, now - TOLD_FOR)
        live = self._showing.live("web", "item", exercise=False)
        entries = [
            _entry(row.alert_id, published.published_at, json.loads(item), language) for row, published, item in live
        ]
        entries += [_end_entry(row, language) for row in ended if row.kind != Kind.EXERCISE]
        xml = TEMPLATES.get_template("feed.rss").render(base_url=self._base_url, language=language, entries=entries)
        return respond(request, xml.encode(), "application/rss+xml; charset=utf-8")

    def check(self, request: Request, code: str) -> Response:
        """Is this alert real, and still active?"""
        language = language_of(request)
        with self._parts.db.read() as session:
            row = by_code(session, code)
        if row is None or row.shown_at is None or row.kind == Kind.EXERCISE:
            return html_page(request, "check.html", 404, language=language, known=False, active=False)
        active = visible(row, self._clock())
        return html_page(request, "check.html", language=language, alert_id=row.alert_id, known=True, active=active)

    def unsubscribe(self, request: Request, word: str | None = None) -> Response:
        """A page with one button; with the word of a mail the subscription ends at once (RFC 8058).

        Mail servers look at links before people do, so looking changes nothing.
        """
        language = language_of(request)
        if word is None:
            return html_page(request, "unsubscribe.html", language=language, ended=None)
        key = self._parts.keys.system_key("subscribers")
        with self._parts.db.write() as session:
            ended = subscribers.leave(session, key, word, self._clock())
        return html_page(request, "unsubscribe.html", 200 if ended else 404, language=language, ended=ended)

    def player(self, request: Request, *, exercise: bool) -> Response:
        """A page that screens keep open; what it shows it asks for again and again."""
        return html_page(request, "signage.html", language=language_of(request), exercise=exercise)

    def on_screens(self, request: Request, *, exercise: bool) -> Response:
        """What screens show now, the oldest first, each with the end of its lease."""
        shown = self._showing.leased("signage", SCREEN[language_of(request)], exercise=exercise)
        return respond_leased(request, shown, self._clock(), "no-store")

    def screen_report(self, said: ScreenReport) -> Response:
        counts = self._screens.report(said, self._clock())
        return Response(status_code=204 if counts else 403)

    def _outcome(self, session: Session, row: AlertStanding, language: str) -> str | None:
        """The approved outcome message, while the display key lives."""
        if row.outcome_digest is None or row.meaning != Meaning.WITHDRAWN:
            return None
        try:
            key = self._parts.keys.display_key(row.alert_id)
            edition: Edition = editions.get_edition(session, key, row.alert_id, row.outcome_digest)
        except LookupError:
            return None
        text = edition.texts.get(language)
        return text.body if text else None


def public_router(parts: Parts, base_url: str, clock: Callable[[], datetime]) -> APIRouter:
    """Routes of the public site."""
    site, router = PublicSite(parts, base_url, clock), APIRouter()
    router.include_router(cap_router(parts, base_url, clock))
    router.include_router(poster_router(parts, clock))
    router.include_router(embed_router(parts, base_url, clock))
    router.include_router(subscribe_router(parts, clock))
    router.include_router(tip_router(parts, clock))
    router.include_router(partner_router(parts, base_url, clock, language_of))
    get = partial(router.api_route, methods=["GET", "HEAD"])

    @get("/")
    def index(request: Request) -> Response:
        return site.index(request, exercise=False)

    @get("/exercise")
    def exercise(request: Request) -> Response:
        return site.index(request, exercise=True)

    @get("/alerts/{alert_id}")
    def page(request: Request, alert_id: str) -> Response:
        return site.page(request, alert_id)

    @get("/alerts/{alert_id}/lease")
    def lease(request: Request, alert_id: str) -> Response:
        return site.lease(request, alert_id)

    @get("/a/{alert_id}")
    def short(alert_id: str) -> Response:
        """As short as it gets, for a text message."""
        return RedirectResponse(f"/alerts/{quote(alert_id, safe='')}", 302)

    @get("/feeds/rss.xml")
    def rss(request: Request) -> Response:
        return site.rss(request)

    @get("/signage")
    def player(request: Request, exercise: bool = False) -> Response:
        return site.player(request, exercise=exercise)

    @get("/signage/content.json")
    def on_screens(request: Request, exercise: bool = False) -> Response:
        return site.on_screens(request, exercise=exercise)

    @router.post("/signage/seen")
    def screen_report(said: ScreenReport) -> Response:
        return site.screen_report(said)

    @get("/media/{token}")
    def photo(request: Request, token: str) -> Response:
        return site.photo(request, token)

    @get("/check/{code}")
    def check(request: Request, code: str) -> Response:
        return site.check(request, code)

    @get("/unsubscribe/{word}")
    def unsubscribe(request: Request, word: str) -> Response:
        return site.unsubscribe(request)

    @router.post("/unsubscribe/{word}")
    def unsubscribe_now(request: Request, word: str) -> Response:
        return site.unsubscribe(request, word)

    @get("/.well-known/security.txt")
    def security() -> Response:
        expires = (clock() + timedelta(days=180)).isoformat(timespec="seconds")
        text = f"Contact: {base_url}/.well-known/security.txt\nExpires: {expires}\nPreferred-Languages: nl, en\n"
        return Response(text, media_type="text/plain")

    return router


def _entry(alert_id: str, at: datetime, item: dict[str, Any], language: str) -> dict[str, object]:
    if "body" not in item:  # published before feeds had texts
        return {"alert_id": alert_id, "at": at, "title": item["headline"][language], "html": ""}
    text = f"{item['body'][language]} {item['ask'][language]}"
    return {"alert_id": alert_id, "at": at, "title": item["subject"][language], "html": escape(text)}


def _end_entry(row: AlertStanding, language: str) -> dict[str, object]:
    """Under the same identity as the alert's own, whose place it takes in readers that go by it."""
    title = "Dit alert is beëindigd" if language == "nl" else "This alert has ended"
    text = end_text(language, CancelReason(row.why) if row.why else None)
    return {"alert_id": row.alert_id, "at": row.changed_at, "title": title, "html": escape(text)}
