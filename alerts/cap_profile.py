"""What Google asks of CAP messages for its Public Alerts, as rules that look at a message as it was rendered.

Sources: the checks of Google's own validator ("Google Public Alerts CAP v1.0": `GoogleProfile.java` in the public
repository google/cap-library, by the names it gives them) and its pages for publishers, developers.google.com/
public-alerts. docs/channels/cap.md lists every rule, and what of the profile we do not follow and why.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache
from xml.etree import ElementTree
from xml.etree.ElementTree import Element

import shapely
from shapely.geometry import Polygon

HEADLINE_MAX = 140
"""Characters; CAP 1.2 itself advises 160."""
EVENT_BELOW = 35
AREA_DESC_BELOW = 50
DECIMALS_MAX = 6
_CAP = "{urn:oasis:names:tc:emergency:cap:1.2}"
_CHECKER = "GoogleProfile.java, "
_ALERT, _INFO, _AREA = (f"guides/cap-requirements/entities/{entity}" for entity in ("alert", "info", "area"))
_REQUIREMENTS = "reference/google-cap-requirements"
_NAME = re.compile(r"[^\s,&<]+")
_LANGUAGE = re.compile(r"[A-Za-z]{1,8}(-[A-Za-z0-9]{1,8})*")
"""RFC 3066 section 2.1."""
_HTML = re.compile(r"</?[A-Za-z][^<>]*>")
_TOUCHING = 1e-9
"""Square degrees, some 7 m2: two polygons that share a border may overlap by a rounding."""


class _Part:
    """An element of a message, read by the names of CAP."""

    def __init__(self, element: Element) -> None:
        self._element = element

    def parts(self, name: str) -> list[_Part]:
        return [_Part(found) for found in self._element.findall(_CAP + name)]

    def texts(self, name: str) -> list[str]:
        return [(found.text or "").strip() for found in self._element.findall(_CAP + name)]

    def text(self, name: str) -> str:
        """The first one, or nothing."""
        return next(iter(self.texts(name)), "")


@dataclass(frozen=True)
class Rule:
    name: str
    source: str
    """A check of Google's validator, or a page below developers.google.com/public-alerts."""
    look: Callable[[_Part], Iterator[str]]
    of_cancels: bool = True
    """A Cancel asks nothing of anybody, and must not say where."""


def breaches(xml: str) -> Iterator[tuple[str, str]]:
    """Every rule that a message breaks, and how it does so: for people, with nothing of its text."""
    message = _Part(ElementTree.fromstring(xml))  # noqa: S314  we wrote it ourselves
    cancels = message.text("msgType") == "Cancel"
    for rule in RULES:
        if rule.of_cancels or not cancels:
            for said in rule.look(message):
                yield rule.name, said


def _infos(check: Callable[[_Part], str | None]) -> Callable[[_Part], Iterator[str]]:
    """A check of each info."""

    def found(message: _Part) -> Iterator[str]:
        yield from (said for info in message.parts("info") if (said := check(info)))

    return found


def _areas(check: Callable[[_Part], str | None]) -> Callable[[_Part], Iterator[str]]:
    """A check of each area."""

    def found(message: _Part) -> Iterator[str]:
        for info in message.parts("info"):
            yield from (said for area in info.parts("area") if (said := check(area)))

    return found


def _required(name: str) -> Callable[[_Part], Iterator[str]]:
    return _infos(lambda info: None if info.text(name) else f"CAP {name} is missing")


def _known(name: str) -> Callable[[_Part], Iterator[str]]:
    return _infos(lambda info: None if info.text(name) not in ("", "Unknown") else f"CAP {name} is missing or Unknown")


def _alike(name: str) -> Callable[[_Part], Iterator[str]]:
    """Every info has the same ones."""

    def found(message: _Part) -> Iterator[str]:
        said = {frozenset(_value(one) for one in info.parts(name)) for info in message.parts("info")}
        if len(said) > 1:
            yield f"CAP {name} differs between languages"

    return found


def _value(part: _Part) -> tuple[str, ...]:
    return part.text("valueName"), part.text("value"), (part._element.text or "").strip()


def _names(message: _Part) -> Iterator[str]:
    for name in ("identifier", "sender"):
        if not _NAME.fullmatch(message.text(name)):
            yield f"CAP {name} is empty or has a space, a comma, < or & in it"


