"""Three lines for a sign beside the road, read in passing: what it is, whom or what to look for, whom to call.

Whole words only. A plate and a telephone number are on the sign whole or not at all, and no name is: nobody can call a
name to mind at 100 km/h. What must not be missed comes first; what does not fit gives way to something shorter.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence

from alerts.compose import tip_line
from alerts.programme import Programme
from alerts.public import PublicCase, PublicVehicle
from alerts.vocabulary import LANGUAGES, Kind

WIDTH = 20
"""Characters in a line; `docs/channels/signage.md` says why."""
Lines = tuple[str, str, str]
_NUMBER = re.compile(r"\+?\d(?:[\d ()./-]*\d)?")
_WORDS: dict[str, dict[str, str]] = {
    "nl": {
        "exercise": "OEFENING",
        "public_test": "TEST",
        "girl": "MEISJE",
        "boy": "JONGEN",
        "child": "KIND",
        "children": "KINDEREN",
        "missing": "VERMIST",
        "perhaps": "MOGELIJK",
        "call": "BEL",
        "test": "DIT IS EEN TEST",
        "nothing": "GEEN ACTIE NODIG",
    },
    "en": {
        "exercise": "EXERCISE",
        "public_test": "TEST",
        "girl": "GIRL",
        "boy": "BOY",
        "child": "CHILD",
        "children": "CHILDREN",
        "missing": "MISSING",
        "perhaps": "PERHAPS",
        "call": "CALL",
        "test": "THIS IS A TEST",
        "nothing": "NO ACTION NEEDED",
    },
}


def signs(public: PublicCase, programme: Programme, kind: Kind) -> dict[str, Lines]:
    """The three lines in every language; a line that cannot be made to fit is empty."""
    return {language: _sign(public, programme, kind, language) for language in LANGUAGES}


def _sign(public: PublicCase, programme: Programme, kind: Kind, language: str) -> Lines:
    words = _WORDS[language]
    event = programme.names.get(language, programme.id)
    first = words.get(kind.value, "")
    top = _fitting([f"{first} {event}", first or event.split()[0]])
    if kind is Kind.PUBLIC_TEST:
        return top, words["test"], words["nothing"]
    number = _NUMBER.search(tip_line(public, programme, kind))
    called = number.group() if number else ""
    whom = [*_vehicles(public.vehicles, words), *_children(public, words)]
    return top, _fitting(whom), _fitting([f"{words['call']} {called}", called]) if called else ""


def _fitting(texts: Iterable[str]) -> str:
    """The first that fits, in capitals; empty when none does."""
    return next((text for text in (_plain(text) for text in texts) if 0 < len(text) <= WIDTH), "")


def _plain(text: str) -> str:
    return " ".join(text.upper().split())


def _vehicles(vehicles: Sequence[PublicVehicle], words: dict[str, str]) -> Iterator[str]:
    several = [vehicle for vehicle in vehicles if vehicle.plate]
    if len(several) > 1 and all(vehicle.certain for vehicle in several):
        yield " ".join(vehicle.plate or "" for vehicle in several)
    for vehicle in (*several, *(vehicle for vehicle in vehicles if not vehicle.plate)):
        yield from _vehicle(vehicle, "" if vehicle.certain else words["perhaps"])


def _vehicle(vehicle: PublicVehicle, perhaps: str) -> Iterator[str]:
    """The plate and as much more as fits; without a plate, its colour and make."""
    tried = [(vehicle.plate, vehicle.colour, vehicle.make), (vehicle.plate, vehicle.colour), (vehicle.plate,)]
    for some in tried if vehicle.plate else tried[:1]:
        said = " ".join(part for part in some if part)
        if said:
            yield f"{perhaps} {said}"


def _children(public: PublicCase, words: dict[str, str]) -> Iterator[str]:
    if len(public.children) > 1:
        yield f"{len(public.children)} {words['children']} {words['missing']}"
        return
    for child in public.children:
        called = words.get(child.gender or "", words["child"])
        if child.age is not None:
            yield f"{called} ({child.age}) {words['missing']}"
        yield f"{called} {words['missing']}"
    yield f"{words['child']} {words['missing']}"
