"""The criteria a programme can ask for: each a function of what is known, answering with its reason.

`met`, `not_met` or `unknown`: unknown asks the operator for exactly what is missing, not met offers the programme
that would fit. The official wording and its source stand in the programme's TOML.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from enum import StrEnum

from alerts.case import Case
from alerts.programme import Programme
from alerts.values import Value

ADULT = 18
PROMPT = timedelta(hours=3)
"""After this the page asks whether an alert still helps; never a bar (AMBER Alert: as soon as possible)."""


class Result(StrEnum):
    MET = "met"
    NOT_MET = "not_met"
    UNKNOWN = "unknown"


class Criterion(Value):
    """The judgement of one criterion on one case."""

    id: str
    result: Result
    why: str
    wording: dict[str, str] = {}
    source: str = ""


Judged = tuple[Result, str]
Rule = Callable[[Case, Programme, datetime], Judged]


def _minor(case: Case, _programme: Programme, _now: datetime) -> Judged:
    for position, child in enumerate(case.children):
        if child.youngest >= ADULT:
            return (
                Result.NOT_MET,
                f"children/{position} is {child.youngest}; every child must be under {ADULT}",
            )
    if any(child.oldest >= ADULT for child in case.children):
        return Result.UNKNOWN, f"an age range reaches {ADULT}; which is it? Give age, or a narrower age_range"
    return Result.MET, f"every child is under {ADULT}"


def _abducted_or_danger(case: Case, _programme: Programme, _now: datetime) -> Judged:
    facts = case.assessment
    if facts.abducted_by_unknown == "yes":
        return Result.MET, "abducted by unknown person(s)"
    if facts.life_in_danger == "yes":
        return Result.MET, "missing, with danger to life or fear of serious injury"
    if "unknown" in (facts.abducted_by_unknown, facts.life_in_danger):
        return Result.UNKNOWN, (
            "abduction or danger is not known yet: answer assessment/abducted_by_unknown and assessment/life_in_danger"
        )
    return Result.NOT_MET, "neither abducted by an unknown person nor in danger of life or serious injury"


def _serious_worry(case: Case, _programme: Programme, _now: datetime) -> Judged:
    facts = case.assessment
    if "yes" in (facts.serious_worry, facts.life_in_danger, facts.abducted_by_unknown):
        return Result.MET, "there is serious worry about the child"
    if facts.serious_worry == "no":
        return Result.NOT_MET, "the assessment says that there is no serious worry"
    if case.children and min(child.youngest for child in case.children) < ADULT:
        return Result.MET, "a missing minor, and nothing says that there is no serious worry"
    return Result.UNKNOWN, "is there serious worry? Answer assessment/serious_worry with yes or no"


def _information(case: Case, _programme: Programme, _now: datetime) -> Judged:
    seen = case.last_seen
    traits = ("description", "hair", "eyes", "height_cm", "build", "marks", "clothing")
    for position, child in enumerate(case.children):
        if not child.photos and not any(getattr(child, trait) for trait in traits):
            return Result.UNKNOWN, (
                f"nobody could recognise children/{position}: add a photo, or a description, hair, eyes, height, "
                "build, marks or clothing"
            )
    if not (seen.place or seen.lat is not None or case.area):
        return Result.UNKNOWN, "where to look is not known: add last_seen/place, its coordinates, or an area"
    return Result.MET, "there is enough for the public to help"


def _prompt(case: Case, _programme: Programme, now: datetime) -> Judged:
    hours = (now - case.last_seen.latest) / timedelta(hours=1)
    if hours * timedelta(hours=1) <= PROMPT:
        return Result.MET, "asked as soon as possible"
    return Result.MET, f"last seen {hours:.0f} hours ago: late is no bar, but say why an alert still helps"


def _publicity(case: Case, programme: Programme, _now: datetime) -> Judged:
    basis = case.publicity
    if basis.basis == "unknown":
        return Result.UNKNOWN, (
            "who gave leave to show the child is not known: set publicity/basis to one of "
            + ", ".join(programme.publicity.accepts)
        )
    if basis.basis not in programme.publicity.accepts:
        return Result.NOT_MET, f"{programme.id} does not accept the basis {basis.basis} for publicity"
    if basis.basis == "overriding_danger" and not (basis.given_by and basis.reason):
        return Result.UNKNOWN, "overriding_danger needs publicity/given_by and publicity/reason"
    if _named_as_abductor(case):
        return Result.NOT_MET, "a person named as possible abductor cannot give leave (publicity/given_by)"
    return Result.MET, f"publicity rests on {basis.basis}"


def _named_as_abductor(case: Case) -> bool:
    given_by, suspect = case.publicity.given_by, case.suspect
    if given_by is None or suspect is None:
        return False
    giver = given_by.casefold()
    named = (suspect.name or "").casefold()
    return bool(named and (named in giver or giver in named)) or giver in suspect.description.casefold()


def _sheltered(case: Case, _programme: Programme, _now: datetime) -> Judged:
    facts = case.assessment
    if facts.relation in {"parent", "family"} and facts.sheltered_checked != "yes":
        return Result.UNKNOWN, (
            f"the child may be with somebody ({facts.relation}) who fled to a shelter: check first, "
            "then set assessment/sheltered_checked to yes"
        )
    return Result.MET, "no sign that an alert would lead somebody to a sheltered child"


def _local(case: Case, _programme: Programme, _now: datetime) -> Judged:
    if case.area is not None and case.area.nation is not None:
        return Result.NOT_MET, "a local alert needs a local area: name municipalities, a circle or a polygon"
    if case.area is None and case.last_seen.lat is None:
        return Result.UNKNOWN, "where should it be shown? Give an area, or last_seen/lat and last_seen/lon"
    return Result.MET, "the area is local"


RULES: Mapping[str, Rule] = {
    "minor": _minor,
    "abducted_or_danger": _abducted_or_danger,
    "serious_worry": _serious_worry,
    "information": _information,
    "prompt": _prompt,
    "publicity": _publicity,
    "sheltered": _sheltered,
    "local": _local,
}


def judge_criteria(case: Case, programme: Programme, now: datetime) -> tuple[Criterion, ...]:
    """Every criterion of the programme on this case, in the programme's order."""
    judged = []
    for asked in programme.criteria:
        result, why = RULES[asked.id](case, programme, now)
        judged.append(Criterion(id=asked.id, result=result, why=why, wording=dict(asked.wording), source=asked.source))
    return tuple(judged)


def fits(case: Case, programme: Programme, now: datetime) -> bool:
    """Whether the case could be alerted under this programme: nothing of it is `not_met`."""
    return all(found.result is not Result.NOT_MET for found in judge_criteria(case, programme, now))
