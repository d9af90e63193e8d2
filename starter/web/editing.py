"""A new alert, and amending one: the same form, ordered as a call comes in, or a file.

Whether it is real, an exercise or a test is chosen by the door one comes in by, never by a field of the form. What
is typed of a new alert is a draft (`starter.web.drafting`) from the first letter on.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

from fastapi import APIRouter, Depends, Request, Response

from alerts.vocabulary import Action, Kind
from starter.checking import Checked, check_case
from starter.errors import BadInput, CannotReach, RefusedByRule
from starter.policy import csp
from starter.web.area_values import do, settle
from starter.web.areas import picker_of
from starter.web.case_form import Document, count, values_of
from starter.web.commanding import ruled
from starter.web.cropping import NEAREST, is_small, slid_of
from starter.web.desk import Desk, go_to
from starter.web.draft_photos import photo_router
from starter.web.drafting import DOORS, MORE, Problems, draft_router, filled_of, keep
from starter.web.fields import CHILD, FIRST, LAST, RELEASE, VEHICLE, label_of
from starter.web.filled import FILE_FIELD, Filled, typed
from starter.web.i18n import N_, translator
from starter.web.live_preview import Previewer
from starter.web.posted import Posted, read_form
from starter.web.previewing import photo_tokens
from starter.web.session import Visitor
from starter.web.times import field_value
from store.drafts import Draft, Elsewhere, Gone, Photo, new_id

SECTIONS = {"first": FIRST, "last": LAST, "child": CHILD, "vehicle": VEHICLE, "release": RELEASE}


def edit_routers(desk: Desk) -> tuple[APIRouter, ...]:
    """The form, and the drafts that it is typed in."""
    router, forms = desk.router(), Forms(desk)

    @router.get("/new/{door}")
    def new(request: Request, door: str, who: Visitor = Depends(desk.operator)) -> Response:
        _kind(door)
        return forms.form(request, who, _blank(who, door, next(iter(desk.baken.parts.programmes()))))

    @router.post("/new/{door}")
    async def start(request: Request, door: str, who: Visitor = Depends(desk.operator_or_late)) -> Response:
        kind, posted = _kind(door), await read_form(request, who)
        try:
            kept = await keep(desk, who, door, posted)
        except Elsewhere:
            if who.late:
                return go_to(_signing_in(posted.text("draft")))
            return await asyncio.to_thread(forms.stale, request, who, posted)
        draft = kept.draft
        if who.late:
            return go_to(_signing_in(draft.id))
        if kept.chooses or any(posted.text(name) for name in ("more", "set", "take")):
            place = "area-section" if kept.chooses else _place(posted)
            return go_to(f"/console/drafts/{draft.id}#{place}")
        filled = await asyncio.to_thread(filled_of, desk, draft)
        settle(filled.values, desk.areas.known().country, sent=True)
        filled.files = {f"{name}|{file}": data for name, file, data in await posted.files() if name in _CASE_FILES}
        try:
            if kept.problems:
                raise BadInput.of(kept.problems)
            document, folder = filled.case()
            view = await desk.baken.start(document, folder, who.user, kind, draft.alert_id)
        except (BadInput, RefusedByRule, CannotReach) as refused:
            if isinstance(refused, CannotReach):
                await asyncio.to_thread(desk.drafts.begin_again, draft.id)
            return await asyncio.to_thread(forms.form, request, who, draft, _problems(refused))
        await asyncio.to_thread(forms.started, who, draft)
        return go_to(f"/console/alerts/{view['alert_id']}")

    @router.get("/alerts/{alert_id}/amend")
    async def amend(request: Request, alert_id: str, who: Visitor = Depends(desk.operator)) -> Response:
        view = await desk.baken.show(alert_id)
        return forms.amendment(request, who, view, Filled(values_of(_case_of(view)), base=_case_of(view)))

    @router.post("/alerts/{alert_id}/amend")
    async def change(request: Request, alert_id: str, who: Visitor = Depends(desk.operator)) -> Response:
        view = await desk.baken.show(alert_id)
        posted = await read_form(request, who)
        filled, goes_on = await _amended(desk, who, posted, _case_of(view))
        if goes_on:
            return forms.amendment(request, who, view, filled)
        try:
            patch, folder = filled.patch()
            ruling = await desk.baken.command(
                alert_id,
                Action.AMEND,
                who.user,
                content={"patch": patch},
                folder=folder,
                command_id=posted.text("id") or None,
            )
        except (BadInput, RefusedByRule) as refused:
            return forms.amendment(request, who, view, filled, _problems(refused))
        if ruling is not None and not ruling.accepted:
            return forms.amendment(request, who, view, filled, [("", ruling.reason or "")])
        return ruled(alert_id, posted.text("id"), ruling)

    return router, draft_router(desk, forms), photo_router(desk, forms)


_CASE_FILES = ("case", "photos")


class Forms:
    """The form and its parts, as pages."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._previewer = Previewer(desk.baken.parts)

    def form(
        self,
        request: Request,
        who: Visitor,
        draft: Draft,
        problems: Sequence[tuple[str, str]] = (),
        link: str | None = None,
    ) -> Response:
        """A draft, with what is wrong at its place, and a link that was just made."""
        photos = self._photos(draft)
        about = {**self._about(who, draft), "drafted": photos, **self._checked(who, draft, photos)}
        about |= {**self._arrived(who, draft), "link": link}
        return self._page(request, who, Filled(draft.values), list(problems), **about)

    def amendment(
        self, request: Request, who: Visitor, view: dict[str, Any], filled: Filled, problems: Problems | None = None
    ) -> Response:
        tokens = photo_tokens(self._desk.baken.parts, view)
        about = {"kind": view["kind"], "view": view, "tokens": tokens, "base": filled.base}
        return self._page(request, who, filled, problems or [], **about)

    def beside(self, request: Request, who: Visitor, draft: Draft) -> Response:
        """What stands beside the form: the draft's version, and what the rules say so far."""
        checked = self._checked(who, draft, self._photos(draft))
        about = {"wrong": {}, **self._about(who, draft), **checked}
        return self._desk.pages.html(request, "console/parts/beside.html", who, **about)

    def photos(self, request: Request, who: Visitor, draft: Draft, child: int, problems: Problems) -> Response:
        """The photos of one child; without script the whole form."""
        if not request.headers.get("hx-request"):
            if problems:
                return self.form(request, who, draft, problems)
            return go_to(f"/console/drafts/{draft.id}#children/{child}/photos")
        about = {**self._about(who, draft), "drafted": self._photos(draft), "n": child, "wrong": dict(problems)}
        return self._desk.pages.html(request, "console/parts/drafted.html", who, **about)

    def piece(self, draft: Draft, channel: str, name: str) -> str:
        """A page or mail of a channel as it would be; raises LookupError or BadInput."""
        photos = self._photos(draft)
        return self._previewer.page(self._check(draft, photos), photos, DOORS[draft.door], channel, name)

    def intake(self, request: Request, who: Visitor, draft: Draft, seen: str) -> Response:
        """What parents sent; 204 as long as that is what was `seen`."""
        arrived = self._arrived(who, draft)
        if arrived["seen"] == seen:
            return Response(status_code=204)
        about = {**self._about(who, draft), **arrived, "values": draft.values, "link": None}
        return self._desk.pages.html(request, "console/parts/intake.html", who, **about)

    def _arrived(self, who: Visitor, draft: Draft) -> dict[str, Any]:
        """Links of a draft and what came by them."""
        links = self._desk.intake.links(draft, datetime.now(UTC)) if draft.version else []
        photos = [one for one in self._desk.drafts.photos(draft) if one.parents] if draft.version else []
        translate = translator(who.language)
        said = [(one, [(name, label_of(name, translate), text) for name, text in one.said.items()]) for one in links]
        seen = "-".join(one.id[:4] for one in links if one.used_at)
        return {"links": said, "parents": photos, "seen": seen, "waiting": any(one.open for one in links)}

    def stale(self, request: Request, who: Visitor, posted: Posted) -> Response:
        """Another tab saved a newer version: what was typed here is kept on the page, and may replace it."""
        now = self._desk.drafts.open(who.user, posted.text("draft"))
        said = N_("another tab changed this draft; if you send this one, it replaces what was typed there")
        return self.form(request, who, now.model_copy(update={"values": typed(posted)}), [("", said)])

    def started(self, who: Visitor, draft: Draft) -> None:
        with suppress(Gone):  # the button was pressed twice
            self._desk.drafts.end(who.user, draft.id, "started", datetime.now(UTC))

    def _photos(self, draft: Draft) -> Sequence[Photo]:
        """Of the operator, or taken over."""
        return filled_of(self._desk, draft).photos if draft.version else ()

    def _about(self, who: Visitor, draft: Draft) -> dict[str, Any]:
        about = {"kind": DOORS[draft.door].value, "door": draft.door, "draft": draft, "page": new_id()}
        return {**about, "slid_of": slid_of, "is_small": is_small, "nearest": NEAREST}

    def _checked(self, who: Visitor, draft: Draft, photos: Sequence[Photo]) -> dict[str, Any]:
        """What the rules say of it so far."""
        translate = translator(who.language)
        try:
            checked: Checked | None = self._check(draft, photos)
        except BadInput:
            checked = None  # no such programme (any more): choosing another one is all there is to do
        preview = self._previewer.preview(checked, photos, DOORS[draft.door], who.language) if checked else None
        missing = [(place, label_of(place, translate), said) for place, said in (checked.missing if checked else ())]
        shown = {"checked": checked, "missing": missing, "preview": preview}
        return {**shown, "programmes": self._programmes(who)}

    def _check(self, draft: Draft, photos: Sequence[Photo]) -> Checked:
        document = Filled(draft.values, photos=photos).document()
        return check_case(self._desk.baken.parts, document, DOORS[draft.door], datetime.now(UTC))

    def _programmes(self, who: Visitor) -> dict[str, str]:
        return {one.id: one.names.get(who.language, one.id) for one in self._desk.baken.parts.programmes().values()}

    def _page(self, request: Request, who: Visitor, filled: Filled, wrong: Problems, **about: Any) -> Response:
        translate, view = translator(who.language), about.get("view")
        live = (view["case"] or filled.base) if view else None
        nothing: dict[str, Any] = {
            "door": None,
            "view": None,
            "draft": None,
            "base": None,
            "tokens": {},
            "drafted": (),
        }
        page = {
            **nothing,
            "values": filled.values,
            "upload": filled.upload,
            "received": filled.received,
            "counts": {name: count(filled.values, name) for name in MORE},
            "sections": SECTIONS,
            "wrong": dict(wrong),
            "problems": [(place, label_of(place, translate) if place else "", said) for place, said in wrong],
            "picker": picker_of(self._desk, filled.values, live),
        }
        answer = self._desk.pages.html(request, "console/form.html", who, 422 if wrong else 200, **{**page, **about})
        if self._desk.tiles:
            answer.headers["content-security-policy"] = csp(self._desk.tiles.origin)
        return answer


