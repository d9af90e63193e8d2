"""What tests of the public site share."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from starter.parts import Parts, open_parts
from tests.support.homes import silent_home


@pytest.fixture
def parts(tmp_path: Path) -> Iterator[Parts]:
    """A home as `baken up` leaves it, with nothing in it."""
    opened = open_parts(silent_home(tmp_path / "home"))
    yield opened
    opened.close()
