"""Where an alert is shown: choosing it in the form, and saying how many people that reaches, with the source.

The list is the control; the map mirrors it and can draw. Whoever makes an area larger is told by how much.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from babel.numbers import format_decimal
from fastapi import APIRouter, Depends, Request, Response
from pydantic import ValidationError

from activities.endpoints import TileServer
from alerts.area import AreaError, AreaSpec, ResolvedArea
from alerts.geometry import Country, Growth, grown, resolve
from alerts.programme import Programme
from starter.parts import Parts
from starter.web.area_values import MOST_CORNERS, NATION, Values, corners_of, named_of, settle
from starter.web.atlas import Named
from starter.web.case_form import document_of, typed
from starter.web.desk import Desk
from starter.web.fields import WHERE
from starter.web.i18n import N_, translator
from starter.web.posted import read_form
from starter.web.session import Visitor
from starter.web.words import AREAS
from store.areas import own_area

LIVE = "live"
"""What an amended area is compared with; a new one with what was chosen before."""


@dataclass(frozen=True)
class Reach:
    """What an area comes to: who lives there, or why it cannot be used."""

    area: ResolvedArea | None = None
    more: Growth | None = None
    problem: str = ""
    spec: str = ""
    """The area as JSON, to compare the next one with."""

    @property
    def shape(self) -> str:
        return json.dumps(self.area.polygons if self.area else (), separators=(",", ":"))


@dataclass(frozen=True)
class Picker:
    """What the area section of the form shows."""

    values: Mapping[str, str]
    imported: bool
    found: tuple[Named, ...]
    chosen: tuple[Named, ...]
    corners: tuple[str, ...]
    reach: Reach
    tiles: TileServer | None
    against_live: bool
    """Whether it is compared with what is live, or with what was chosen before."""

    @property
    def room(self) -> bool:
        """For one more corner."""
        return len(self.corners) < MOST_CORNERS


def area_router(desk: Desk) -> APIRouter:
    router = desk.router()

    @router.get("/areas.json")
    def names(who: Visitor = Depends(desk.operator)) -> Response:
        translate = translator(who.language)
        listed = [
            {
                "code": one.code,
                "name": nation_name(one, who.language),
                "what": f"{translate(AREAS[one.kind])}, {format_decimal(one.people, locale=who.language)}",
                "people": one.people,
            }
            for one in desk.areas.known().named.values()
        ]
        return Response(json.dumps(listed, ensure_ascii=False), media_type="application/json")

    @router.get("/areas/borders.json")
    def borders(who: Visitor = Depends(desk.operator)) -> Response:
        return Response(desk.areas.known().borders, media_type="application/json")

    @router.post("/areas/reach")
    async def reach(request: Request, who: Visitor = Depends(desk.operator)) -> Response:
        """How many people the area reaches that the form stands at now, as a part of the page."""
        posted = await read_form(request, who)
        picker = await asyncio.to_thread(picker_of, desk, posted.fields)
        return desk.pages.html(request, "console/parts/area_reach.html", who, picker=picker)

    return router


def nation_name(one: Named, language: str) -> str:
    return {"nl": "Nederland", "en": "The Netherlands"}[language] if one.code == NATION else one.name


def picker_of(desk: Desk, values: Mapping[str, str], live: Mapping[str, Any] | None = None) -> Picker:
    """The section as it stands with these values; `live` is the case as it stands, when it is being amended."""
    known, now = desk.areas.known(), dict(values)
    settle(now, known.country, live)
    word = now.get("area/searched", "")
    return Picker(
        values=now,
        imported=bool(known.country.municipalities),
        found=known.search(word) if word == now.get("area/search", "").strip() else (),
        chosen=tuple(known.name(code) for code in named_of(now, known.country)),
        corners=tuple(corners_of(now)),
        reach=_reach(now, known.country, desk.baken.parts, live),
        tiles=desk.tiles,
        against_live=live is not None or now.get("area/against") == LIVE,
    )


def _reach(values: Values, known: Country, parts: Parts, live: Mapping[str, Any] | None) -> Reach:
    programmes = parts.programmes()
    named = (live or {}).get("programme") or values.get("programme") or values.get("area/programme")
    programme = programmes.get(named or next(iter(programmes), ""))  # nobody chose: the form begins with the first
    before = _before(values, programme, live)
    try:
        spec = _spec(values, programme)
        if spec is None:
            return Reach(problem=N_("No area: choose one, or say where the child was last seen."), spec=before)
        area = resolve(spec, known)
    except ValidationError:
        return Reach(problem=_incomplete(values.get("area", "")), spec=before)
    except AreaError as error:
        return Reach(problem=error.expected, spec=before)
    compared = values.get("area/against") == LIVE or live is not None
    said = spec.model_dump_json(exclude_none=True)
    return Reach(area, _more(area, before, known), spec=before if compared else said)


def _spec(values: Values, programme: Programme | None) -> AreaSpec | None:
    """The area that is chosen now, else where the programme shows it; raises ValidationError."""
    area = document_of(values, {}).get("area")
    if area is not None:
        return AreaSpec.model_validate(area)
    if programme is None:
        return None
    lat, lon = (typed(one, values.get(one.name, "")) for one in WHERE.fields if one.name in _SEEN)
    seen = [one if isinstance(one, int | float) else None for one in (lat, lon)]
    return own_area(programme, *seen)


_SEEN = ("last_seen/lat", "last_seen/lon")


def _before(values: Values, programme: Programme | None, live: Mapping[str, Any] | None) -> str:
    """The area to compare with: of the case that stands, else of what was shown last."""
    if live is None:
        return values.get("area/was", "")
    seen = live.get("last_seen") or {}
    own = own_area(programme, seen.get("lat"), seen.get("lon")) if programme else None
    spec = AreaSpec.model_validate(live["area"]) if live.get("area") else own
    return spec.model_dump_json(exclude_none=True) if spec else ""


def _more(area: ResolvedArea, before: str, known: Country) -> Growth | None:
    if not before:
        return None
    try:
        return grown(area, resolve(AreaSpec.model_validate_json(before), known), known)
    except (ValidationError, AreaError):
        return None


def _incomplete(kind: str) -> str:
    return {
        "municipalities": N_("Choose at least one area by name."),
        "circle": N_("A circle needs a place or its coordinates, and a radius of 50 to 300,000 metres."),
        "polygon": N_("A polygon needs at least three corners, each as latitude, longitude."),
    }.get(kind, N_("This area cannot be used."))
