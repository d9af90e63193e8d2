"""A case as a form has it: from the document to fields and back, and the merge patch of an amendment.

What was typed and is not what the rules expect stays as it is, so that they can say what is wrong with it.
"""

from __future__ import annotations

import copy
import re
from collections.abc import Iterable, Mapping
from typing import Any

from starter.web.fields import CHILD, FIRST, LAST, RELEASE, VEHICLE, Field
from starter.web.times import field_value, with_offset

Document = dict[str, Any]
Values = Mapping[str, str]

NUMBER = re.compile(r"-?\d+(?:[.,]\d+)?")
FILLED_IN = ("sha256", "width", "height")
CASE_FIELDS = tuple(one for part in (*FIRST, *LAST) for one in part.fields if not one.name.startswith("area"))
MOST_CHILDREN, MOST_VEHICLES = 8, 10
HALVES = {"from": "between/0", "to": "between/1", "age_from": "age_range/0", "age_to": "age_range/1"}
"""Fields of the form that are halves of one value of the case."""


def document_of(values: Values, photos: Mapping[int, list[Document]], base: Document | None = None) -> Document:
    """The case file that a filled-in form stands for; `base` gives what the form has no field for."""
    document: Document = {name: copy.deepcopy(value) for name, value in (base or {}).items() if name in ("language",)}
    if programme := (base or {}).get("programme") or values.get("programme"):
        document["programme"] = programme
    form = _Form(values, base)
    children = [form.child(n, photos.get(n, [])) for n in range(count(values, "children"))]
    document["children"] = [child for child in children if child]
    for one in CASE_FIELDS:
        _put(document, one.name, form.value(one, one.name))
    _pair(document.get("last_seen"), "between", "from", "to")
    vehicles = [form.vehicle(n) for n in range(count(values, "vehicles"))]
    _put(document, "vehicles", [vehicle for vehicle in vehicles if vehicle] or None)
    _put(document, "area", _area(values))
    return document


def values_of(case: Document) -> dict[str, str]:
    """The fields of a form filled in with a case."""
    flat: dict[str, str] = {"children": str(len(case["children"])), "vehicles": str(len(case.get("vehicles") or ()))}
    for one in CASE_FIELDS:
        flat[one.name] = shown(one, _get(case, one.name))
    if between := _get(case, "last_seen/between"):
        flat["last_seen/from"], flat["last_seen/to"] = map(field_value, between)
    for n, child in enumerate(case["children"]):
        flat |= {f"children/{n}/{one.name}": shown(one, child.get(one.name)) for one in CHILD}
        flat |= {f"children/{n}/photos/{m}": "keep" for m, _ in enumerate(child.get("photos") or ())}
        if child.get("age_range"):
            flat[f"children/{n}/age_from"], flat[f"children/{n}/age_to"] = map(str, child["age_range"])
    for n, vehicle in enumerate(case.get("vehicles") or ()):
        flat |= {f"vehicles/{n}/{one.name}": shown(one, vehicle.get(one.name)) for one in VEHICLE}
        release = vehicle.get("release") or {}
        flat |= {f"vehicles/{n}/release/{one.name}": shown(one, release.get(one.name)) for one in RELEASE}
    return {**flat, **_area_values(case.get("area") or {})}


def count(values: Values, name: str) -> int:
    """How many children or vehicles the form has room for."""
    most = MOST_CHILDREN if name == "children" else MOST_VEHICLES
    text = values.get(name, "")
    return min(int(text), most + 1) if text.isdecimal() else int(name == "children")


def typed(one: Field, text: str) -> Any:
    """A field's value for the case; None when it was left empty."""
    text = text.strip()
    if not text:
        return None
    if one.kind == "number" and NUMBER.fullmatch(text):
        return float(text.replace(",", ".")) if re.search(r"[.,]", text) else int(text)
    if one.kind == "moment":
        return with_offset(text)
    if one.kind == "flag":
        return True
    return [part.strip() for part in text.split(",") if part.strip()] if one.name == "speaks" else text


def shown(one: Field, value: Any) -> str:
    """A value of the case as its field shows it."""
    if empty(value):
        return ""
    if one.kind == "moment":
        return field_value(value)
    if one.kind == "flag":
        return "yes"
    return ", ".join(value) if isinstance(value, list) else str(value)


