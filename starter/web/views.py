"""What the pages of one alert show, worked out here so that templates only lay it out."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from activities.channels import CAPABILITIES
from alerts.case import Case
from alerts.edition import Edition
from alerts.geometry import Growth
from alerts.programme import Programme
from alerts.public import can_retract
from alerts.vocabulary import Action, Role, Stage
from starter.web.differences import Bit, differences
from starter.web.fields import label_of
from starter.web.i18n import N_, Translate, translator
from starter.web.times import local_words
from store.people import Person
from store.tables.duty import DutyCall

View = Mapping[str, Any]
MOMENT = re.compile(r"\d{4}-\d\d-\d\dT")

WHOLE = re.compile(r"children/\d+(/photos/\d+)?|vehicles/\d+(/plate)?|suspect")
ENDED = frozenset({Stage.CLOSING, Stage.CLOSED})
READ_BACK = frozenset({"signage", "social"})
"""Channels of which screens and posts themselves say what they show; others prove by receipt or not at all."""
PROVED_WITHIN = timedelta(minutes=5)
"""From the last message until whoever has it should have said so; most receipts come within seconds."""


@dataclass(frozen=True)
class Choice:
    """A part that can be taken off."""

    pointer: str
    label: str
    photo: str | None = None

    @property
    def small(self) -> bool:
        """A line of text; what people would hurry to take off is a photo, a person, a vehicle or a plate."""
        return self.photo is None and not WHOLE.fullmatch(self.pointer)


@dataclass(frozen=True)
class Change:
    label: str
    before: str
    after: str

    @property
    def bits(self) -> tuple[Bit, ...]:
        return differences(self.before, self.after)


@dataclass(frozen=True)
class Piece:
    """One part of what a channel will send."""

    name: str
    label: str
    media: str
    content: str
    changed: bool
    bits: tuple[Bit, ...] = ()
    """Of a text: what changed in it since the last approved one."""


@dataclass(frozen=True)
class Cost:
    """What sending costs at most, where a counterpart asks money for it."""

    phones: int
    parts: int
    price: Decimal
    """Euros for each part."""

    @property
    def total(self) -> Decimal:
        return self.phones * self.parts * self.price


@dataclass(frozen=True)
class Planned:
    """What one channel will do after the yes."""

    name: str
    label: str
    personal: bool
    recipients: int
    trouble: tuple[str, ...] = ()
    pieces: tuple[Piece, ...] = ()
    sheets: tuple[str, ...] = ()
    """Posters as they will be served, by `a4.nl`."""
    armed: bool = True
    cost: Cost | None = None
    counterparts: tuple[str, ...] = ()
    """Of an exercise: where it goes, and nowhere else."""


@dataclass(frozen=True)
class Pending:
    """All that a supervisor reads before saying yes."""

    edition: Edition | None
    planned: tuple[Planned, ...]
    changes: tuple[Change, ...] = ()
    programme: Programme | None = None
    mine: bool = False
    """Whether the visitor wrote at it, and so cannot approve it."""
    called: tuple[DutyCall, ...] = ()
    more: Growth | None = None
    """Whom it reaches that the edition that is live does not; None where that covers it."""


@dataclass(frozen=True)
class Shown:
    """What the alert page needs beside the view itself."""

    children: tuple[str, ...]
    allowed: frozenset[str]
    choices: tuple[Choice, ...] = ()
    programmes: Mapping[str, str] = field(default_factory=dict)
    approvers: tuple[str, ...] = ()
    """Who may approve what the visitor adds."""
    bringers: tuple[str, ...] = ()
    """Who may bring back what was taken down."""
    needed: int = 1
    """Approvals that a change of what is shown needs."""


def children_of(view: View) -> tuple[str, ...]:
    """The children's names, those found included, as the case has them."""
    case = view["case"] or (view["draft"] or {}).get("case") or {"children": ()}
    return tuple(str(child["name"] or child["description"]) for child in case["children"])


def approvers(everybody: Sequence[Person], *but: str | None) -> tuple[str, ...]:
    """Supervisors who may approve what these users wrote or took down: other persons. The rules judge again."""
    these = {one.person for one in everybody if one.user in but}
    return tuple(one.user for one in everybody if Role.SUPERVISOR in one.roles and one.person not in these)


def proves(channel: str) -> bool:
    """Whether it can be had that somebody really has it before them."""
    return CAPABILITIES[channel].receipts or channel in READ_BACK


def unproved(view: View, now: datetime) -> dict[str, int]:
    """Channels that show what should have been confirmed by now: how many have not, the longest overdue first.

    Of a channel whose receivers nobody counts (screens): 0 when none has confirmed.
    """
    found = {}
    for one in sorted(view["channels"], key=lambda one: one["last_dispatch"] or ""):
        if one["state"] != "showing" or not one["last_dispatch"] or not proves(one["channel"]):
            continue
        if datetime.fromisoformat(one["last_dispatch"]) + PROVED_WITHIN > now:
            continue
        if one["recipients"] and one["seen"] < one["reached"]:
            found[one["channel"]] = one["reached"] - one["seen"]
        elif not one["recipients"] and not one["seen"]:
            found[one["channel"]] = 0
    return found


