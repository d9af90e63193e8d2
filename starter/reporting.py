"""The report of an alert: who decided what and when, whom it reached, and what of it can still be read.

Nothing of the child is in it, so it stays whole when the display key is destroyed; reasons are as people wrote them.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlmodel import Session

from starter.parts import Parts
from store import audit, editions, reach, removals, social
from store.network_messages import acknowledged
from store.standing import standing

OF_VIEW = (
    "alert_id",
    "programme",
    "kind",
    "stage",
    "outcome",
    "started_at",
    "clock",
    "rulings",
    "refreshes",
    "escalations",
    "channels",
)


def report_of(parts: Parts, view: dict[str, Any]) -> dict[str, Any]:
    """As JSON values; `view` is what `Baken.show` says of the alert."""
    alert_id = view["alert_id"]
    with parts.db.read() as session:
        row = standing(session, alert_id)
        written = audit.reasons(session, parts.keys, alert_id)
        return {
            **{name: view[name] for name in OF_VIEW},
            "rulings": [{**ruling, "said": written.get(ruling["command"])} for ruling in view["rulings"]],
            "why": row.why,
            "shown_at": _iso(row.shown_at),
            "closed_at": _iso(row.closed_at),
            "readable": not parts.keys.destroyed(alert_id, "display"),
            "editions": [
                {"number": number, "digest": digest, "shown": digest == row.digest}
                for number, digest in editions.numbered(session, alert_id)
            ],
            "waves": [wave.model_dump(mode="json") for wave in reach.waves(session, alert_id)],
            "networks": acknowledged(session, alert_id),
            "removals": _removals(session, alert_id),
            "posts": [proof.model_dump(mode="json") for proof in social.proofs(session, alert_id)],
        }


def _removals(session: Session, alert_id: str) -> list[dict[str, Any]]:
    return [
        {
            "partner": one.partner,
            "told": _iso(one.told_at),
            "reminders": one.reminders,
            "removed": _iso(one.removed_at),
        }
        for one in removals.all_removals(session, alert_id)
    ]


def _iso(moment: datetime | None) -> str | None:
    return moment.isoformat() if moment else None
