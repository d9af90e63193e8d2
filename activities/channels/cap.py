"""`cap`: CAP 1.2 messages (Alert, Update, Cancel) with one `info` per language, and complete references.

Written with cap-tools. Times carry Amsterdam's offset: cap-tools writes UTC as `Z`, which the schema rejects.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import ClassVar

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
from sqlmodel import Session
from xsdata.formats.dataclass.serializers import XmlSerializer
from xsdata.models.datatype import XmlDateTime

from activities.channels.base import Capabilities, Part, PhotoBytes, PublishJob, Rendition
from alerts.compose import AMSTERDAM, end_text
from alerts.edition import Edition, LanguageText
from alerts.sealing import seal
from alerts.vocabulary import Kind, Meaning
from store import cap_messages
from store.database import Database
from store.standing import require_not_overtaken, require_revision
from store.tables.alert import CapMessage

STATUS = {Kind.ACTUAL: Status.ACTUAL, Kind.EXERCISE: Status.EXERCISE, Kind.PUBLIC_TEST: Status.TEST}
CANCEL_LASTS = timedelta(hours=24)
"""How long a Cancel stays in force, for partners that were away."""


class CapChannel:
    name: ClassVar[str] = "cap"
    capabilities: ClassVar[Capabilities] = Capabilities(
        label={"nl": "CAP 1.2 voor partners", "en": "CAP 1.2 for partners"},
        audience="public",
        update=True,
        recall=True,
        renews="announce",
        picture=True,
        headline_max=160,
    )

    def __init__(
        self,
        db: Database,
        display_key: Callable[[str], bytes],
        clock: Callable[[], datetime],
        base_url: str,
        sender: str = "baken@baken.example",
    ) -> None:
        self._db = db
        self._display_key = display_key
        self._clock = clock
        self._base_url = base_url
        self._sender = sender

    def render(self, edition: Edition, base_url: str) -> Rendition:
        """The message as it will be, but for identifier, times and references, which the moment gives."""
        moment = datetime(2000, 1, 1, tzinfo=AMSTERDAM)
        message = self._alert(edition, MsgType.ALERT, "preview", moment, moment, [], ())
        long = [text.headline for text in edition.texts.values() if len(text.headline) > 160]
        problems = tuple(f"headline of {len(headline)} characters; at most 160" for headline in long)
        return Rendition(
            channel=self.name, parts=(Part(name="xml", media="xml", content=_xml(message)),), problems=problems
        )

    async def probe(self, kind: Kind) -> str | None:
        """Our own store; the arm that asks has just read from it."""
        return None

    def publish(self, job: PublishJob) -> None:
        with self._db.write() as session:
            require_revision(session, job.alert_id, job.desired.revision)
            if cap_messages.by_identifier(session, job.alert_id, job.identifier):
                return
            earlier = cap_messages.in_force(session, job.alert_id, job.sent)
            message_type = MsgType.UPDATE if earlier else MsgType.ALERT
            assert job.desired.lease_until is not None
            xml = _xml(
                self._alert(
                    job.edition,
                    message_type,
                    job.identifier,
                    job.sent,
                    job.desired.lease_until,
                    self._references(earlier),
                    job.photos,
                )
            )
            sealed = seal(self._display_key(job.alert_id), xml.encode(), aad=_aad(job))
            self._keep(session, job, message_type, job.desired.lease_until, sealed)

    def take_down(self, job: PublishJob) -> None:
        with self._db.write() as session:
            require_not_overtaken(session, job.alert_id, job.desired.revision)
            earlier = cap_messages.to_cancel(session, job.alert_id, job.sent)
            if not earlier or cap_messages.by_identifier(session, job.alert_id, job.identifier):
                return
            expires = job.sent + CANCEL_LASTS
            message = self._cancel(job, self._references(earlier), expires)
            self._keep(session, job, MsgType.CANCEL, expires, _xml(message).encode())

    def _keep(
        self, session: Session, job: PublishJob, message_type: MsgType, expires: datetime, stored: bytes
    ) -> None:
        cap_messages.add(
            session,
            CapMessage(
                alert_id=job.alert_id,
                n=cap_messages.next_number(session, job.alert_id),
                identifier=job.identifier,
                sent=_written(job.sent),
                message_type=message_type.value,
                revision=job.desired.revision,
                expires=expires,
                intent_at=self._clock(),
                published_at=self._clock(),
                sealed=stored,
            ),
        )

    def _references(self, earlier: Sequence[CapMessage]) -> list[str]:
        return [f"{self._sender},{message.identifier},{message.sent}" for message in earlier]

    def _alert(
        self,
        edition: Edition,
        message_type: MsgType,
        identifier: str,
        sent: datetime,
        expires: datetime,
        references: Sequence[str],
        photos: Sequence[PhotoBytes],
    ) -> Alert:
        return Alert(
            identifier=identifier,
            sender=self._sender,
            sent=_time(sent),
            status=STATUS[edition.kind],
            msg_type=message_type,
            scope=Scope.PUBLIC,
            note="Exercise; not for the public." if edition.kind is Kind.EXERCISE else None,
            references=" ".join(references) or None,
            infos=[
                self._info(edition, language, text, sent, expires, photos)
                for language, text in sorted(edition.texts.items(), key=lambda one: one[0] != edition.language)
            ],
        )

    def _info(
        self,
        edition: Edition,
        language: str,
        text: LanguageText,
        sent: datetime,
        expires: datetime,
        photos: Sequence[PhotoBytes],
    ) -> Info:
        return Info(
            language=_LANGUAGE[language],
            categories=[Category.RESCUE],
            event=text.event,
            response_types=[ResponseType.MONITOR],
            urgency=Urgency.IMMEDIATE,
            severity=Severity.SEVERE,
            certainty=Certainty.OBSERVED,
            effective=_time(sent),
            expires=_time(expires),
            sender_name="Baken",
            headline=text.headline,
            description=_description(text),
            instruction=f"{text.ask} {edition.tip_line}" + (f" {text.warning}" if text.warning else ""),
            web=f"{self._base_url}/alerts/{edition.alert_id}",
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

    def _cancel(self, job: PublishJob, references: Sequence[str], expires: datetime) -> Alert:
        """Without personal data: that it ended, and nothing else. It outlives the display key, in the clear."""
        return Alert(
            identifier=job.identifier,
            sender=self._sender,
            sent=_time(job.sent),
            status=STATUS[job.kind],
            msg_type=MsgType.CANCEL,
            scope=Scope.PUBLIC,
            references=" ".join(references),
            infos=[
                Info(
                    language=_LANGUAGE[language],
                    categories=[Category.RESCUE],
                    event=text.event,
                    response_types=[ResponseType.ALL_CLEAR],
                    urgency=Urgency.PAST,
                    severity=Severity.MINOR,
                    certainty=Certainty.OBSERVED,
                    expires=_time(expires),
                    sender_name="Baken",
                    headline=text.event,
                    description=_last_words(job, language),
                    web=f"{self._base_url}/alerts/{job.alert_id}",
                    areas=_named_area(job.edition, language),
                )
                for language, text in job.edition.texts.items()
            ],
        )


_LANGUAGE = {"nl": "nl-NL", "en": "en-GB"}
_NOT_SHOWN = {
    "nl": "Dit alert wordt nu niet getoond. Verwijder wat u hebt gedeeld.",
    "en": "This alert is not shown at the moment. Please delete what you shared.",
}


def _aad(job: PublishJob) -> bytes:
    return cap_messages.aad(job.alert_id, job.identifier)


def _description(text: LanguageText) -> str:
    lines = [text.body]
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
        area_desc=area.name[language],
        polygons=[] if circles else [_ring(ring) for ring in area.polygons],
        circles=circles,
        geocodes=_geocodes(area.codes),
    )


def _last_words(job: PublishJob, language: str) -> str:
    """A hold and a lease that ran out end the message, not the alert: they do not say that it ended."""
    if job.desired.meaning is Meaning.WITHDRAWN:
        return end_text(language, job.desired.why)
    return _NOT_SHOWN[language]


def _named_area(edition: Edition, language: str) -> list[Area]:
    """Municipalities by name and code; a circle or a drawn shape may tell where the child was."""
    if not edition.area.codes:
        return []
    return [Area(area_desc=edition.area.name[language], geocodes=_geocodes(edition.area.codes))]


def _geocodes(codes: Sequence[str]) -> list[Geocode]:
    return [Geocode(value_name=ValueName("CBS-gemeente"), value=Value(code)) for code in codes]


def _ring(ring: Sequence[tuple[float, float]]) -> str:
    """CAP order: lat,lon pairs, the first one again at the end."""
    points = [*ring] if ring[0] == ring[-1] else [*ring, ring[0]]
    return " ".join(f"{lat:.5f},{lon:.5f}" for lon, lat in points)


def _time(moment: datetime) -> XmlDateTime:
    return XmlDateTime.from_datetime(moment.astimezone(AMSTERDAM).replace(microsecond=0))


def _written(moment: datetime) -> str:
    return str(_time(moment))


def _xml(message: Alert) -> str:
    return XmlSerializer().render(message, ns_map={None: "urn:oasis:names:tc:emergency:cap:1.2"})
