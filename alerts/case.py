"""The case: what the police know of the missing child, as an operator writes it down.

Every field says who may see it. `PUBLIC` fields may become part of what the public sees (`alerts.public` takes
them over, field by field, into a type of its own); `INTERNAL` ones serve the decision and never leave it.
Field names and rules: the case file of CONTRACT.md.
"""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Annotated, Any, Literal, Self

from pydantic import Field, StrictBool, StrictInt, model_validator

from alerts.area import AreaSpec
from alerts.values import Instant, Text, Value

PUBLIC: Any = Field(json_schema_extra={"audience": "public"})
INTERNAL: Any = Field(json_schema_extra={"audience": "internal"})

HEADLINE_MAX = 160
"""Characters; CAP 1.2 section 3.2.2 advises a headline of at most 160."""
OLDEST = timedelta(days=366 * 3)
"""A last-seen time before this is taken for a slip of the pen."""
CLOCK_SLACK = timedelta(minutes=10)

Answer = Literal["yes", "no", "unknown"]
Line = Annotated[Text, Field(min_length=1, max_length=400)]
Paragraph = Annotated[Text, Field(min_length=1, max_length=4000)]
Headline = Annotated[Text, Field(min_length=1, max_length=HEADLINE_MAX)]
Language = Literal["nl", "en"]


class Release(Value):
    """The officer's leave to show a possible abductor or a vehicle."""

    by: Annotated[Line, INTERNAL]
    role: Annotated[Line, INTERNAL]
    at: Annotated[Instant, INTERNAL]
    reference: Annotated[Line | None, INTERNAL] = None


class Photo(Value):
    file: Annotated[Line, INTERNAL]
    taken_at: Annotated[date | None, PUBLIC] = None
    alt: Annotated[Line | None, PUBLIC] = None
    identity_confirmed_by: Annotated[Line | None, INTERNAL] = None
    sha256: Annotated[str | None, PUBLIC] = None
    """Of the photo as Baken keeps it (stripped and encoded again); set by Baken, never by hand."""
    width: Annotated[int | None, PUBLIC] = None
    height: Annotated[int | None, PUBLIC] = None


class Child(Value):
    name: Annotated[Line | None, PUBLIC] = None
    description: Annotated[Line | None, PUBLIC] = None
    age: Annotated[StrictInt | None, Field(ge=0, le=120), PUBLIC] = None
    age_range: Annotated[tuple[StrictInt, StrictInt] | None, PUBLIC] = None
    gender: Annotated[Literal["girl", "boy", "other", "unknown"], PUBLIC] = "unknown"
    hair: Annotated[Line | None, PUBLIC] = None
    eyes: Annotated[Line | None, PUBLIC] = None
    height_cm: Annotated[StrictInt | None, Field(ge=20, le=250), PUBLIC] = None
    build: Annotated[Line | None, PUBLIC] = None
    marks: Annotated[Line | None, PUBLIC] = None
    clothing: Annotated[Line | None, PUBLIC] = None
    speaks: Annotated[tuple[Line, ...], PUBLIC] = ()
    approach: Annotated[Line | None, PUBLIC] = None
    communication: Annotated[Paragraph | None, INTERNAL] = None
    photos: Annotated[tuple[Photo, ...], Field(max_length=5), PUBLIC] = ()

    @model_validator(mode="after")
    def _known_somehow(self) -> Self:
        if self.name is None and self.description is None:
            raise ValueError("needs a name or a description")
        if (self.age is None) == (self.age_range is None):
            raise ValueError("needs either age or age_range: [min, max]")
        if self.age_range and not 0 <= self.age_range[0] <= self.age_range[1] <= 120:
            raise ValueError("age_range must be [min, max] with 0 <= min <= max <= 120")
        return self

    @property
    def youngest(self) -> int:
        return self.age_range[0] if self.age_range else self.age or 0

    @property
    def oldest(self) -> int:
        return self.age_range[1] if self.age_range else self.age or 0


class LastSeen(Value):
    at: Annotated[Instant | None, PUBLIC] = None
    between: Annotated[tuple[Instant, Instant] | None, PUBLIC] = None
    place: Annotated[Line | None, PUBLIC] = None
    lat: Annotated[float | None, Field(ge=-90, le=90, allow_inf_nan=False), PUBLIC] = None
    lon: Annotated[float | None, Field(ge=-180, le=180, allow_inf_nan=False), PUBLIC] = None
    direction: Annotated[Line | None, PUBLIC] = None
    travel_mode: Annotated[Literal["foot", "bike", "car", "train", "unknown"], PUBLIC] = "unknown"

    @model_validator(mode="after")
    def _one_time(self) -> Self:
        if (self.at is None) == (self.between is None):
            raise ValueError("needs either at or between: [t1, t2]")
        if self.between and self.between[0] > self.between[1]:
            raise ValueError("between must be [earlier, later]")
        return self

    @property
    def latest(self) -> datetime:
        moment = self.between[1] if self.between else self.at
        assert moment is not None
        return moment


