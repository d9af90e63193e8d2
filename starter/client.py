"""How people and programs reach alerts: start one, command it, look at it. No rules of alerting live here.

What takes away is written to the outbox with its raised revision before Temporal hears of it, so it works while
Temporal is down; everything else is a signal, durable once acknowledged. The ruling is then read back.
"""

from __future__ import annotations

import asyncio
import copy
import secrets
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

from temporalio.client import Client, WorkflowHandle
from temporalio.common import SearchAttributePair, TypedSearchAttributes, WorkflowIDReusePolicy
from temporalio.service import RPCError, RPCStatusCode

from alerts.command import Command, KeyringEntry, Ruling, SignedCommand, sign, verify
from alerts.vocabulary import TAKES_AWAY, Action, ConfirmedBy, Kind, Meaning, Role
from starter.cases import Folder, PreparedCase, normalise_photos, photo_files, prepare_case
from starter.errors import BadInput, CannotReach, RefusedByRule
from starter.parts import Parts, connect, open_parts
from starter.preview import preview_case
from starter.settings import Settings
from starter.signing import signer_for
from store import audit, editions, outbox, views
from store.people import Person, keyring, people
from store.standing import UnknownAlert, incarnation_of, open_alert, standing
from workflows.alert import case_digest
from workflows.calls import TASK_TIMEOUT
from workflows.codec import Reader
from workflows.messages import (
    ALERT_WORKFLOW,
    DRILL_ATTRIBUTE,
    PROGRAMME_ATTRIBUTE,
    STAGE_ATTRIBUTE,
    VIEW_QUERY,
    AlertInput,
    StartAlert,
)
from workflows.ports import ALERTS_QUEUE, alert_workflow_id

PATIENCE = 5.0
"""Seconds that a command waits for its ruling and a start for its verification (CONTRACT)."""
QUICK = timedelta(seconds=2)
ALPHABET = "23456789abcdefghjkmnpqrstuvwxyz"
"""Without signs that look alike: ids are read out over the phone."""
GONE = (RPCStatusCode.NOT_FOUND, RPCStatusCode.FAILED_PRECONDITION)


