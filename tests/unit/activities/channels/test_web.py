"""The public page: a whole document in each language, readable without script, replaced as one and gone as one."""

from __future__ import annotations

import json
import re
from html.parser import HTMLParser
from typing import Any

import pytest

from alerts.vocabulary import Kind, Meaning
from store import editions
from store.database import Database
from store.standing import Superseded
from tests.support.editions import BASE_URL, KEY, NOW, ShownAlert, case_document, make_edition


@pytest.fixture
def alert(db: Database) -> ShownAlert:
    return ShownAlert(db)


def page(alert: ShownAlert, language: str = "nl", **changes: Any) -> str:
    edition = make_edition(case_document(**changes), kind=alert.kind)
    return alert.channels["web"].render(edition, BASE_URL).part(f"page.{language}")


def published(alert: ShownAlert, name: str) -> str | None:
    with alert.db.read() as session:
        row = editions.published(session, alert.alert_id, "web", name)
        return editions.open_publication(row, KEY).decode() if row else None


class Tags(HTMLParser):
    """Every tag of a page with its attributes."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.found if name == tag]


@pytest.mark.parametrize(("language", "call"), [("nl", "Bel 0800-6070"), ("en", "Call 0800-6070")])
def test_page_when_rendered_says_who_where_and_what_to_do(alert: ShownAlert, language: str, call: str) -> None:
    html = page(alert, language)
    tags = Tags(html)
    assert tags.all("html") == [{"lang": language}]
    assert len(tags.all("h1")) == 1
    assert {"href": "tel:08006070"} in tags.all("a")
    for said in ("Noor Voorbeeld", "Amersfoort", "2026, 12:00", call):
        assert said in html


def test_page_when_rendered_needs_no_script_and_nothing_inline(alert: ShownAlert) -> None:
    tags = Tags(page(alert))
    assert tags.all("script") == []
    assert tags.all("style") == []
    assert not any("style" in attributes or "onclick" in attributes for _, attributes in tags.found)


def test_page_when_it_has_a_photo_shows_it_with_words_for_who_cannot_see_it(alert: ShownAlert) -> None:
    (image,) = Tags(page(alert)).all("img")
    assert image["src"] == f"/media/{editions.photo_token(KEY, 'ab' * 32)}"
    assert (image["alt"], image["width"], image["height"]) == ("Getekend portret", "600", "720")


def test_page_when_shared_has_an_address_a_title_and_a_picture(alert: ShownAlert) -> None:
    said = {meta.get("property"): meta.get("content") for meta in Tags(page(alert)).all("meta")}
    assert said["og:url"] == f"{BASE_URL}/alerts/a1?lang=nl", "in the language that was shared"
    assert "Noor Voorbeeld" in str(said["og:title"])
    assert str(said["og:image"]).startswith(f"{BASE_URL}/media/")


def test_page_when_read_leads_to_the_other_language(alert: ShownAlert) -> None:
    assert {"href": "?lang=en", "hreflang": "en", "lang": "en"} in Tags(page(alert, "nl")).all("a")
    assert {"href": "?lang=nl", "hreflang": "nl", "lang": "nl"} in Tags(page(alert, "en")).all("a")


@pytest.mark.parametrize(
    ("kind", "word"), [(Kind.EXERCISE, "OEFENING"), (Kind.PUBLIC_TEST, "TEST")], ids=["exercise", "test"]
)
def test_page_when_not_actual_says_so_in_words_and_colour(db: Database, kind: Kind, word: str) -> None:
    alert = ShownAlert(db, kind=kind)
    html = page(alert)
    assert Tags(html).all("body") == [{"class": f"kind-{kind.value}"}]
    for place in ("title", "h1"):
        assert re.search(rf"<{place}>{word}: ", html)
    assert f'<p class="event">{word}: ' in html
    alert.db.close()


def test_page_when_a_suspect_is_released_warns(alert: ShownAlert) -> None:
    release = {"by": "x", "role": "officier van justitie", "at": "2026-11-24T11:30:00Z"}
    html = page(alert, suspect={"description": "man met pet", "release": release})
    assert '<p class="warning"><strong>Benader deze persoon niet. Bel 112.</strong></p>' in html


def test_page_when_texts_look_like_html_shows_them_as_text(alert: ShownAlert) -> None:
    html = page(alert, public={"situation": "<script>alert(1)</script> & meer"})
    assert "<script" not in html
    assert "&lt;script&gt;alert(1)&lt;/script&gt; &amp; meer" in html


def test_page_when_the_case_is_as_large_as_can_be_stays_small(alert: ShownAlert) -> None:
    line, photo = "x" * 400, {"file": "x.jpg", "alt": "y" * 400, "sha256": "cd" * 32}
    child = {
        "name": line,
        "age": 7,
        "hair": line,
        "eyes": line,
        "marks": line,
        "clothing": line,
        "photos": [photo] * 5,
    }
    html = page(alert, children=[child] * 8, public={"situation": "z" * 4000})
    assert len(html.encode()) < 100_000


@pytest.mark.parametrize(
    ("line", "number"),
    [("0800-6070", "08006070"), ("+31 (0)30 123", "+31030123"), ("112 of 0800-6070", "112"), ("bel de politie", None)],
)
def test_tip_line_when_it_holds_a_number_can_be_pressed(alert: ShownAlert, line: str, number: str | None) -> None:
    html = page(alert, tip_line=line)
    calls = [str(a["href"]) for a in Tags(html).all("a") if str(a["href"]).startswith("tel:")]
    assert calls == ([f"tel:{number}"] if number else [])
    assert line in html


def test_publish_when_shown_serves_pages_and_item(alert: ShownAlert) -> None:
    alert.show()
    alert.publish("web")
    assert "Noor Voorbeeld" in str(published(alert, "page.en"))
    item = json.loads(str(published(alert, "item")))
    assert item["headline"]["nl"] == "Vermist: Noor Voorbeeld (7), Amersfoort"
    assert (item["kind"], item["edition"]) == ("actual", 1)


def test_publish_when_amended_replaces_all_of_it(alert: ShownAlert) -> None:
    alert.show()
    alert.publish("web")
    alert.show(make_edition(case_document(children=[{"name": "Sam", "age": 9}]), number=2))
    alert.publish("web")
    alert.publish("web")
    for name in ("page.nl", "page.en", "item"):
        assert "Noor" not in str(published(alert, name))
    assert "Sam" in str(published(alert, "page.nl"))


def test_publish_when_overtaken_is_superseded(alert: ShownAlert) -> None:
    alert.show()
    alert.dark_at_once(Meaning.HELD)
    with pytest.raises(Superseded):
        alert.publish("web")
    assert published(alert, "page.nl") is None


def test_take_down_when_ended_leaves_nothing_however_often(alert: ShownAlert) -> None:
    alert.show()
    alert.publish("web")
    alert.end(Meaning.WITHDRAWN)
    for _ in range(2):
        alert.take_down("web")
    assert [published(alert, name) for name in ("page.nl", "page.en", "item")] == [None] * 3


def test_take_down_when_a_newer_edition_stands_leaves_it(alert: ShownAlert) -> None:
    alert.show()
    held = alert.end(Meaning.HELD)
    alert.show(make_edition(case_document(), number=2))
    alert.publish("web")
    with pytest.raises(Superseded):
        alert.take_down("web", held)
    assert published(alert, "page.nl") is not None


def test_publication_when_stored_is_sealed(alert: ShownAlert) -> None:
    alert.show()
    alert.publish("web")
    with alert.db.read() as session:
        row = editions.published(session, "a1", "web", "page.nl")
    assert row is not None
    assert row.published_at == NOW
    assert b"Noor" not in row.sealed
