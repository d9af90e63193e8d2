"""Texts of cell broadcasts: three lengths counted as phones count, with plate and number whole, in whole words."""

from __future__ import annotations

from typing import Any

import pytest

from activities.cell_text import FULL, LENGTHS, LONG, SHORT, Length, beginning, broadcast, missing
from activities.sms_text import encode, plain
from alerts.edition import Edition
from alerts.vocabulary import Kind
from tests.support.editions import BASE_URL, case_document, make_edition
from tests.unit.activities.channels.test_limits import NAMES_OF_400, TORN

RELEASE = {"by": "x", "role": "officier van justitie", "at": "2026-11-24T11:30:00Z"}
CAR = {"plate": "VX-1?3-B", "colour": "grijze", "make": "Opel", "certain": True, "release": RELEASE}
PAGE = f"{BASE_URL}/a/a1"


def edition(kind: Kind = Kind.ACTUAL, **changes: Any) -> Edition:
    return make_edition(case_document(**{"vehicles": [CAR], **changes}), kind=kind)


def named(name: str) -> Edition:
    """With this name wherever a case has a line, and ten times where it has a paragraph."""
    child = {**case_document()["children"][0], "name": name, "hair": name, "clothing": name, "marks": name}
    seen = {"at": "2026-11-24T11:00:00Z", "place": name}
    return edition(children=[child] * 8, last_seen=seen, public={"situation": name * 10})


def words(text: str) -> set[str]:
    """Each as it stands there, but for what ends a list or a cut."""
    return {word.rstrip(";").removesuffix("...") for word in plain(text).split()}


def test_lengths_are_pages_of_82_bytes() -> None:
    assert (FULL.gsm, FULL.ucs2) == (1395, 615) == (82 * 8 // 7 * 15, 82 // 2 * 15)


@pytest.mark.parametrize(
    ("text", "fits"),
    [
        ("a" * 1395, True),
        ("a" * 1396, False),
        ("€" * 697, True),  # two each
        ("€" * 698, False),
        ("ë" * 615, True),  # one of them, and every character counts double
        ("ë" + "a" * 615, False),
        ("\U0001f600" * 307, True),  # two units each
        ("\U0001f600" * 308, False),
    ],
)
def test_characters_when_counted_cost_what_a_page_gives_them(text: str, fits: bool) -> None:
    assert FULL.holds(text) is fits


def test_full_text_says_all_of_it_and_no_fact_twice() -> None:
    assert broadcast(edition(), "nl", BASE_URL, FULL).splitlines() == [
        "AMBER Alert: Vermist: Noor Voorbeeld (7), Amersfoort",
        "Een meisje is meegenomen bij een speeltuin. Laatst gezien: 24 november 2026, 12:00, Amersfoort.",
        "Noor Voorbeeld: Leeftijd: 7 jaar; Geslacht: meisje",
        "Voertuig: grijze Opel VX-1?3-B",
        "Kijk goed om u heen. Ziet u het kind of weet u iets? Bel direct. 0800-6070",
        PAGE,
    ]


def test_full_text_when_a_longer_word_of_the_story_begins_so_says_the_fact_all_the_same() -> None:
    seen = {"at": "2026-11-24T11:00:00Z", "place": "Amersfoort", "travel_mode": "train"}
    for story, said in (("Ze liep naar het treinstation.", 1), ("Ze nam de trein naar Zwolle.", 0)):
        text = broadcast(edition(last_seen=seen, public={"situation": story}), "nl", BASE_URL, FULL)
        assert text.count("Vervoer: trein") == said


def test_short_text_says_whom_and_what_to_look_for_and_whom_to_call_in_both_languages() -> None:
    assert [broadcast(edition(), language, BASE_URL, SHORT) for language in ("nl", "en")] == [
        "AMBER Alert: Vermist: Noor Voorbeeld...\nVoertuig: grijze Opel VX-1?3-B\nBel 0800-6070",
        "AMBER Alert: Missing: Noor Voorbeeld...\nVehicle: grijze Opel VX-1?3-B\nCall 0800-6070",
    ]


def test_warning_stays_where_a_suspect_is_named() -> None:
    suspect = {"description": "Lange man", "release": RELEASE}
    text = broadcast(edition(suspect=suspect), "nl", BASE_URL, LONG)
    assert "\nBenader deze persoon niet. Bel 112.\n" in text


@pytest.mark.parametrize("length", LENGTHS, ids=lambda length: length.part)
@pytest.mark.parametrize("name", NAMES_OF_400.values(), ids=NAMES_OF_400)
def test_names_of_any_characters_leave_plate_and_number_whole_and_cut_no_word(name: str, length: Length) -> None:
    made = named(name)
    for language, text in made.texts.items():
        shown = broadcast(made, language, BASE_URL, length)
        assert length.holds(shown)
        assert "VX-1?3-B" in shown
        assert "0800-6070" in shown
        assert missing(made, language, shown) == []
        assert TORN.search(shown) is None
        facts = [fact for child in text.children for fact in child.facts] + list(text.more)
        source = [text.event, text.subject, text.body, text.ask, "Bel Call 0800-6070", PAGE]
        source += [f"{fact.label}: {fact.value}" for fact in facts] + [f"{child.title}:" for child in text.children]
        assert words(shown) <= words(" ".join(source))


def test_text_when_cut_ends_with_no_half_of_a_number() -> None:
    assert beginning("Bel nu 0800 6070 of kom", lambda some: len(some) <= 17) == "Bel nu..."
    assert beginning("Onafgebroken", lambda some: len(some) <= 5) == ""


@pytest.mark.parametrize(("kind", "word"), [(Kind.EXERCISE, "OEFENING"), (Kind.PUBLIC_TEST, "TEST")])
@pytest.mark.parametrize("length", LENGTHS, ids=lambda length: length.part)
def test_text_when_not_real_begins_with_the_word(kind: Kind, word: str, length: Length) -> None:
    text = broadcast(edition(kind), "nl", BASE_URL, length)
    assert text.startswith(f"{word}: ")
    assert ("VX-1?3-B" in text) is (kind is Kind.EXERCISE)


def test_what_has_no_room_is_told_to_the_approver() -> None:
    line = "via de website van de politie, het formulier voor tips van getuigen, dag en nacht bereikbaar voor allen"
    made = edition(tip_line=line, vehicles=[{**CAR, "plate": "XX-99-ZZ", "make": "Merk " * 30}])
    assert missing(made, "nl", broadcast(made, "nl", BASE_URL, SHORT)) == ["whom to call", "a plate"]
    assert missing(made, "nl", broadcast(made, "nl", BASE_URL, FULL)) == []


def test_letters_outside_the_alphabet_leave_less_room() -> None:
    zoe = case_document()["children"][0] | {"name": "Zoë"}
    text = broadcast(edition(children=[zoe], public={"situation": "Lang verhaal. " * 90}), "nl", BASE_URL, FULL)
    encoded = encode(text)
    assert (encoded.alphabet, encoded.units <= 615) == ("UCS-2", True)
    assert text.endswith(PAGE)
