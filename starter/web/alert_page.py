"""One alert: what waits for approval, what is live, how it ended; live parts by server-sent events.

The same partial serves the first load and every refresh. Temporal is one click away for engineers.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import aclosing
from functools import partial
from typing import Any
from urllib.parse import quote

from fastapi import APIRouter, Depends, Request, Response
from fastapi.sse import EventSourceResponse, ServerSentEvent
from temporalio.service import RPCError

from activities.channels.poster import media_type
from alerts.vocabulary import Action, Kind, Stage
from starter.errors import BadInput, CannotReach
from starter.parts import connect
from starter.web import previewing
from starter.web.desk import Desk, go_to
from starter.web.i18n import translator
from starter.web.live import Facts, live_values, look
from starter.web.news import news, what_matters
from starter.web.session import Visitor
from starter.web.views import Shown, allowed, approvers, children_of, choices, fingerprint
from store.people import people
from workflows.codec import Reader

FRAME_CSP = "default-src 'none'; img-src data:; style-src 'self' 'unsafe-inline'; frame-ancestors 'self'; sandbox"
"""For a page or mail shown inside the approval page: it may load its style sheet and nothing else."""
Refused = tuple[Action, str]


def alert_router(desk: Desk) -> APIRouter:
    router = desk.router()

    @router.get("/alerts/{alert_id}")
    async def page(request: Request, alert_id: str, said: str = "", who: Visitor = Depends(desk.reads)) -> Response:
        return await show_alert(desk, request, alert_id, who, said=said)

    @router.get("/alerts/{alert_id}/events", response_class=EventSourceResponse)
    async def events(
        alert_id: str, since: int = 0, key: str = "", who: Visitor = Depends(desk.reads)
    ) -> AsyncIterator[ServerSentEvent]:
        async for event in _events(desk, alert_id, since, key, who):
            yield event

    @router.get("/alerts/{alert_id}/pieces/{digest}/{channel}/{name}")
    def piece(alert_id: str, digest: str, channel: str, name: str, who: Visitor = Depends(desk.reads)) -> Response:
        try:
            html = previewing.html_piece(desk.baken.parts, alert_id, digest, channel, name)
        except LookupError as error:
            raise BadInput("piece", "there is no such page, or what it showed was destroyed") from error
        headers = {"content-security-policy": FRAME_CSP, "cache-control": "no-store"}
        return Response(html, headers=headers, media_type="text/html")

    @router.get("/alerts/{alert_id}/sheets/{digest}/{name}")
    def sheet(alert_id: str, digest: str, name: str, who: Visitor = Depends(desk.reads)) -> Response:
        try:
            made = previewing.sheet(desk.baken.parts, alert_id, digest, name)
        except LookupError:
            made = None
        if made is None:
            raise BadInput("sheet", "there is no such poster yet, or it was destroyed")
        return Response(made, headers={"cache-control": "no-store"}, media_type=media_type(name))

    @router.get("/alerts/{alert_id}/photos/{token}")
    def photo(alert_id: str, token: str, who: Visitor = Depends(desk.reads)) -> Response:
        try:
            jpeg = previewing.photo(desk.baken.parts, alert_id, token)
        except LookupError:
            jpeg = None
        headers = {"cache-control": "no-store"}
        return Response(jpeg or b"", 200 if jpeg else 404, headers, media_type="image/jpeg")

    @router.get("/alerts/{alert_id}/temporal")
    async def temporal(alert_id: str, channel: str = "", who: Visitor = Depends(desk.engineer)) -> Response:
        return go_to(await _history(desk, alert_id, channel))

    return router


async def show_alert(
    desk: Desk,
    request: Request,
    alert_id: str,
    who: Visitor,
    *,
    said: str = "",
    refused: Refused | None = None,
    typed: Mapping[str, str] | None = None,
) -> Response:
    """The page; with a refused command it says why and keeps what was typed."""
    facts = await look(desk.baken, alert_id, live=True)
    view = facts.view
    ruling = next((one for one in view["rulings"] if one["command"] == said), None) if said else None
    page = await asyncio.to_thread(_page, desk, facts, who)
    return desk.pages.html(
        request,
        "console/alert.html",
        who,
        409 if refused else 200,
        kind=view["kind"],
        status_live=view["stage"] != Stage.CLOSED,
        ruling=ruling,
        recorded=bool(said) and ruling is None,
        refused=refused,
        typed=typed or {},
        **page,
    )


def _page(desk: Desk, facts: Facts, who: Visitor) -> dict[str, Any]:
    parts, translate, view = desk.baken.parts, translator(who.language), facts.view
    programmes = parts.programmes()
    tokens = previewing.photo_tokens(parts, view)
    programme = programmes.get(view["programme"] or "")
    everybody = people(parts.db)
    shown = Shown(
        children=children_of(view),
        allowed=allowed(view, who.roles),
        choices=choices(view, tokens, translate),
        programmes={
            one.id: one.names.get(who.language, one.id)
            for one in programmes.values()
            if one.id != ((view["draft"] or view)["programme"])
        },
        approvers=approvers(everybody, who.user),
        bringers=approvers(everybody, (view["held"] or view["ended"] or {}).get("user")),
        needed=programme.approvals_needed(public_test=view["kind"] == Kind.PUBLIC_TEST) if programme else 1,
    )
    pending = previewing.pending_of(parts, view, who)
    return {**live_values(facts, who.language), "shown": shown, "pending": pending, "tokens": tokens}


async def _events(desk: Desk, alert_id: str, since: int, key: str, who: Visitor) -> AsyncIterator[ServerSentEvent]:
    """The live partial at each change, with a sentence about what of it matters; `beat` while nothing changes, and
    `done` when nothing can change any more."""
    last, known = "", None
    async with aclosing(desk.following.follow(alert_id)) as states:
        async for facts in states:
            if facts is None or facts.view["version"] < since:
                yield ServerSentEvent(event="beat", raw_data="1")
                continue
            moved = fingerprint(facts.view) != key
            html = facts.said((who.language, who.roles, moved), partial(_live, desk, who, facts, moved=moved))
            if html != last:
                yield ServerSentEvent(event="live", raw_data=html)
            matters = what_matters(facts.view)
            if known is not None and (heard := news(known, matters, who.language)):
                yield ServerSentEvent(event="news", raw_data=heard)
            last, known = html, matters
            if facts.view["stage"] == Stage.CLOSED:
                yield ServerSentEvent(event="done", raw_data="closed")
                return


def _live(desk: Desk, who: Visitor, facts: Facts, *, moved: bool) -> str:
    values = {**live_values(facts, who.language), "moved": moved}
    return desk.pages.text("console/parts/live.html", who, **values)


async def _history(desk: Desk, alert_id: str, channel: str) -> str:
    """The address of a workflow's history in the Temporal Web UI; it needs the run id."""
    view = await desk.baken.show(alert_id)
    run = desk.settings.run_info()
    if not run.temporal_ui:
        raise CannotReach("the Temporal Web UI", "it is not part of this home; open your cluster's own")
    workflow_id = f"{view['workflow_id']}/{channel}" if channel else str(view["workflow_id"])
    client = await connect(desk.baken.parts, Reader.CLIENT, patience=2.0)
    try:
        run_id = (await client.get_workflow_handle(workflow_id).describe()).run_id
    except RPCError as error:
        raise CannotReach("Temporal", f"it knows no workflow {workflow_id}") from error
    return f"{run.temporal_ui}/namespaces/{run.namespace}/workflows/{quote(workflow_id, safe='')}/{run_id}/history"
