"""What the `social` channel says: the parts of a rendition, and the words and pictures of one message."""

from __future__ import annotations

import hashlib
import json
from functools import cached_property
from typing import Any

from activities.channels.base import Outgoing, Part, WaveJob
from activities.endpoints import AnyAccount, BlueskyAccount, MastodonAccount, OtherAccount
from activities.social_http import Photo, Saying
from activities.social_text import RENDERERS, descriptions, end_post, link, link_mark, short_link
from alerts.edition import Edition
from alerts.vocabulary import MessageKind

PARTS = {MastodonAccount: "mastodon", BlueskyAccount: "bluesky", OtherAccount: "others"}
_AT_THE_END = {
    "delete": {
        "nl": "Mastodon en Bluesky: het bericht wordt verwijderd.",
        "en": "Mastodon and Bluesky: the post is deleted.",
    },
    "end_text": {
        "nl": "Mastodon: het bericht krijgt de eindtekst; de server blijft tonen wat er eerder stond. "
        "Bluesky: het bericht wordt verwijderd en de eindtekst geplaatst.",
        "en": "Mastodon: the post gets the end text; its server goes on showing what it said before. "
        "Bluesky: the post is deleted, and the end text posted.",
    },
}
_BEYOND_RECALL = {
    True: {
        "nl": "Andere diensten: het bericht blijft staan en de eindtekst volgt.",
        "en": "Other services: the post stays, and the end text follows.",
    },
    False: {
        "nl": "Andere diensten: er gaat niets heen, want terughalen kan daar niet.",
        "en": "Other services: nothing goes there, for it could not be taken back.",
    },
}


def rendered(edition: Edition, base_url: str) -> tuple[tuple[Part, ...], tuple[str, ...]]:
    """The posts for each service in each language, what becomes of them, and what does not fit."""
    parts, problems, along = list[Part](), list[str](), dict[str, dict[str, Any]]()
    rule = edition.social
    for language, text in edition.texts.items():
        url = link(base_url, edition.alert_id, language, edition.number)
        for name, render in RENDERERS.items():
            if name == "others_changed" and edition.number == 1:
                continue
            said, fits = render(edition, language, url)
            parts.append(Part(name=f"{name}.{language}", media="text", content=said))
            if not fits:
                problems.append(f"{language}: what cannot be cut is too long for a post ({name})")
        alts = descriptions(edition, language)
        if alts:
            parts.append(Part(name=f"alt.{language}", media="text", content="\n".join(alts)))
        fate = f"{_AT_THE_END[rule.at_end][language]}\n{_BEYOND_RECALL[rule.without_recall][language]}"
        parts.append(Part(name=f"afterwards.{language}", media="text", content=fate))
        along[language] = {
            "event": text.event,
            "link": url,
            "ended": link(base_url, edition.alert_id, language, edition.number, ends=True),
            "alts": dict(zip((photo.token for photo in edition.photos), alts, strict=True)),
        }
    content = {"rule": rule.model_dump(), "languages": along}
    parts.append(Part(name="along", media="json", content=json.dumps(content, ensure_ascii=False, indent=1)))
    return tuple(parts), tuple(problems)


class About:
    """One message to one account."""

    def __init__(self, job: WaveJob, message: Outgoing, account: AnyAccount) -> None:
        self.job = job
        self.message = message
        self.account = account
        along = json.loads(job.rendition.part("along"))
        self.rule: dict[str, Any] = along["rule"]
        self._words: dict[str, Any] = along["languages"][message.language]

    @property
    def ends(self) -> bool:
        return self.job.end_texts is not None

    @property
    def mark(self) -> str:
        return link_mark(self.job.alert_id, self.message.language)

    @cached_property
    def saying(self) -> Saying:
        language = self.message.language
        if self.job.end_texts is not None:
            url = str(self._words["ended"])
            shown = short_link(url) if isinstance(self.account, BlueskyAccount) else url
            return Saying(end_post(self._words["event"], self.job.end_texts[language], shown), url, language)
        name, names = PARTS[type(self.account)], {part.name for part in self.job.rendition.parts}
        if self.message.kind is MessageKind.UPDATE and f"{name}_changed.{language}" in names:
            name = f"{name}_changed"
        photos = tuple(Photo(photo, self._words["alts"].get(photo.token, "")) for photo in self.job.photos)
        return Saying(self.job.rendition.part(f"{name}.{language}"), self._words["link"], language, photos)

    @property
    def sha256(self) -> str:
        """Of the words and the pictures."""
        said = [self.saying.text, *(photo.bytes.sha256 for photo in self.saying.photos)]
        return hashlib.sha256("\n".join(said).encode()).hexdigest()
