"""Posts in whole words that fit: counted as each service counts, with plate, number, warning and link whole."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from activities.social_text import (
    BLUESKY,
    BLUESKY_BYTES,
    MASTODON,
    MASTODON_LINK,
    OTHERS,
    RENDERERS,
    characters,
    descriptions,
    link,
    link_mark,
    short_link,
)
from alerts.edition import Edition
from alerts.vocabulary import LANGUAGES, Kind
from tests.support.editions import BASE_URL, case_document, make_edition

RELEASE = {"by": "x", "role": "officier van justitie", "at": "2026-11-24T11:30:00Z"}
CAR = {"plate": "VX-1?3-B", "colour": "grijze", "make": "Opel", "certain": True, "release": RELEASE}
SUSPECT = {"description": "man met een rode jas", "release": RELEASE}
FAMILY = "\U0001f468\u200d\U0001f469\u200d\U0001f467"
NAME = (f"\u0646\u0648\u0631\u064f {FAMILY} O'Brien-\u00c5 <b>&amp; " * 20)[:400].strip()
"""Arabic with a vowel mark, and a character of five signs."""
URL = link(BASE_URL, "a1", "nl", 1)


def edition(kind: Kind = Kind.ACTUAL, **changes: Any) -> Edition:
    return make_edition(case_document(**changes), kind=kind)


def posts(some: Edition, language: str = "nl") -> dict[str, str]:
    """The post of each service; all of them fit."""
    url = link(BASE_URL, some.alert_id, language, some.number)
    made = {name: render(some, language, url) for name, render in RENDERERS.items()}
    assert {name: fits for name, (_, fits) in made.items()} == dict.fromkeys(RENDERERS, True)
    return {name: text for name, (text, _) in made.items()}


def counted(name: str, text: str, url: str) -> tuple[int, int]:
    """How long a post is to its service, and how long it may be."""
    if name == "mastodon":
        return characters(text.replace(url, "x" * MASTODON_LINK)), MASTODON
    return (characters(text), BLUESKY) if name == "bluesky" else (len(text), OTHERS)


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("Noor", 4),
        (FAMILY, 1),
        ("\U0001f1f3\U0001f1f1", 1),
        ("\U0001f44d\U0001f3fd", 1),
        ("Zoe\u0308", 3),
        ("\u0646\u0648\u0631\u064f", 3),
        ("\r\n", 1),
    ],
)
def test_characters_when_counted_are_those_that_people_see(text: str, number: int) -> None:
    assert characters(text) == number


def test_post_when_short_says_all_in_each_language() -> None:
    nl, en = (posts(edition(vehicles=[CAR]), language)["mastodon"] for language in LANGUAGES)
    assert nl.splitlines()[0] == "AMBER Alert: Vermist: Noor Voorbeeld (7), Amersfoort"
    assert "Een meisje is meegenomen bij een speeltuin." in nl
    assert "Bel direct. 0800-6070" in nl
    assert nl.endswith(f"\n{URL}")
    assert "Call at once. 0800-6070" in en
    assert en.endswith(f"\n{link(BASE_URL, 'a1', 'en', 1)}")


@pytest.mark.parametrize("language", LANGUAGES)
def test_post_when_everything_is_long_keeps_plate_number_warning_and_link_whole(language: str) -> None:
    long = edition(
        children=[{"name": NAME, "age": 7}],
        public={"situation": f"{NAME} {FAMILY * 800}"[:4000]},
        vehicles=[CAR],
        suspect=SUSPECT,
    )
    url = link(BASE_URL, "a1", language, 1)
    for name, text in posts(long, language).items():
        number, most = counted(name, text, url)
        assert number <= most, name
        for whole in ("VX-1?3-B", "0800-6070", "112", short_link(url) if name == "bluesky" else url):
            assert whole in text, name
    assert len(posts(long, language)["bluesky"].encode()) <= BLUESKY_BYTES


WORDS = st.sampled_from(["jas", "speeltuin", "Zo\u00eb", "\u0646\u0648\u0631", FAMILY, "\U0001f44d\U0001f3fd", "een"])


@given(story=st.lists(WORDS, min_size=1, max_size=200), plate=st.from_regex(r"\A[A-Z]{2}-[0-9]{3}-[A-Z]\Z"))
@settings(max_examples=20)
def test_post_when_the_story_is_any_is_cut_after_a_word_and_fits(story: list[str], plate: str) -> None:
    some = edition(public={"situation": " ".join(story)}, vehicles=[{**CAR, "plate": plate}])
    known = {*story, *some.texts["nl"].body.split()}
    for name, text in posts(some).items():
        number, most = counted(name, text, URL)
        assert number <= most
        assert f"grijze Opel {plate} (NL)" in text or f"grijze Opel {plate}" in text
        cut = [line for line in text.splitlines() if line.endswith("...")]
        assert all(
            set(line.removeprefix("Gewijzigd: ").removesuffix("...").split()) <= known
            for line in cut
            if not line.startswith("AMBER")
        )


@pytest.mark.parametrize("kind", [Kind.EXERCISE, Kind.PUBLIC_TEST])
def test_post_when_not_real_begins_with_the_word(kind: Kind) -> None:
    word = {Kind.EXERCISE: "OEFENING", Kind.PUBLIC_TEST: "TEST"}[kind]
    made = posts(edition(kind))
    assert all(text.startswith(f"{word}: ") for text in made.values())
    if kind is Kind.PUBLIC_TEST:
        assert "Noor" not in "".join(made.values())
        assert "0800" not in "".join(made.values())


def test_post_that_follows_another_says_that_it_changed() -> None:
    assert "\nGewijzigd: Een meisje is meegenomen" in posts(edition())["others_changed"]


def test_post_when_what_cannot_be_cut_is_too_long_says_so_and_stays_whole() -> None:
    cars = [{**CAR, "make": "Opel " * 12, "plate": f"VX-1{n}3-B"} for n in range(6)]
    text, fits = RENDERERS["bluesky"](edition(vehicles=cars), "nl", URL)
    assert not fits
    assert all(f"VX-1{n}3-B" in text for n in range(6))


def test_link_of_an_edition_is_its_own_and_has_the_mark_of_its_alert_and_language() -> None:
    links = {link(BASE_URL, "a1", "nl", 1), link(BASE_URL, "a1", "nl", 2), link(BASE_URL, "a1", "nl", 2, ends=True)}
    assert len(links) == 3
    assert all(link_mark("a1", "nl") in one for one in links)
    assert link_mark("a1", "nl") not in link(BASE_URL, "a1", "en", 1)
    assert link_mark("a1", "nl") not in link(BASE_URL, "a11", "nl", 1)


def test_description_is_the_photos_own_and_has_nothing_internal() -> None:
    photo = {"file": "n.jpg", "alt": "Meisje met een rode jas", "sha256": "ab" * 32, "width": 600, "height": 720}
    photo["identity_confirmed_by"] = "moeder"
    child = {"name": "Noor", "age": 7, "photos": [photo], "communication": "geheim"}
    assert descriptions(edition(children=[child], reference="PL0900"), "nl") == ("Meisje met een rode jas",)
