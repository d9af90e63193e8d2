"""Giving commands. What takes away works without Temporal (DESIGN, rule 2); the rest is a signal and its ruling.

A command that takes away is verified here, written to the outbox and raises the revision in one transaction, so
everything is dark before Temporal hears of it; then it is signalled until acknowledged, by us or by the pump.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

from sqlmodel import Session

from alerts.case import Case
from alerts.command import Command, Ruling, SignedCommand, sign, verify
from alerts.public import can_retract
from alerts.vocabulary import TAKES_AWAY, Action, ConfirmedBy, Meaning, Role
from starter.errors import CannotReach, RefusedByRule, UnknownAlert
from starter.link import Link, WorkflowGone
from starter.looking import Looking
from starter.parts import Parts
from starter.signing import signer_for
from store import audit, outbox
from store.database import STORE_AWAY
from store.keys import KeyStore, KeyStoreAway
from store.people import keyring, people
from store.witness import StoreRestored, Witness

PATIENCE = 5.0
"""Seconds that a command waits for its ruling (CONTRACT)."""
ON_DUTY = frozenset({Role.OPERATOR, Role.SUPERVISOR})
GONE = "its workflow does not run any more; nothing is shown, and nothing can be added: start a new alert"


class Commands:
    def __init__(self, parts: Parts, link: Link, looking: Looking, patience: float = PATIENCE) -> None:
        self._parts = parts
        self._link = link
        self._looking = looking
        self._patience = patience

    def sign(self, command: Command) -> SignedCommand:
        return sign(command, signer_for(self._parts.settings.paths, command.actor))

    async def give(self, command: Command) -> Ruling | None:
        """Give it and read its ruling; None when it is recorded but not judged within five seconds."""
        deadline = _clock() + self._patience
        refusal = await asyncio.to_thread(self._rule_when_closed, command)
        if refusal is not None:
            return refusal
        signed = self.sign(command)
        if command.action in TAKES_AWAY and await self._makes_sense(command, signed):
            await asyncio.to_thread(self._write_outbox, command, signed)
            live = await self._bring(command.id, command.alert_id, command.action.value, signed)
        else:
            await self._signal(command, signed)
            live = True
        return await self._ruling(command, deadline, live=live)

    async def pump(self) -> int:
        """Bring what the outbox holds to its workflows; how many were brought. Called each second."""
        with self._parts.db.read() as session:
            waiting, forgotten = outbox.unsignalled(session), outbox.forgotten(session)
        for one in forgotten:
            self._rule(one.alert_id, one.command_id, one.action, "the alert closed before it was judged")
        brought = 0
        for one in waiting:
            try:
                signed = outbox.open_command(one, self._parts.keys.record_key(one.alert_id))
            except LookupError:
                self._rule(one.alert_id, one.command_id, one.action, "the record of this alert was destroyed")
                continue
            if not await self._bring(one.command_id, one.alert_id, one.action, signed):
                break
            brought += 1
        return brought

    # What takes away

    async def _makes_sense(self, command: Command, signed: SignedCommand) -> bool:
        """Whether to darken at once. What the workflow will surely refuse only goes to be refused there."""
        _, who = await asyncio.to_thread(lambda: verify(signed, keyring(people(self._parts.db))))
        if who.roles.isdisjoint(ON_DUTY):
            return False
        if not _nonsense(command, await self._looking.show(command.alert_id, live=False)):
            return True
        fresh = await self._link.view(command.alert_id)
        return fresh is None or not _nonsense(command, fresh)

    def _write_outbox(self, command: Command, signed: SignedCommand) -> None:
        with self._parts.db.write() as session:
            write_outbox(session, self._parts.keys, command, signed, _now())
            _note(session, self._parts.keys, command, "given", _given(command, signed))
        with suppress(KeyStoreAway, StoreRestored, *STORE_AWAY):  # it is in force; the web process notes it later
            Witness(self._parts.db, self._parts.keys).note()

    async def _bring(self, command_id: str, alert_id: str, action: str, signed: SignedCommand) -> bool:
        """Signal a command of the outbox; False when Temporal is away, then the pump tries again."""
        try:
            await self._link.signal(alert_id, action, signed)
        except CannotReach:
            return False
        except WorkflowGone:
            await asyncio.to_thread(self._rule, alert_id, command_id, action, GONE)
            return True
        with self._parts.db.write() as session:
            outbox.mark_signalled(session, command_id, _now())
        return True

    # What adds or changes

    async def _signal(self, command: Command, signed: SignedCommand) -> None:
        try:
            await self._link.signal(command.alert_id, command.action.value, signed)
        except WorkflowGone:
            await asyncio.to_thread(self._refuse, command, GONE)
            raise RefusedByRule(f"{command.action.value} refused: {GONE}") from None
        await asyncio.to_thread(self._note_given, command, signed)

    def _note_given(self, command: Command, signed: SignedCommand) -> None:
        with self._parts.db.write() as session:
            _note(session, self._parts.keys, command, "given", _given(command, signed))

    # Rulings

    async def _ruling(self, command: Command, deadline: float, *, live: bool) -> Ruling | None:
        wait = 0.03
        while True:
            view = await self._link.view(command.alert_id) if live else None
            if view is None:
                view = await self._looking.show(command.alert_id, live=False)
            for said in reversed(view["rulings"]):
                if said["command"] == command.id:
                    return Ruling.model_validate(said)
            if alone := await asyncio.to_thread(self._ruled_without_workflow, command):
                return alone
            if _clock() + wait > deadline:
                return None
            await asyncio.sleep(wait)
            wait = min(wait * 1.5, 0.4)

    def _ruled_without_workflow(self, command: Command) -> Ruling | None:
        """A command whose workflow is gone was ruled here: what it took away stays away."""
        with self._parts.db.read() as session:
            ruled = outbox.ruled_without_workflow(session, command.id)
        return _ruled(command, True, GONE) if ruled else None

    def _rule_when_closed(self, command: Command) -> Ruling | None:
        """A command on an unknown or closed alert is ruled here, into the audit chain; raises UnknownAlert."""
        try:
            row = self._looking.standing(command.alert_id)
        except UnknownAlert as error:
            self._refuse(command, str(error))
            raise
        if row.closed_at is None:
            return None
        reason = f"the alert was closed at {row.closed_at.isoformat(timespec='seconds')}; start a new one"
        self._refuse(command, reason)
        return _ruled(command, False, reason)

    def _refuse(self, command: Command, reason: str) -> None:
        with self._parts.db.write() as session:
            _note(session, self._parts.keys, command, "refused", {"reason": reason})

    def _rule(self, alert_id: str, command_id: str, action: str, reason: str) -> None:
        """The end of a command that no workflow will judge: it took away, and that stands."""
        now = _now()
        with self._parts.db.write() as session:
            outbox.mark_ruled(session, [command_id], now)
            audit.append(
                session,
                self._parts.keys,
                now,
                alert_id=alert_id,
                actor=outbox.BAKEN,
                action=action,
                verdict="accepted",
                command_id=command_id,
                details={"reason": reason},
            )


def write_outbox(session: Session, keys: KeyStore, command: Command, signed: SignedCommand, at: datetime) -> None:
    """Put a command that takes away in force; `session` is a writing one."""
    outbox.write(
        session,
        keys.record_key(command.alert_id),
        at,
        alert_id=command.alert_id,
        command_id=command.id,
        action=command.action.value,
        signed=signed,
        meaning=meaning_of(command),
    )


def meaning_of(command: Command) -> Meaning:
    """What a command that takes away makes of what stands, until its workflow says more exactly."""
    if command.action is Action.CANCEL:
        return Meaning.WITHDRAWN
    if command.action is Action.FOUND:
        partly = command.content.get("child") is not None
        doubtful = command.content.get("confirmed_by") == ConfirmedBy.PHONE
        return Meaning.HELD if partly or doubtful else Meaning.WITHDRAWN
    return Meaning.HELD


def _nonsense(command: Command, view: dict[str, Any]) -> bool:
    """Whether it names something that this alert does not have, so that darkening would help nobody."""
    cases = [case for case in (view["case"], (view["draft"] or {}).get("case")) if case]
    if not cases:
        return False
    if command.action is Action.RETRACT:
        what = str(command.content.get("what"))
        return all(can_retract(Case.model_validate(case), what) is not None for case in cases)
    child = command.content.get("child")
    if command.action is Action.FOUND and isinstance(child, int):
        return not 1 <= child <= len(cases[0]["children"]) or child in view["found_children"]
    return False


def _ruled(command: Command, accepted: bool, reason: str) -> Ruling:
    return Ruling(
        command=command.id,
        action=command.action,
        actor=command.actor,
        accepted=accepted,
        reason=reason,
        at=_now(),
    )


def _given(command: Command, signed: SignedCommand) -> dict[str, Any]:
    return {"signed": signed.fingerprint, audit.SAID: command.reason}


def _note(session: Session, keys: KeyStore, command: Command, verdict: str, details: dict[str, Any]) -> None:
    audit.append(
        session,
        keys,
        _now(),
        alert_id=command.alert_id,
        actor=command.actor,
        action=command.action.value,
        verdict=verdict,
        command_id=command.id,
        details=details,
    )


def _now() -> datetime:
    return datetime.now(UTC)


def _clock() -> float:
    return asyncio.get_running_loop().time()
