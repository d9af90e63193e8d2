"""Telling us something: the tip page, and the door for the child itself.

Kept in the store at once, so all of it works while Temporal and the workers are down. Nothing that is told is ever in
a log, a figure or an address. A tip is never lost for its photo: where that cannot be used the answer says so.
"""

from __future__ import annotations

import asyncio
import json
import uuid
from collections import defaultdict
from collections.abc import Callable, Mapping
from contextlib import nullcontext
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import quote

from fastapi import APIRouter, Request, Response
from fastapi.responses import RedirectResponse
from starlette.requests import ClientDisconnect

from activities.channels.web import number_of
from activities.photos import MOST_BYTES
from alerts.tip import LONGEST, MOST_MINUTES, CameBy
from alerts.vocabulary import Meaning
from starter.errors import BadInput, Problem, UnknownAlert
from starter.flood import Flood
from starter.parts import Parts
from starter.public.answers import html_page, language_of, respond
from starter.tips import Tips, takes_tips, told_of
from starter.web.posted import Posted, read_form
from starter.web.session import Forbidden
from store import editions
from store.database import STORE_AWAY
from store.keys import KeyStoreAway
from store.tables.alert import AlertStanding

FROM_ADDRESS, OF_ALERT = "30/minute; 300/hour", "600/minute"
"""Tips; and of the child's door apart, so that no flood of tips ever closes it."""
CHILD_FROM_ADDRESS, CHILD_OF_ALERT = "10/minute; 60/hour", "120/minute"
BODY_MAX = MOST_BYTES + 100_000
SMALL = 64 * 1024
"""Bytes of a body without a photo: it never waits for those with one."""
AT_ONCE = 16
"""Bodies with photos that are read at one time; more are asked to come again."""
READ_WITHIN = 60.0
"""Seconds."""
DECODED_AT_ONCE = 2
WORKER = (Path(__file__).parent / "static" / "tip-worker.js").read_bytes()
STATUS = {
    "sent": 200,
    "sent_without_photo": 200,
    "empty": 422,
    "wrong": 422,
    "refused": 403,
    "unknown": 404,
    "ended": 410,
    "test": 410,
    "too_large": 413,
    "busy": 429,
    "away": 503,
}
"""By what became of a tip."""
TAKEN = ("sent", "sent_without_photo")
ASKS = ("form", "empty", "wrong")


