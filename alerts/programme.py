"""A programme: the rules of one kind of alert (AMBER Alert, Vermist Kind Alert, Burgernet), as data.

Its TOML is the only place where a rule of a programme stands. Reading files is `store.programmes`' work.
"""

from __future__ import annotations

import tomllib
from datetime import datetime, timedelta
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, ConfigDict, Field, ValidationError, model_validator

from alerts.area import AreaSpec
from alerts.values import Duration, Text, Value
from alerts.vocabulary import LANGUAGES


def _known_languages(words: dict[str, str]) -> dict[str, str]:
    for language in words:
        if language not in LANGUAGES:
            raise ValueError(f"{language!r} is no language of Baken; use {' or '.join(LANGUAGES)}")
    return words


Words = Annotated[dict[str, Text], AfterValidator(_known_languages)]


class Approval(Value):
    needed: Annotated[int, Field(ge=1, le=3)] = 1
    escalate_after: Duration = timedelta(minutes=5)


class Phase(Value):
    model_config = ConfigDict(validate_by_name=True, validate_by_alias=True, serialize_by_alias=True)

    every: Annotated[Duration, Field(gt=timedelta(0))]
    for_: Annotated[Duration | None, Field(alias="for", gt=timedelta(0))] = None


class Refresh(Value):
    plan: Annotated[tuple[Phase, ...], Field(min_length=1)]
    mode: Literal["renew", "repeat"] = "renew"
    lease: Duration | None = None

    @model_validator(mode="after")
    def _only_the_last_goes_on(self) -> Self:
        if any(phase.for_ is None for phase in self.plan[:-1]):
            raise ValueError("only the last phase of a plan may go on without 'for'")
        return self

    @property
    def lease_length(self) -> timedelta:
        """A little past the next refresh: the larger of 1.5 periods and one period + 60 s, unless given."""
        longest = max(phase.every for phase in self.plan)
        return self.lease or max(longest * 1.5, longest + timedelta(seconds=60))


class Live(Value):
    review_every: Duration = timedelta(hours=6)
    max: Duration | None = None
    on_silence: Literal["keep_and_escalate", "end"] = "keep_and_escalate"


class Closing(Value):
    undo: Duration = timedelta(minutes=10)
    deadline: Duration = timedelta(hours=24)
    """After this the alert closes although a channel could not take back; the report names it."""


class CriterionRule(Value):
    """A criterion this programme asks for, in its official words and with the place they stand."""

    id: str
    wording: Words = {}
    source: Text = ""


STANDARD_CRITERIA = tuple(
    CriterionRule(id=known)
    for known in ("minor", "abducted_or_danger", "information", "prompt", "publicity", "sheltered")
)
"""The strictest set, for a programme file that names none."""


class PublicityRule(Value):
    accepts: tuple[str, ...] = ("parent", "guardian", "youth_protection", "child_16_plus")


class ReleaseRule(Value):
    roles: tuple[str, ...] = ("officier van justitie",)


class AreaRule(Value):
    default: AreaSpec | None = None


class SocialRule(Value):
    """What becomes of posts, and whether those may go out that nothing takes back."""

    at_end: Literal["delete", "end_text"] = "delete"
    """Posts are deleted, or say the neutral end text; a service may go on showing what they said before."""
    without_recall: bool = False
    """Leave for services where a post can neither be changed nor deleted by us (those reached through Apprise)."""


class Programme(Value):
    id: Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]{1,40}$")]
    channels: Annotated[tuple[str, ...], Field(min_length=1)]
    names: Words = {}
    """How people know it; the id where nothing is given."""
    ask: Words = {}
    """What it asks of the public."""
    photos: bool = True
    tip_line: str = "112"
    fits_next: tuple[str, ...] = ()
    """Programmes to offer, in this order, when this one does not fit."""
    approval: Approval = Approval()
    refresh: Refresh
    live: Live = Live()
    closing: Closing = Closing()
    criteria: Annotated[tuple[CriterionRule, ...], Field(min_length=1)] = STANDARD_CRITERIA
    publicity: PublicityRule = PublicityRule()
    release: ReleaseRule = ReleaseRule()
    area: AreaRule = AreaRule()
    social: SocialRule = SocialRule()

    def approvals_needed(self, *, public_test: bool) -> int:
        """A public test reaches everybody: two approvals, whatever the programme says (DESIGN, kinds)."""
        return max(2, self.approval.needed) if public_test else self.approval.needed

    def ends_at(self, live_at: datetime) -> datetime | None:
        """When an alert that went live then is over by `[live] max`; None when it has no end."""
        return live_at + self.live.max if self.live.max else None


class ProgrammeError(ValueError):
    """A programme file that cannot be used; the text names the file and each field."""


def parse_programme(text: str, *, source: str) -> Programme:
    """The programme in a TOML text; raises ProgrammeError with every problem found."""
    try:
        return Programme.model_validate(tomllib.loads(text))
    except tomllib.TOMLDecodeError as error:
        raise ProgrammeError(f"{source}: not TOML: {error}") from error
    except ValidationError as error:
        problems = "; ".join(
            f"{'.'.join(str(part) for part in found['loc'])}: {found['msg']}" for found in error.errors()
        )
        raise ProgrammeError(f"{source}: {problems}") from error
