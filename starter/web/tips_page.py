"""The inbox of tips: what people told about an alert, the child itself before all others, and what is made of it.

Only those on duty come here, nothing of it may be kept by a browser, and all save passing on to the alert's history
works while Temporal is away.
"""

from __future__ import annotations

import asyncio
import json
from collections import defaultdict
from collections.abc import AsyncIterator, Mapping
from datetime import UTC, datetime
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request, Response
from fastapi.sse import EventSourceResponse, ServerSentEvent
from pydantic import Field

from alerts.tip import LONGEST, MOST_MINUTES, CameBy, Mark
from alerts.vocabulary import Action
from starter.errors import BadInput, RefusedByRule
from starter.tips import Tips, tip_row, told_of
from starter.web.desk import Desk, go_to
from starter.web.i18n import N_, Translate, translator
from starter.web.posted import read_form
from starter.web.session import Visitor
from starter.web.times import local_words
from starter.web.views import children_of
from starter.web.words import CERTAINTIES
from store import views
from store.standing import UnknownAlert as NoSuchAlert
from store.standing import standing
from store.tips import PAGE, OpenTip, older_than

LOOK_EVERY = 1.0
"""Seconds."""
Number = Annotated[int, Field(ge=0, le=999_999_999)]
KEPT_NOWHERE = {"cache-control": "no-store"}
WRONG = N_("The time is no time, or a text is too long.")
YES = N_("yes")
EMPTY = N_("Say at least where it was, or what was seen.")


def tips_router(desk: Desk) -> APIRouter:
    router = desk.router()

    @router.get("/alerts/{alert_id}/tips")
    async def page(
        request: Request, alert_id: str, unread: bool = False, before: Number = 0, who: Visitor = Depends(desk.on_duty)
    ) -> Response:
        return await _page(desk, request, alert_id, who, unread=unread, before=before or None)

    @router.get("/alerts/{alert_id}/tips/events", response_class=EventSourceResponse)
    async def events(
        alert_id: str, since: int = 0, who: Visitor = Depends(desk.on_duty)
    ) -> AsyncIterator[ServerSentEvent]:
        async for event in _events(desk, alert_id, since, who):
            yield event

    @router.post("/alerts/{alert_id}/tips")
    async def phoned(request: Request, alert_id: str, who: Visitor = Depends(desk.on_duty)) -> Response:
        posted = await read_form(request, who)
        fields, now = posted.fields, _now()
        try:
            told = told_of(fields, CameBy.PHONE, now, language=who.language, taken_by=who.user)
        except ValueError:
            return await _page(desk, request, alert_id, who, typed=fields, wrong=WRONG)
        if not told.says_something:
            return await _page(desk, request, alert_id, who, typed=fields, wrong=EMPTY)
        await asyncio.to_thread(_tips(desk).tell, alert_id, posted.text("id"), fields, told, None, now)
        return go_to(_address(alert_id))

    @router.post("/alerts/{alert_id}/tips/read")
    async def read(request: Request, alert_id: str, who: Visitor = Depends(desk.on_duty)) -> Response:
        posted = await read_form(request, who)
        said = posted.text("numbers").split(",")[:PAGE]
        numbers = [int(one) for one in said if one.isdecimal() and len(one) < 10]
        await asyncio.to_thread(_tips(desk).read, alert_id, numbers, _now())
        return go_to(_address(alert_id))

    @router.post("/alerts/{alert_id}/tips/{number:int}/mark")
    async def mark(request: Request, alert_id: str, number: Number, who: Visitor = Depends(desk.on_duty)) -> Response:
        posted = await read_form(request, who)
        chosen = _mark(posted.text("mark"))
        person = desk.baken.person(who.user)
        await asyncio.to_thread(_tips(desk).mark, person, alert_id, number, chosen, _now())
        return go_to(_address(alert_id, number))

    @router.post("/alerts/{alert_id}/tips/{number:int}/pass")
    async def pass_on(
        request: Request, alert_id: str, number: Number, who: Visitor = Depends(desk.on_duty)
    ) -> Response:
        await read_form(request, who)
        await _pass_on(desk, alert_id, number, who)
        return go_to(_address(alert_id, number))

    @router.get("/alerts/{alert_id}/tips/{number:int}/photo")
    def photo(alert_id: str, number: Number, who: Visitor = Depends(desk.on_duty)) -> Response:
        jpeg = _tips(desk).photo(alert_id, number)
        return Response(jpeg or b"", 200 if jpeg else 404, KEPT_NOWHERE, media_type="image/jpeg")

    @router.get("/alerts/{alert_id}/tips/{number:int}/copy.json")
    def copy(alert_id: str, number: Number, who: Visitor = Depends(desk.on_duty)) -> Response:
        row = {"alert_id": alert_id, **tip_row(_tips(desk).one(alert_id, number))}
        said = json.dumps(row, ensure_ascii=False, indent=1)
        headers = {**KEPT_NOWHERE, "content-disposition": f'attachment; filename="tip-{alert_id}-{number}.json"'}
        return Response(said, headers=headers, media_type="application/json")

    return router