class TipSite:
    """Takes in what people tell; holds nothing of it."""

    def __init__(self, parts: Parts, clock: Callable[[], datetime]) -> None:
        self._parts = parts
        self._clock = clock
        self._tips = Tips(parts)
        self._flood = Flood(FROM_ADDRESS, OF_ALERT)
        self._child_flood = Flood(CHILD_FROM_ADDRESS, CHILD_OF_ALERT)
        self._reading = asyncio.Semaphore(AT_ONCE)
        self._decoding = asyncio.Semaphore(DECODED_AT_ONCE)

    def page(self, request: Request, alert_id: str) -> Response:
        row = self._row(alert_id)
        state = "unknown" if row is None else "form" if takes_tips(row) else _over(row)
        return self._page(request, row, state, 404 if row is None else 200)

    async def tell(self, request: Request, alert_id: str) -> Response:
        """Each answer says what became of the tip, as a page or for the script of the page."""
        row = await asyncio.to_thread(self._row, alert_id)
        state, fields = await self._taken(request, row)
        if "application/json" in request.headers.get("accept", ""):
            answer = Response(json.dumps({"state": state}), STATUS[state], media_type="application/json")
        else:
            answer = await asyncio.to_thread(self._page, request, row, state, STATUS[state], fields)
        return _unkept(answer)

    def door(
        self, request: Request, alert_id: str, state: str = "form", fields: Mapping[str, str] | None = None
    ) -> Response:
        """For the child itself: numbers to call, and a message that goes before all tips.

        What did not reach us stands in the form again.
        """
        row = self._row(alert_id)
        language = language_of(request)
        if row is None:
            return _unkept(html_page(request, "unknown.html", 404, language=language))
        said: dict[str, Any] = {
            "state": state if takes_tips(row) else "over",
            "typed": defaultdict(str, {} if state in TAKEN else fields or {}),
            "new_id": uuid.uuid4().hex,
            "longest": LONGEST,
        }
        status = STATUS.get(state, 200)
        return _unkept(html_page(request, "child.html", status, language=language, alert_id=alert_id, **said))

    async def hear(self, request: Request, alert_id: str) -> Response:
        row = await asyncio.to_thread(self._row, alert_id)
        taken = row is not None and takes_tips(row)
        state, fields = await self._heard(request, row) if row and taken else ("form", {})
        return await asyncio.to_thread(self.door, request, alert_id, state, fields)

    async def _taken(self, request: Request, row: AlertStanding | None) -> tuple[str, Mapping[str, str]]:
        """What became of it, and the fields that it had."""
        size = int(request.headers.get("content-length") or BODY_MAX + 1)
        if row is None or (refused := self._refused(request, row, size)):
            return "unknown" if row is None else refused, {}
        async with self._reading if size > SMALL else nullcontext():
            posted = await _read(request)
            if isinstance(posted, str):
                return posted, {}
            return await self._kept(row, posted, CameBy.PAGE, language_of(request)), posted.fields

    def _refused(self, request: Request, row: AlertStanding, size: int) -> str:
        """Why its body is not even read; empty where it is."""
        if not takes_tips(row):
            return _over(row)
        # Only a form with files may be large: one without could have millions of fields.
        if size > (BODY_MAX if _has_files(request) else SMALL):
            return "too_large"
        full = size > SMALL and self._reading.locked()
        return "busy" if full or not self._flood.lets(_address(request), row.alert_id) else ""

    async def _heard(self, request: Request, row: AlertStanding) -> tuple[str, Mapping[str, str]]:
        posted = await _read(request)
        if isinstance(posted, str):
            return posted, {}
        if not self._child_flood.lets(_address(request), row.alert_id):
            return "busy", posted.fields
        return await self._kept(row, posted, CameBy.CHILD, language_of(request)), posted.fields

    async def _kept(self, row: AlertStanding, posted: Posted, came_by: CameBy, language: str) -> str:
        """What became of a form that was read."""
        chosen = [content for name, _, content in await posted.files() if name == "photo" and content]
        try:
            told = told_of(posted.fields, came_by, self._clock(), language=language)
        except ValueError:
            return "wrong"
        photo = chosen[0] if chosen and came_by is CameBy.PAGE else None
        if not told.says_something and photo is None:
            return "empty"
        tip_id = posted.text("id")[:64] or uuid.uuid4().hex
        tell = partial(self._tips.tell, row.alert_id, tip_id, posted.fields, told, photo, self._clock())
        try:
            async with self._decoding if photo else nullcontext():
                _, usable = await asyncio.to_thread(tell)
        except (KeyStoreAway, Problem, *STORE_AWAY):
            return "away"
        return "sent" if usable else "sent_without_photo"

    def _row(self, alert_id: str) -> AlertStanding | None:
        try:
            return self._tips.standing(alert_id)
        except UnknownAlert:
            return None

    def _page(
        self,
        request: Request,
        row: AlertStanding | None,
        state: str,
        status: int,
        fields: Mapping[str, str] | None = None,
    ) -> Response:
        """The form, with what was typed where something was wrong with it, or what became of the tip.

        Nothing of it is about the child, so a telephone may keep it for when it has no network.
        """
        language = language_of(request)
        if row is None:
            return html_page(request, "unknown.html", status, language=language)
        line = self._tip_line(row)
        said: dict[str, Any] = {"alert_id": row.alert_id, "kind": row.kind, "tip_line": line, "tel": number_of(line)}
        if state in ASKS:
            said |= {
                "typed": defaultdict(str, fields or {}),
                "new_id": uuid.uuid4().hex,
                "longest": LONGEST,
                "most": MOST_MINUTES,
            }
        template = "tip.html" if state in ASKS else "told.html"
        return html_page(request, template, status, language=language, state=state, **said)

    def _tip_line(self, row: AlertStanding) -> str:
        """Of what is shown, else of the programme: the display key may be gone."""
        try:
            key = self._parts.keys.display_key(row.alert_id)
            with self._parts.db.read() as session:
                return editions.get_edition(session, key, row.alert_id, row.digest or "").tip_line
        except (LookupError, KeyStoreAway):
            programme = self._parts.programmes().get(row.programme)
        return programme.tip_line if programme else "112"


def tip_router(parts: Parts, clock: Callable[[], datetime]) -> APIRouter:
    """Routes of tips and of the child's door."""
    site, router = TipSite(parts, clock), APIRouter()
    get = partial(router.api_route, methods=["GET", "HEAD"])

    @get("/tip/sw.js")
    def worker(request: Request) -> Response:
        """Looks after the tip pages, and no other."""
        return respond(request, WORKER, "text/javascript; charset=utf-8")

    @get("/tip/{alert_id}")
    def page(request: Request, alert_id: str) -> Response:
        return site.page(request, alert_id)

    @router.post("/tip/{alert_id}")
    async def tell(request: Request, alert_id: str) -> Response:
        return await site.tell(request, alert_id)

    @get("/t/{alert_id}")
    def short(alert_id: str) -> Response:
        """As short as it gets, for a text message or a bill."""
        return RedirectResponse(f"/tip/{quote(alert_id, safe='')}", 302)

    @get("/i/{alert_id}")
    def door(request: Request, alert_id: str) -> Response:
        """Its address and title tell nobody who looks over a shoulder, or into the history, what it is."""
        return site.door(request, alert_id)

    @router.post("/i/{alert_id}")
    async def hear(request: Request, alert_id: str) -> Response:
        return await site.hear(request, alert_id)

    return router


def _over(row: AlertStanding) -> str:
    return "ended" if row.meaning == Meaning.WITHDRAWN else "test"


def _has_files(request: Request) -> bool:
    return request.headers.get("content-type", "").startswith("multipart/form-data")


async def _read(request: Request) -> Posted | str:
    """The form; or what became of one that could not be read, which is often a telephone that lost its network."""
    try:
        async with asyncio.timeout(READ_WITHIN):
            return await read_form(request, None, BODY_MAX)
    except (Forbidden, BadInput):
        return "refused"
    except (TimeoutError, ClientDisconnect):
        return "busy"


def _address(request: Request) -> str:
    return request.client.host if request.client else ""


def _unkept(answer: Response) -> Response:
    answer.headers["cache-control"] = "no-store"
    if answer.status_code in (429, 503):
        answer.headers["retry-after"] = "60"
    return answer