def empty(value: Any) -> bool:
    """Whether a field that has this value is as good as left out; an age of 0 is not."""
    return value is None or value is False or value in ("", "unknown", [], (), {})


def merge_patch_between(before: Document, after: Document) -> Document:
    """The JSON merge patch (RFC 7396) that makes `after` of `before`; empty when they say the same."""
    return _difference(bare(before), bare(after))


def bare(value: Any) -> Any:
    """Without what is empty or filled in by Baken, so that two cases can be compared."""
    if isinstance(value, Mapping):
        kept = {name: bare(inner) for name, inner in value.items() if name not in FILLED_IN}
        return {name: inner for name, inner in kept.items() if not empty(inner)}
    return [bare(inner) for inner in value] if isinstance(value, list | tuple) else value


def _difference(before: Document, after: Document) -> Document:
    patch: Document = {name: None for name in before if name not in after}
    for name, value in after.items():
        old = before.get(name)
        if isinstance(old, dict) and isinstance(value, dict):
            inner = _difference(old, value)
            patch |= {name: inner} if inner else {}
        elif old != value:
            patch[name] = value
    return patch


class _Form:
    """What was typed, and the case it was typed over: what nobody touched stays exactly as it was."""

    def __init__(self, values: Values, base: Document | None) -> None:
        self._values = values
        self._base = base

    def value(self, one: Field, name: str) -> Any:
        text = self._values.get(name, "")
        outer, _, last = name.rpartition("/")
        before = _get(self._base, f"{outer}/{HALVES[last]}" if last in HALVES else name)
        return before if not empty(before) and shown(one, before) == text else typed(one, text)

    def child(self, n: int, photos: list[Document]) -> Document:
        child: Document = {}
        for one in CHILD:
            _put(child, one.name, self.value(one, f"children/{n}/{one.name}"))
        _pair(child, "age_range", "age_from", "age_to")
        _put(child, "photos", photos or None)
        return child

    def vehicle(self, n: int) -> Document:
        vehicle: Document = {}
        for one in VEHICLE:
            _put(vehicle, one.name, self.value(one, f"vehicles/{n}/{one.name}"))
        for one in RELEASE:
            _put(vehicle, f"release/{one.name}", self.value(one, f"vehicles/{n}/release/{one.name}"))
        return vehicle


def _pair(document: Document | None, name: str, first: str, second: str) -> None:
    if document is not None and (first in document or second in document):
        document[name] = [document.pop(first, None), document.pop(second, None)]


def _put(document: Document, name: str, value: Any) -> None:
    if value is None:
        return
    *outer, last = name.split("/")
    for part in outer:
        document = document.setdefault(part, {})
    document[last] = value


def _get(document: Any, name: str) -> Any:
    for part in name.split("/"):
        if isinstance(document, list | tuple):
            document = document[int(part)] if part.isdecimal() and int(part) < len(document) else None
        else:
            document = document.get(part) if isinstance(document, Mapping) else None
    return document


def _area(values: Values) -> Any:
    kind = values.get("area", "")
    if kind == "nation":
        return {"nation": "NL"}
    if kind == "municipalities":
        return {"municipalities": re.findall(r"[^\s,;]+", values.get("area/municipalities", ""))}
    if kind == "circle":
        names = ("lat", "lon", "radius_m")
        figures = {name: typed(Field(name, "", "number"), values.get(f"area/circle/{name}", "")) for name in names}
        return {"circle": {name: figure for name, figure in figures.items() if figure is not None}}
    if kind == "polygon":
        return {"polygon": list(_corners(values.get("area/polygon", "").splitlines()))}
    return None


def _corners(lines: Iterable[str]) -> Iterable[list[Any]]:
    for line in lines:
        figures = re.findall(r"-?\d+(?:\.\d+)?", line)
        if line.strip():
            yield [float(figures[1]), float(figures[0])] if len(figures) == 2 else [line.strip()]


def _area_values(area: Document) -> dict[str, str]:
    kind = next((name for name in ("nation", "municipalities", "circle", "polygon") if area.get(name)), "")
    circle = area.get("circle") or {}
    return {
        "area": kind,
        "area/municipalities": ", ".join(area.get("municipalities") or ()),
        **{f"area/circle/{name}": str(circle.get(name, "")) for name in ("lat", "lon", "radius_m")},
        "area/polygon": "\n".join(f"{lat}, {lon}" for lon, lat in area.get("polygon") or ()),
    }
