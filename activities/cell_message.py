"""A cell broadcast as a CAP 1.2 message: the texts of phones in three lengths, and how phones are to take it.

`description` is the whole text. The shorter ones are parameters by the names of IPAWS, the one public profile that has
them; how loud a phone is, is `eventCode` EU-Alert (ETSI TS 102 900).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from cap_tools.models import Alert, EventCode, Info, MsgType, Parameter, Value, ValueName

from activities.cap_message import CapWriter, Envelope
from activities.cell_text import FULL, LONG, SHORT, Length
from alerts.edition import Edition
from alerts.vocabulary import Kind

if TYPE_CHECKING:  # the channels import this
    from activities.channels.base import PhotoBytes, PublishJob, Rendition

CLASSES = {Kind.ACTUAL: "EU-Amber", Kind.EXERCISE: "EU-Exercise", Kind.PUBLIC_TEST: "EU-Amber"}
"""A public test reaches those whom a real one would, as the yearly tests of NL-Alert do."""
PARAMETERS = {LONG: "CMAMlongtext", SHORT: "CMAMtext"}
EDITION = "BakenEdition"
ANNOUNCE = "BakenAnnounce"
"""`no`: the same to phones as before, only for longer; those that have shown it stay silent."""


class CellWriter(CapWriter):
    """Writes one message of a job, whose texts were frozen with its edition."""

    def __init__(self, sender: str, base_url: str, job: PublishJob, *, announces: bool = True) -> None:
        super().__init__(sender, base_url)
        self._job = job
        self._announces = announces

    def shown(self, message_type: MsgType, envelope: Envelope) -> str:
        return self.edition(self._job.edition, message_type, envelope)

    def ended(self, envelope: Envelope) -> str:
        return self.cancel(self._job, envelope)

    def _info(self, edition: Edition, language: str, envelope: Envelope, photos: Sequence[PhotoBytes]) -> Info:
        texts = texts_of(self._job.rendition, language)
        info = super()._info(edition, language, envelope, photos)
        parameters = [_parameter(name, texts[length]) for length, name in PARAMETERS.items() if texts[length]]
        return replace(
            info,
            headline=info.event,
            description=texts[FULL],
            instruction=None,
            event_codes=[EventCode(value_name=ValueName("EU-Alert"), value=Value(CLASSES[edition.kind]))],
            parameters=[*parameters, _parameter(ANNOUNCE, "yes" if self._announces else "no")],
        )

    def _message(self, kind: Kind, message_type: MsgType, envelope: Envelope, infos: list[Info]) -> Alert:
        number = _parameter(EDITION, str(self._job.edition.number))
        told = [replace(info, parameters=[*info.parameters, number]) for info in infos]
        return replace(super()._message(kind, message_type, envelope, told), incidents=self._job.alert_id)


def texts_of(rendition: Rendition, language: str) -> Mapping[Length, str]:
    names = {part.name for part in rendition.parts}
    parts = {length: f"{length.part}.{language}" for length in (FULL, LONG, SHORT)}
    return {length: rendition.part(name) if name in names else "" for length, name in parts.items()}


def _parameter(name: str, value: str) -> Parameter:
    return Parameter(value_name=ValueName(name), value=Value(value))
