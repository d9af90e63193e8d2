"""What each channel would make of a case that is still being typed, and what does not go well there.

Made by the channels' own renderers from what they declare of themselves, so it is what the approver will see.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from activities.channels import CAPABILITIES
from activities.channels.base import Capabilities, Part, Rendition
from activities.photos import square
from activities.sms_text import plain
from alerts.area import AreaError
from alerts.case import Case
from alerts.edition import Edition, EditionPhoto, LanguageText
from alerts.so_far import NOTHING
from alerts.vocabulary import LANGUAGES, Kind
from starter.checking import Checked
from starter.parts import Parts
from starter.preview import Renderers, preview_edition
from starter.web.i18n import Translate, translator
from starter.web.previewing import piece_label, with_photos
from starter.web.views import Piece, Planned, channel_label
from store.drafts import Photo

ASIDE = frozenset({"event", "item", "topics", "along", "message", "afterwards", "banner", "widget"})
"""Parts that nobody reads by themselves."""


@dataclass(frozen=True)
class Preview:
    edition: Edition
    planned: tuple[Planned, ...]
    untranslated: tuple[str, ...]
    """Languages whose text would hold words of another one."""


class Previewer:
    """Shared by all pages, for its channels take long to make."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._renderers: Renderers | None = None

    def preview(self, checked: Checked, photos: Sequence[Photo], kind: Kind, language: str) -> Preview | None:
        """None: its area is not one (yet)."""
        try:
            edition = self._edition(checked, photos, kind)
        except AreaError:
            return None
        untranslated = () if kind is Kind.PUBLIC_TEST else tuple(_untranslated(checked.known.shown))
        made = self._render(edition)
        planned = tuple(_planned(made[name], edition, untranslated, language) for name in edition.channels)
        return Preview(edition, planned, untranslated)

    def page(self, checked: Checked, photos: Sequence[Photo], kind: Kind, channel: str, name: str) -> str:
        """A page or mail with its photos inside it; raises LookupError when there is none of that name."""
        try:
            edition = self._edition(checked, photos, kind)
        except AreaError as error:
            raise LookupError(str(error)) from error
        rendition = self._render(edition).get(channel)
        part = next((one for one in (rendition.parts if rendition else ()) if one.name == name), None)
        if part is None or part.media != "html":
            raise LookupError(f"no page {name} of {channel}")
        jpegs = {one.id: square(one.jpeg, one.crop) for one in photos}
        return with_photos(part.content, jpegs.get)

    def _edition(self, checked: Checked, photos: Sequence[Photo], kind: Kind) -> Edition:
        case = checked.known.shown
        return preview_edition(self._parts, case, checked.programme, kind, _shown(photos, case))

    def _render(self, edition: Edition) -> dict[str, Rendition]:
        if self._renderers is None:
            self._renderers = Renderers(self._parts, self._parts.settings.channels())
        return self._renderers.renditions(edition)


def _shown(photos: Sequence[Photo], case: Case) -> list[EditionPhoto]:
    """Those of children that are there."""
    there = [one for one in photos if one.child < len(case.children)]
    return [
        EditionPhoto(
            token=one.id,
            sha256=hashlib.sha256(one.jpeg).hexdigest(),
            child=one.child,
            alt=dict.fromkeys(LANGUAGES, case.children[one.child].name or ""),
            width=one.crop.side if one.crop else one.width,
            height=one.crop.side if one.crop else one.height,
        )
        for one in there
    ]


def _untranslated(case: Case) -> Iterator[str]:
    """Where no text was written, one is composed around the situation, which is in the case's own language."""
    if case.public.situation != NOTHING:
        yield from (one for one in LANGUAGES if one != case.language and one not in case.public.body)


def _planned(made: Rendition, edition: Edition, untranslated: Sequence[str], language: str) -> Planned:
    can, translate = CAPABILITIES[made.channel], translator(language)
    parts = [one for one in made.parts if one.name.partition(".")[0] not in ASIDE or _is_notification(one)]
    pieces = tuple(_piece(one, translate) for one in parts)
    trouble = [*made.problems, *_trouble(can, pieces, edition, untranslated)]
    return Planned(
        name=made.channel,
        label=channel_label(made.channel, language),
        personal=can.audience == "personal",
        recipients=0,
        trouble=tuple(trouble),
        pieces=pieces,
    )


def _trouble(
    can: Capabilities, pieces: Sequence[Piece], edition: Edition, untranslated: Sequence[str]
) -> Iterator[str]:
    """In English; `rules_say` has the Dutch."""
    for language, text in edition.texts.items():
        if can.headline_max and len(text.headline) > can.headline_max:
            yield f"the headline ({language}) is cut after {can.headline_max} characters"
        if can.text_max and not _whole(text, [one.content for one in pieces if one.name.endswith(f".{language}")]):
            yield f"the text ({language}) is cut: there is room for {can.text_max} characters in all"
        if language in untranslated and language in can.languages:
            yield f"no text ({language}) was written: it has the situation in another language"
    if can.picture and not edition.photos:
        yield "there is no photo to show"


def _whole(text: LanguageText, contents: Sequence[str]) -> bool:
    """Whether the story stands in one of them; a warning, and what kind it is, may stand elsewhere."""
    story = text.body.replace(text.warning or "\0", "").removeprefix(f"{text.event.partition(': ')[0]}: ")
    words = plain(story).split()
    return any(" ".join(words) in " ".join(plain(one).split()) for one in contents)


def _piece(part: Part, translate: Translate) -> Piece:
    label = piece_label(part.name, translate)
    if _is_notification(part):
        said = json.loads(part.content)
        return Piece(part.name, label, "text", f"{said['title']}\n{said['body']}", changed=False)
    return Piece(part.name, label, part.media, part.content, changed=False)


def _is_notification(part: Part) -> bool:
    return part.media == "json" and part.name.startswith("message.")
