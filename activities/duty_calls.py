"""Calls to supervisors that an alert waits for them: by mail, and in the browsers where they asked for it.

Who is on duty is called first; when nobody answered in time, or nobody is on duty, every supervisor is. A call says
that something waits, under which programme, and where: nothing of the case. Who was called at an address is written
down, so an attempt that is tried again leaves them out.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from email.message import EmailMessage
from pathlib import Path

from sqlmodel import Session
from temporalio import activity
from temporalio.exceptions import ApplicationError

from activities.bulk_http import ACCEPTED, BulkHttp, Request
from activities.endpoints import ChannelsConfig, MailServer, PushSender
from activities.one_mail import bring, letter
from activities.smtp import NoLine
from activities.web_push import Vapid, check_endpoint, encrypt, headers, stored_subscription, vapid_key
from alerts.places import console_path
from alerts.vocabulary import Kind, MessageKind, Role
from store import duty, views
from store.database import Database
from store.duty import Address, Addresses
from store.people import people
from workflows import ports

WITHIN = 8.0
"""Seconds for all calls of one attempt; who was not reached is tried again."""
AT_ONCE = 5
"""Connections to the mail server."""
WAITS = timedelta(hours=1)
"""How long a push service keeps a call for a browser that is off."""
_WORDS = {
    "nl": {
        "exercise": "OEFENING: ",
        "public_test": "TEST: ",
        "actual": "",
        "waits": "{programme}: een alert wacht op akkoord",
        "again": "{programme}: niemand antwoordde, een alert wacht nog op akkoord ({n})",
        "unreal": "Dit is niet echt.",
        "look": "Lees het en beslis:",
        "why": "U krijgt dit omdat u in het dienstrooster van Baken staat. Er staat niets in over het kind.",
    },
    "en": {
        "exercise": "EXERCISE: ",
        "public_test": "TEST: ",
        "actual": "",
        "waits": "{programme}: an alert waits for approval",
        "again": "{programme}: nobody answered, an alert still waits for approval ({n})",
        "unreal": "This is not real.",
        "look": "Read it and decide:",
        "why": "You get this because you are on Baken's duty roster. Nothing about the child is in it.",
    },
}


class DutyCalls:
    def __init__(
        self,
        db: Database,
        config: ChannelsConfig,
        system_key: Callable[[str], bytes],
        record_key: Callable[[str], bytes],
        base_url: str,
        clock: Callable[[], datetime],
    ) -> None:
        self._db = db
        self._config = config
        self._system_key = system_key
        self._record_key = record_key
        self._base_url = base_url
        self._clock = clock
        self._lines = asyncio.Semaphore(AT_ONCE)
        self._pools: dict[str | None, BulkHttp] = {}

    @activity.defn(name=ports.CALL_SUPERVISORS.name)
    async def call_supervisors(self, asked: ports.CallSupervisors) -> ports.Nothing:
        """Raises, to be tried again, while somebody could not be called who may be later."""
        whom = await asyncio.to_thread(self._whom, asked)
        try:
            async with asyncio.timeout(WITHIN):
                called = await asyncio.gather(self._by_mail(asked, whom), self._by_push(asked, whom))
        except TimeoutError:
            raise ApplicationError("calling took too long; whoever was not reached is called again") from None
        missing = sum(called)
        if missing:
            raise ApplicationError(f"{missing} of {len(whom)} calls did not get through; they are made again")
        return ports.Nothing()

    def _whom(self, asked: ports.CallSupervisors) -> Sequence[Address]:
        """Nobody once it waits no more, or the next group is called."""
        addresses, now = Addresses(self._system_key("duty")), self._clock()
        may = [
            one.user for one in people(self._db) if Role.SUPERVISOR in one.roles and one.person not in asked.authors
        ]
        with self._db.read() as session:
            if not self._waits(session, asked):
                return []
            on_duty = {shift.user for shift in duty.on_duty(session, now)}
            known = duty.called(session, asked.alert_id, asked.about, asked.n)
            first = addresses.of(session, [user for user in may if user in on_duty]) if asked.n == 0 else []
            return [one for one in first or addresses.of(session, may) if one.digest not in known]

    def _waits(self, session: Session, asked: ports.CallSupervisors) -> bool:
        view = views.get_view(session, self._record_key(asked.alert_id), asked.alert_id)
        if view is None or view["version"] < asked.version:
            return True
        pending = view["pending"] or {}
        escalated = sum(one["about"] == asked.about for one in view["escalations"])
        return bool(pending.get("about") == asked.about and escalated == asked.n)

    def _note(self, asked: ports.CallSupervisors, to: Address) -> None:
        with self._db.write() as session:
            duty.note_call(session, asked.alert_id, asked.about, asked.n, to, self._clock())

    # By mail

    async def _by_mail(self, asked: ports.CallSupervisors, whom: Sequence[Address]) -> int:
        """How many have to be tried again."""
        server = self._config.endpoints_for(asked.kind).email
        if server is None:
            return 0
        mails = [self._mail(server, asked, to) for to in whom if to.way == "email"]
        return sum(await asyncio.gather(*mails))

    async def _mail(self, server: MailServer, asked: ports.CallSupervisors, to: Address) -> bool:
        mail = self._letter(server, asked, to)
        try:
            async with self._lines:
                taken = await bring(server, to.address, mail)
        except NoLine:
            return True
        if taken:
            await asyncio.to_thread(self._note, asked, to)
        return False

    def _letter(self, server: MailServer, asked: ports.CallSupervisors, to: Address) -> EmailMessage:
        said, title = _WORDS[to.language], _title(asked, to.language)
        call = hashlib.sha256(f"{asked.alert_id} {asked.about} {asked.n} {to.digest}".encode()).hexdigest()[:24]
        mail = letter(server, to.address, title, f"call.{call}")
        mail["Importance"] = "high"
        lines = [title, *([said["unreal"]] if asked.kind is not Kind.ACTUAL else [])]
        lines += ["", said["look"], self._address(asked), "", said["why"], ""]
        mail.set_content("\n".join(lines), cte="quoted-printable")
        return mail

    # In browsers

    async def _by_push(self, asked: ports.CallSupervisors, whom: Sequence[Address]) -> int:
        """How many have to be tried again; a browser that ended its subscription is forgotten."""
        server = self._config.endpoints_for(asked.kind).webpush
        if server is None:
            return 0
        vapid = Vapid(vapid_key(self._system_key("vapid")), server.contact)
        requests = [(to, one) for to in whom if to.way == "webpush" if (one := self._message(vapid, asked, to))]
        if not requests:
            return 0
        answers = await self._pool(server).send((one for _, one in requests), len(requests), lambda: True)
        again = 0
        for (to, _), answer in zip(requests, answers, strict=True):
            if answer.status in ACCEPTED:
                await asyncio.to_thread(self._note, asked, to)
            elif answer.status in (404, 410):
                await asyncio.to_thread(self._forget, to)
            else:
                again += 1
        return again

    def _message(self, vapid: Vapid, asked: ports.CallSupervisors, to: Address) -> Request | None:
        """None where we must not post to that address."""
        said, now = _WORDS[to.language], self._clock()
        shown = {
            "title": _title(asked, to.language),
            "body": said["look"] if asked.kind is Kind.ACTUAL else f"{said['unreal']} {said['look']}",
            "url": self._address(asked),
            "tag": asked.alert_id,
            "lang": to.language,
        }
        try:
            subscription = stored_subscription(to.address)
            check_endpoint(subscription.endpoint, self._config.loopback)
            body = encrypt(subscription, json.dumps(shown).encode())
        except ValueError:
            return None
        told = headers(MessageKind.ALERT, asked.alert_id, now + WAITS, now)
        told["authorization"] = vapid.authorization(subscription.endpoint, now)
        told["user-agent"] = "Baken"
        return subscription.endpoint, tuple(f"{name}: {value}" for name, value in told.items()), body

    def _pool(self, server: PushSender) -> BulkHttp:
        if server.authority not in self._pools:
            self._pools[server.authority] = BulkHttp(Path(server.authority) if server.authority else None)
        return self._pools[server.authority]

    def _forget(self, to: Address) -> None:
        with self._db.write() as session:
            Addresses(self._system_key("duty")).forget(session, to.user, to.way, to.address)

    def _address(self, asked: ports.CallSupervisors) -> str:
        return f"{self._base_url}{console_path(asked.kind, asked.alert_id)}"


def _title(asked: ports.CallSupervisors, language: str) -> str:
    """The kind first, where it is not real."""
    said = _WORDS[language]
    programme = asked.names.get(language) or next(iter(asked.names.values()))
    return said[asked.kind.value] + said["again" if asked.n else "waits"].format(programme=programme, n=asked.n)
