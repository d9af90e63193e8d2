"""Texts at the limits, in every channel: what it renders keeps to what it declares, and no character is torn."""

from __future__ import annotations

import html
import json
import re
from collections.abc import Iterator
from typing import Any
from xml.etree import ElementTree

import pytest
import regex

from activities.channels import CAPABILITIES, NAMES, build_channels
from activities.channels.base import Channel, Part, Rendition
from activities.endpoints import ChannelsConfig
from alerts.vocabulary import Kind
from store.database import Database
from tests.support.editions import BASE_URL, KEY, NOW, case_document, make_edition

FAMILY = "\U0001f468\u200d\U0001f469\u200d\U0001f467"
"""One character of five signs."""
LETTER = "\u0645\u064f"
"""Arabic, with the vowel mark that belongs to it."""
TORN = re.compile("\U0001f468(?!\u200d\U0001f469\u200d\U0001f467)|\u0645(?!\u064f)")
NAMES_OF_400 = {
    "letters": "Noor " * 80,
    "one word": "N" * 400,
    "arabic": f"{LETTER * 9} " * 21,
    "arabic without a space": LETTER * 200,
    "emoji": FAMILY * 80,
    "words of emoji": f"{FAMILY} " * 66,
    "marks": '<b>&amp;"%s"{0}\\n' * 23,
}


@pytest.fixture(scope="module")
def channels(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Channel]]:
    db = Database(f"sqlite:///{tmp_path_factory.mktemp('limits') / 'baken.db'}")
    yield build_channels(db, lambda _: KEY, lambda: NOW, BASE_URL, ChannelsConfig(), lambda _: KEY)
    db.close()


def rendered(channel: Channel, name: str) -> Rendition:
    """With this name wherever a case has a line, and ten times where it has a paragraph."""
    child = {**case_document()["children"][0], "name": name, "hair": name, "clothing": name, "marks": name}
    seen = {"at": "2026-11-24T11:00:00Z", "place": name}
    document = case_document(children=[child] * 8, last_seen=seen, public={"situation": name * 10})
    return channel.render(make_edition(document, kind=Kind.EXERCISE), BASE_URL)


def texts(value: Any) -> Iterator[str]:
    """Every text in JSON that people read: addresses are no texts."""
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, list):
        for one in value:
            yield from texts(one)
    elif isinstance(value, str) and not value.startswith(BASE_URL):
        yield value


def read(part: Part) -> str:
    """What a part says to whoever reads it by its format."""
    if part.media == "xml":
        return "\n".join(ElementTree.fromstring(part.content).itertext())
    if part.media == "json":
        return "\n".join(texts(json.loads(part.content)))
    return html.unescape(part.content) if part.media == "html" else part.content


@pytest.mark.parametrize("name", NAMES_OF_400.values(), ids=NAMES_OF_400)
@pytest.mark.parametrize("channel", NAMES)
def test_longest_name_when_rendered_is_whole_or_cut_between_characters(
    channels: dict[str, Channel], channel: str, name: str
) -> None:
    said = "\n".join(map(read, rendered(channels[channel], name).parts))
    assert said.encode()
    assert name[:20].strip() in said
    assert TORN.search(said) is None


def as_mastodon(text: str) -> int:
    """Characters as people see them, and 23 for each link, as Mastodon counts."""
    return len(regex.findall(r"\X", re.sub(r"https?://\S+", "x" * 23, text)))


@pytest.mark.parametrize("name", NAMES_OF_400.values(), ids=NAMES_OF_400)
@pytest.mark.parametrize("channel", [name for name, can in CAPABILITIES.items() if can.text_max])
def test_longest_text_when_rendered_keeps_to_what_is_declared(
    channels: dict[str, Channel], channel: str, name: str
) -> None:
    parts = rendered(channels[channel], name).parts
    said = [
        text for part in parts for text in (texts(json.loads(part.content)) if part.media == "json" else [read(part)])
    ]
    count = as_mastodon if channel == "social" else len
    assert max(map(count, said)) <= (CAPABILITIES[channel].text_max or 0)


@pytest.mark.parametrize("channel", [name for name, can in CAPABILITIES.items() if can.headline_max])
def test_headline_over_the_limit_when_rendered_is_cut_and_said_whole_in_the_text(
    channels: dict[str, Channel], channel: str
) -> None:
    limit = CAPABILITIES[channel].headline_max or 0
    long = ("woord " * 26).strip()
    edition = make_edition(case_document(public={"headline": {"nl": long, "en": long}, "situation": "Kijk uit."}))
    assert len(long) > limit
    (part,) = channels[channel].render(edition, BASE_URL).parts
    headlines = [node.text or "" for node in ElementTree.fromstring(part.content).findall(".//{*}headline")]
    assert len(headlines) == len(edition.texts)
    assert all(len(one) <= limit and "woord woord" in one for one in headlines)
    assert read(part).count(long) == len(edition.texts)
