"""What of a case the public may see: a type of its own, so that an internal field has no way to a renderer.

`public_view` copies the public fields over one by one, leaves out what was retracted (`withheld`, JSON pointers
into the case without the leading slash), children that were found, and a possible abductor or vehicle without
the release the programme asks for. Renderers take a `PublicCase` and nothing else.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from datetime import datetime
from typing import Any, TypeVar

from pydantic import JsonValue

from alerts.area import AreaSpec
from alerts.case import Case, Child, Photo, Release, Suspect, Vehicle
from alerts.values import Value

T = TypeVar("T")


class PublicPhoto(Value):
    sha256: str
    alt: str | None
    taken_at: str | None
    width: int
    height: int


class PublicChild(Value):
    position: int
    """From 0, as in the case; it stays the same when another child is found."""
    name: str | None = None
    description: str | None = None
    age: int | None = None
    age_range: tuple[int, int] | None = None
    gender: str | None = None
    hair: str | None = None
    eyes: str | None = None
    height_cm: int | None = None
    build: str | None = None
    marks: str | None = None
    clothing: str | None = None
    speaks: tuple[str, ...] = ()
    approach: str | None = None
    photos: tuple[PublicPhoto, ...] = ()


class PublicVehicle(Value):
    make: str | None = None
    colour: str | None = None
    plate: str | None = None
    country: str | None = None
    certain: bool = False


class PublicCase(Value):
    language: str
    children: tuple[PublicChild, ...]
    seen_from: datetime | None
    seen_until: datetime | None
    place: str | None
    lat: float | None
    lon: float | None
    direction: str | None
    travel_mode: str | None
    situation: str | None
    headline: dict[str, str]
    body: dict[str, str]
    suspect: str | None
    vehicles: tuple[PublicVehicle, ...]
    area: AreaSpec | None
    tip_line: str | None


def released(release: Release | None, roles: Collection[str]) -> bool:
    """Whether an officer that the programme names gave leave."""
    return release is not None and release.role.casefold() in {role.casefold() for role in roles}


def public_view(
    case: Case, *, release_roles: Collection[str], withheld: Iterable[str] = (), found: Collection[int] = ()
) -> PublicCase:
    """The public part of a case; `found` holds the positions (from 0) of children already found."""
    gone = _Withheld(withheld)
    seen = case.last_seen
    times = (seen.at, seen.at) if seen.at else seen.between or (None, None)
    hide_time = gone.touches("last_seen/at") or gone.touches("last_seen/between")
    contaminated = bool(found) or gone.beyond_photos
    return PublicCase(
        language=case.language,
        children=tuple(
            _child(gone, position, child)
            for position, child in enumerate(case.children)
            if position not in found and not gone(f"children/{position}")
        ),
        seen_from=None if hide_time else times[0],
        seen_until=None if hide_time else times[1],
        place=gone.keep("last_seen/place", seen.place),
        lat=gone.keep("last_seen/lat", seen.lat),
        lon=gone.keep("last_seen/lon", seen.lon),
        direction=gone.keep("last_seen/direction", seen.direction),
        travel_mode=gone.keep("last_seen/travel_mode", seen.travel_mode),
        situation=None if contaminated else gone.keep("public/situation", case.public.situation),
        # Free text may repeat what was taken away in words no program can find: it goes along.
        headline={} if contaminated else dict(gone.keep("public/headline", case.public.headline) or {}),
        body={} if contaminated else dict(gone.keep("public/body", case.public.body) or {}),
        suspect=_suspect(gone, case.suspect, release_roles),
        vehicles=tuple(
            _vehicle(gone, position, vehicle)
            for position, vehicle in enumerate(case.vehicles)
            if released(vehicle.release, release_roles) and not gone(f"vehicles/{position}")
        ),
        area=case.area,
        tip_line=case.tip_line,
    )


def at_pointer(document: JsonValue, pointer: str) -> JsonValue:
    """What a JSON pointer (without the leading slash) names; None where there is nothing."""
    here: JsonValue = document
    for part in pointer.split("/"):
        if isinstance(here, dict):
            here = here.get(part)
        elif isinstance(here, list) and part.isdecimal() and int(part) < len(here):
            here = here[int(part)]
        else:
            return None
    return here


def can_retract(case: Case, pointer: str) -> str | None:
    """Why a pointer cannot be retracted, in a sentence; None when it can."""
    if at_pointer(case.model_dump(mode="json"), pointer) in (None, [], {}):
        return f"there is nothing at {pointer!r} in the case; look at its fields with 'baken alert show'"
    root = pointer.split("/", maxsplit=1)[0]
    if root in {"children", "last_seen", "public", "suspect", "vehicles"} and not _internal(pointer):
        return None
    return f"{pointer!r} is internal or cannot be left out: the public never saw it by itself"


def still_withheld(before: Case, after: Case, withheld: Iterable[str]) -> tuple[str, ...]:
    """Of what was retracted, that which an amendment has not replaced by something else."""
    old, new = before.model_dump(mode="json"), after.model_dump(mode="json")
    return tuple(pointer for pointer in withheld if at_pointer(old, pointer) == at_pointer(new, pointer))


_INTERNAL_NAMES = frozenset({"release", "communication", "identity_confirmed_by", "file"})


def _internal(pointer: str) -> bool:
    return not _INTERNAL_NAMES.isdisjoint(pointer.split("/"))


class _Withheld:
    """Answers whether a pointer, or anything above it, was taken away."""

    def __init__(self, pointers: Iterable[str]) -> None:
        self._pointers = frozenset(pointers)
        self.beyond_photos = any("photos" not in pointer.split("/") for pointer in self._pointers)

    def __call__(self, pointer: str) -> bool:
        parts = pointer.split("/")
        return any("/".join(parts[:n]) in self._pointers for n in range(1, len(parts) + 1))

    def touches(self, pointer: str) -> bool:
        """Whether it, or any part of it, was taken away: half an age range or a list tells what is missing."""
        return self(pointer) or any(gone.startswith(f"{pointer}/") for gone in self._pointers)

    def keep(self, pointer: str, value: T) -> T | None:
        return None if self.touches(pointer) else value


def _child(gone: _Withheld, position: int, child: Child) -> PublicChild:
    def keep(name: str) -> Any:
        return gone.keep(f"children/{position}/{name}", getattr(child, name))

    names = ("name", "description", "age", "age_range", "gender", "hair", "eyes", "height_cm", "build")
    kept = {name: keep(name) for name in (*names, "marks", "clothing", "approach")}
    return PublicChild(
        position=position,
        speaks=keep("speaks") or (),
        photos=tuple(_photos(gone, f"children/{position}/photos", child.photos)),
        **kept,
    )


def _photos(gone: _Withheld, pointer: str, photos: Iterable[Photo]) -> Iterable[PublicPhoto]:
    for position, photo in enumerate(photos):
        here = f"{pointer}/{position}"
        if photo.sha256 is None or any(gone(f"{here}/{name}") for name in ("sha256", "width", "height")):
            continue
        taken_at = gone.keep(f"{here}/taken_at", photo.taken_at)
        yield PublicPhoto(
            sha256=photo.sha256,
            alt=gone.keep(f"{here}/alt", photo.alt),
            taken_at=taken_at.isoformat() if taken_at else None,
            width=photo.width or 0,
            height=photo.height or 0,
        )


def _suspect(gone: _Withheld, suspect: Suspect | None, roles: Collection[str]) -> str | None:
    if suspect is None or not released(suspect.release, roles):
        return None
    return gone.keep("suspect/description", suspect.description)


def _vehicle(gone: _Withheld, position: int, vehicle: Vehicle) -> PublicVehicle:
    def keep(name: str) -> Any:
        return gone.keep(f"vehicles/{position}/{name}", getattr(vehicle, name))

    return PublicVehicle(
        certain=bool(keep("certain")), **{name: keep(name) for name in ("make", "colour", "plate", "country")}
    )
