"""One browser for all of these tests that a process runs, and a home of which only the web runs."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Playwright, sync_playwright

from starter.demo_case import draw_portrait
from starter.parts import Parts, open_parts
from store import editions
from tests.browser.looking import launched
from tests.browser.serving import ALERT, OwnWeb, start_waiting
from tests.support.editions import ShownAlert
from tests.support.homes import silent_home
from tests.support.running import Running


@pytest.fixture(scope="package")
def playwright() -> Iterator[Playwright]:
    with sync_playwright() as started:
        yield started


@pytest.fixture(scope="package")
def browser(playwright: Playwright) -> Iterator[Browser]:
    with launched(playwright, whole=False) as opened:
        yield opened


@pytest.fixture(scope="package")
def whole_browser(playwright: Playwright) -> Iterator[Browser]:
    """One that shows notifications."""
    with launched(playwright, whole=True) as opened:
        yield opened


@pytest.fixture
def waiting(shared_baken: Running, tmp_path: Path) -> str:
    """An alert that waits for approval."""
    return start_waiting(shared_baken, tmp_path)


@pytest.fixture(scope="module")
def one_waiting(shared_baken: Running, tmp_path_factory: pytest.TempPathFactory) -> str:
    """One that waits, for all tests of a file that leave it whole or come after those that do."""
    return start_waiting(shared_baken, tmp_path_factory.mktemp("waiting"))


@pytest.fixture
def parts(tmp_path: Path) -> Iterator[Parts]:
    opened = open_parts(silent_home(tmp_path / "home"))
    yield opened
    opened.close()


@pytest.fixture
def own_web(parts: Parts) -> Iterator[OwnWeb]:
    serving = OwnWeb(parts)
    yield serving
    serving.stop()


@pytest.fixture
def web(own_web: OwnWeb) -> str:
    return own_web.web


@pytest.fixture
def alert(parts: Parts, tmp_path: Path) -> ShownAlert:
    """Prepared, with its photo; not shown yet."""
    parts.keys.create(ALERT)
    alert = ShownAlert(parts.db, alert_id=ALERT, key=parts.keys.display_key(ALERT))
    draw_portrait(tmp_path / "noor.jpg")
    with parts.db.write() as session:
        editions.put_photo(
            session, alert.key, ALERT, alert.edition.photos[0].sha256, (tmp_path / "noor.jpg").read_bytes()
        )
    return alert
