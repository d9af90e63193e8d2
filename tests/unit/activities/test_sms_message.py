"""Texts for phones: the longest alert, in whole words, with nothing lost that must not be."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from activities.channels.base import Rendition
from activities.channels.sms import SmsChannel
from activities.endpoints import ChannelsConfig, LiveChannels, SmsEndpoint
from activities.sms_text import encode
from alerts.vocabulary import Kind
from store.database import Database
from tests.support.editions import BASE_URL, NOW, case_document, make_edition

RELEASE = {"by": "x", "role": "officier van justitie", "at": "2026-11-24T11:00:00Z", "reference": "r"}
CAR = {"make": "Volkswagen", "colour": "rood", "plate": "VX-123-B", "country": "NL", "certain": True}
WORDS = "Zij werd gezien bij de speeltuin achter het gemeentehuis. " * 12
ADDRESS = f"{BASE_URL}/a/a1"


def rendered(kind: Kind = Kind.ACTUAL, number: int = 1, price: str | None = None, **case: Any) -> Rendition:
    centre = SmsEndpoint(host="h", port=1, system_id="s", password="p", price=Decimal(price) if price else None)
    config = ChannelsConfig(channels=LiveChannels(sms=centre))
    channel = SmsChannel(config, Database("sqlite://"), lambda _: b"", lambda: NOW)
    return channel.render(make_edition(case_document(**case), kind=kind, number=number), BASE_URL)


@pytest.mark.parametrize("situation", [WORDS, f"ë {WORDS}", "🧸 " + WORDS, "عاجل " * 200])
@pytest.mark.parametrize("kind", [Kind.ACTUAL, Kind.EXERCISE])
def test_story_when_too_long_ends_after_a_word_and_the_rest_is_whole(kind: Kind, situation: str) -> None:
    car = {**CAR, "release": RELEASE}
    rendition = rendered(kind, public={"situation": situation}, vehicles=[car])
    for language, label in (("nl", "Voertuig"), ("en", "Vehicle")):
        text = rendition.part(f"sms.{language}")
        head, story, *kept = text.split("\n")
        assert len(encode(text).parts) == 4
        assert head.startswith(
            {"nl": "OEFENING: ", "en": "EXERCISE: "}[language] if kind is Kind.EXERCISE else "AMBER"
        )
        assert story.endswith("...")
        assert set(story[:-3].split()) <= set(situation.split())
        assert kept[0] == f"{label}: rood Volkswagen VX-123-B (NL)"
        assert kept[1].endswith(" 0800-6070")
        assert kept[2] == ADDRESS
    assert rendition.problems == ()


def test_change_when_sent_begins_the_story_and_leaves_the_rest() -> None:
    rendition = rendered(number=2, public={"situation": "Zij draagt een groene jas."})
    first, second = rendition.part("sms.nl").split("\n"), rendition.part("changed.nl").split("\n")
    assert second == [first[0], f"Gewijzigd: {first[1]}", *first[2:]]


def test_warning_when_there_is_one_stands_once() -> None:
    text = rendered(suspect={"description": "man met een pet", "release": RELEASE}).part("sms.nl")
    assert text.count("Benader deze persoon niet. Bel 112.") == 1


def test_public_test_when_sent_says_so_first_and_asks_for_nothing() -> None:
    assert rendered(Kind.PUBLIC_TEST).part("sms.en").split("\n") == [
        "TEST: this is a test of the alert system (AMBER Alert)",
        "TEST. No child is missing. You need not do anything.",
        ADDRESS,
    ]


def test_name_when_no_phone_has_room_for_it_is_cut_and_the_number_to_call_is_not() -> None:
    text = rendered(children=[{"name": "Ë" * 400, "age": 7}]).part("sms.nl")
    assert len(encode(text).parts) <= 4
    assert text.endswith(f"0800-6070\n{ADDRESS}")


def test_vehicles_when_there_are_too_many_are_all_told_and_the_approver_knows() -> None:
    cars = [{**CAR, "plate": f"VX-{n}-B", "make": "Volkswagen " * 8, "release": RELEASE} for n in range(100, 108)]
    rendition = rendered(vehicles=cars)
    assert all(f"VX-{n}-B" in rendition.part("sms.nl") for n in range(100, 108))
    number = len(encode(rendition.part("sms.nl")).parts)
    assert rendition.problems[0] == f"nl: what cannot be cut takes {number} parts a phone"


@pytest.mark.parametrize(
    ("situation", "price", "told"),
    [
        ("Kijk uit.", None, "2 delen per telefoon, GSM-7, {units}/306"),
        (
            "Zoë is weg.",
            "0.08",
            "4 delen per telefoon, UCS-2, {units}/268; zonder deze tekens korter: ë; 4 x € 0.08 = € 0.32",
        ),
    ],
)
def test_cost_when_shown_is_that_of_the_message(situation: str, price: str | None, told: str) -> None:
    rendition = rendered(price=price, public={"situation": situation})
    assert rendition.part("cost.nl") == told.format(units=encode(rendition.part("sms.nl")).units)
