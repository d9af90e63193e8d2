"""Every word of the console stands in both languages, and none is left over."""

from __future__ import annotations

import re

from starter.web.i18n import dutch
from starter.web.rules_say import RULES_SAY, RULES_SAY_OF, said
from tests.structure.files import ROOT
from tests.structure.messages import marked

VALUE = re.compile(r"\{\w+\}")


def test_words_when_marked_all_have_a_dutch_text() -> None:
    assert sorted(marked() - set(dutch())) == []


def test_dutch_texts_when_listed_are_all_used() -> None:
    assert sorted(set(dutch()) - marked()) == []


def test_dutch_texts_when_they_take_a_value_name_the_same_ones() -> None:
    named = {message: (VALUE.findall(message), VALUE.findall(text)) for message, text in dutch().items()}
    assert [message for message, (ours, theirs) in named.items() if sorted(ours) != sorted(theirs)] == []


def test_sentences_of_the_rules_when_translated_are_said_by_a_rule() -> None:
    texts = [path.read_text("utf-8") for part in ("alerts", "starter") for path in (ROOT / part).rglob("*.py")]
    said = "\n".join(text for text in texts if "RULES_SAY" not in text).replace("{ADULT}", "18")
    assert [sentence for sentence in RULES_SAY if f'"{sentence}' not in said] == []


def test_sentences_with_values_when_said_in_dutch_keep_the_values() -> None:
    for message in RULES_SAY_OF:
        sentence = VALUE.sub("12", message).replace("children/12", "children/11")  # people count from one
        assert "12" in said("nl", sentence)
        assert "lang=" not in said("nl", sentence)


def test_sentences_with_places_and_codes_of_a_case_say_them_as_the_form_does() -> None:
    basis = "child_16_plus needs publicity/given_by and publicity/reason"
    assert said("en", basis).unescape() == 'the child, 16 or older needs "Given by" and "Reason"'
    assert said("nl", "publicity rests on parent, child_16_plus") == (
        "de grondslag voor openbaarheid is toestemming van een ouder, het kind zelf, 16 jaar of ouder"
    )
    assert said("en", "children/1 is 19; every child must be under 18").startswith("child 2 is 19;")
    sheltered = "the child may be with somebody (parent) who fled to a shelter: check first, then set "
    assert "somebody (a parent) who fled" in said("en", f"{sheltered}assessment/sheltered_checked to yes")


def test_names_and_addresses_in_sentences_are_no_codes_or_places() -> None:
    user = "parent wrote or changed this edition; somebody else must approve it (four eyes)"
    assert said("nl", user).startswith("parent ")
    address = "https://partner.example/publicity/basis does not answer"
    assert said("en", address) == address


def test_sentences_nobody_translated_are_marked_as_english() -> None:
    assert said("nl", "<b>not so</b>") == '<span lang="en">&lt;b&gt;not so&lt;/b&gt;</span>'