class Baken:
    """One home as its people see it; open it with `open_baken`."""

    def __init__(self, parts: Parts, client: Client | None) -> None:
        self.parts = parts
        self._client = client

    # Starting

    async def start(self, document: dict[str, Any], folder: Folder, user: str, kind: Kind) -> dict[str, Any]:
        """Start an alert and wait for its verification; raises Problem, and then nothing was started."""
        who = self.person(user)
        if Role.OPERATOR not in who.roles:
            raise RefusedByRule(f"starting an alert needs the role operator; {user} is {', '.join(who.roles)}")
        programmes = self.parts.programmes()
        prepared = prepare_case(document, folder, programmes, self.parts.db, _now())
        client = await self._temporal()
        alert_id = "".join(secrets.choice(ALPHABET) for _ in range(10))
        self.parts.keys.create(alert_id)
        start = self._start_input(alert_id, prepared, user, kind)
        self._open_rows(start, prepared)
        try:
            await client.start_workflow(
                ALERT_WORKFLOW,
                AlertInput(start=start),
                id=alert_workflow_id(alert_id),
                task_queue=ALERTS_QUEUE,
                id_reuse_policy=WorkflowIDReusePolicy.REJECT_DUPLICATE,
                task_timeout=TASK_TIMEOUT,
                search_attributes=_search_attributes(start),
                static_summary=f"{start.programme.id}, {kind.value}",
                rpc_timeout=timedelta(seconds=10),
            )
        except RPCError as error:
            raise CannotReach("Temporal", "the alert was not started; try again when it answers") from error
        return await self._verified(alert_id)

    async def preview(self, document: dict[str, Any], folder: Folder) -> dict[str, Any]:
        """What verification and every channel would make of a case, without starting anything."""
        return await asyncio.to_thread(preview_case, self.parts, document, folder)

    def _start_input(self, alert_id: str, prepared: PreparedCase, user: str, kind: Kind) -> StartAlert:
        programme = self.parts.programmes()[prepared.case.programme]
        unsigned = StartAlert(
            alert_id=alert_id,
            kind=kind,
            case=prepared.case,
            programme=programme,
            keyring=keyring(people(self.parts.db)),
            incarnation=incarnation_of(self.parts.db),
            start=SignedCommand(command="", signature=""),
        )
        content = {"case": case_digest(unsigned), "kind": kind.value, "programme": programme.id}
        signed = self._sign(_command(alert_id, Action.START, user, content=content))
        return unsigned.model_copy(update={"start": signed})

    def _open_rows(self, start: StartAlert, prepared: PreparedCase) -> None:
        display = self.parts.keys.display_key(start.alert_id)
        with self.parts.db.write() as session:
            open_alert(session, start.alert_id, start.kind, start.programme.id, _now())
            for photo in prepared.photos:
                editions.put_photo(session, display, start.alert_id, photo.sha256, photo.jpeg)

    async def _verified(self, alert_id: str) -> dict[str, Any]:
        deadline = _clock() + PATIENCE
        while True:
            view = await self._show(alert_id)
            if view["stage"] != "verifying" or _clock() > deadline:
                return view
            await asyncio.sleep(0.1)

    # Commanding

    async def command(
        self,
        alert_id: str,
        action: Action,
        user: str,
        *,
        digest: str | None = None,
        reason: str | None = None,
        content: dict[str, Any] | None = None,
        folder: Folder | None = None,
    ) -> Ruling | None:
        """Give a command and read its ruling; None when it is recorded but not judged within five seconds.

        Raises BadInput, RefusedByRule or CannotReach when it could not be given at all.
        """
        self.person(user)
        await asyncio.to_thread(self._require_open, alert_id, action, user)
        content = dict(content or {})
        if action is Action.AMEND:
            content["patch"] = copy.deepcopy(content.get("patch"))
            known = photo_files(await self._show(alert_id, quick=True))
            await asyncio.to_thread(self._keep_new_photos, alert_id, content["patch"], folder, known)
        if digest is None and action in (Action.APPROVE, Action.REJECT, Action.RETURN_FOR_EDIT):
            pending = (await self._show(alert_id)).get("pending")
            digest = pending["digest"] if pending else None
        command = _command(alert_id, action, user, digest=digest, reason=reason, content=content)
        signed = self._sign(command)
        await self._give(command, signed)
        return await self._ruling(command)

    async def _give(self, command: Command, signed: SignedCommand) -> None:
        if command.action not in TAKES_AWAY:
            await self._signal(await self._temporal(), command.alert_id, command.action.value, signed)
            return
        await asyncio.to_thread(self._write_outbox, command, signed)
        try:
            client = await self._temporal()
            await self._signal(client, command.alert_id, command.action.value, signed)
        except CannotReach:
            return  # dark already; the pump brings the command as soon as Temporal answers
        with self.parts.db.write() as session:
            outbox.mark_signalled(session, command.id, _now())

    def _write_outbox(self, command: Command, signed: SignedCommand) -> None:
        """Verify, then write the command and raise the revision in one transaction (DESIGN, rule 2)."""
        _, who = verify(signed, keyring(people(self.parts.db)))
        _require_on_duty(command, who)
        key = self.parts.keys.record_key(command.alert_id)
        with self.parts.db.write() as session:
            outbox.write(
                session,
                key,
                _now(),
                alert_id=command.alert_id,
                command_id=command.id,
                action=command.action.value,
                signed=signed,
                meaning=_meaning(command),
            )

    async def _signal(self, client: Client, alert_id: str, name: str, signed: SignedCommand) -> None:
        handle = client.get_workflow_handle(alert_workflow_id(alert_id))
        try:
            await handle.signal(name, signed, rpc_timeout=timedelta(seconds=3))
        except RPCError as error:
            if error.status in GONE:
                raise RefusedByRule("the alert is closed; start a new one") from error
            raise CannotReach("Temporal", "the command was not given; try again when it answers") from error

    async def pump(self) -> int:
        """Bring commands of the outbox to their workflows; how many were brought. Called each second."""
        with self.parts.db.read() as session:
            waiting = outbox.unsignalled(session)
        brought = 0
        for one in waiting:
            signed = outbox.open_command(one, self.parts.keys.record_key(one.alert_id))
            try:
                await self._signal(await self._temporal(), one.alert_id, one.action, signed)
            except CannotReach:
                break
            except RefusedByRule:
                with self.parts.db.write() as session:
                    outbox.mark_ruled(session, [one.command_id], _now())
                continue
            with self.parts.db.write() as session:
                outbox.mark_signalled(session, one.command_id, _now())
            brought += 1
        return brought

    async def _ruling(self, command: Command) -> Ruling | None:
        deadline, wait = _clock() + PATIENCE, 0.03
        while _clock() < deadline:
            view = await self._show(command.alert_id, quick=True)
            for said in view["rulings"]:
                if said["command"] == command.id:
                    return Ruling.model_validate(said)
            await asyncio.sleep(wait)
            wait = min(wait * 1.5, 0.4)
        return None

    def _require_open(self, alert_id: str, action: Action, user: str) -> None:
        """A command on an unknown or closed alert is ruled here, into the audit chain."""
        try:
            with self.parts.db.read() as session:
                row = standing(session, alert_id)
        except UnknownAlert as error:
            self._refuse(alert_id, action, user, str(error))
            raise BadInput("ID", str(error)) from error
        if row.closed_at is not None:
            reason = f"the alert was closed at {row.closed_at.isoformat(timespec='seconds')}; start a new one"
            self._refuse(alert_id, action, user, reason)
            raise RefusedByRule(reason)

    def _refuse(self, alert_id: str, action: Action, user: str, reason: str) -> None:
        key = self.parts.keys.system_key("audit")
        with self.parts.db.write() as session:
            audit.append(
                session,
                key,
                _now(),
                alert_id=alert_id,
                actor=user,
                action=action.value,
                verdict="refused",
                command_id=uuid.uuid4().hex,
                details={"reason": reason},
            )

    def _keep_new_photos(self, alert_id: str, patch: Any, folder: Folder | None, known: set[str]) -> None:
        if not isinstance(patch, dict):
            raise BadInput("patch", "an amendment is a JSON object with the fields to change")
        stored = normalise_photos(patch, {} if folder is None else folder, known=known)
        if stored:
            display = self.parts.keys.display_key(alert_id)
            with self.parts.db.write() as session:
                for photo in stored:
                    editions.put_photo(session, display, alert_id, photo.sha256, photo.jpeg)

    # Looking

    async def show(self, alert_id: str) -> dict[str, Any]:
        """The alert as CONTRACT's JSON; raises BadInput for an unknown one."""
        try:
            with self.parts.db.read() as session:
                standing(session, alert_id)
        except UnknownAlert as error:
            raise BadInput("ID", str(error)) from error
        return await self._show(alert_id)

    async def list(self, stage: str | None = None) -> list[dict[str, Any]]:
        """Every alert, newest first."""
        with self.parts.db.read() as session:
            found = views.list_views(session, self.parts.keys.record_key, stage)
            return [self._with_addresses(views.add_live_facts(session, view)) for view in found]

    async def changes(self, alert_id: str) -> AsyncIterator[dict[str, Any]]:
        """The alert now, and again whenever something of it changes; ends when it is closed."""
        last: dict[str, Any] | None = None
        while True:
            view = await self.show(alert_id)
            if view != last:
                yield view
                last = view
            if view["stage"] == "closed":
                return
            await asyncio.sleep(0.3)

    def person(self, user: str) -> Person:
        found = {person.user: person for person in people(self.parts.db)}
        if user not in found:
            known = ", ".join(found) or "nobody yet; run 'baken up' first"
            raise BadInput("--as", f"{user!r} is not a user of this home; known: {known}")
        return found[user]

    async def _show(self, alert_id: str, *, quick: bool = False) -> dict[str, Any]:
        view = await self._query(alert_id)
        with self.parts.db.read() as session:
            if view is None:
                view = views.get_view(session, self.parts.keys.record_key(alert_id), alert_id)
            if view is None:
                view = self._unjudged(alert_id)
            if not quick:
                views.add_live_facts(session, view)
        return self._with_addresses(view)

    async def _query(self, alert_id: str) -> dict[str, Any] | None:
        """The workflow's own answer; None when it does not answer soon."""
        try:
            client = await self._temporal()
            handle: WorkflowHandle[Any, Any] = client.get_workflow_handle(alert_workflow_id(alert_id))
            view: dict[str, Any] = await handle.query(VIEW_QUERY, result_type=dict, rpc_timeout=QUICK)
        except (RPCError, CannotReach):
            return None
        return view

    def _unjudged(self, alert_id: str) -> dict[str, Any]:
        """An alert of which nothing was recorded yet."""
        with self.parts.db.read() as session:
            row = standing(session, alert_id)
        empty: dict[str, Any] = dict.fromkeys(("outcome", "edition", "digest", "pending", "draft", "case", "held"))
        lists: dict[str, Any] = {name: [] for name in ("criteria", "rulings", "clock", "refreshes", "channels")}
        said = {"alert_id": alert_id, "workflow_id": alert_workflow_id(alert_id), "programme": row.programme}
        more = {"kind": row.kind, "stage": "verifying", "child_condition": None, "lease_until": None, "version": 0}
        return {**said, **more, "review_due": None, "ended": None, "escalations": [], **empty, **lists}

    def _with_addresses(self, view: dict[str, Any]) -> dict[str, Any]:
        try:
            web = self.parts.settings.run_info().web
        except CannotReach:
            web = ""
        alert_id = view["alert_id"]
        return {**view, "url": f"{web}/console/alerts/{alert_id}", "public_url": f"{web}/alerts/{alert_id}"}

    def _sign(self, command: Command) -> SignedCommand:
        return sign(command, signer_for(self.parts.settings.paths, command.actor))

    async def _temporal(self) -> Client:
        if self._client is None:
            self._client = await connect(self.parts, Reader.CLIENT, patience=2.0)
        return self._client


