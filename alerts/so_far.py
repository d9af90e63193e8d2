"""A case while it is being written: what can be judged of it already, long before it could start.

Where nothing is known yet a stand-in makes it a whole case; what rests on a stand-in is judged `unknown`, and says
what to ask.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pydantic import ValidationError

from alerts.case import Case
from alerts.criteria import Criterion, Result, judge_criteria
from alerts.programme import Programme

NOTHING = "..."
"""Stands where a text is still to come."""
ANY_AGE = (0, 120)
MOST_MENDED = 60
"""Wrong values that are left out one by one; a case with more is judged as if nothing were known."""

Document = dict[str, Any]
Place = tuple[int | str, ...]


@dataclass(frozen=True)
class SoFar:
    """An unfinished case."""

    case: Case
    """With stand-ins, so that the rules can judge it."""
    shown: Case
    """The same without a stand-in for an age or a moment: for renderings alone, as no rule allows it."""
    ageless: bool
    """Whether the age of a child is not known."""
    nameless: bool
    """Whether there is neither a name nor a description of a child."""
    timeless: bool
    """Whether it is not known when the child was last seen."""


def so_far(document: Document, now: datetime) -> SoFar:
    """What a document says, without what is wrong in it."""
    document = copy.deepcopy(document)
    for _ in range(MOST_MENDED):
        timeless = _stand_in(document, now)
        try:
            case = Case.model_validate(document)
        except ValidationError as error:
            for place in _wrong(error):
                _leave_out(document, place)
        else:
            return _without(case, timeless)
    return so_far({"programme": document["programme"]}, now)


def judge_so_far(known: SoFar, programme: Programme, now: datetime) -> tuple[Criterion, ...]:
    """Every criterion of the programme on what is known, in the programme's order."""
    return tuple(_asked(found, known) for found in judge_criteria(known.case, programme, now))


def _asked(found: Criterion, known: SoFar) -> Criterion:
    why = None
    if known.ageless and (found.id == "minor" or (found.id == "serious_worry" and not _assessed(known.case))):
        why = "how old is the child? Give an age, or an age range"
    elif known.nameless and found.id == "information" and found.result is Result.MET:
        why = "who is missing? Give a name or a description"
    elif known.timeless and found.id == "prompt":
        why = "when was the child last seen? Give a time, or two times between which it was"
    return found.model_copy(update={"result": Result.UNKNOWN, "why": why}) if why else found


def _assessed(case: Case) -> bool:
    facts = case.assessment
    return facts.serious_worry != "unknown" or "yes" in (facts.life_in_danger, facts.abducted_by_unknown)


def _stand_in(document: Document, now: datetime) -> bool:
    """Fill what a case cannot be without; whether nobody knows when the child was last seen."""
    document["programme"] = document.get("programme") or NOTHING
    document["circumstances"] = document.get("circumstances") or NOTHING
    public = document.get("public")
    document["public"] = {"situation": NOTHING, **(public if isinstance(public, dict) else {})}
    children = document.get("children")
    kept = [one for one in children if isinstance(one, dict)] if isinstance(children, list) else []
    document["children"] = kept or [{}]
    for child in document["children"]:
        _stand_in_child(child)
    seen = document["last_seen"] = document["last_seen"] if isinstance(document.get("last_seen"), dict) else {}
    if seen.get("at"):
        seen.pop("between", None)
    elif not seen.get("between"):
        seen["at"] = now.isoformat()
    return bool(seen.get("at") == now.isoformat())


def _stand_in_child(child: Document) -> None:
    if not (child.get("name") or child.get("description")):
        child["description"] = NOTHING
    if child.get("age") is not None:
        child.pop("age_range", None)
    elif not child.get("age_range"):
        child["age_range"] = list(ANY_AGE)


def _wrong(error: ValidationError) -> list[Place]:
    """What is wrong, and of what something is missing; not what holds it. The last of a list comes first."""
    found = error.errors(include_url=False, include_input=False)
    places = {one["loc"][:-1] if one["type"] == "missing" and len(one["loc"]) > 1 else one["loc"] for one in found}
    inner = [one for one in places if not any(len(two) > len(one) and two[: len(one)] == one for two in places)]
    return sorted(inner, key=lambda place: [str(step) for step in place], reverse=True)


def _leave_out(document: Document, place: Place) -> None:
    """What a place names, or the last on the way to it that the document has."""
    outer: Any = None
    last: Any = None
    here: Any = document
    for step in place:
        inside = step in here if isinstance(here, dict) else isinstance(here, list) and step in range(len(here))
        if not inside:
            break
        outer, last, here = here, step, here[step]
    if outer is not None:
        del outer[last]


def _without(case: Case, timeless: bool) -> SoFar:
    ageless = [child.age_range == ANY_AGE for child in case.children]
    children = tuple(
        child.model_copy(update={"age_range": None}) if unknown else child
        for child, unknown in zip(case.children, ageless, strict=True)
    )
    seen = case.last_seen.model_copy(update={"at": None}) if timeless else case.last_seen
    shown = case.model_copy(update={"children": children, "last_seen": seen})
    nameless = any(child.name is None and child.description == NOTHING for child in children)
    return SoFar(case=case, shown=shown, ageless=any(ageless), nameless=nameless, timeless=timeless)
