"""A new alert, and amending one: the same form, ordered as a call comes in, or a file.

Whether it is real, an exercise or a test is chosen by the door one comes in by, never by a field of the form.
"""

from __future__ import annotations

import re
from typing import Any

from fastapi import APIRouter, Depends, Request, Response

from alerts.vocabulary import Action, Kind
from starter.cases import parse_document
from starter.errors import BadInput, RefusedByRule
from starter.policy import csp
from starter.web.area_values import do, require_choice, settle
from starter.web.areas import picker_of
from starter.web.case_form import (
    FILLED_IN,
    Document,
    bare,
    count,
    document_of,
    merge_patch_between,
    values_of,
)
from starter.web.commanding import ruled
from starter.web.desk import Desk, go_to
from starter.web.fields import CHILD, FIRST, LAST, RELEASE, VEHICLE, label_of
from starter.web.i18n import N_, translator
from starter.web.posted import Posted, read_form
from starter.web.previewing import photo_tokens
from starter.web.session import Visitor

DOORS = {"actual": Kind.ACTUAL, "exercise": Kind.EXERCISE, "public-test": Kind.PUBLIC_TEST}
MORE = ("children", "vehicles")
Problems = list[tuple[str, str]]
FILE_FIELD = re.compile(r"case|photos|children/\d/photos")


def edit_router(desk: Desk) -> APIRouter:
    router = desk.router()

    @router.get("/new/{door}")
    def new(request: Request, door: str, who: Visitor = Depends(desk.operator)) -> Response:
        return _form(desk, request, who, {"kind": _kind(door).value, "door": door})

    @router.post("/new/{door}")
    async def start(request: Request, door: str, who: Visitor = Depends(desk.operator)) -> Response:
        kind = _kind(door)
        posted = await read_form(request, who)
        filled = await _Filled.of(desk, who, posted, None)
        about = {"kind": kind.value, "door": door}
        if filled.adds:
            return _form(desk, request, who, about, filled)
        try:
            document, folder = filled.case()
            view = await desk.baken.start(document, folder, who.user, kind)
        except (BadInput, RefusedByRule) as refused:
            return _form(desk, request, who, about, filled, _problems(refused))
        return go_to(f"/console/alerts/{view['alert_id']}")

    @router.get("/alerts/{alert_id}/amend")
    async def amend(request: Request, alert_id: str, who: Visitor = Depends(desk.operator)) -> Response:
        view = await desk.baken.show(alert_id)
        filled = _Filled(values_of(_case_of(view)), {}, "", _case_of(view))
        return _form(desk, request, who, {"kind": view["kind"], "view": view}, filled)

    @router.post("/alerts/{alert_id}/amend")
    async def change(request: Request, alert_id: str, who: Visitor = Depends(desk.operator)) -> Response:
        view = await desk.baken.show(alert_id)
        posted = await read_form(request, who)
        filled = await _Filled.of(desk, who, posted, _case_of(view))
        about = {"kind": view["kind"], "view": view}
        if filled.adds:
            return _form(desk, request, who, about, filled)
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
            return _form(desk, request, who, about, filled, _problems(refused))
        if ruling is not None and not ruling.accepted:
            return _form(desk, request, who, about, filled, [("", ruling.reason or "")])
        return ruled(alert_id, posted.text("id"), ruling)

    return router


