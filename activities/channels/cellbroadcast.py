"""`cellbroadcast`: to every phone in the area, by CAP to the cell broadcast entity of each operator's network.

Each network is told by itself, and what it was told is kept: a change refers to what that network has, one that missed
the alert gets an Alert, and one that has nothing gets no Cancel. What that is comes from `activities.cell_steps`, what
phones show from `activities.cell_text`, and `activities.cell_network` carries it.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import datetime
from typing import ClassVar

from cap_tools.models import MsgType
from sqlmodel import Session

from activities.cap_message import Envelope
from activities.cell_message import CellWriter
from activities.cell_network import WITHIN, Refused, bring, greet, threads_for, together
from activities.cell_steps import Outcome, Step, note, to_cancel, to_show
from activities.cell_text import ENDLESS, FULL, LENGTHS, broadcast, missing
from activities.channels.base import Capabilities, ChannelError, Part, PublishJob, Rejected, Rendition
from activities.endpoints import CellNetwork, ChannelsConfig
from activities.sms_text import costly
from alerts.edition import Edition
from alerts.vocabulary import Kind
from store import network_messages
from store.database import Database
from store.standing import Superseded, leased_until, require_not_overtaken, require_revision, standing
from store.tables.alert import NetworkMessage


class CellBroadcastChannel:
    name: ClassVar[str] = "cellbroadcast"
    capabilities: ClassVar[Capabilities] = Capabilities(
        label={"nl": "Cell broadcast (NL-Alert)", "en": "Cell broadcast (EU-Alert)"},
        audience="public",
        update=True,
        recall=True,
        renews="renew",
        picture=False,
        text_max=FULL.gsm,
        characters="GSM-7, else UCS-2",
        credentials="client certificate",
    )

    def __init__(
        self,
        db: Database,
        clock: Callable[[], datetime],
        base_url: str,
        config: ChannelsConfig,
        sender: str = "baken@baken.example",
        within: float = WITHIN,
    ) -> None:
        """`within` so many seconds a network has to acknowledge."""
        self._db = db
        self._clock = clock
        self._base_url = base_url
        self._config = config
        self._sender = sender
        self._within = within

    def render(self, edition: Edition, base_url: str) -> Rendition:
        parts: list[Part] = []
        problems: list[str] = []
        for language in edition.texts:
            texts = {length: broadcast(edition, language, base_url, length) for length in LENGTHS}
            for length, text in texts.items():
                parts.append(Part(name=f"{length.part}.{language}", media="text", content=text))
                for what in missing(edition, language, text):
                    problems.append(f"the {length.gsm}-character version ({language}) has no room for {what}")
            letters = costly(texts[FULL])
            if letters and texts[FULL] != broadcast(edition, language, base_url, ENDLESS):
                problems.append(
                    f"the text ({language}) is cut after {FULL.ucs2} characters, not {FULL.gsm}, because of "
                    f"{' '.join(letters)}"
                )
        return Rendition(channel=self.name, parts=tuple(parts), problems=tuple(problems))

    async def probe(self, kind: Kind) -> str | None:
        """Whether both addresses of each network answer and let us in; nothing is broadcast."""
        networks = self._networks(kind)
        if not networks:
            return f"no network is configured for {kind.value} alerts"
        asked = [(network, letter) for network in networks for letter in network.addresses]

        def trouble(network: CellNetwork, letter: str) -> str | None:
            try:
                greet(network, letter, self._within)
            except ChannelError as error:
                return f"{network.name} {letter} {error}"
            return None

        # In threads of its own: nothing that sends waits for one that is silent.
        with threads_for(len(asked)) as threads:
            loop = asyncio.get_running_loop()
            found = await asyncio.gather(*(loop.run_in_executor(threads, trouble, *one) for one in asked))
        return "; ".join(filter(None, found)) or None

    def publish(self, job: PublishJob) -> None:
        networks = self._networks(job.kind)
        if not networks:
            raise Rejected(f"no network is configured for {job.kind.value} alerts")
        with self._db.write() as session:
            require_revision(session, job.alert_id, job.desired.revision)
            lease = self._lease(session, job)
            steps = [step for one in networks if (step := to_show(session, job, one, lease, self._clock()))]

        def may_go() -> None:
            with self._db.read() as session:
                if standing(session, job.alert_id).revision != job.desired.revision:
                    raise Superseded(f"revision {job.desired.revision} of alert {job.alert_id} was overtaken")

        def message(step: Step, references: Sequence[NetworkMessage]) -> str:
            kind = MsgType.UPDATE if references else MsgType.ALERT
            same = any(one.edition == job.edition.number for one in references[-1:])
            announces = not same or job.edition.refresh_mode == "repeat"
            writer = CellWriter(self._sender, self._base_url, job, announces=announces)
            return writer.shown(kind, self._envelope(job, step, references))

        self._tell(steps, message, may_go)

    def take_down(self, job: PublishJob) -> None:
        with self._db.write() as session:
            require_not_overtaken(session, job.alert_id, job.desired.revision)
            known = {network.name: network for network in self._networks(job.kind)}
            told = {
                name: network_messages.messages(session, job.alert_id, name)
                for name in network_messages.networks(session, job.alert_id)
            }
            having = {name: has for name, some in told.items() if (has := network_messages.since_cancel(some))}
            steps = [
                to_cancel(session, job, known[name], told[name], self._clock()) for name in having if name in known
            ]

        def may_go() -> None:
            with self._db.write() as session:
                require_not_overtaken(session, job.alert_id, job.desired.revision)

        def message(step: Step, references: Sequence[NetworkMessage]) -> str:
            return CellWriter(self._sender, self._base_url, job).ended(self._envelope(job, step, references))

        self._tell(steps, message, may_go)
        shows = [name for name, has in having.items() if any(one.expires > self._clock() for one in has)]
        if forgotten := [name for name in shows if name not in known]:
            raise Rejected(f"{', '.join(forgotten)} may show it until the lease ends, and is not configured any more")

    def _networks(self, kind: Kind) -> Sequence[CellNetwork]:
        return self._config.endpoints_for(kind).cellbroadcast

    def _lease(self, session: Session, job: PublishJob) -> datetime:
        """As it stands now: a network that was away for long may get what was renewed since."""
        lease = leased_until(session, job.alert_id, job.desired)
        assert lease is not None
        if lease <= self._clock():
            raise Superseded(f"the lease of revision {job.desired.revision} of alert {job.alert_id} is over")
        return lease

    def _envelope(self, job: PublishJob, step: Step, references: Sequence[NetworkMessage]) -> Envelope:
        named = [f"{self._sender},{one.identifier},{one.sent}" for one in references]
        return Envelope(step.row.identifier, job.sent, step.row.expires, named)

    def _tell(
        self,
        steps: Sequence[Step],
        message: Callable[[Step, Sequence[NetworkMessage]], str],
        may_go: Callable[[], None],
    ) -> None:
        """All of them at once, so that none waits for another; raises what is wrong with any, after noting of each."""
        if not steps:
            return

        def tell(step: Step) -> Outcome:
            try:
                return self._tell_one(step, message, may_go)
            except (ChannelError, Superseded) as error:
                return error

        with ThreadPoolExecutor(len(steps), "cell broadcast") as threads:
            outcomes = list(threads.map(tell, steps))
        with self._db.write() as session:
            for step, outcome in zip(steps, outcomes, strict=True):
                note(session, step, outcome)
        said = {f"{step.network.name}:": outcome for step, outcome in zip(steps, outcomes, strict=True)}
        for outcome in said.values():
            if isinstance(outcome, Superseded):
                raise outcome
        if trouble := {name: outcome for name, outcome in said.items() if isinstance(outcome, ChannelError)}:
            raise together(trouble)

    def _tell_one(
        self, step: Step, message: Callable[[Step, Sequence[NetworkMessage]], str], may_go: Callable[[], None]
    ) -> tuple[NetworkMessage, ...]:
        """What the network says it had."""
        reference = f"{self._sender},{step.row.identifier},{step.row.sent}"
        until = time.monotonic() + self._within
        *more, last = step.references
        for references in more:
            with suppress(Refused):
                bring(step.network, message(step, references), reference, until - time.monotonic(), may_go)
                return references
        try:
            bring(step.network, message(step, last), reference, until - time.monotonic(), may_go)
        except Refused:
            if step.may_have_nothing:
                return ()
            raise
        return last
