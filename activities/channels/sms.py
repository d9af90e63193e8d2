"""`sms`: text messages through one SMS centre or two (SMPP 3.4); a phone that answers STOP hears no more.

A message cannot be taken back or replaced: a change comes after it, and so does the end. Its parts carry a reference
that follows from its id, so a phone puts parts of two attempts together to one message. One that a centre took whole
is not sent again; where its answer was lost it is, and a phone shows it twice unless the centre knows our ids.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from typing import ClassVar

import smpp34

from activities.channels.base import (
    Busy,
    Capabilities,
    Denied,
    Messages,
    NotSent,
    Outcome,
    Outgoing,
    Part,
    Rejected,
    Rendition,
    Unreachable,
    WaveJob,
)
from activities.endpoints import ChannelsConfig, SmsCentre
from activities.pacing import Limit
from activities.phone_number import normal_phone_number, phone_number_problem
from activities.sms_centre import (
    LATER,
    UDH_INDICATOR,
    Away,
    NotLetIn,
    Session,
    ShortMessage,
    validity,
)
from activities.sms_message import PARTS, cost, message
from activities.sms_receipts import Proves
from activities.sms_text import OF_SEVERAL, Encoded, decode, encode, plain
from alerts.edition import Edition
from alerts.vocabulary import Kind, MessageKind
from store import proof
from store.database import STORE_AWAY, Database
from store.keys import KeyStoreAway
from store.subscribers import Subscribers

END_LIVES = timedelta(days=3)
"""How long a centre tries to bring the end to a phone that is off."""
PATIENCE = 6.0
"""Seconds for which a message waits for its turn; with the centre's own slowness a send stays under 30 s."""
LOOK_EVERY = 5.0
"""Seconds between two looks whether each centre's line is open."""
TELL_EVERY = 1.0
"""Seconds between two times that what receipts prove is written down."""
_CHANGED = {"nl": "Gewijzigd: ", "en": "Changed: "}


