"""Cropping a photo to a square by three figures that any keyboard can set: how near, and where."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from activities.photos import SMALLEST_SIDE
from store.drafts import Crop, Photo

NEAREST = 500
"""Per cent."""
SMALL = 400
"""Pixels: with less a face is unclear on a screen or a poster."""


class Slid(NamedTuple):
    """As the sliders have it: `near` in per cent of the largest square, the place in per cent of the room there is."""

    near: int = 100
    across: int = 50
    down: int = 50


def crop_of(photo: Photo, values: Mapping[str, str]) -> Crop:
    """The square that the sliders of a photo give; what is missing or no figure is as if nobody had touched it."""
    slid = Slid(*(_figure(values.get(f"crop/{photo.id}/{name}", ""), Slid._field_defaults[name]) for name in _NAMES))
    shorter = min(photo.width, photo.height)
    near = min(max(slid.near, 100), NEAREST)
    side = max(shorter * 100 // near, min(SMALLEST_SIDE, shorter))
    across, down = (min(max(each, 0), 100) for each in (slid.across, slid.down))
    return Crop((photo.width - side) * across // 100, (photo.height - side) * down // 100, side)


def slid_of(photo: Photo) -> Slid:
    """Where the sliders of a photo stand."""
    if photo.crop is None:
        return Slid()
    left, top, side = photo.crop
    shorter, wide, high = min(photo.width, photo.height), photo.width - side, photo.height - side
    return Slid(round(shorter * 100 / side), _share(left, wide), _share(top, high))


def is_small(photo: Photo) -> bool:
    """Whether what is shown of it has too few pixels for a screen or a poster."""
    return (photo.crop.side if photo.crop else min(photo.width, photo.height)) < SMALL


_NAMES = Slid._fields


def _share(part: int, room: int) -> int:
    return round(part * 100 / room) if room else Slid().across


def _figure(text: str, otherwise: int) -> int:
    return int(text) if text.isdecimal() and len(text) < 5 else otherwise
