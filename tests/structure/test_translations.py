"""Every word of the console stands in both languages, and none is left over."""

from __future__ import annotations

from starter.web.i18n import dutch
from starter.web.words import RULES_SAY
from tests.structure.files import ROOT
from tests.structure.messages import marked


def test_words_when_marked_all_have_a_dutch_text() -> None:
    assert sorted(marked() - set(dutch())) == []


def test_dutch_texts_when_listed_are_all_used() -> None:
    assert sorted(set(dutch()) - marked()) == []


def test_dutch_texts_when_they_take_a_value_name_the_same_ones() -> None:
    assert [message for message, text in dutch().items() if ("{name}" in message) != ("{name}" in text)] == []


def test_sentences_of_the_rules_when_translated_are_said_by_a_rule() -> None:
    texts = [path.read_text("utf-8") for part in ("alerts", "starter") for path in (ROOT / part).rglob("*.py")]
    said = "\n".join(text for text in texts if "RULES_SAY" not in text).replace("{ADULT}", "18")
    assert [sentence for sentence in RULES_SAY if f'"{sentence}' not in said] == []