def _references(message: _Part) -> Iterator[str]:
    if message.text("msgType") in ("Update", "Cancel") and not message.text("references"):
        yield "a CAP Update or Cancel refers to no earlier message"


def _note(message: _Part) -> Iterator[str]:
    if (message.text("status") == "Exercise" or message.text("msgType") == "Error") and not message.text("note"):
        yield "a CAP Exercise or Error says in no note what it is"


def _has_info(message: _Part) -> Iterator[str]:
    if not message.parts("info"):
        yield "CAP info is missing"


def _events(message: _Part) -> Iterator[str]:
    said: dict[str, str] = {}
    for info in message.parts("info"):
        if said.setdefault(info.text("language"), info.text("event")) != info.text("event"):
            yield "CAP event differs within one language"


def _local_times(message: _Part) -> Iterator[str]:
    times = [message.text("sent")]
    for info in message.parts("info"):
        times += [info.text(name) for name in ("effective", "onset", "expires")]
    for written in filter(None, times):
        offset = datetime.fromisoformat(written).utcoffset()
        if offset is None or offset == timedelta(0):
            yield "a CAP time is in UTC, not in the time of the place"


def _language(info: _Part) -> str | None:
    good = _LANGUAGE.fullmatch(info.text("language") or "en-US")
    return None if good else "CAP language is no code of RFC 3066"


def _event(info: _Part) -> str | None:
    length = len(info.text("event"))
    return None if length < EVENT_BELOW else f"CAP event has {length} characters; fewer than {EVENT_BELOW} are allowed"


def _headline(info: _Part) -> str | None:
    length = len(info.text("headline"))
    return None if length <= HEADLINE_MAX else f"CAP headline has {length} characters; at most {HEADLINE_MAX}"


def _effective(message: _Part) -> Iterator[str]:
    for info in message.parts("info"):
        effective, expires = info.text("effective") or message.text("sent"), info.text("expires")
        if effective and expires and datetime.fromisoformat(effective) > datetime.fromisoformat(expires):
            yield "CAP expires lies before effective"


def _differ(one: str, other: str) -> Callable[[_Part], Iterator[str]]:
    def check(info: _Part) -> str | None:
        same = info.text(one) and info.text(one) == info.text(other)
        return f"CAP {one} only repeats {other}" if same else None

    return _infos(check)


def _plain(info: _Part) -> str | None:
    said = (info.text(name) for name in ("headline", "description", "instruction"))
    return "CAP text has HTML in it; plain text is asked for" if any(map(_HTML.search, said)) else None


def _has_area(info: _Part) -> str | None:
    return None if info.parts("area") else "CAP area is missing"


def _has_shape(info: _Part) -> str | None:
    shaped = any(area.texts("polygon") or area.texts("circle") for area in info.parts("area"))
    return None if shaped else "CAP area has neither polygon nor circle"


def _located(area: _Part) -> str | None:
    found = any(area.parts(name) for name in ("polygon", "circle", "geocode"))
    return None if found else "a CAP area has no polygon, circle or geocode"


def _area_desc(area: _Part) -> str | None:
    length = len(area.text("areaDesc"))
    good = 0 < length < AREA_DESC_BELOW
    return None if good else f"CAP areaDesc has {length} characters; 1 to {AREA_DESC_BELOW - 1} are allowed"


def _geocode(area: _Part) -> str | None:
    good = all(code.text("valueName") and code.text("value") for code in area.parts("geocode"))
    return None if good else "a CAP geocode is empty"


def _circle(area: _Part) -> str | None:
    good = all(float(circle.split()[-1]) > 0 for circle in area.texts("circle"))
    return None if good else "a CAP circle has no radius"


def _polygon(area: _Part) -> str | None:
    return _problem_of_polygons(tuple(area.texts("polygon")))


