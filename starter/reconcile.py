"""After the store was restored from an older copy: what it forgot, taken from Temporal (DESIGN, rule 10).

Run by `baken up --reconcile` before anything reads the store, as `python -m starter.reconcile`. What Temporal knows
that activities did is done once more in this store, in order, and nothing is sent: a batch that ended counts as
reached, one that was begun as in doubt, so that its next attempt sends it again under the same ids. Called again after
it broke off, it begins anew and changes what is left.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
import uuid
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import closing
from datetime import UTC, datetime
from functools import partial
from typing import Any

from sqlmodel import col, select
from temporalio.client import Client
from temporalio.exceptions import ApplicationError

from activities.alerts import AlertActivities
from activities.channels import CAPABILITIES, build_channels
from activities.delivery import LARGEST_BATCH, DeliveryActivities
from activities.publishing import PublishingActivities
from activities.revisions import RevisionWatch
from alerts.command import SignedCommand, Unverified, verify
from alerts.vocabulary import TAKES_AWAY, Meaning
from starter.commands import write_outbox
from starter.histories import Deed, Histories, Story
from starter.parts import Parts, connect, open_parts
from starter.settings import load_settings
from store import audit, outbox
from store import standing as standings
from store.audience import audience_size, forget_audiences
from store.ledger import FAILED, Status, unpacked
from store.people import keyring, people
from store.tables.alert import AlertStanding, SealedEdition
from store.tables.audit import AuditEntry
from store.trouble import forget_troubles
from store.witness import INCARNATION, INCARNATIONS, MARKS, forgotten, marks_of, read_marks
from workflows import ports
from workflows.codec import Reader
from workflows.messages import FAN_OUT_WORKFLOW

CONNECT_WITHIN = 30.0
SENDS = (ports.DELIVER.name, FAN_OUT_WORKFLOW)
LOST = (
    "Lost for good, as Temporal never had it: who subscribed after the copy was made, and that somebody left since "
    "(they get alerts again); areas, people on duty and partners that were changed; photos of alerts that were "
    "started since; withdrawals given while Temporal was away. Import subscribers again and look at each alert above."
)


class Reconciler:
    """Brings this store to what Temporal remembers, one alert after the other."""

    def __init__(self, parts: Parts, client: Client) -> None:
        config, base_url = parts.settings.channels(), parts.settings.run_info().web
        keys = parts.keys
        channels = build_channels(parts.db, keys.display_key, _now, base_url, config, keys.system_key)
        self._parts = parts
        self._db = parts.db
        self._histories = Histories(client)
        self._alerts = AlertActivities(parts.db, keys, channels, parts.programmes, base_url, client)
        self._publishing = PublishingActivities(parts.db, keys, channels)
        self._delivery = DeliveryActivities(parts.db, keys, channels, RevisionWatch(parts.db))

    async def run(self) -> list[str]:
        """What was done, in a sentence or two for each alert."""
        with self._db.write() as session:
            forget_troubles(session)
        with self._db.read() as session:
            rows = {row.alert_id: row for row in session.exec(select(AlertStanding))}
        closed = {alert_id for alert_id, row in rows.items() if row.closed_at is not None}
        said = []
        for alert_id in sorted(({*rows} | await self._histories.alerts()) - closed):
            story = await self._histories.of(alert_id)
            said.append(await asyncio.to_thread(self._bring_up, alert_id, rows.get(alert_id), story))
        return [line for line in said if line]

    def _bring_up(self, alert_id: str, row: AlertStanding | None, story: Story | None) -> str:
        before = f"{_stands(row)}" if row else "the copy does not know it"
        if story is None:
            if row is None:
                return ""
            self._close(alert_id)
            return f"alert {alert_id}: its workflow is gone, so it is withdrawn and closed ({before})"
        if row is None:
            self._open(alert_id, story)
        again = _Again(self, alert_id, story.deeds)
        for deed in story.deeds:
            again.do(deed)
        if not story.running:
            self._close(alert_id)
        self._take_away_again(alert_id, story.unheard)
        again.record()
        with self._db.read() as session:
            after = _stands(standings.standing(session, alert_id))
        unchanged = "as the copy says" if after == before else f"the copy: {before}"
        return "; ".join([f"alert {alert_id}: {after} ({unchanged})", *again.lines()])

    def _open(self, alert_id: str, story: Story) -> None:
        start, state = story.begun.start, story.begun.state
        begun = start or state
        material = start or (state.shown or state.draft if state else None)
        assert begun is not None
        assert material is not None
        with self._db.write() as session:
            standings.open_alert(session, alert_id, begun.kind, material.programme.id, story.began_at)

    def _close(self, alert_id: str) -> None:
        """Its life is over: nothing of it shows, and nothing can be declared any more."""
        with self._db.write() as session:
            standings.take_away(session, alert_id, Meaning.WITHDRAWN, _now())
            standings.close(session, alert_id, _now())
            forget_audiences(session, alert_id)

    def _take_away_again(self, alert_id: str, unheard: Sequence[tuple[datetime, SignedCommand]]) -> None:
        """Commands that the workflow has not acted on: those that take away are in force at once (rule 2)."""
        for at, signed in unheard:
            try:
                command, _ = verify(signed, keyring(people(self._db)))
            except Unverified:
                continue
            if command.action in TAKES_AWAY and command.alert_id == alert_id:
                with self._db.write() as session:
                    write_outbox(session, self._parts.keys, command, signed, at)


class _Again:
    """Does the deeds of one alert once more, and keeps what came of it."""

    def __init__(self, reconciler: Reconciler, alert_id: str, deeds: Sequence[Deed]) -> None:
        self._db = reconciler._db
        self._alerts = reconciler._alerts
        self._publishing = reconciler._publishing
        self._delivery = reconciler._delivery
        self._alert_id = alert_id
        self._said_again = _said_again(deeds)
        self._view: ports.RecordView | None = None
        self._told: Counter[tuple[str, Status]] = Counter()
        self._problems: dict[str, None] = {}
        self._how: dict[str, Any] = {
            ports.PREPARE_EDITION.name: self._prepare,
            ports.ARM_CHANNEL.name: self._arm,
            ports.PLAN_WAVE.name: self._plan,
            ports.DECLARE.name: self._declare,
            ports.RENEW_LEASE.name: self._renew,
            ports.PUBLISH.name: self._publish,
            ports.TAKE_DOWN.name: self._take_down,
            ports.DELIVER.name: self._deliver,
            FAN_OUT_WORKFLOW: self._wave,
            ports.RECORD_VIEW.name: self._keep_view,
        }

    def do(self, deed: Deed) -> None:
        how = self._how.get(deed.name)
        if how is None or (deed.attempts == 0 and deed.name != ports.DECLARE.name):
            return
        try:
            how(deed)
        except LookupError as error:  # a key that was destroyed, or what was prepared and cannot be made again
            self._problems[str(error)] = None

    def record(self) -> None:
        if self._view is not None:
            self._alerts.record_view(self._view)

    def lines(self) -> list[str]:
        said = []
        for channel in dict.fromkeys(channel for channel, status in self._told if status is not Status.RETRY):
            refused = sum(self._told[channel, status] for status in FAILED)
            said.append(
                f"{channel}: {self._told[channel, Status.REACHED]:,} messages count as arrived; "
                f"{self._told[channel, Status.DOUBT]:,} were under way and are sent again under the same ids; "
                f"{self._told[channel, Status.ASSUMED]:,} are in doubt and not sent again (they count as arrived, so "
                f"these people hear of changes and of the end); {refused:,} were refused"
            )
        return [*said, *self._problems]

    def _prepare(self, deed: Deed) -> None:
        if deed.answer is None:
            return
        with self._db.read() as session:
            if session.get(SealedEdition, (self._alert_id, deed.answer.digest)) is not None:
                return
        made = self._alerts.prepare_edition(deed.asked)
        if made.digest != deed.answer.digest:
            self._problems[f"edition {made.number} cannot be made as it was: amend the alert"] = None

    def _arm(self, deed: Deed) -> None:
        with self._db.read() as session:
            frozen = audience_size(session, self._alert_id, deed.asked.channel)
        if not frozen and CAPABILITIES[deed.asked.channel].audience == "personal":
            self._publishing.freeze(deed.asked, lambda: None)

    def _plan(self, deed: Deed) -> None:
        while deed.asked.edition is not None:
            try:
                self._delivery.bring_up_to_date(deed.asked)
            except ApplicationError:
                continue  # many of them: it goes on where it was
            return

    def _declare(self, deed: Deed) -> None:
        """What was decided; where it may not have come through it is in force at once if it takes away."""
        desired = deed.asked.desired
        with self._db.write() as session:
            if deed.answer is None and desired.meaning is not Meaning.EDITION:
                standings.take_away(session, self._alert_id, desired.meaning, deed.at)
            elif deed.answer is not None and deed.answer.won:
                standings.catch_up(session, self._alert_id, deed.answer.revision, desired, deed.at)

    def _renew(self, deed: Deed) -> None:
        if deed.answer is not None and deed.answer.won:
            with self._db.write() as session:
                standings.renew_lease(session, self._alert_id, deed.asked.revision, deed.asked.lease_until)

    def _publish(self, deed: Deed) -> None:
        self._publishing.show(deed.asked)

    def _take_down(self, deed: Deed) -> None:
        self._publishing.hide(deed.asked)

    def _deliver(self, deed: Deed) -> None:
        if deed.attempts is None and deed.asked.purpose == "show" and self._said_again(deed):
            return  # whoever had nothing was told then, and what came of that is known
        answer = deed.answer
        known = unpacked(answer.statuses) if answer and answer.statuses else None
        for status, number in self._delivery.assume(deed.asked, deed.at, partial(_status, deed), known).items():
            self._told[deed.asked.channel, status] += number

    def _wave(self, deed: Deed) -> None:
        """Batch by batch, all of it."""
        with self._db.read() as session:
            size = audience_size(session, self._alert_id, deed.asked.channel)
        said = deed.asked.model_dump(exclude={"start", "left", "done"})
        for start in range(0, size, LARGEST_BATCH):
            batch = ports.Deliver(**said, start=start, count=min(LARGEST_BATCH, size - start))
            self._deliver(deed._replace(asked=batch))

    def _keep_view(self, deed: Deed) -> None:
        self._view = deed.asked


def _status(deed: Deed, due: int) -> Status | None:
    """What those `due` have to be taken for; None when surely nothing was sent.

    Who was due then is due by the copy too: one that reached as many reached them all, and one that was refused by as
    many at its only attempt reached nobody. Else some were settled by an
    attempt or a wave before it, and which of them, and whether they were reached or refused, nobody knows any more.
    A batch under way is in doubt as after any crash: its next attempt sends it again, under the same ids. So is one of
    which a few were left for later. Of an end that found nobody who had the alert, those who by the copy may have it
    are in doubt: then the end is the last that they heard, and shown again it is a new alert to them, which it is.
    """
    answer = deed.answer
    if answer is None or answer.left:
        return Status.DOUBT
    shows, once = deed.asked.purpose == "show", deed.attempts == 1
    nobody = not answer.reached and not answer.failed and not answer.in_doubt
    if once and nobody and deed.asked.purpose == "end":
        return Status.ASSUMED
    if once and nobody and (answer.superseded or not shows):
        return None
    if answer.superseded:
        return Status.DOUBT
    if once and answer.failed == due:
        return Status.REJECTED
    return Status.REACHED if answer.reached == due else Status.ASSUMED


def _said_again(deeds: Sequence[Deed]) -> Callable[[Deed], bool]:
    """Whether the same edition was sent to the same channel once more after a deed, such as after a hold."""
    last: dict[tuple[str, int], int] = {}
    for deed in deeds:
        if deed.name in SENDS and deed.asked.purpose == "show":
            last[_statement(deed)] = max(last.get(_statement(deed), 0), deed.asked.desired.announcement)
    return lambda deed: last.get(_statement(deed), 0) > deed.asked.desired.announcement


def _statement(deed: Deed) -> tuple[str, int]:
    edition = deed.asked.desired.edition
    return deed.asked.channel, edition.number if edition else 0


def _stands(row: AlertStanding) -> str:
    shown = f"edition {row.edition}" if row.meaning == Meaning.EDITION else row.meaning
    return f"{'closed, ' if row.closed_at else ''}{shown} at revision {row.revision}"


async def reconcile(parts: Parts, client: Client) -> list[str]:
    """All of it, and then the store is this home's again, under a new identity; what was done, in sentences."""
    keys, db = parts.keys, parts.db
    with db.read() as session:
        here, marks = marks_of(session.connection())
    noted = read_marks(keys)
    if here == keys.recall(INCARNATION) and not forgotten(noted, marks):
        return ["the store knows all that this home did with it: nothing to reconcile"]
    said = await Reconciler(parts, client).run()
    ever = [*(keys.recall(INCARNATIONS) or "").split(), uuid.uuid4().hex]
    keys.remember(INCARNATIONS, " ".join(ever))  # first, so that one that breaks off here can be done again
    head = keys.recall(audit.HEAD)
    with db.write() as session:
        standings.renew_incarnation(session, ever[-1])
        details = {"noted": noted, "copy": marks, "audit_head_before": head, "alerts": said}
        audit.append(
            session,
            keys,
            _now(),
            alert_id="",
            actor=outbox.BAKEN,
            action="reconcile",
            verdict="accepted",
            command_id=ever[-1],
            details=details,
        )
        last = session.exec(select(AuditEntry).order_by(col(AuditEntry.id).desc()).limit(1)).one()
    db.flush()
    with db.read() as session:
        _, marks = marks_of(session.connection())
    facts = {INCARNATION: ever[-1], MARKS: json.dumps(marks), audit.HEAD: f"{last.id} {last.hash}"}
    keys.remember_all(facts)
    return [*(said or ["no alert was open"]), LOST]


async def run() -> None:
    with closing(open_parts(load_settings(os.environ))) as parts:
        client = await connect(parts, Reader.CLIENT, patience=CONNECT_WITHIN)
        for line in await reconcile(parts, client):
            print(line, file=sys.stderr, flush=True)


def _now() -> datetime:
    return datetime.now(UTC)


def main(_args: Sequence[str]) -> int:
    """For `starter.forking`."""
    asyncio.run(run())
    return 0