class SmsChannel:
    name: ClassVar[str] = "sms"
    capabilities: ClassVar[Capabilities] = Capabilities(
        label={"nl": "SMS", "en": "Text messages"},
        audience="personal",
        update=True,
        recall=False,
        renews="late_joiners",
        picture=False,
        text_max=PARTS * OF_SEVERAL["GSM-7"],
        characters="GSM-7, else UCS-2",
        credentials="system_id and password",
        receipts=True,
        chunk=50,
    )

    def __init__(
        self,
        config: ChannelsConfig,
        db: Database,
        system_key: Callable[[str], bytes],
        clock: Callable[[], datetime],
    ) -> None:
        self._config = config
        self._db = db
        self._system_key = system_key
        self._clock = clock
        self._sessions: dict[SmsCentre, Session] = {}
        self._proved: set[Proves] = set()
        """What receipts prove, until it is written down."""

    @staticmethod
    def address_problem(address: str) -> str | None:
        return phone_number_problem(address)

    @staticmethod
    def normal_address(address: str) -> str:
        return normal_phone_number(address)

    def render(self, edition: Edition, base_url: str) -> Rendition:
        server = self._config.endpoints_for(edition.kind).sms
        parts: list[Part] = []
        problems: list[str] = []
        for language, text in edition.texts.items():
            said = {"sms": message(edition, language, base_url), "event": text.event}
            longest = said["sms"]
            if edition.number > 1:
                said["changed"] = longest = message(edition, language, base_url, _CHANGED[language])
            said["cost"] = cost(longest, server, language)
            parts += [Part(name=f"{name}.{language}", media="text", content=one) for name, one in said.items()]
            number = len(encode(longest).parts)
            if number > PARTS:
                problems.append(f"{language}: what cannot be cut takes {number} parts a phone")
        return Rendition(channel=self.name, parts=tuple(parts), problems=tuple(problems))

    async def probe(self, kind: Kind) -> str | None:
        """Whether every centre lets us in; nothing is sent."""
        server = self._config.endpoints_for(kind).sms
        if server is None:
            return f"no SMS centre is configured for {kind.value} alerts"
        trouble = [await self._trouble(centre) for centre in server.centres]
        return "; ".join(filter(None, trouble)) or None

    async def _trouble(self, centre: SmsCentre) -> str | None:
        try:
            await self._session(centre).opened()
        except Away as away:
            return str(away)
        return None

    def limit(self, job: WaveJob) -> Limit | None:
        """Centres count parts: as many messages as the longest of them leaves room for."""
        server = self._config.endpoints_for(job.alert_kind).sms
        limit = server.limit(f"smpp://{server.host}:{server.port}") if server else None
        if limit is None:
            return None
        kinds = (MessageKind.ALERT, MessageKind.UPDATE)
        parts = max(len(_encoded(job, kind, language).parts) for kind in kinds for language in _CHANGED)
        return Limit(limit.endpoint, limit.per_second / parts)

    async def send(self, job: WaveJob, messages: Messages, still: Callable[[], bool]) -> Sequence[Outcome]:
        server = self._config.endpoints_for(job.alert_kind).sms
        if server is None:
            return [Rejected("no SMS centre is configured")] * len(messages)
        sessions = [self._session(centre) for centre in server.centres]
        said = {one: _encoded(job, *one) for one in set(zip(messages.kinds, messages.languages, strict=True))}
        lease = None if job.end_texts is not None else job.lease_until
        lives = validity(lease - self._clock() if lease else END_LIVES)
        clock = asyncio.get_running_loop().time
        until = clock() + PATIENCE

        async def bring(one: Outgoing) -> Outcome:
            about = f"{job.alert_id} {job.edition} {one.kind.value}"
            proves = Proves(job.alert_id, job.edition, one.position) if job.end_texts is None else None
            short = ShortMessage(one.id, about, one.address, said[one.kind, one.language], lives, proves)
            trouble: Outcome = None
            for session in sorted(sessions, key=lambda session: session.resting):
                async with session.window:
                    try:
                        await session.opened()
                        if clock() > until:
                            return Busy("the SMS centre is slow", retry_after=1.0)
                        return _outcome(await session.submit(short, still))
                    except NotSent as held:
                        return held
                    except Away as away:
                        kind = Denied if isinstance(away, NotLetIn) else Unreachable
                        trouble = kind(str(away), in_doubt=away.in_doubt)
                        if away.in_doubt:
                            return trouble
            return trouble

        return await asyncio.gather(*map(bring, messages))

    async def listen(self) -> None:
        """Keep a line to every centre open, so that whoever answers STOP is heard at once; close them at the end.

        What receipts prove meanwhile is written down.
        """
        servers = (self._config.channels.sms, self._config.exercise.sms)
        lines = [self._session(centre) for server in servers if server for centre in server.centres]
        if not lines:
            return
        try:
            await asyncio.gather(_keep_open(lines), self._tell_seen(lines))
        finally:
            await self.hang_up()

    async def hang_up(self) -> None:
        """Unbind from every centre."""
        await asyncio.gather(*(session.close() for session in self._sessions.values()), return_exceptions=True)

    async def _tell_seen(self, lines: Sequence[Session]) -> None:
        while True:
            await asyncio.sleep(TELL_EVERY)
            self._proved |= {one for session in lines for one in session.receipts.take()}
            if self._proved:
                with suppress(*STORE_AWAY):  # the next round tries again
                    await asyncio.to_thread(self._write_seen)

    def _write_seen(self) -> None:
        proved = frozenset(self._proved)
        positions: dict[tuple[str, int], list[int]] = defaultdict(list)
        for one in proved:
            positions[one.alert_id, one.edition].append(one.position)
        with self._db.write() as session:
            for (alert_id, edition), some in sorted(positions.items()):
                proof.note_seen(session, alert_id, self.name, edition, some)
        self._proved -= proved

    def _session(self, centre: SmsCentre) -> Session:
        if centre not in self._sessions:
            self._sessions[centre] = Session(centre, self._hear)
        return self._sessions[centre]

    async def _hear(self, event: smpp34.DeliverSmEvent) -> None:
        content = event.short_message
        if event.esm_class & UDH_INDICATOR and content:
            content = content[content[0] + 1 :]
        words = decode(content, event.data_coding).split()
        number = f"+{event.source_addr}" if event.source_addr_ton == 1 else event.source_addr
        if words and words[0].strip(".,!").upper() == "STOP" and phone_number_problem(number) is None:
            await self._stop(normal_phone_number(number))

    async def _stop(self, number: str) -> None:
        """From alerts and exercises alike: a centre may be both's.

        The centre was told that we have it, so it is tried until it is written down.
        """

        def write() -> None:
            key = self._system_key("subscribers")
            with self._db.write() as session:
                for exercise in (False, True):
                    subscribers = Subscribers(key, self.name, exercise=exercise)
                    subscribers.unsubscribe(session, number, self._clock())

        while True:
            try:
                return await asyncio.to_thread(write)
            except (*STORE_AWAY, KeyStoreAway):
                await asyncio.sleep(1)


async def _keep_open(lines: Sequence[Session]) -> None:
    while True:
        ended = await asyncio.gather(*(session.opened() for session in lines), return_exceptions=True)
        for error in ended:
            if isinstance(error, BaseException) and not isinstance(error, Away):
                raise error
        await asyncio.sleep(LOOK_EVERY)


def _encoded(job: WaveJob, kind: MessageKind, language: str) -> Encoded:
    rendition = job.rendition
    if job.end_texts is not None:
        return encode(plain(f"{rendition.part(f'event.{language}')}: {job.end_texts[language]}"))
    names = {part.name for part in rendition.parts}
    changed = f"changed.{language}"
    return encode(rendition.part(changed if kind is MessageKind.UPDATE and changed in names else f"sms.{language}"))


def _outcome(status: int) -> Outcome:
    """A number that the centre calls wrong keeps its subscription: a wrong setting of ours would end them all."""
    if status == 0:
        return None
    if status in LATER:
        return Busy(f"the SMS centre asks for patience ({LATER[status]})", retry_after=1.0)
    return Rejected(f"the SMS centre refused it for good (0x{status:02x})")
