"""What phones show of a cell broadcast, in three lengths, each in whole words.

Plate and telephone number are in each length whole or not at all. What does not fit gives way to something shorter,
the address of the page first and the number last.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import NamedTuple

from activities.sms_text import encode, plain
from alerts.compose import vehicles
from alerts.edition import Edition
from alerts.vocabulary import Kind

A_NAME = 15
"""Characters that a headline must have left beyond the event when it is cut, or the event alone says more."""
_NUMBER = re.compile(r"\+?\d[\d ()./-]*")
_CALL = {"nl": "Bel", "en": "Call"}


class Length(NamedTuple):
    """Of one version: characters of the GSM alphabet, or of UCS-2 when one is not in it."""

    part: str
    """Its name in a rendition."""
    gsm: int
    ucs2: int

    def holds(self, text: str) -> bool:
        encoded = encode(text)
        return encoded.units <= (self.gsm if encoded.alphabet == "GSM-7" else self.ucs2)


FULL = Length("phone", 15 * 93, 15 * 41)
"""Fifteen pages of 82 bytes: all that one cell broadcast can hold."""
LONG = Length("phone360", 360, 4 * 40)
SHORT = Length("phone90", 90, 40)
"""One page that begins by naming its language."""
LENGTHS = (FULL, LONG, SHORT)
ENDLESS = Length("", 10**6, 10**6)
"""Holds whatever there is to say."""


def broadcast(edition: Edition, language: str, base_url: str, length: Length) -> str:
    """What a phone shows in that length; empty where not even whom to call fits."""
    text = edition.texts[language]
    head, event = plain(text.subject), plain(text.event)
    whole, *shorter = _tails(edition, language, base_url)
    if length.holds(_lines(head, *whole)):
        story = beginning(_story(edition, language), lambda some: length.holds(_lines(head, some, *whole)))
        return _lines(head, story, *whole)
    tried = (_headed(head, event, tail, length) for tail in shorter)
    return next(filter(None, tried), "") or _headed("", "", shorter[-1], length)


def beginning(text: str, fits: Callable[[str], bool]) -> str:
    """The text where it fits, or its first words with `...`; empty where not one fits.

    Never cut in a word, nor after one with a digit: it may be the half of a number.
    """
    if fits(text):
        return text
    words = text.split(" ")
    low, high = 0, len(words) - 1
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if fits(_begun(words[:middle])) else (low, middle - 1)
    while low and any(map(str.isdigit, words[low - 1])):
        low -= 1
    return _begun(words[:low]) if low else ""


def missing(edition: Edition, language: str, text: str) -> list[str]:
    """What a version leaves out that people need most: whom to call, and the plate to look for."""
    if edition.kind is Kind.PUBLIC_TEST:
        return [] if text else ["all of it"]
    said = text.upper()
    left_out = [] if plain(edition.tip_line).upper() in said else ["whom to call"]
    cars = (plain(car).upper() for car in vehicles(edition.texts[language], language))
    # Only the words in it that have a digit: the plate, whatever stands around it.
    seen = all(word in said for car in cars for word in car.split() if any(map(str.isdigit, word)))
    return left_out if seen else [*left_out, "a plate"]


def _tails(edition: Edition, language: str, base_url: str) -> Iterator[tuple[str, ...]]:
    """What must not be missed, from all of it to the least."""
    text, sign = edition.texts[language], edition.signs.get(language, ("", "", ""))
    page = f"{base_url}/a/{edition.alert_id}"
    if edition.kind is Kind.PUBLIC_TEST:
        yield plain(text.ask), page
        yield (plain(text.ask),)
        yield sign[1:]
        yield sign[1:2]
        return
    cars = [plain(car) for car in vehicles(text, language)]
    warning, tip = plain(text.warning or ""), plain(edition.tip_line)
    call = f"{_CALL[language]} {tip}" if _NUMBER.fullmatch(tip) else tip
    yield *cars, warning, f"{plain(text.ask)} {tip}", page
    yield *cars, warning, f"{plain(text.ask)} {tip}"
    yield *cars, warning, call
    yield *cars, call
    yield plain(sign[1]), call
    yield (call,)


def _story(edition: Edition, language: str) -> str:
    """What is not said by the lines before and after it."""
    text = edition.texts[language]
    if edition.kind is Kind.PUBLIC_TEST:
        return ""
    body = text.body
    if edition.kind is not Kind.ACTUAL:
        body = body.removeprefix(f"{text.event.partition(': ')[0]}: ")
    if text.warning:
        body = body.replace(text.warning, "").strip()
    children = [
        f"{one.title}: " + "; ".join(f"{fact.label}: {fact.value}" for fact in one.facts) for one in text.children
    ]
    cars = vehicles(text, language)
    new = [fact for fact in text.more if not _says(body, fact.value) and f"{fact.label}: {fact.value}" not in cars]
    more = [f"{fact.label}: {fact.value.removesuffix(text.warning or '').strip()}" for fact in new]
    return "\n".join(map(plain, (body, *children, *more)))


def _says(text: str, value: str) -> bool:
    """In whole words: who was seen near the "treinstation" did not go by "trein" for that."""
    return re.search(rf"(?<!\w){re.escape(value)}(?!\w)", text) is not None


def _lines(*lines: str) -> str:
    return "\n".join(line for line in lines if line)


def _headed(head: str, event: str, tail: tuple[str, ...], length: Length) -> str:
    """These lines below as much of the headline as there is room for, or the event; empty where it does not fit."""
    begun = beginning(head, lambda some: length.holds(_lines(some, *tail)))
    said = _lines(begun if begun == head or len(begun) > len(event) + A_NAME else event, *tail)
    return said if length.holds(said) else ""


def _begun(words: list[str]) -> str:
    return f"{' '.join(words).rstrip()}..."
