"""CAP 1.2 messages in words and XML: what an edition says to partners, and what a Cancel says without the child.

Written with cap-tools. Times carry Amsterdam's offset: cap-tools writes UTC as `Z`, which the schema rejects.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from cap_tools.models import (
    Alert,
    Area,
    Category,
    Certainty,
    Geocode,
    Info,
    MsgType,
    Resource,
    ResponseType,
    Scope,
    Severity,
    Status,
    Urgency,
    Value,
    ValueName,
)
from xsdata.formats.dataclass.context import XmlContext
from xsdata.formats.dataclass.serializers import XmlSerializer
from xsdata.models.datatype import XmlDateTime

from alerts.cap_profile import AREA_DESC_BELOW, HEADLINE_MAX
from alerts.compose import AMSTERDAM, dark_text, end_text
from alerts.edition import Edition, LanguageText
from alerts.fitting import cut
from alerts.vocabulary import Kind, Meaning

if TYPE_CHECKING:  # the channels import this
    from activities.channels.base import PhotoBytes, PublishJob

STATUS = {Kind.ACTUAL: Status.ACTUAL, Kind.EXERCISE: Status.EXERCISE, Kind.PUBLIC_TEST: Status.TEST}
SENDER_NAME = "Baken"
COUNTRY = {"nl": "Nederland", "en": "The Netherlands"}
_ANY_BYTES = 10_000
"""XML has no limit of its own."""


@dataclass(frozen=True)
class Envelope:
    """What the moment of sending gives to a message."""

    identifier: str
    sent: datetime
    expires: datetime
    references: Sequence[str] = ()


class CapWriter:
    def __init__(self, sender: str, base_url: str) -> None:
        self._sender = sender
        self._base_url = base_url

    def reference(self, identifier: str, sent: str) -> str:
        """How a later message names an earlier one; `sent` as `written` gave it."""
        return f"{self._sender},{identifier},{sent}"

    def edition(
        self, edition: Edition, message_type: MsgType, envelope: Envelope, photos: Sequence[PhotoBytes] = ()
    ) -> str:
        """An Alert or Update, the case's own language first."""
        languages = sorted(edition.texts, key=lambda language: language != edition.language)
        infos = [self._info(edition, language, envelope, photos) for language in languages]
        return _xml(self._message(edition.kind, message_type, envelope, infos))

    def cancel(self, job: PublishJob, envelope: Envelope) -> str:
        """Without personal data: that it ended, and nothing else. It outlives the display key, in the clear."""
        infos = [
            Info(
                language=_LANGUAGE[language],
                categories=[Category.RESCUE],
                event=text.event,
                response_types=[ResponseType.ALL_CLEAR],
                urgency=Urgency.PAST,
                severity=Severity.MINOR,
                certainty=Certainty.OBSERVED,
                expires=_time(envelope.expires),
                sender_name=SENDER_NAME,
                headline=text.event,
                description=_last_words(job, language),
                web=self._page(job.alert_id),
                areas=[_named_area(job.edition, language)],
            )
            for language, text in job.edition.texts.items()
        ]
        return _xml(self._message(job.kind, MsgType.CANCEL, envelope, infos))

    def _message(self, kind: Kind, message_type: MsgType, envelope: Envelope, infos: list[Info]) -> Alert:
        return Alert(
            identifier=envelope.identifier,
            sender=self._sender,
            sent=_time(envelope.sent),
            status=STATUS[kind],
            msg_type=message_type,
            scope=Scope.PUBLIC,
            note="Exercise; not for the public." if kind is Kind.EXERCISE else None,
            references=" ".join(envelope.references) or None,
            infos=infos,
        )

    def _info(self, edition: Edition, language: str, envelope: Envelope, photos: Sequence[PhotoBytes]) -> Info:
        text = edition.texts[language]
        return Info(
            language=_LANGUAGE[language],
            categories=[Category.RESCUE],
            event=text.event,
            response_types=[ResponseType.MONITOR],
            urgency=Urgency.IMMEDIATE,
            severity=Severity.SEVERE,
            certainty=Certainty.OBSERVED,
            effective=_time(envelope.sent),
            expires=_time(envelope.expires),
            sender_name=SENDER_NAME,
            headline=_headline(text),
            description=_description(text),
            instruction=f"{text.ask} {edition.tip_line}" + (f" {text.warning}" if text.warning else ""),
            web=self._page(edition.alert_id),
            contact=edition.tip_line,
            resources=[self._resource(edition, photo, language) for photo in photos],
            areas=[_area(edition, language)],
        )

    def _resource(self, edition: Edition, photo: PhotoBytes, language: str) -> Resource:
        shown = next(one for one in edition.photos if one.token == photo.token)
        return Resource(
            resource_desc=shown.alt[language],
            mime_type="image/jpeg",
            size=len(photo.jpeg),
            uri=f"{self._base_url}/media/{photo.token}",
            digest=hashlib.sha1(photo.jpeg, usedforsecurity=False).hexdigest(),
        )

    def _page(self, alert_id: str) -> str:
        return f"{self._base_url}/alerts/{alert_id}"