@asynccontextmanager
async def open_baken(settings: Settings) -> AsyncIterator[Baken]:
    """A client of the home that these settings name; it connects to Temporal when it first needs it."""
    if not settings.paths.master_key.exists():
        raise CannotReach("Baken", f"nothing ever ran with home {settings.home}; start it with 'baken up'")
    parts = open_parts(settings)
    try:
        yield Baken(parts, None)
    finally:
        parts.close()


def _command(alert_id: str, action: Action, user: str, **more: Any) -> Command:
    return Command(id=uuid.uuid4().hex, alert_id=alert_id, action=action, actor=user, at=_now(), **more)


def _require_on_duty(command: Command, who: KeyringEntry) -> None:
    if who.roles.isdisjoint({Role.OPERATOR, Role.SUPERVISOR}):
        raise RefusedByRule(f"{command.action} needs the role operator or supervisor; {who.user} has neither")


def _meaning(command: Command) -> Meaning:
    """What a command that takes away makes of what stands, until its workflow says more exactly."""
    if command.action is Action.CANCEL:
        return Meaning.WITHDRAWN
    if command.action is Action.FOUND:
        partly = command.content.get("child") is not None
        doubtful = command.content.get("confirmed_by") == ConfirmedBy.PHONE
        return Meaning.HELD if partly or doubtful else Meaning.WITHDRAWN
    return Meaning.HELD


def _search_attributes(start: StartAlert) -> TypedSearchAttributes:
    drill = "no" if start.kind is Kind.ACTUAL else start.kind.value
    return TypedSearchAttributes(
        [
            SearchAttributePair(PROGRAMME_ATTRIBUTE, start.programme.id),
            SearchAttributePair(STAGE_ATTRIBUTE, "verifying"),
            SearchAttributePair(DRILL_ATTRIBUTE, drill),
        ]
    )


def _now() -> datetime:
    return datetime.now(UTC)


def _clock() -> float:
    return asyncio.get_running_loop().time()
