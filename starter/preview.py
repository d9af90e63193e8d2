"""What verification and every channel would make of a case, before anything is started."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from activities.channels import build_channels
from activities.channels.base import Rendition
from activities.endpoints import ChannelsConfig
from alerts.case import Case
from alerts.compose import compose, tip_line
from alerts.criteria import judge_criteria
from alerts.edition import Edition, EditionPhoto
from alerts.programme import Programme
from alerts.public import public_view
from alerts.sign import signs
from alerts.vocabulary import Kind
from starter.cases import Folder, prepare_case
from starter.parts import Parts
from store.areas import resolve_case_area

ADDRESS = "https://alert.example"
"""Stands for the public site's address in a preview."""


def preview_case(parts: Parts, document: dict[str, Any], folder: Folder) -> dict[str, Any]:
    """Criteria, area and each channel's texts; raises BadInput like a start would."""
    moment = datetime.now(UTC)
    programmes = parts.programmes()
    case = prepare_case(document, folder, programmes, parts.db, moment).case
    programme = programmes[case.programme]
    edition = preview_edition(parts, case, programme, Kind.ACTUAL)
    area = edition.area
    made = Renderers(parts, ChannelsConfig()).renditions(edition)
    return {
        "programme": programme.id,
        "criteria": [found.model_dump(mode="json") for found in judge_criteria(case, programme, moment)],
        "area": {
            "name": area.name,
            "population": area.population,
            "population_source": area.population_source,
            "coarse": area.coarse,
            "warnings": area.warnings,
        },
        "channels": {name: {part.name: part.content for part in made[name].parts} for name in programme.channels},
    }


def preview_edition(
    parts: Parts, case: Case, programme: Programme, kind: Kind, photos: Sequence[EditionPhoto] = ()
) -> Edition:
    """The edition that would be made of a case; raises AreaError."""
    public = public_view(case, release_roles=programme.release.roles)
    area = resolve_case_area(parts.db, case, programme)
    return Edition(
        alert_id="preview",
        number=1,
        kind=kind,
        programme=programme.id,
        texts=compose(public, programme, kind),
        language=case.language,
        photos=tuple(photos) if programme.photos and kind is not Kind.PUBLIC_TEST else (),
        area=area,
        envelope=area,
        channels=programme.channels,
        refresh_mode=programme.refresh.mode,
        tip_line=tip_line(public, programme, kind),
        signs=signs(public, programme, kind),
        social=programme.social,
        last_seen=public.seen_until,
    )


class Renderers:
    """Every channel as it renders, with nothing that could sign, seal or send; made once, as that takes long."""

    def __init__(self, parts: Parts, config: ChannelsConfig) -> None:
        self._channels = build_channels(
            parts.db, lambda _: b"", lambda: datetime.now(UTC), ADDRESS, config, lambda _: b""
        )

    def renditions(self, edition: Edition) -> dict[str, Rendition]:
        """By channel of its programme."""
        return {name: self._channels[name].render(edition, ADDRESS) for name in edition.channels}
