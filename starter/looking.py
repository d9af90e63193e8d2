"""Looking at alerts: the workflow's own answer where it comes soon, else what was last recorded of it.

The read model is in the store, sealed, so looking goes on when Temporal or the workers are away.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

from alerts.places import console_path
from alerts.vocabulary import Stage
from starter.errors import CannotReach, RefusedByRule, UnknownAlert
from starter.link import Link
from starter.parts import Parts
from store import standing as standings
from store import views
from store.keys import KeyDestroyed
from store.tables.alert import AlertStanding
from workflows.ports import alert_workflow_id

LOOK_EVERY = 0.3
Views = list[dict[str, Any]]


class Looking:
    def __init__(self, parts: Parts, link: Link) -> None:
        self._parts = parts
        self._link = link

    async def show(self, alert_id: str, *, live: bool = True) -> dict[str, Any]:
        """The alert as CONTRACT's JSON. Raises UnknownAlert, or RefusedByRule after its record was destroyed.

        With `live` false only the store is asked, which is quick and may lag a moment behind.
        """
        row = await asyncio.to_thread(self.standing, alert_id)
        view = await self._link.view(alert_id) if live and row.closed_at is None else None
        return await asyncio.to_thread(self._complete, row, view)

    async def list(self, stage: str | None = None) -> Views:
        """Every alert, newest first."""
        return await asyncio.to_thread(self._list, stage)

    async def changes(self, alert_id: str, since_version: int = -1) -> AsyncIterator[dict[str, Any]]:
        """The alert now, unless it is at that version, and again at each change; ends when it is closed."""
        last: dict[str, Any] | None = None
        while True:
            view = await self.show(alert_id)
            steady = _steady(view)
            if steady != last and (last is not None or view["version"] > since_version):
                yield view
            last = steady
            if view["stage"] == Stage.CLOSED:
                return
            await asyncio.sleep(LOOK_EVERY)

    def standing(self, alert_id: str) -> AlertStanding:
        """The store's row; raises UnknownAlert."""
        try:
            with self._parts.db.read() as session:
                return standings.standing(session, alert_id)
        except standings.UnknownAlert as error:
            raise UnknownAlert(alert_id) from error

    def _complete(self, row: AlertStanding, view: dict[str, Any] | None) -> dict[str, Any]:
        try:
            key = self._parts.keys.record_key(row.alert_id)
        except KeyDestroyed as error:
            raise RefusedByRule("the record of this alert was destroyed when its term ended") from error
        with self._parts.db.read() as session:
            view = view or views.get_view(session, key, row.alert_id) or _unrecorded(row)
            return self._with_addresses(views.add_live_facts(session, view, datetime.now(UTC)))

    def _list(self, stage: str | None) -> Views:
        with self._parts.db.read() as session:
            found = views.list_views(session, self._parts.keys.record_key, stage)
            if stage in (None, Stage.VERIFYING):
                found = [_unrecorded(row) for row in views.unrecorded(session)] + found
            return [self._with_addresses(views.add_live_facts(session, view, datetime.now(UTC))) for view in found]

    def _with_addresses(self, view: dict[str, Any]) -> dict[str, Any]:
        try:
            web = self._parts.settings.run_info().web
        except CannotReach:
            web = ""
        alert_id = view["alert_id"]
        return {
            **view,
            "url": f"{web}{console_path(view['kind'], alert_id)}",
            "public_url": f"{web}/alerts/{alert_id}",
        }


def _steady(view: dict[str, Any]) -> dict[str, Any]:
    """Without what differs each second while a channel sends, or tries again, and nothing else happens."""
    passing = dict.fromkeys(("progress", "trouble"))
    return {**view, "channels": [{**channel, **passing} for channel in view["channels"]]}


def _unrecorded(row: AlertStanding) -> dict[str, Any]:
    """An alert that was started and of which no worker said anything yet; the same fields as any view."""
    nothing = ("outcome", "edition", "digest", "edition_digest", "pending", "draft", "child_condition", "author")
    later = ("case", "lease_until", "review_due", "held", "ended")
    lists = ("withheld", "found_children", "criteria", "rulings", "clock", "refreshes", "escalations", "channels")
    return {
        "alert_id": row.alert_id,
        "workflow_id": alert_workflow_id(row.alert_id),
        "programme": row.programme,
        "kind": row.kind,
        "stage": Stage.VERIFYING.value,
        "started_at": row.started_at.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "unverified": {"count": 0, "last": []},
        "version": 0,
        **dict.fromkeys((*nothing, *later)),
        **{name: [] for name in lists},
    }