class PublicText(Value):
    situation: Annotated[Paragraph, PUBLIC]
    headline: Annotated[dict[Language, Headline], PUBLIC] = {}
    body: Annotated[dict[Language, Paragraph], PUBLIC] = {}


class Suspect(Value):
    """A possible abductor; public only with a release that the programme accepts."""

    description: Annotated[Paragraph, PUBLIC]
    name: Annotated[Line | None, INTERNAL] = None
    release: Annotated[Release | None, INTERNAL] = None


class Vehicle(Value):
    make: Annotated[Line | None, PUBLIC] = None
    colour: Annotated[Line | None, PUBLIC] = None
    plate: Annotated[Line | None, PUBLIC] = None
    country: Annotated[Line | None, PUBLIC] = None
    certain: Annotated[StrictBool, PUBLIC] = False
    release: Annotated[Release | None, INTERNAL] = None


class Assessment(Value):
    abducted_by_unknown: Annotated[Answer, INTERNAL] = "unknown"
    life_in_danger: Annotated[Answer, INTERNAL] = "unknown"
    serious_worry: Annotated[Answer, INTERNAL] = "unknown"
    relation: Annotated[Literal["stranger", "parent", "family", "known", "none", "unknown"], INTERNAL] = "unknown"
    sheltered_checked: Annotated[Answer, INTERNAL] = "unknown"
    privacy_weighed: Annotated[Paragraph | None, INTERNAL] = None


class Publicity(Value):
    """Why the child may be shown: who gave leave, or what overrides it."""

    basis: Annotated[
        Literal["parent", "guardian", "youth_protection", "child_16_plus", "overriding_danger", "unknown"],
        INTERNAL,
    ] = "unknown"
    given_by: Annotated[Line | None, INTERNAL] = None
    at: Annotated[Instant | None, INTERNAL] = None
    reason: Annotated[Paragraph | None, INTERNAL] = None


class Case(Value):
    programme: Annotated[Line, PUBLIC]
    reference: Annotated[Line | None, INTERNAL] = None
    language: Annotated[Language, PUBLIC] = "nl"
    children: Annotated[tuple[Child, ...], Field(min_length=1, max_length=8), PUBLIC]
    last_seen: Annotated[LastSeen, PUBLIC]
    circumstances: Annotated[Paragraph, INTERNAL]
    public: Annotated[PublicText, PUBLIC]
    suspect: Annotated[Suspect | None, PUBLIC] = None
    vehicles: Annotated[tuple[Vehicle, ...], Field(max_length=10), PUBLIC] = ()
    assessment: Annotated[Assessment, INTERNAL] = Assessment()
    publicity: Annotated[Publicity, INTERNAL] = Publicity()
    area: Annotated[AreaSpec | None, PUBLIC] = None
    tip_line: Annotated[Line | None, PUBLIC] = None


class CaseProblem(ValueError):
    """A case that cannot be used: `field` names where (`children/0/age`), the text says what is expected."""

    def __init__(self, field: str, expected: str) -> None:
        super().__init__(f"{field}: {expected}")
        self.field = field
        self.expected = expected


def check_times(case: Case, now: datetime) -> None:
    """Refuse a last-seen time in the future or years ago; raises CaseProblem."""
    seen = case.last_seen.latest
    field = "last_seen/at" if case.last_seen.at else "last_seen/between"
    if seen > now + CLOCK_SLACK:
        raise CaseProblem(field, f"lies in the future ({seen.isoformat()}); when was the child last seen?")
    if seen < now - OLDEST:
        raise CaseProblem(field, f"lies more than three years ago ({seen.isoformat()}); is the year right?")


def merge_patch(target: Any, patch: Any) -> Any:
    """JSON merge patch (RFC 7396): objects merge, null removes, anything else replaces."""
    if not isinstance(patch, dict):
        return patch
    merged = dict(target) if isinstance(target, dict) else {}
    for name, value in patch.items():
        if value is None:
            merged.pop(name, None)
        else:
            merged[name] = merge_patch(merged.get(name), value)
    return merged