def written(moment: datetime) -> str:
    """A moment exactly as it stands in a message."""
    return str(_time(moment))


_LANGUAGE = {"nl": "nl-NL", "en": "en-GB"}


def _headline(text: LanguageText) -> str:
    return cut(text.headline, HEADLINE_MAX, _ANY_BYTES)


def _description(text: LanguageText) -> str:
    """Everything that is said, and so a headline that had to be cut too."""
    lines = [text.body] if _headline(text) == text.headline else [text.headline, text.body]
    for child in text.children:
        lines.append(f"{child.title}: " + "; ".join(f"{fact.label}: {fact.value}" for fact in child.facts))
    lines += [f"{fact.label}: {fact.value}" for fact in text.more]
    return "\n".join(lines)


def _area(edition: Edition, language: str) -> Area:
    area = edition.area
    circles = []
    if area.circle:
        circles = [f"{area.circle.lat:.5f},{area.circle.lon:.5f} {area.circle.radius_m / 1000:.3f}"]
    return Area(
        area_desc=_area_desc(area.name[language]),
        polygons=[] if circles else [_ring(ring) for ring in area.polygons],
        circles=circles,
        geocodes=_geocodes(area.codes),
    )


def _last_words(job: PublishJob, language: str) -> str:
    return end_text(language, job.desired.why) if job.desired.meaning is Meaning.WITHDRAWN else dark_text(language)


def _named_area(edition: Edition, language: str) -> Area:
    """Municipalities by name and code; of a circle or a drawn shape, which may tell where the child was, the country.

    Google refuses a message without an area, and so would never hear that the alert ended.
    """
    if not edition.area.codes:
        return Area(
            area_desc=COUNTRY[language], geocodes=[Geocode(value_name=ValueName("ISO 3166-1"), value=Value("NL"))]
        )
    return Area(area_desc=_area_desc(edition.area.name[language]), geocodes=_geocodes(edition.area.codes))


def _area_desc(name: str) -> str:
    """Of many municipalities the first; their codes are there for all of them."""
    return cut(name, AREA_DESC_BELOW - 1, _ANY_BYTES)


def _geocodes(codes: Sequence[str]) -> list[Geocode]:
    return [Geocode(value_name=ValueName("CBS-gemeente"), value=Value(code)) for code in codes]


def _ring(ring: Sequence[tuple[float, float]]) -> str:
    """CAP order: lat,lon pairs, the first one again at the end."""
    points = [*ring] if ring[0] == ring[-1] else [*ring, ring[0]]
    return " ".join(f"{lat:.5f},{lon:.5f}" for lon, lat in points)


def _time(moment: datetime) -> XmlDateTime:
    return XmlDateTime.from_datetime(moment.astimezone(AMSTERDAM).replace(microsecond=0))


_CONTEXT = XmlContext()
"""What is known of the classes of CAP: finding it out anew takes longer than writing a message."""


def _xml(message: Alert) -> str:
    return XmlSerializer(context=_CONTEXT).render(message, ns_map={None: "urn:oasis:names:tc:emergency:cap:1.2"})