def _blank(who: Visitor, door: str, programme: str) -> Draft:
    """A draft that nobody saved yet, with all that can be known before the call."""
    now = datetime.now(UTC)
    known = {"children": "1", "vehicles": "0", "programme": programme, "publicity/at": field_value(now.isoformat())}
    fresh = {"id": new_id(), "alert_id": "", "version": 0, "touched_at": now}
    return Draft(owner=who.user, door=door, values=known, **fresh)


async def _amended(desk: Desk, who: Visitor, posted: Posted, base: Document) -> tuple[Filled, bool]:
    """An amendment as it was filled in; its photos are kept in memory until it is accepted.

    And whether a button was pressed that only makes room for one more, or chooses an area.
    """
    values = posted.fields
    files = desk.uploads.find(who.user, values.get("upload", ""))
    for name, file, data in await posted.files():
        if FILE_FIELD.fullmatch(name):
            files[f"{name}|{file}"] = data
    adds = values.pop("more", "")
    if adds in MORE:
        values[adds] = str(count(values, adds) + 1)
    known = (await asyncio.to_thread(desk.areas.known)).country
    chooses = do(values, known)
    settle(values, known, base, sent=not chooses)
    return Filled(values, files, desk.uploads.keep(who.user, files), base), adds in MORE or chooses


def _place(posted: Posted) -> str:
    """Where the form goes on after a button that only changes it."""
    if posted.text("take"):
        return "intake"
    more = posted.text("more")
    return f"{more}/{count(typed(posted), more)}" if more in MORE else posted.text("set").partition("=")[0]


def _signing_in(draft_id: str) -> str:
    return f"/console/login?next={quote(f'/console/drafts/{draft_id}')}"


def _kind(door: str) -> Kind:
    if door not in DOORS:
        raise BadInput("kind", f"{door!r} is none of {', '.join(DOORS)}")
    return DOORS[door]


def _case_of(view: dict[str, Any]) -> Document:
    """What an amendment changes: the draft where there is one, else what stands."""
    case: Document | None = (view["draft"] or {}).get("case") or view["case"]
    if case is None:
        raise RefusedByRule(N_("there is no case to amend yet"))
    return case


def _problems(refused: BadInput | RefusedByRule | CannotReach) -> Problems:
    return list(refused.problems) if isinstance(refused, BadInput) else [("", str(refused))]
