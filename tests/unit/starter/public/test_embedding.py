"""What other sites frame: only that may be framed by them, and it obeys the store at every look."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from html import unescape
from typing import Any

import pytest

from alerts.vocabulary import Kind, Meaning
from starter.client import Baken
from starter.parts import Parts
from starter.serve import build_app
from tests.support.asking import Asking
from tests.support.editions import ShownAlert

ALERT = "abcdefghij"


@pytest.fixture
def site(parts: Parts) -> Asking:
    """The whole web, with its headers."""
    return Asking(build_app(Baken(parts), parts.settings))


def shown(parts: Parts, alert_id: str = ALERT, kind: Kind = Kind.ACTUAL) -> ShownAlert:
    parts.keys.create(alert_id)
    alert = ShownAlert(parts.db, alert_id=alert_id, kind=kind, key=parts.keys.display_key(alert_id))
    alert.now = datetime.now(UTC)
    alert.show()
    alert.publish("web")
    return alert


def content(site: Asking, what: str = "banner", **params: str) -> list[dict[str, Any]]:
    answer = site.get(f"/embed/{what}.json", params=params)
    assert answer.status_code == 200
    found: list[dict[str, Any]] = answer.json()
    return found


def test_frames_when_served_may_be_framed_by_anybody_and_other_pages_not(site: Asking, parts: Parts) -> None:
    shown(parts)
    for path in ("/embed/banner", "/embed/widget"):
        assert "frame-ancestors *" in site.get(path).headers["content-security-policy"]
    for path in ("/", "/embed", "/subscribe", f"/alerts/{ALERT}", "/console/login", "/embed/banner.json"):
        assert "frame-ancestors 'self'" in site.get(path).headers["content-security-policy"], path
    assert [site.get(path).status_code for path in ("/embed/other", "/embed/other.json")] == [404, 404]


def test_frames_when_served_set_no_cookie(site: Asking) -> None:
    for path in ("/embed", "/embed/banner", "/embed/banner.json", "/embed.js", "/widget.js", "/static/frame.js"):
        answer = site.get(path)
        assert (answer.status_code, answer.headers.get("set-cookie")) == (200, None)
    assert site.get("/embed.js").content == site.get("/widget.js").content


def test_content_when_live_has_each_alert_with_its_lease(site: Asking, parts: Parts) -> None:
    alert = shown(parts)
    (banner,), (widget,) = content(site), content(site, "widget", lang="en")
    assert (banner["alert_id"], banner["lease_until"]) == (ALERT, alert.desired.lease_until.isoformat())  # type: ignore[union-attr]
    assert "Vermist: Noor Voorbeeld" in banner["html"]
    assert "<img" not in banner["html"]
    assert "Missing: Noor Voorbeeld" in widget["html"]
    assert f'src="/media/{alert.edition.photos[0].token}"' in widget["html"]


@pytest.mark.parametrize("way", [Meaning.HELD, Meaning.WITHDRAWN], ids=str)
def test_content_when_taken_away_is_empty_at_the_next_look(site: Asking, parts: Parts, way: Meaning) -> None:
    alert = shown(parts)
    etag = site.get("/embed/banner.json").headers["etag"]
    assert site.get("/embed/banner.json", headers={"if-none-match": etag}).status_code == 304
    alert.dark_at_once(way)
    answer = site.get("/embed/banner.json", headers={"if-none-match": etag})
    assert (answer.status_code, answer.json()) == (200, [])


def test_content_when_it_is_an_exercise_is_on_no_site(site: Asking, parts: Parts) -> None:
    shown(parts, "exercise23", Kind.EXERCISE)
    assert content(site) == []


def test_content_when_an_example_is_asked_for_says_that_it_is_one(site: Asking, parts: Parts) -> None:
    shown(parts)
    for language, word in (("nl", "VOORBEELD"), ("en", "EXAMPLE")):
        (only,) = content(site, "widget", lang=language, example="1")
        assert word in only["html"]
        assert "Noor" not in only["html"]


@pytest.mark.parametrize("language", ["nl", "en"])
def test_page_for_owners_when_read_has_each_line_to_copy(site: Asking, parts: Parts, language: str) -> None:
    page = site.get("/embed", params={"lang": language}).text
    web = parts.settings.run_info().web
    lines = [unescape(line) for line in re.findall(r"<textarea[^>]*>([^<]*)</textarea>", page)]
    for what, line in zip(("banner", "widget"), lines[:2], strict=True):
        assert line == f'<script src="{web}/embed.js" data-show="{what}" data-lang="{language}" async></script>'
    frame, link = lines[2:]
    assert frame.startswith(f'<iframe src="{web}/embed/banner?lang={language}" title="')
    assert link.startswith(f'<a href="{web}/?lang={language}">')
    assert page.count("data-copies=") == len(lines) == 4
