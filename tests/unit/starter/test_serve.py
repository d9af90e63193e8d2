"""What anybody may send to the web process: no more than a little, and nothing of unknown length."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from starter.client import Baken
from starter.parts import open_parts
from starter.serve import BODY_MAX, build_app
from tests.support.asking import Asking
from tests.support.homes import silent_home

PUBLIC = ("/subscribe", "/subscribe/end", "/signage/seen", "/unsubscribe/x", "/removed/x", "/nowhere")


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Asking]:
    parts = open_parts(silent_home(tmp_path / "home"))
    yield Asking(build_app(Baken(parts), parts.settings))
    parts.close()


async def endless() -> AsyncIterator[bytes]:
    """A body that says nothing of its length, and must not be read."""
    raise AssertionError("it was read")
    yield b""


@pytest.mark.parametrize("path", PUBLIC)
def test_body_when_it_is_large_or_of_unknown_length_is_refused_unread(site: Asking, path: str) -> None:
    large = site.post(path, content=b" " * (BODY_MAX + 1))
    assert (large.status_code, "content-length" in large.text) == (413, True)
    assert site.post(path, content=endless()).status_code == 413


def test_body_when_it_is_small_or_none_is_taken(site: Asking) -> None:
    assert site.post("/subscribe", content=b" " * BODY_MAX).status_code == 422
    assert site.post("/unsubscribe/x", data={"List-Unsubscribe": "One-Click"}).status_code == 404
    for path in ("/unsubscribe/x", "/removed/x"):
        assert site.post(path).status_code == 404, path


def test_body_when_it_is_for_the_api_or_the_console_may_be_larger(site: Asking) -> None:
    for path in ("/api/v1/alerts", "/console/login", "/codec/decode"):
        assert site.post(path, content=b" " * (BODY_MAX + 1)).status_code in (401, 403, 422), path
