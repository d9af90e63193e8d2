"""Commands from the alert's page. Each is given by the client; the page then shows its ruling.

A form carries the id of its command, so that pressed twice it has one effect; approvals carry the digest that was
read. What a rule refuses is shown on the same page with what was typed.
"""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Depends, Request, Response

from alerts.command import Ruling
from alerts.vocabulary import LANGUAGES, Action, Kind
from starter.errors import BadInput, RefusedByRule, UnknownAlert
from starter.web.alert_page import show_alert
from starter.web.desk import Desk, go_to
from starter.web.i18n import N_
from starter.web.posted import Posted, read_form
from starter.web.session import Visitor


def command_router(desk: Desk) -> APIRouter:
    router = desk.router()

    @router.post("/alerts/{alert_id}/found")
    async def found(request: Request, alert_id: str, who: Visitor = Depends(desk.on_duty)) -> Response:
        return await _give(desk, request, alert_id, Action.FOUND, who)

    @router.post("/alerts/{alert_id}/hold")
    async def hold(request: Request, alert_id: str, who: Visitor = Depends(desk.on_duty)) -> Response:
        return await _give(desk, request, alert_id, Action.HOLD, who)

    @router.post("/alerts/{alert_id}/retract")
    async def retract(request: Request, alert_id: str, who: Visitor = Depends(desk.on_duty)) -> Response:
        return await _give(desk, request, alert_id, Action.RETRACT, who)

    @router.post("/alerts/{alert_id}/cancel")
    async def cancel(request: Request, alert_id: str, who: Visitor = Depends(desk.on_duty)) -> Response:
        return await _give(desk, request, alert_id, Action.CANCEL, who)

    @router.post("/alerts/{alert_id}/keep")
    async def keep(request: Request, alert_id: str, who: Visitor = Depends(desk.on_duty)) -> Response:
        return await _give(desk, request, alert_id, Action.KEEP, who)

    @router.post("/alerts/{alert_id}/change_programme")
    async def change_programme(request: Request, alert_id: str, who: Visitor = Depends(desk.operator)) -> Response:
        return await _give(desk, request, alert_id, Action.CHANGE_PROGRAMME, who)

    @router.post("/alerts/{alert_id}/propose_outcome")
    async def outcome(request: Request, alert_id: str, who: Visitor = Depends(desk.operator)) -> Response:
        return await _give(desk, request, alert_id, Action.PROPOSE_OUTCOME, who)

    @router.post("/alerts/{alert_id}/approve")
    async def approve(request: Request, alert_id: str, who: Visitor = Depends(desk.supervisor)) -> Response:
        return await _give(desk, request, alert_id, Action.APPROVE, who)

    @router.post("/alerts/{alert_id}/return_for_edit")
    async def send_back(request: Request, alert_id: str, who: Visitor = Depends(desk.supervisor)) -> Response:
        return await _give(desk, request, alert_id, Action.RETURN_FOR_EDIT, who)

    @router.post("/alerts/{alert_id}/reject")
    async def reject(request: Request, alert_id: str, who: Visitor = Depends(desk.supervisor)) -> Response:
        return await _give(desk, request, alert_id, Action.REJECT, who)

    @router.post("/alerts/{alert_id}/reinstate")
    async def reinstate(request: Request, alert_id: str, who: Visitor = Depends(desk.supervisor)) -> Response:
        return await _give(desk, request, alert_id, Action.REINSTATE, who)

    return router


async def _give(desk: Desk, request: Request, alert_id: str, action: Action, who: Visitor) -> Response:
    """Give a command that a form describes, and show its ruling."""
    posted = await read_form(request, who)
    try:
        if action is Action.APPROVE:
            await _confirmed(desk, alert_id, posted)
        ruling = await desk.baken.command(
            alert_id,
            action,
            who.user,
            digest=posted.text("digest") or None,
            reason=posted.text("reason").strip() or None,
            content=_content(desk, action, posted),
            command_id=posted.text("id") or None,
        )
    except UnknownAlert:
        raise
    except (BadInput, RefusedByRule) as refused:
        said = refused.expected if isinstance(refused, BadInput) else str(refused)
        return await show_alert(desk, request, alert_id, who, refused=(action, said), typed=posted.fields)
    if ruling is not None and not ruling.accepted:
        said = ruling.reason or ""
        return await show_alert(desk, request, alert_id, who, refused=(action, said), typed=posted.fields)
    return ruled(alert_id, posted.text("id"), ruling)


async def _confirmed(desk: Desk, alert_id: str, posted: Posted) -> None:
    """A public test reaches everybody and is never urgent: whoever lets it go types the word it begins with."""
    view = await desk.baken.show(alert_id, live=False)
    if view["kind"] == Kind.PUBLIC_TEST and posted.text("typed").strip().upper() != "TEST":
        raise BadInput("typed", N_("type the word TEST: this reaches everybody"))


def ruled(alert_id: str, command_id: str, ruling: Ruling | None) -> Response:
    """Back to the alert's page, which shows the ruling."""
    return go_to(f"/console/alerts/{alert_id}?said={ruling.command if ruling else command_id}")


def _content(desk: Desk, action: Action, posted: Posted) -> dict[str, Any]:
    if action is Action.FOUND:
        child = posted.text("child")
        said: dict[str, Any] = {"confirmed_by": posted.text("confirmed_by") or "police"}
        said["outcome"] = posted.text("outcome") or "unknown"
        return {**said, "child": int(child)} if child.isdecimal() else said
    if action is Action.RETRACT:
        if not posted.text("what"):
            raise BadInput("what", "choose what is to be taken off")
        return {"what": posted.text("what")}
    if action is Action.CANCEL:
        return {"why": posted.text("why")}
    if action is Action.CHANGE_PROGRAMME:
        programmes = desk.baken.parts.programmes()
        if posted.text("programme") not in programmes:
            raise BadInput("programme", "choose a programme")
        return {"programme": programmes[posted.text("programme")].model_dump(mode="json")}
    if action is Action.PROPOSE_OUTCOME:
        return {"texts": {language: posted.text(f"text_{language}") for language in LANGUAGES}}
    return {}
