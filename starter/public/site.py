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
from typing import Annotated, Any
from urllib.parse import quote

from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import RedirectResponse
from sqlmodel import Session

from alerts.compose import end_text
from alerts.edition import Edition
from alerts.vocabulary import CancelReason, Kind, Meaning
from starter.parts import Parts
from starter.public.answers import (
    HTML,
    LANGUAGES,
    TEMPLATES,
    html_page,
    language_of,
    plain,
    respond,
    respond_leased,
    shared,
    stamped,
)
from starter.public.cap import cap_router
from starter.public.embedding import SHARED, embed_router
from starter.public.intake import intake_router
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
TESTED = {"nl": "26 november 2026", "en": "26 November 2026"}
"""When the accessibility statement was last held against the tests."""
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
        self._owner = parts.settings.channels().site

    def index(self, request: Request, *, exercise: bool) -> Response:
        language = language_of(request)
        now = self._clock()
        live = self._showing.live("web", "item", exercise=exercise)
        items = [
            {
                "alert_id": row.alert_id,
                "since": row.shown_at,
                "since_words": local_words(row.shown_at, language, now=now),
                **json.loads(content),
            }
            for row, _, content in live
            if row.shown_at is not None
        ]
        left = min((row.lease_until - now for row, _, _ in live if row.lease_until is not None), default=None)
        return html_page(request, "index.html", cache=shared(left), language=language, items=items, exercise=exercise)

    def page(self, request: Request, alert_id: str) -> Response:
        language = language_of(request)
        with self._parts.db.read() as session:
            try:
                row = standing(session, alert_id)
            except UnknownAlert:
                return html_page(request, "unknown.html", status=404, language=language)
            if row.shown_at is None:
                return html_page(request, "unknown.html", status=404, language=language)
            stamp = self._showing.stamps(session, [alert_id])[alert_id]
            content = self._showing.published(session, row, "web", f"page.{language}")
            outcome = self._outcome(session, row, language)
        if content is not None:
            return stamped(respond(request, content, HTML, cache=shared(self._left(row))), stamp)
        ended = row.meaning == Meaning.WITHDRAWN
        why = CancelReason(row.why) if row.why else None
        text = end_text(language, why) if ended else None
        since = local_words(row.changed_at, language, now=self._clock())
        page = html_page(
            request, "ended.html", cache=shared(), language=language, text=text, outcome=outcome, since=since
        )
        return stamped(page, stamp)

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
            stamp = self._showing.stamps(session, [media.alert_id])[media.alert_id]
        assert jpeg is not None, "its row was just read"
        return stamped(respond(request, jpeg, "image/jpeg", cache=shared(self._left(row))), stamp)

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
        """Is this alert real, and still active? Without a code, a page that asks for it."""
        language, now = language_of(request), self._clock()
        with self._parts.db.read() as session:
            row = by_code(session, code) if code else None
        known = row is not None and row.shown_at is not None and row.kind != Kind.EXERCISE
        active = known and row is not None and visible(row, now)
        since = row and (row.shown_at if active else row.changed_at)
        return html_page(
            request,
            "check.html",
            404 if code and not known else 200,
            language=language,
            code=code,
            alert_id=row.alert_id if row is not None else "",
            known=known,
            active=active,
            since=local_words(since, language, now=now) if since else "",
        )

    def about(self, request: Request, template: str) -> Response:
        """Who runs this, what is kept, and who can use it."""
        language = language_of(request)
        return html_page(
            request,
            template,
            language=language,
            base_url=self._base_url,
            operator=self._owner.operator,
            contact=self._owner.contact,
            tested=TESTED[language],
        )

    def security(self) -> Response:
        """RFC 9116; the date moves on by itself, for a fixed one would run out unseen."""
        expires = (self._clock() + timedelta(days=180)).isoformat(timespec="seconds")
        contact = self._owner.security or self._owner.contact or f"{self._base_url}/privacy"
        lines = (
            f"Contact: {contact}",
            f"Expires: {expires}",
            "Preferred-Languages: nl, en",
            f"Canonical: {self._base_url}/.well-known/security.txt",
        )
        return Response("".join(f"{line}\n" for line in lines), media_type="text/plain; charset=utf-8")

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

    def _left(self, row: AlertStanding) -> timedelta:
        """Of the lease of what is shown."""
        assert row.lease_until is not None, "it is shown"
        return row.lease_until - self._clock()

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
    for part in (
        cap_router(parts, base_url, clock),
        poster_router(parts, clock),
        embed_router(parts, base_url, clock),
        subscribe_router(parts, clock),
        intake_router(parts, clock),
        tip_router(parts, clock),
        partner_router(parts, base_url, clock, language_of),
    ):
        router.routes.extend(part.routes)  # as they are: included, each would be made once more
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

    @get("/check")
    def ask_code(request: Request, code: Annotated[str, Query(max_length=64)] = "") -> Response:
        if code := code.strip():
            return RedirectResponse(f"/check/{quote(code, safe='')}?lang={language_of(request)}", 302)
        return site.check(request, "")

    @get("/check/{code}")
    def check(request: Request, code: str) -> Response:
        return site.check(request, code)

    @get("/unsubscribe/{word}")
    def unsubscribe(request: Request, word: str) -> Response:
        return site.unsubscribe(request)

    @router.post("/unsubscribe/{word}")
    def unsubscribe_now(request: Request, word: str) -> Response:
        return site.unsubscribe(request, word)

    @get("/accessibility")
    def accessibility(request: Request) -> Response:
        return site.about(request, "accessibility.html")

    @get("/privacy")
    def privacy(request: Request) -> Response:
        return site.about(request, "privacy.html")

    @get("/.well-known/security.txt")
    def security() -> Response:
        return site.security()

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
