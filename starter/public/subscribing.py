"""Notifications for browsers: the page that switches them on and off, and the service worker that shows them.

A subscription carries a secret that only its browser and we know (`auth`, RFC 8291); who shows it may end it.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import urlsplit

from fastapi import APIRouter, Request, Response
from pydantic import Field

from activities.endpoints import is_loopback
from activities.web_push import parse_subscription, public_key, store_subscription, vapid_key
from alerts.values import Value
from starter.parts import Parts
from starter.public.answers import html_page, language_of, plain, respond
from store.areas import municipality_codes, municipality_names
from store.subscribers import Entry, Subscribers

CHANNEL = "webpush"
SERVICE_WORKER = (Path(__file__).parent / "static" / "sw.js").read_bytes()
PUSH_SERVICES = (
    ".fcm.googleapis.com",  # Chrome, Edge on phones, Opera, Samsung
    ".push.services.mozilla.com",  # Firefox
    ".push.apple.com",  # Safari
    ".notify.windows.com",  # Edge
)
"""Of the browsers there are, with all hosts below them. Strangers name the endpoint: without this list a crowd of
made-up ones could turn an alert into a flood at a site of their choice."""


class Ending(Value):
    subscription: Annotated[str, Field(max_length=4096)]
    """JSON, as `PushSubscription.toJSON()` gives it."""


class Beginning(Ending):
    language: Literal["nl", "en"]
    municipality: Annotated[str, Field(max_length=10)] = ""
    """Its code; empty: the whole country."""


class SubscribeSite:
    """Subscribers of the public; those for exercises are brought in by `baken subscribers`."""

    def __init__(self, parts: Parts, clock: Callable[[], datetime]) -> None:
        self._parts = parts
        self._clock = clock
        self._config = parts.settings.channels()

    def page(self, request: Request) -> Response:
        open_to_all = self._config.channels.webpush is not None
        key = public_key(vapid_key(self._parts.keys.system_key("vapid"))) if open_to_all else ""
        places = municipality_names(self._parts.db) if open_to_all else []
        return html_page(request, "subscribe.html", language=language_of(request), key=key, places=places)

    def begin(self, asked: Beginning) -> Response:
        """Subscribe a browser, or change the place of one; again is harmless."""
        if self._config.channels.webpush is None:
            return plain("there are no notifications here", 404)
        try:
            address = self._address(asked.subscription)
        except ValueError as error:
            return plain(str(error), 400)
        if asked.municipality and asked.municipality not in municipality_codes(self._parts.db):
            return plain("there is no such municipality", 400)
        areas = (asked.municipality,) if asked.municipality else ()
        with self._parts.db.write() as session:
            self._subscribers().subscribe(session, [Entry(address, asked.language, areas)], self._clock())
        return Response(status_code=204)

    def end(self, asked: Ending) -> Response:
        """The answer is the same whether there was one, so nobody learns who is subscribed."""
        try:
            address = self._address(asked.subscription)
        except ValueError as error:
            return plain(str(error), 400)
        with self._parts.db.write() as session:
            self._subscribers().unsubscribe(session, address, self._clock())
        return Response(status_code=204)

    def _address(self, given: str) -> str:
        """The subscription as it is kept; raises ValueError, in words that quote nothing of it."""
        subscription = parse_subscription(given, self._config.loopback)
        host = (urlsplit(subscription.endpoint).hostname or "").lower()
        if not is_loopback(host) and not f".{host}".endswith(PUSH_SERVICES):
            raise ValueError("the endpoint is at no push service that we know")
        return store_subscription(subscription)

    def _subscribers(self) -> Subscribers:
        return Subscribers(self._parts.keys.system_key("subscribers"), CHANNEL)


def subscribe_router(parts: Parts, clock: Callable[[], datetime]) -> APIRouter:
    """Routes of notifications."""
    site, router = SubscribeSite(parts, clock), APIRouter()
    get = partial(router.api_route, methods=["GET", "HEAD"])

    @get("/subscribe")
    def page(request: Request) -> Response:
        return site.page(request)

    @router.post("/subscribe")
    def begin(asked: Beginning) -> Response:
        return site.begin(asked)

    @router.post("/subscribe/end")
    def end(asked: Ending) -> Response:
        return site.end(asked)

    @get("/sw.js")
    def service_worker(request: Request) -> Response:
        """At the root, so that it may look after all of the site."""
        return respond(request, SERVICE_WORKER, "text/javascript; charset=utf-8")

    return router
