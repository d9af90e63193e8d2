"""The live part of an alert's page: all that it shows, looked up once for every page that has it open."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from alerts.vocabulary import Stage
from starter.client import Baken
from starter.partners import removal_row
from starter.web.i18n import LANGUAGES
from starter.web.trouble import sentences
from starter.web.views import View, channel_label, children_of, fingerprint, proves, unproved
from store import removals, tips
from store.network_messages import acknowledged
from store.tips import TipCounts


@dataclass(frozen=True)
class Facts:
    """Of one alert, in no language."""

    view: View
    unproved: dict[str, int]
    removals: list[dict[str, Any]]
    networks: dict[str, bool]
    """Of each operator's network: whether it acknowledged the last cell broadcast it was told."""
    tips: TipCounts
    troubles: dict[str, dict[str, str]]
    """By language: what is wrong with a channel, and what is done about it."""
    _said: dict[object, str] = field(default_factory=dict, compare=False, repr=False)

    def said(self, how: object, make: Callable[[], str]) -> str:
        """What `make` gives; made once, however many pages show it so."""
        if how not in self._said:
            self._said[how] = make()
        return self._said[how]


async def look(baken: Baken, alert_id: str, *, live: bool = False) -> Facts:
    """As it was last recorded, or with `live` as the workflow has it; raises what `Baken.show` raises."""
    view = await baken.show(alert_id, live=live)
    return await asyncio.to_thread(_facts, baken, view)


def _facts(baken: Baken, view: View) -> Facts:
    now = datetime.now(UTC)
    with baken.parts.db.read() as session:
        over = view["stage"] in (Stage.CLOSING, Stage.CLOSED)
        open_removals = removals.open_removals(session, view["alert_id"]) if over else ()
        return Facts(
            view=view,
            unproved=unproved(view, now),
            removals=[removal_row(one) for one in open_removals],
            networks=acknowledged(session, view["alert_id"]),
            tips=tips.counts(session, view["alert_id"]),
            troubles={language: sentences(view, language, now) for language in LANGUAGES},
        )


def live_values(facts: Facts, language: str) -> dict[str, Any]:
    """What the live partial needs. Channels of which somebody should look first come first."""
    view = facts.view
    first = {name: place for place, name in enumerate(facts.unproved)}
    channels = sorted(view["channels"], key=lambda one: first.get(one["channel"], len(first)))
    labels = {one["channel"]: channel_label(one["channel"], language) for one in channels}
    return {
        "view": {**view, "channels": channels},
        "labels": labels,
        "proves": {name for name in labels if proves(name)},
        "unproved": facts.unproved,
        "troubles": facts.troubles[language],
        "removals": facts.removals,
        "networks": facts.networks,
        "tips": facts.tips,
        "children": children_of(view),
        "key": fingerprint(view),
        "moved": False,
    }