@lru_cache(maxsize=8)
def _problem_of_polygons(polygons: tuple[str, ...]) -> str | None:
    """Every language and every message of an alert repeats them."""
    shapes: list[Polygon] = []
    for written in polygons:
        pairs = written.split()
        if len(pairs) < 4 or pairs[0] != pairs[-1]:
            return "a CAP polygon is not closed, or has fewer than four points"
        if any(len(number.partition(".")[2]) > DECIMALS_MAX for pair in pairs for number in pair.split(",")):
            return f"a CAP polygon has more than {DECIMALS_MAX} decimals"
        shapes.append(Polygon([tuple(map(float, pair.split(","))) for pair in pairs]))
    if not all(shape.is_valid for shape in shapes):
        return "a CAP polygon crosses itself"
    if sum(shape.area for shape in shapes) > shapely.union_all(shapes).area + _TOUCHING:
        return "CAP polygons of one area overlap"
    return None


RULES = (
    Rule("references", _CHECKER + "UPDATE_OR_CANCEL_MUST_REFERENCE", _references),
    Rule("names", _ALERT, _names),
    Rule("note", _ALERT, _note),
    Rule("info", _CHECKER + "INFO_IS_REQUIRED", _has_info),
    Rule("category", _CHECKER + "CATEGORIES_MUST_MATCH", _alike("category")),
    Rule("eventCode", _CHECKER + "EVENT_CODES_MUST_MATCH", _alike("eventCode")),
    Rule("description", _CHECKER + "DESCRIPTION_IS_REQUIRED", _required("description")),
    Rule("web", _CHECKER + "WEB_IS_REQUIRED", _required("web")),
    Rule("expires", _CHECKER + "EXPIRES_IS_REQUIRED", _required("expires")),
    Rule("effective", _CHECKER + "EFFECTIVE_NOT_AFTER_EXPIRES", _effective),
    Rule("urgency", _CHECKER + "URGENCY_IS_REQUIRED, UNKNOWN_URGENCY_DISCOURAGED", _known("urgency")),
    Rule("severity", _CHECKER + "SEVERITY_IS_REQUIRED, UNKNOWN_SEVERITY_DISCOURAGED", _known("severity")),
    Rule("certainty", _CHECKER + "CERTAINTY_IS_REQUIRED, UNKNOWN_CERTAINTY_DISCOURAGED", _known("certainty")),
    Rule("area", _CHECKER + "AREA_IS_REQUIRED", _infos(_has_area)),
    Rule("located", _CHECKER + "CIRCLE_POLYGON_OR_GEOCODE_IS_REQUIRED", _areas(_located)),
    Rule("event", _INFO, _infos(_event)),
    Rule("areaDesc", _AREA, _areas(_area_desc)),
    Rule("polygon", f"{_AREA}, {_REQUIREMENTS}", _areas(_polygon)),
    Rule("plain text", _REQUIREMENTS, _infos(_plain)),
    Rule("language", _INFO, _infos(_language)),
    Rule("senderName", _CHECKER + "SENDER_NAME_STRONGLY_RECOMMENDED", _required("senderName")),
    Rule("responseType", _CHECKER + "RESPONSE_TYPE_STRONGLY_RECOMMENDED", _required("responseType")),
    Rule("headline", _CHECKER + "HEADLINE_TOO_LONG", _infos(_headline)),
    Rule("headline differs", _CHECKER + "HEADLINE_AND_DESCRIPTION_SHOULD_DIFFER", _differ("headline", "description")),
    Rule(
        "instruction differs",
        _CHECKER + "DESCRIPTION_AND_INSTRUCTION_SHOULD_DIFFER",
        _differ("instruction", "description"),
    ),
    Rule("events alike", _CHECKER + "EVENTS_IN_SAME_LANGUAGE_SHOULD_MATCH", _events),
    Rule("circle", _CHECKER + "NONZERO_CIRCLE_RADIUS_RECOMMENDED", _areas(_circle)),
    Rule("geocode", _CHECKER + "EMPTY_GEOCODE_FIELD", _areas(_geocode)),
    Rule("local times", _CHECKER + "SENT_INCLUDES_UTC_TIMEZONE and its three like it", _local_times),
    Rule("instruction", _CHECKER + "INSTRUCTION_STRONGLY_RECOMMENDED", _required("instruction"), of_cancels=False),
    Rule("contact", _CHECKER + "CONTACT_IS_RECOMMENDED", _required("contact"), of_cancels=False),
    Rule("shape", _CHECKER + "CIRCLE_POLYGON_ENCOURAGED", _infos(_has_shape), of_cancels=False),
)
"""Up to `plain text` what Google requires, then what it recommends."""