def fingerprint(view: View) -> str:
    """Changes when other buttons belong on the page."""
    pending = view["pending"] or {}
    parts = (view["stage"], view["edition"], pending.get("digest"), pending.get("purpose"), len(view["withheld"]))
    return "-".join(str(part) for part in (*parts, len(view["found_children"])))


def allowed(view: View, roles: frozenset[Role]) -> frozenset[str]:
    """Commands that make sense now for these roles; the rules judge again whatever the page offers."""
    stage, pending = Stage(view["stage"]), view["pending"]
    found: set[Action] = set()
    if roles & {Role.OPERATOR, Role.SUPERVISOR} and stage not in ENDED:
        found |= {Action.FOUND, Action.CANCEL}
        found |= {Action.RETRACT} if stage in (Stage.LIVE, Stage.HELD) else set()
        found |= {Action.HOLD} if stage is Stage.LIVE else set()
        found |= {Action.KEEP} if stage is Stage.LIVE else set()
    if Role.OPERATOR in roles:
        found |= {Action.AMEND, Action.CHANGE_PROGRAMME} if stage not in ENDED else set()
        reached = stage is Stage.CLOSING and view["standing"] == "withdrawn"
        found |= {Action.PROPOSE_OUTCOME} if reached and not pending else set()
    if Role.SUPERVISOR in roles:
        found |= {Action.APPROVE, Action.RETURN_FOR_EDIT, Action.REJECT} if pending else set()
        dark = stage in (Stage.HELD, Stage.CLOSING) or (stage is Stage.LIVE and view["found_children"])
        found |= {Action.REINSTATE} if dark and view["edition"] and not _reinstating(view) else set()
    return frozenset(found)


def _reinstating(view: View) -> bool:
    return bool(view["pending"]) and view["pending"]["purpose"] == "reinstatement"


def choices(view: View, photos: Mapping[str, str], translate: Translate) -> tuple[Choice, ...]:
    """What can be taken off: every photo, child, vehicle, the person, each public text. Chosen, never typed."""
    document = view["case"]
    if document is None:
        return ()
    case, gone = Case.model_validate(document), set(view["withheld"])
    return tuple(
        Choice(pointer, label, photos.get(sha) if sha else None)
        for pointer, label, sha in _parts(document, translate)
        if pointer not in gone and can_retract(case, pointer) is None
    )


def _parts(case: Mapping[str, Any], translate: Translate) -> Iterator[tuple[str, str, str | None]]:
    for n, child in enumerate(case["children"]):
        name = child["name"] or child["description"]
        for m, photo in enumerate(child["photos"]):
            yield f"children/{n}/photos/{m}", f"{translate(N_('Photo'))} {m + 1}: {name}", photo["sha256"]
        for trait in ("description", "hair", "eyes", "clothing", "marks", "approach"):
            if child[trait]:
                yield f"children/{n}/{trait}", f"{name}: {label_of(trait, translate)}", None
        yield f"children/{n}", translate(N_("All about {name}")).format(name=name), None
    for n, vehicle in enumerate(case["vehicles"]):
        words = " ".join(part for part in (vehicle["colour"], vehicle["make"], vehicle["plate"]) if part)
        if vehicle["plate"]:
            yield f"vehicles/{n}/plate", f"{label_of('plate', translate)}: {vehicle['plate']}", None
        yield f"vehicles/{n}", f"{label_of('vehicles', translate)}: {words}", None
    if case["suspect"]:
        yield "suspect", translate(N_("The person it may be with")), None
    for name in ("place", "direction"):
        if case["last_seen"][name]:
            yield f"last_seen/{name}", f"{label_of(name, translate)}: {case['last_seen'][name]}", None
    for name in ("situation", "headline", "body"):
        if case["public"][name]:
            yield f"public/{name}", label_of(name, translate), None


def changes(before: Mapping[str, Any] | None, after: Mapping[str, Any] | None, language: str) -> list[Change]:
    """What a draft changes of the case that stands, field by field."""
    if before is None or after is None:
        return []
    old, new = dict(_leaves(before)), dict(_leaves(after))
    pointers = [pointer for pointer in dict.fromkeys((*old, *new)) if old.get(pointer) != new.get(pointer)]
    hidden = ("sha256", "width", "height")
    return [
        Change(
            label_of(pointer, translator(language)),
            _text(old.get(pointer), language),
            _text(new.get(pointer), language),
        )
        for pointer in pointers
        if pointer.rsplit("/", 1)[-1] not in hidden
    ]


def _leaves(value: Any, pointer: str = "") -> Iterator[tuple[str, Any]]:
    if isinstance(value, Mapping):
        for name, inner in value.items():
            yield from _leaves(inner, f"{pointer}/{name}" if pointer else str(name))
    elif isinstance(value, list) and any(isinstance(inner, dict) for inner in value):
        for n, inner in enumerate(value):
            yield from _leaves(inner, f"{pointer}/{n}")
    elif value not in (None, [], {}):
        yield pointer, value


def _text(value: Any, language: str) -> str:
    if isinstance(value, list):
        return ", ".join(_text(one, language) for one in value)
    if isinstance(value, str) and MOMENT.match(value):
        return local_words(value, language, now=datetime.now(UTC))
    return "" if value is None else str(value)


def channel_label(name: str, language: str) -> str:
    known = CAPABILITIES.get(name)
    return known.label[language] if known else name