async def _pass_on(desk: Desk, alert_id: str, number: Number, who: Visitor) -> None:
    """Into the alert's history, by its number alone; pressed twice it has one effect."""
    if (await asyncio.to_thread(_tips(desk).one, alert_id, number)).passed_at is not None:
        return
    ruling = await desk.baken.command(
        alert_id, Action.SIGHTING, who.user, content={"tip": number}, command_id=f"tip-{alert_id}-{number}"
    )
    if ruling is not None and not ruling.accepted:
        raise RefusedByRule(ruling.reason or "")
    await asyncio.to_thread(_tips(desk).passed, alert_id, number, _now())


async def _page(
    desk: Desk,
    request: Request,
    alert_id: str,
    who: Visitor,
    *,
    unread: bool = False,
    before: int | None = None,
    typed: Mapping[str, str] | None = None,
    wrong: str = "",
) -> Response:
    """The list; with `wrong` it asks again for the tip that was typed in."""
    read = await asyncio.to_thread(_read, desk, alert_id, unread, before, translator(who.language), who.language)
    return desk.pages.html(
        request,
        "console/tips.html",
        who,
        422 if wrong else 200,
        alert_id=alert_id,
        unread=unread,
        typed=defaultdict(str, typed or {}),
        wrong=wrong,
        longest=LONGEST,
        most=MOST_MINUTES,
        **read,
    )


def _read(
    desk: Desk, alert_id: str, unread: bool, before: int | None, translate: Translate, language: str
) -> dict[str, Any]:
    parts, tips = desk.baken.parts, _tips(desk)
    found = tips.newest(alert_id, unread=unread, before=before)
    with parts.db.read() as session:
        try:
            kind = standing(session, alert_id).kind
        except NoSuchAlert as error:
            raise BadInput("ID", f"no alert {alert_id!r} here") from error
        view = views.get_view(session, parts.keys.record_key(alert_id), alert_id)
    return {
        "tips": found,
        "counts": tips.counts(alert_id),
        "older": older_than(found, before),
        "kind": kind,
        "children": children_of(view) if view else (alert_id,),
        "copies": {one.number: _copied(alert_id, one, translate, language) for one in found},
    }


def _copied(alert_id: str, one: OpenTip, translate: Translate, language: str) -> str:
    """A tip as text, for the police's own system."""
    told, now = one.told, _now()
    spot = told.here
    place = f"{spot.lat:.5f}, {spot.lon:.5f} (± {spot.accuracy_m or 0:.0f} m)" if spot else ""
    lines = {
        "": f"Baken {alert_id}, tip {one.number}",
        N_("Received"): local_words(one.received_at, language, now=now),
        N_("From the child itself"): translate(YES) if told.came_by is CameBy.CHILD else "",
        N_("Seen"): local_words(told.seen_at, language, now=now) if told.seen_at else "",
        N_("Where"): told.where,
        N_("Place of the phone"): place,
        N_("Direction"): told.direction,
        N_("Certainty"): translate(CERTAINTIES[told.certainty]) if told.certainty else "",
        N_("What was seen"): told.text,
        N_("Call back"): told.call_back,
        N_("Photo"): translate(YES) if one.has_photo else "",
    }
    return "\n".join(f"{translate(name)}: {said}" if name else said for name, said in lines.items() if said)


async def _events(desk: Desk, alert_id: str, since: int, who: Visitor) -> AsyncIterator[ServerSentEvent]:
    """How many came since the page was read. The list itself stays: nothing moves under a finger."""
    known = since
    while True:
        counts = await asyncio.to_thread(_tips(desk).counts, alert_id)
        if counts.total != known:
            known = counts.total
            values = {"alert_id": alert_id, "fresh": counts.total - since, "child": counts.child_unread}
            html = desk.pages.text("console/parts/tips_news.html", who, **values)
            yield ServerSentEvent(event="news", raw_data=html)
        await asyncio.sleep(LOOK_EVERY)


def _mark(said: str) -> Mark | None:
    try:
        return Mark(said) if said else None
    except ValueError as error:
        raise BadInput("mark", f"is one of {', '.join(Mark)}") from error


def _tips(desk: Desk) -> Tips:
    return Tips(desk.baken.parts)


def _address(alert_id: str, number: int | None = None) -> str:
    return f"/console/alerts/{alert_id}/tips" + (f"#tip-{number}" if number else "")


def _now() -> datetime:
    return datetime.now(UTC)
