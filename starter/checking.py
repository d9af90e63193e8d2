"""What can be said of a case while it is typed: its criteria, the programme that fits, what is missing, and whether
an alert is open for the same child. Nothing is started or kept."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from alerts.criteria import Criterion, Result
from alerts.programme import Programme
from alerts.so_far import Document, SoFar, judge_so_far, so_far
from alerts.vocabulary import Kind
from starter.cases import validate_case
from starter.errors import BadInput
from starter.parts import Parts
from store import views


@dataclass(frozen=True)
class Checked:
    known: SoFar
    programme: Programme
    criteria: tuple[Criterion, ...]
    fitting: Programme | None
    """Another programme that fits better than the one that was chosen."""
    missing: tuple[tuple[str, str], ...]
    """Field and what is expected there, before it can be asked for."""
    same: tuple[dict[str, Any], ...]
    """Open alerts for a child of the same name."""


def check_case(parts: Parts, document: Document, kind: Kind, now: datetime) -> Checked:
    """`document` may be unfinished or wrong anywhere but in its programme; raises BadInput for an unknown one."""
    programmes = parts.programmes()
    programme = programmes.get(str(document.get("programme")))
    if programme is None:
        raise BadInput("programme", f"is one of {', '.join(sorted(programmes))}")
    known = so_far(document, now)
    names = [child.name for child in known.case.children if child.name]
    with parts.db.read() as session:
        same = views.open_for_same(session, parts.keys.record_key, names) if names else []
    judged = {one.id: judge_so_far(known, one, now) for one in programmes.values()}
    return Checked(
        known=known,
        programme=programme,
        criteria=() if kind is Kind.PUBLIC_TEST else judged[programme.id],
        fitting=None if kind is Kind.PUBLIC_TEST else _fitting(programme, programmes, judged),
        missing=_missing(document, now),
        same=tuple(view for view in same if view["kind"] == kind),
    )


def _fitting(
    chosen: Programme, programmes: Mapping[str, Programme], judged: Mapping[str, tuple[Criterion, ...]]
) -> Programme | None:
    """A wider one of which everything is met; or, where the chosen one does not fit, the first after it that may."""
    wider = [one for one in programmes.values() if chosen.id in one.fits_next]
    for one in sorted(wider, key=lambda one: len(one.fits_next), reverse=True):
        if all(found.result is Result.MET for found in judged[one.id]):
            return one
    if not _excluded(judged[chosen.id]):
        return None
    after = (programmes[name] for name in chosen.fits_next if name in programmes)
    return next((one for one in after if not _excluded(judged[one.id])), None)


def _excluded(criteria: tuple[Criterion, ...]) -> bool:
    return any(found.result is Result.NOT_MET for found in criteria)


def _missing(document: Document, now: datetime) -> tuple[tuple[str, str], ...]:
    try:
        validate_case(document, now)
    except BadInput as bad:
        return bad.problems
    return ()
