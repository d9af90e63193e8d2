"""What partners need beside alerts: reminders until each says that an alert is gone, and a ping now and then.

It runs in every process that sends; the store says whose turn it is, so nobody is reminded twice.
"""

from __future__ import annotations

import asyncio
import logging
import uuid
from collections import Counter
from collections.abc import Callable, Coroutine, Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any

import httpx

from activities.endpoints import ChannelsConfig
from activities.partner_book import Known, PartnerBook
from activities.removal_mail import ask_to_confirm
from activities.webhook_calls import PING, Caller, event
from alerts.compose import end_text
from alerts.vocabulary import CancelReason, Kind, MessageKind
from store import partners, removals
from store.database import STORE_AWAY, Database
from store.keys import KeyStoreAway
from store.standing import standing
from store.tables.alert import AlertStanding
from store.tables.partner import Removal

LOOK_EVERY = 15.0
"""Seconds."""
PING_EVERY = timedelta(minutes=5)
SILENT_AFTER = timedelta(minutes=15)
"""Without an answer: three pings."""
CANCELLED = "alert.cancelled"
_logger = logging.getLogger(__name__)


class PartnerCare:
    def __init__(
        self,
        config: ChannelsConfig,
        db: Database,
        secret: Callable[[], bytes],
        clock: Callable[[], datetime],
        base_url: str,
        book: PartnerBook,
        caller: Caller,
    ) -> None:
        """`secret` is the installation's, which makes the words of removals."""
        self._config = config
        self._db = db
        self._secret = secret
        self._clock = clock
        self._base_url = base_url
        self._book = book
        self._caller = caller

    async def run(self) -> None:
        """For ever; a store or key that is away is there again later, and no partner's trouble ends it for others."""
        while True:
            await asyncio.sleep(LOOK_EVERY)
            try:
                async with self._caller.client() as client:
                    await self.remind(client)
                    await self.ping(client)
            except (*STORE_AWAY, KeyStoreAway):
                continue
            except Exception as error:
                _logger.error("partners were not looked after: %s", type(error).__name__)

    async def ping(self, client: httpx.AsyncClient) -> None:
        """See who is there, of those whose turn it is."""
        due = await asyncio.to_thread(self._whom_to_ping)
        await _each(self._ping(client, known, exercise) for known, exercise in due)

    async def remind(self, client: httpx.AsyncClient) -> None:
        """Tell again whom it is time to tell."""
        due = await asyncio.to_thread(self._whom_to_remind)
        await _each(self._remind(client, *whom) for whom in due)

    async def _ping(self, client: httpx.AsyncClient, known: Known, exercise: bool) -> None:
        outcome = await self._caller.call(client, known.partner, f"ping-{uuid.uuid4().hex}", event(PING, {}))
        if outcome is None:
            await asyncio.to_thread(self._book.note_answer, known.partner.name, exercise=exercise)

    def _whom_to_ping(self) -> list[tuple[Known, bool]]:
        now = self._clock()
        found = [(known, exercise) for exercise in (False, True) for known in self._book.all(exercise=exercise)]
        there = [
            (known, exercise)
            for known, exercise in found
            if not known.paused and not self._book.forbids(known.partner.url)
        ]
        with self._db.write() as session:
            return [
                (known, exercise)
                for known, exercise in there
                if partners.may_ask(session, known.partner.name, now, PING_EVERY, exercise=exercise)
            ]

    def _whom_to_remind(self) -> list[tuple[Removal, int, AlertStanding, Known]]:
        now, found = self._clock(), []
        with self._db.read() as session:
            waiting = removals.open_removals(session)
        for one in waiting:
            known = self._book.find(one.partner, exercise=one.exercise)
            if known is None or self._book.forbids(known.partner.url):
                continue
            with self._db.write() as session:
                if number := removals.take_turn(session, one, now):
                    found.append((one, number, standing(session, one.alert_id), known))
        return found

    async def _remind(
        self, client: httpx.AsyncClient, one: Removal, number: int, row: AlertStanding, known: Known
    ) -> None:
        partner = known.partner
        removed = removed_url(self._secret(), self._base_url, one.alert_id, one.partner)
        said = {**cancelled(row), "removed_url": removed, "reminder": number}
        outcome = await self._caller.call(client, partner, f"{one.told_by}.{number}", event(CANCELLED, said))
        if outcome is None:
            await asyncio.to_thread(self._book.note_answer, partner.name, exercise=one.exercise)
        server = self._config.endpoints_for(Kind(row.kind)).email
        if partner.mail and server is not None:  # what fails now comes with the next reminder
            about = {"partner": partner.name, "alert_id": row.alert_id, "url": removed}
            await ask_to_confirm(server, partner.mail, **about, number=number, exercise=one.exercise)


async def _each(work: Iterable[Coroutine[Any, Any, None]]) -> None:
    """All of them to their end, and what went wrong with each; their next turn comes."""
    outcomes = await asyncio.gather(*work, return_exceptions=True)
    failed = Counter(type(outcome).__name__ for outcome in outcomes if isinstance(outcome, Exception))
    for what, number in failed.items():
        _logger.error("%d of %d partners were not looked after: %s", number, len(outcomes), what)


def removed_url(key: bytes, base_url: str, alert_id: str, partner: str) -> str:
    """Where a partner says that it took the alert down: POST by software, a page with one button for people."""
    return f"{base_url}/removed/{removals.word_of(key, alert_id, partner)}"


def cancelled(row: AlertStanding) -> Mapping[str, Any]:
    """That an alert is over, as its first cancel said it; nothing of a child is in it."""
    return {
        "alert_id": row.alert_id,
        "edition": row.edition or 0,
        "announcement": 0,
        "kind": MessageKind.CANCEL.value,
        "status": row.kind,
        "lease_until": None,
        "end": end_text("nl", CancelReason(row.why) if row.why else None),
    }
