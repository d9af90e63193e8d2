"""From an edition to posts in whole words that their services take.

Plate, tip number, warning and the link to the page are never cut: what gives way is the story, then the request in
words (its number stays), then the headline. Mastodon and Bluesky count characters as people see them: a family of
emoji is one.
"""

from __future__ import annotations

from collections.abc import Callable
from urllib.parse import urlsplit

import regex

from alerts.compose import vehicles
from alerts.edition import Edition
from alerts.fitting import cut_until
from alerts.vocabulary import Kind

MASTODON = 500
"""Characters of a post on a server that changed nothing."""
MASTODON_LINK = 23
"""Characters that a link counts for there, however long it is."""
BLUESKY = 300
"""Characters, in at most `BLUESKY_BYTES`."""
BLUESKY_BYTES = 3000
OTHERS = 280
"""Characters, as the shortest of the large services have it (X)."""
CHANGED = {"nl": "Gewijzigd: ", "en": "Changed: "}
_CLUSTER = regex.compile(r"\X")


def characters(text: str) -> int:
    """As people see them (Unicode UAX 29)."""
    return len(_CLUSTER.findall(text))


def link(base_url: str, alert_id: str, language: str, edition: int, *, ends: bool = False) -> str:
    """The page of the alert. Services keep a card of a page by its address: no edition finds that of another."""
    about = "ended" if ends else "edition"
    return f"{base_url}/alerts/{alert_id}?lang={language}&{about}={edition}"


def link_mark(alert_id: str, language: str) -> str:
    """What the links of all posts of an alert in a language have in them, and no other link has."""
    return f"/alerts/{alert_id}?lang={language}&"


def short_link(url: str) -> str:
    """How it reads where the address itself is kept beside the text."""
    parts = urlsplit(url)
    return f"{parts.netloc}{parts.path}"


def mastodon_text(edition: Edition, language: str, url: str) -> tuple[str, bool]:
    """The post, and whether it fits."""

    def fits(text: str) -> bool:
        return characters(text.replace(url, "x" * MASTODON_LINK)) <= MASTODON

    return _text(edition, language, url, fits)


def bluesky_text(edition: Edition, language: str, url: str) -> tuple[str, bool]:
    """The post with the short link, and whether it fits."""
    return _text(edition, language, short_link(url), _fits_bluesky)


def others_text(edition: Edition, language: str, url: str, changed: str = "") -> tuple[str, bool]:
    """The post, and whether it fits; `changed` begins the story of a post that follows another."""
    return _text(edition, language, url, lambda text: len(text) <= OTHERS, changed)


def end_post(event: str, said: str, url: str) -> str:
    """What a post says once the alert is over or not shown; short enough everywhere."""
    return f"{event}: {said}\n{url}"


def descriptions(edition: Edition, language: str) -> tuple[str, ...]:
    """Of each photo, for those who cannot see it: at most 400 characters, as a case allows."""
    return tuple(photo.alt.get(language, "") for photo in edition.photos)


def _fits_bluesky(text: str) -> bool:
    return characters(text) <= BLUESKY and len(text.encode()) <= BLUESKY_BYTES


def _text(
    edition: Edition, language: str, shown_link: str, fits: Callable[[str], bool], changed: str = ""
) -> tuple[str, bool]:
    text = edition.texts[language]
    story = text.body
    if edition.kind is not Kind.ACTUAL:
        story = story.removeprefix(f"{text.event.partition(': ')[0]}: ")
    if text.warning:
        story = story.replace(text.warning, "").strip()
    numbered = edition.kind is not Kind.PUBLIC_TEST and edition.purpose == "alert"
    asks = [f"{text.ask} {edition.tip_line}", edition.tip_line] if numbered else [text.ask]
    kept = [*vehicles(text, language), *([text.warning] if text.warning else [])]
    head = text.subject
    for ask in asks:
        tail = [*kept, ask, shown_link]
        if fits(_lines(head, *tail)):
            break
    head = cut_until(head, lambda some: fits(_lines(some, *tail)))
    if not fits(_lines(head, *tail)):
        head = text.event
    bare = _lines(head, *tail)
    if not story or story in tail:
        return bare, fits(bare)
    told = cut_until(changed + story, lambda some: fits(_lines(head, some, *tail)))
    whole = _lines(head, told, *tail)
    return (whole, True) if fits(whole) and told not in ("...", f"{changed.strip()}...") else (bare, fits(bare))


def _lines(*lines: str) -> str:
    return "\n".join(line for line in lines if line)


def _changed(edition: Edition, language: str, url: str) -> tuple[str, bool]:
    return others_text(edition, language, url, CHANGED[language])


RENDERERS: dict[str, Callable[[Edition, str, str], tuple[str, bool]]] = {
    "mastodon": mastodon_text,
    "bluesky": bluesky_text,
    "others": others_text,
    "others_changed": _changed,
}
"""By the name of the part that they fill."""