class _Filled:
    """A form as somebody filled it in."""

    def __init__(
        self, values: dict[str, str], files: dict[str, bytes], upload: str, base: Document | None, adds: bool = False
    ) -> None:
        self.values = values
        self.files = files
        self.upload = upload
        self.base = base
        self.adds = adds
        """Whether a button was pressed that only makes room for one more, or chooses an area."""

    @classmethod
    async def of(cls, desk: Desk, who: Visitor, posted: Posted, base: Document | None) -> _Filled:
        values = posted.fields
        files = desk.uploads.find(who.user, values.get("upload", ""))
        for name, file, data in await posted.files():
            if FILE_FIELD.fullmatch(name):
                files[f"{name}|{file}"] = data
        adds = values.pop("more", "")
        if adds in MORE:
            values[adds] = str(count(values, adds) + 1)
        country = desk.areas.known().country
        chooses = do(values, country)
        settle(values, country, base, sent=not chooses)
        return cls(values, files, desk.uploads.keep(who.user, files), base, adds in MORE or chooses)

    def case(self) -> tuple[Document, dict[str, bytes]]:
        """The case document and its photos: of the file that was chosen, else of the fields."""
        text = self._chosen("case")
        if text is not None:
            return text, {name.split("|", 1)[1]: data for name, data in self.files.items() if "|" in name}
        require_choice(self.values)
        return document_of(self.values, self._photos(), self.base), self._folder()

    def patch(self) -> tuple[Document, dict[str, bytes]]:
        document, folder = self.case()
        if self._chosen("case") is not None:
            return document, folder
        patch = merge_patch_between(self.base or {}, document)
        if not patch:
            raise RefusedByRule("it changes nothing")
        return patch, folder

    @property
    def received(self) -> list[tuple[str, str]]:
        """Field and name of every photo that was sent."""
        return [(name.split("|", 1)[0], name.split("|", 1)[1]) for name in self.files]

    def _chosen(self, field: str) -> Document | None:
        found = [(name, data) for name, data in self.files.items() if name.startswith(f"{field}|")]
        if not found:
            return None
        name, data = found[-1]
        try:
            return parse_document(data.decode("utf-8-sig"), name.split("|", 1)[1])
        except UnicodeDecodeError as error:
            raise BadInput(name.split("|", 1)[1], "is not UTF-8; save it as UTF-8") from error

    def _folder(self) -> dict[str, bytes]:
        return {_file(name): data for name, data in self.files.items() if name.startswith("children/")}

    def _photos(self) -> dict[int, list[Document]]:
        """Photos by child: those kept, then those sent now."""
        photos: dict[int, list[Document]] = {}
        for n, child in enumerate((self.base or {}).get("children", ())):
            kept = [one for m, one in enumerate(child["photos"]) if self.values.get(f"children/{n}/photos/{m}")]
            photos[n] = [{name: one[name] for name in one if name not in FILLED_IN} for one in bare(kept)]
        for name in self.files:
            if name.startswith("children/"):
                n = int(name.split("/")[1])
                said = {key: self.values.get(f"children/{n}/photo/{key}", "").strip() for key in _PHOTO_SAYS}
                photos.setdefault(n, []).append({"file": _file(name), **{k: v for k, v in said.items() if v}})
        return photos


_PHOTO_SAYS = ("alt", "taken_at", "identity_confirmed_by")


def _file(name: str) -> str:
    field, file = name.split("|", 1)
    return f"child{int(field.split('/')[1]) + 1}-{file}"


def _form(
    desk: Desk,
    request: Request,
    who: Visitor,
    about: dict[str, Any],
    filled: _Filled | None = None,
    problems: Problems | None = None,
) -> Response:
    """The form, empty or as it was filled in, with what is wrong at its place."""
    translate = translator(who.language)
    view = about.get("view")
    filled = filled or _Filled({"children": "1", "vehicles": "0"}, {}, "", None)
    wrong = problems or []
    programmes = {one.id: one.names.get(who.language, one.id) for one in desk.baken.parts.programmes().values()}
    answer = desk.pages.html(
        request,
        "console/form.html",
        who,
        422 if wrong else 200,
        kind=about["kind"],
        door=about.get("door"),
        view=view,
        values=filled.values,
        upload=filled.upload,
        received=filled.received,
        base=filled.base,
        tokens=photo_tokens(desk.baken.parts, view) if view else {},
        counts={name: count(filled.values, name) for name in MORE},
        sections={"first": FIRST, "last": LAST, "child": CHILD, "vehicle": VEHICLE, "release": RELEASE},
        wrong=dict(wrong),
        problems=[(place, label_of(place, translate) if place else "", said) for place, said in wrong],
        programmes=programmes,
        picker=picker_of(desk, filled.values, (view["case"] or filled.base) if view else None),
    )
    if desk.tiles:
        answer.headers["content-security-policy"] = csp(desk.tiles.origin)
    return answer


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


def _problems(refused: BadInput | RefusedByRule) -> Problems:
    return list(refused.problems) if isinstance(refused, BadInput) else [("", str(refused))]
