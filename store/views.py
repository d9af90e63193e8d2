"""The read model: every alert as it was last recorded, sealed with its record key."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from typing import Any

from sqlmodel import Session, col, select

from alerts.sealing import seal, unseal
from store import proof, social
from store.audience import audience_sizes
from store.reach import progress, reach
from store.rows import put
from store.tables.alert import AlertStanding, AlertView
from store.tables.sending import ChannelTrouble, ChannelTry

UNDER_WAY = ("sending", "withdrawing")
"""States of a channel in which a wave goes on."""


def put_view(session: Session, key: bytes, alert_id: str, version: int, view: dict[str, Any]) -> None:
    """Record a view unless a newer one is there."""
    sealed = seal(key, json.dumps(view, ensure_ascii=False).encode(), aad=f"view:{alert_id}".encode())
    row = AlertView(
        alert_id=alert_id,
        version=version,
        stage=str(view["stage"]),
        kind=str(view["kind"]),
        programme=str(view["programme"]),
        started_at=datetime.fromisoformat(view["started_at"]),
        sealed=sealed,
    )
    put(session, row, only_over=col(AlertView.version) <= version)


def get_view(session: Session, key: bytes, alert_id: str) -> dict[str, Any] | None:
    row = session.get(AlertView, alert_id)
    return _open(row, key) if row else None


def view_version(session: Session, alert_id: str) -> int | None:
    return session.exec(select(AlertView.version).where(AlertView.alert_id == alert_id)).first()


def list_views(session: Session, key_of: Callable[[str], bytes], stage: str | None = None) -> list[dict[str, Any]]:
    """Every alert, newest first; one whose record key is gone is left out."""
    query = select(AlertView).order_by(col(AlertView.started_at).desc())
    if stage:
        query = query.where(AlertView.stage == stage)
    return _opened(session.exec(query), key_of)


def _opened(rows: Iterable[AlertView], key_of: Callable[[str], bytes]) -> list[dict[str, Any]]:
    views = []
    for row in rows:
        try:
            views.append(_open(row, key_of(row.alert_id)))
        except LookupError:
            continue
    return views


def open_for_same(session: Session, key_of: Callable[[str], bytes], names: Iterable[str]) -> list[dict[str, Any]]:
    """Alerts that are not closed and are about a child with one of these names."""
    asked = {name.casefold() for name in names}
    rows = session.exec(select(AlertView).where(col(AlertView.stage) != "closed"))
    return [view for view in _opened(rows, key_of) if asked & _names(view)]


def _names(view: dict[str, Any]) -> set[str]:
    case = view.get("case") or (view.get("draft") or {}).get("case") or {"children": ()}
    return {child["name"].casefold() for child in case["children"] if child.get("name")}


def unrecorded(session: Session) -> list[AlertStanding]:
    """Alerts that were started and of which no view was recorded yet, newest first."""
    query = select(AlertStanding).where(
        col(AlertStanding.alert_id).not_in(select(AlertView.alert_id)), col(AlertStanding.closed_at).is_(None)
    )
    return list(session.exec(query.order_by(col(AlertStanding.started_at).desc())))


def add_live_facts(session: Session, view: dict[str, Any], now: datetime) -> dict[str, Any]:
    """Merge what changes faster than workflows report.

    That is what the store says the public should see, and per channel ledger counts, progress, proof and present
    trouble.
    """
    alert_id = view["alert_id"]
    row = session.get(AlertStanding, alert_id)
    view["standing"] = row.meaning if row else None
    troubles = {
        one.channel: one for one in session.exec(select(ChannelTrouble).where(ChannelTrouble.alert_id == alert_id))
    }
    tries = {one.channel: one for one in session.exec(select(ChannelTry).where(ChannelTry.alert_id == alert_id))}
    sizes, seen = audience_sizes(session, alert_id), proof.seen_by_channel(session, alert_id)
    editions = {one["channel"]: one["edition"] or view["edition"] for one in view["channels"]}
    reached = reach(session, alert_id, {(name, edition) for name, edition in editions.items() if edition})
    for channel in view["channels"]:
        name, under_way = channel["channel"], channel["state"] in UNDER_WAY
        edition = editions[name]
        channel["progress"] = _progress(session, view, channel, now) if under_way and sizes.get(name) else None
        channel["trouble"] = None
        if (trouble := troubles.get(name)) is not None:
            channel["error"], channel["trouble"] = trouble.error, _trouble(trouble, tries.get(name))
            if under_way or channel["state"] == "showing":
                channel["state"] = "retrying"
        if edition and sizes.get(name):
            channel |= {"recipients": sizes[name], **reached[name, edition].model_dump()}
        channel["seen"] = _seen(session, alert_id, channel, edition, now, seen)
    return view


def _progress(session: Session, view: dict[str, Any], channel: dict[str, Any], now: datetime) -> dict[str, Any]:
    """Of the wave that is under way. An amended edition is the alert's before it is what the channel shows."""
    ends = channel["state"] == "withdrawing"
    edition = (ends and channel["edition"]) or view["edition"]
    found = progress(session, view["alert_id"], channel["channel"], edition, now, ends=ends)
    return {**found.model_dump(), "seconds_left": found.seconds_left}


def _trouble(row: ChannelTrouble, last: ChannelTry | None) -> dict[str, Any]:
    return {
        "since": row.since.isoformat(),
        "tried_at": last.at.isoformat() if last else None,
        "waits": last.waits if last else None,
    }


def _seen(
    session: Session,
    alert_id: str,
    channel: dict[str, Any],
    edition: int | None,
    now: datetime,
    receipts: Mapping[tuple[str, int], int],
) -> int:
    """Who says to have before them what the channel shows: by receipt, or screens and posts by read-back.

    Once it is taken down, a screen that still has any edition counts.
    """
    if channel["channel"] == "social":
        return social.seen(session, alert_id, now)
    if channel["channel"] == "signage":
        return proof.screens(session, alert_id, now, None if channel["state"] == "withdrawn" else edition)
    return receipts.get((channel["channel"], edition), 0) if edition else 0


def _open(row: AlertView, key: bytes) -> dict[str, Any]:
    opened: dict[str, Any] = json.loads(unseal(key, row.sealed, aad=f"view:{row.alert_id}".encode()))
    return opened
