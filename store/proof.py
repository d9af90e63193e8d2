"""Proof of showing: who says afterwards that they have an alert before them, beside that a counterpart accepted it.

Of messages it is kept by position of the frozen audience, so that a receipt that comes twice counts once. Screens say
again and again what they show; what one said a minute ago is no proof any more.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping
from datetime import datetime, timedelta

from sqlalchemy import delete
from sqlmodel import Session, col, func, select

from store.rows import insert_new, put
from store.tables.sending import ScreenShowing, SeenPage

PAGE = 4096
"""Positions of one row, a bit each."""
FRESH = timedelta(seconds=60)
"""For so long a screen's word counts."""


def note_seen(session: Session, alert_id: str, channel: str, edition: int, positions: Collection[int]) -> None:
    """These have that edition; the same again changes nothing."""
    pages: dict[int, int] = defaultdict(int)
    for position in positions:
        pages[position // PAGE] |= 1 << position % PAGE
    for page, bits in sorted(pages.items()):  # in one order, or two who write could wait for each other for ever
        insert_new(
            session, SeenPage(alert_id=alert_id, channel=channel, edition=edition, page=page, bits=b"", number=0)
        )
        key = (alert_id, channel, edition, page)
        row = session.get_one(SeenPage, key, with_for_update=True, populate_existing=True)
        known = int.from_bytes(row.bits, "little") | bits
        row.bits, row.number = known.to_bytes(PAGE // 8, "little"), known.bit_count()
        session.add(row)


def seen(session: Session, alert_id: str, channel: str, edition: int) -> int:
    """How many recipients have that edition, by receipt."""
    mine = col(SeenPage.alert_id) == alert_id, col(SeenPage.channel) == channel, col(SeenPage.edition) == edition
    return int(session.exec(select(func.sum(SeenPage.number)).where(*mine)).one() or 0)


def seen_by_channel(session: Session, alert_id: str) -> dict[tuple[str, int], int]:
    """`seen` of every channel and edition that has receipts."""
    query = select(SeenPage.channel, SeenPage.edition, func.sum(SeenPage.number)).where(SeenPage.alert_id == alert_id)
    rows = session.exec(query.group_by(col(SeenPage.channel), col(SeenPage.edition)))
    return {(channel, edition): int(number) for channel, edition, number in rows}


def showing(session: Session, screen: str) -> Collection[str]:
    """The alerts that a screen said it shows."""
    return session.exec(select(ScreenShowing.alert_id).where(ScreenShowing.screen == screen)).all()


def note_showing(session: Session, screen: str, shows: Mapping[str, int], now: datetime) -> None:
    """A screen shows these alerts in these editions, and no other."""
    gone = col(ScreenShowing.screen) == screen, col(ScreenShowing.alert_id).not_in(list(shows))
    session.connection().execute(delete(ScreenShowing).where(*gone))
    for alert_id, edition in shows.items():
        put(session, ScreenShowing(screen=screen, alert_id=alert_id, edition=edition, at=now))


def screens(session: Session, alert_id: str, now: datetime, edition: int | None = None) -> int:
    """How many screens say they show an alert, in that edition or in any."""
    query = select(func.count()).where(col(ScreenShowing.alert_id) == alert_id, col(ScreenShowing.at) > now - FRESH)
    if edition is not None:
        query = query.where(col(ScreenShowing.edition) == edition)
    return session.exec(query).one()
