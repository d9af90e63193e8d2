"""What verification and every channel would make of a case, before anything is started."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from activities.channels import build_channels
from activities.endpoints import ChannelsConfig
from alerts.compose import compose, tip_line
from alerts.criteria import judge_criteria
from alerts.edition import Edition
from alerts.public import public_view
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
    public = public_view(case, release_roles=programme.release.roles)
    area = resolve_case_area(parts.db, case, programme)
    edition = Edition(
        alert_id="preview",
        number=1,
        kind=Kind.ACTUAL,
        programme=programme.id,
        texts=compose(public, programme, Kind.ACTUAL),
        language=case.language,
        area=area,
        envelope=area,
        channels=programme.channels,
        refresh_mode=programme.refresh.mode,
        tip_line=tip_line(public, programme, Kind.ACTUAL),
        last_seen=public.seen_until,
    )
    channels = build_channels(parts.db, lambda _: b"", lambda: moment, ADDRESS, ChannelsConfig(), lambda _: b"")
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
        "channels": {
            name: {part.name: part.content for part in channels[name].render(edition, ADDRESS).parts}
            for name in programme.channels
        },
    }
