"""Cropping: always a square inside the photo, large enough to recognise somebody; sliders stay where they were."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as some

from activities.photos import SMALLEST_SIDE
from starter.web.cropping import SMALL, Slid, crop_of, is_small, slid_of
from store.drafts import Crop, Photo


def photo(width: int = 600, height: int = 900, crop: Crop | None = None) -> Photo:
    return Photo(id="p", child=0, file="a.jpg", jpeg=b"", width=width, height=height, crop=crop, parents=False)


def slide(one: Photo, **slid: object) -> Crop:
    return crop_of(one, {f"crop/p/{name}": str(value) for name, value in slid.items()})


def test_photo_when_nothing_was_slid_is_cropped_to_its_middle() -> None:
    assert slide(photo()) == Crop(0, 150, 600)
    assert slide(photo(), near="x", across="", down=99999) == Crop(0, 150, 600)


def test_photo_when_slid_to_a_corner_shows_that_corner() -> None:
    assert slide(photo(), near=200, across=100, down=0) == Crop(300, 0, 300)


@given(some.integers(100, 1600), some.integers(100, 1600), *[some.integers(0, 9999)] * 3)
def test_square_when_slid_anywhere_lies_inside_and_is_large_enough(
    width: int, height: int, near: int, across: int, down: int
) -> None:
    left, top, side = slide(photo(width, height), near=near, across=across, down=down)
    assert side >= SMALLEST_SIDE
    assert 0 <= left <= width - side
    assert 0 <= top <= height - side


def test_sliders_when_shown_again_stand_where_they_were_left() -> None:
    asked = Slid(near=200, across=25, down=75)
    one = photo(1000, 1600)
    assert slid_of(photo(1000, 1600, slide(one, **asked._asdict()))) == asked


def test_photo_when_what_is_shown_is_small_says_so() -> None:
    assert not is_small(photo())
    assert is_small(photo(SMALL - 1, 900))
    assert is_small(photo(crop=Crop(0, 0, SMALL - 1)))
