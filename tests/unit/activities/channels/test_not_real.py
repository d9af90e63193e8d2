"""What is not real says so first: every text of every channel, in every language, of a first edition and a change."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from activities.channels import NAMES, build_channels
from activities.channels.base import Channel, Part, WaveJob
from activities.channels.email import _build
from activities.endpoints import ChannelsConfig, EmailEndpoint
from alerts.vocabulary import LANGUAGES, Kind, MessageKind
from store.database import Database
from tests.support.editions import BASE_URL, KEY, NOW, case_document, make_edition

WORDS = {Kind.PUBLIC_TEST: {"nl": "TEST", "en": "TEST"}, Kind.EXERCISE: {"nl": "OEFENING", "en": "EXERCISE"}}
ABOUT = re.compile(r"cost\.|afterwards\.|alt\.")
"""Parts that are told to the approver, and to nobody else."""
SHOWN = re.compile(
    r"<(?:title|h1)>([^<]+)|og:title\" content=\"([^\"]+)|class=\"event\"[^>]*>([^<]+)|class=\"words\">\s*<h\d>([^<]+)"
)
"""Of a page: its title, its first heading and what it is called where it is shared."""
SAID = frozenset({"event", "headline", "subject", "title", "body"})
"""Of a message in JSON: what receivers show."""


@pytest.fixture(scope="module")
def channels(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, Channel]:
    db = Database.at(Path(tmp_path_factory.mktemp("none")) / "baken.db")
    return build_channels(db, lambda _: KEY, lambda: NOW, BASE_URL, ChannelsConfig(), lambda _: KEY)


@pytest.mark.parametrize("kind", WORDS)
@pytest.mark.parametrize("number", [1, 2])
@pytest.mark.parametrize("name", NAMES)
def test_text_when_it_is_not_real_says_so_first(
    channels: Mapping[str, Channel], name: str, number: int, kind: Kind
) -> None:
    rendition = channels[name].render(make_edition(case_document(), kind=kind, number=number), BASE_URL)
    said = [(part.name, text) for part in rendition.parts if not ABOUT.match(part.name) for text in _texts(part)]
    assert said
    first = tuple(WORDS[kind].values())
    assert [one for one in said if not one[1].startswith(first)] == []


@pytest.mark.parametrize("kind", WORDS)
@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("message", MessageKind)
def test_subject_of_a_mail_when_it_is_not_real_says_so_first(
    channels: Mapping[str, Channel], kind: Kind, language: str, message: MessageKind
) -> None:
    rendition = channels["email"].render(make_edition(case_document(), kind=kind), BASE_URL)
    ends = dict.fromkeys(LANGUAGES, "…") if message is MessageKind.CANCEL else None
    job = WaveJob("a1", kind, 1, 0, NOW + timedelta(hours=1), rendition, end_texts=ends)
    mail = _build(EmailEndpoint(host="127.0.0.1", port=25), job, message, language, BASE_URL)
    assert str(mail["Subject"]).startswith(f"{WORDS[kind][language]}: ")


def test_public_test_when_rendered_shows_no_child_and_has_nobody_called(channels: Mapping[str, Channel]) -> None:
    edition = make_edition(case_document(), kind=Kind.PUBLIC_TEST)
    for name in NAMES:
        for part in channels[name].render(edition, BASE_URL).parts:
            assert "Noor" not in part.content
            assert "/media/" not in part.content
            assert "0800-6070" not in part.content


def _texts(part: Part) -> Iterator[str]:
    """What somebody reads first of a part: titles and headings of a page, fields of a message, the text itself."""
    if part.media == "html":
        yield from ("".join(found) for found in SHOWN.findall(part.content))
    elif part.media == "xml":
        message = ElementTree.fromstring(part.content)
        yield from (
            one.text or ""
            for name in ("event", "headline", "description")
            for one in message.iter(f"{{urn:oasis:names:tc:emergency:cap:1.2}}{name}")
        )
    elif part.media == "json":
        yield from _said(json.loads(part.content))
    else:
        yield part.content


def _said(value: Any, name: str = "") -> Iterator[str]:
    """A text by one of the names, or one for each language."""
    if isinstance(value, dict):
        for inner, one in value.items():
            yield from _said(one, name if inner in LANGUAGES else inner.removesuffix("s"))
    elif isinstance(value, str) and (name in SAID or name == "bodie"):
        yield value
