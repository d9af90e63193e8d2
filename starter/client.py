"""How people and programs reach alerts: start one, command it, look at it. No rules of alerting live here.

`Baken` is the one door for the command line, the console and the API; `starter.commands` and `starter.looking` do
what it says. Cases and channels are imported where they are needed: most commands need neither and shall be quick.
"""
# ruff: noqa: PLC0415

from __future__ import annotations

import asyncio
import copy
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from alerts.command import Command, Ruling, SignedCommand
from alerts.values import clean
from alerts.vocabulary import Action, CancelReason, ChildCondition, ConfirmedBy, Kind, Role, Stage
from starter.commands import PATIENCE, Commands
from starter.duty import on_duty
from starter.errors import BadInput, CannotReach, RefusedByRule
from starter.link import Link
from starter.looking import Looking
from starter.parts import Parts, open_parts
from starter.settings import Settings
from store import editions
from store.drafts import new_id
from store.people import Person, keyring, people
from store.standing import close, incarnation_of, open_alert
from store.witness import Witness
from workflows.messages import StartAlert

if TYPE_CHECKING:
    from starter.cases import Folder, PreparedCase

JUDGES = frozenset({Action.APPROVE, Action.REJECT, Action.RETURN_FOR_EDIT})
"""Actions about a digest: the one that was named, or what waits when the command is given."""
NEED_A_REASON = frozenset({Action.REJECT, Action.RETURN_FOR_EDIT, Action.RETRACT, Action.HOLD, Action.CANCEL})
MOST_CHARACTERS = 2_000


class Baken:
    """One home as its people see it; open it with `open_baken`."""

    def __init__(self, parts: Parts, patience: float = PATIENCE) -> None:
        self.parts = parts
        self._patience = patience
        self._link = Link(parts, patience)
        self._looking = Looking(parts, self._link)
        self._commands = Commands(parts, self._link, self._looking, patience)

    # Starting

    async def start(
        self, document: dict[str, Any], folder: Folder, user: str, kind: Kind, alert_id: str | None = None
    ) -> dict[str, Any]:
        """Start an alert and wait for its verification; raises Problem, and then nothing was started.

        The same `alert_id` (of `store.drafts.new_id`) twice starts one. After CannotReach that id is used up.
        """
        from starter.cases import prepare_case

        who = self.person(user)
        if Role.OPERATOR not in who.roles:
            raise RefusedByRule(f"starting an alert needs the role operator; {user} is {', '.join(who.roles)}")
        prepared = await asyncio.to_thread(
            prepare_case, document, folder, self.parts.programmes(), self.parts.db, _now()
        )
        await self._link.client()
        alert_id = alert_id or new_id()
        self.parts.keys.create(alert_id)
        start = self._start_input(alert_id, prepared, user, kind)
        if not await asyncio.to_thread(self._open_rows, start, prepared):
            return await self._verified(alert_id)
        try:
            await self._link.start(start)
        except CannotReach:
            # Perhaps it took the start and could not say so: a closed row keeps it from ever showing anything.
            with self.parts.db.write() as session:
                close(session, alert_id, _now())
            raise
        return await self._verified(alert_id)

    async def preview(self, document: dict[str, Any], folder: Folder) -> dict[str, Any]:
        """What verification and every channel would make of a case, without starting anything."""
        from starter.preview import preview_case

        return await asyncio.to_thread(preview_case, self.parts, document, folder)

    def _start_input(self, alert_id: str, prepared: PreparedCase, user: str, kind: Kind) -> StartAlert:
        from workflows.alert import case_digest

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
        signed = self._commands.sign(_command(alert_id, Action.START, user, content=content))
        return unsigned.model_copy(update={"start": signed})

    def _open_rows(self, start: StartAlert, prepared: PreparedCase) -> bool:
        """Whether it is new."""
        display = self.parts.keys.display_key(start.alert_id)
        with self.parts.db.write() as session:
            if not open_alert(session, start.alert_id, start.kind, start.programme.id, _now()):
                return False
            for photo in prepared.photos:
                editions.put_photo(session, display, start.alert_id, photo.sha256, photo.jpeg)
        Witness(self.parts.db, self.parts.keys).note()
        return True

    async def _verified(self, alert_id: str) -> dict[str, Any]:
        clock = asyncio.get_running_loop().time
        deadline = clock() + self._patience
        while True:
            view = await self._looking.show(alert_id)
            if view["stage"] != Stage.VERIFYING or clock() > deadline:
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
        command_id: str | None = None,
    ) -> Ruling | None:
        """Give a command and read its ruling; None when it is recorded but not judged within five seconds.

        The same `command_id` twice has one effect. Raises BadInput, RefusedByRule or CannotReach when it could
        not be given at all.
        """
        self.person(user)
        content = copy.deepcopy(content) if content else {}
        check_said(action, reason, content)
        if action is Action.AMEND:
            await self._require_area(alert_id, content["patch"])
            await self._keep_new_photos(alert_id, content["patch"], folder)
        if digest is None and action in JUDGES:
            pending = (await self._looking.show(alert_id))["pending"]
            digest = pending["digest"] if pending else None
        more: dict[str, Any] = {"id": command_id} if command_id else {}
        return await self._commands.give(
            _command(alert_id, action, user, digest=digest, reason=reason, content=content, **more)
        )

    async def pump(self) -> int:
        """Bring commands of the outbox to their workflows; how many were brought. Called each second."""
        return await self._commands.pump()

    async def _require_area(self, alert_id: str, patch: dict[str, Any]) -> None:
        """Refuse a change after which nobody could be shown anything; what else is wrong with it the rules say."""
        from alerts.area import AreaError
        from alerts.case import Case, merge_patch
        from store.areas import resolve_case_area

        if not patch.keys() & {"area", "last_seen"}:
            return
        view = await self._looking.show(alert_id)
        try:
            case = Case.model_validate(merge_patch((view["draft"] or {}).get("case") or view["case"], patch))
        except ValidationError:
            return
        programme = self.parts.programmes().get(case.programme)
        try:
            if programme:
                await asyncio.to_thread(resolve_case_area, self.parts.db, case, programme)
        except AreaError as error:
            raise BadInput(error.field, error.expected) from error

    async def _keep_new_photos(self, alert_id: str, patch: dict[str, Any], folder: Folder | None) -> None:
        from starter.cases import normalise_photos, photo_files

        view = await self._looking.show(alert_id)
        if view["stage"] == Stage.CLOSED:
            return  # the ruling says so
        known = photo_files(view)
        stored = await asyncio.to_thread(normalise_photos, patch, {} if folder is None else folder, known=known)
        display = self.parts.keys.display_key(alert_id)
        with self.parts.db.write() as session:
            for photo in stored:
                editions.put_photo(session, display, alert_id, photo.sha256, photo.jpeg)

    # Looking

    async def show(self, alert_id: str, *, live: bool = True) -> dict[str, Any]:
        """The alert as CONTRACT's JSON; raises UnknownAlert. With `live` false as it was last recorded."""
        return await self._looking.show(alert_id, live=live)

    async def report(self, alert_id: str) -> dict[str, Any]:
        """Who decided what, whom it reached and what is proved, with nothing of the child; raises UnknownAlert."""
        from starter.reporting import report_of

        view = await self._looking.show(alert_id)
        return await asyncio.to_thread(report_of, self.parts, view)

    async def list(self, stage: str | None = None) -> list[dict[str, Any]]:
        """Every alert, newest first."""
        return await self._looking.list(stage)

    def changes(self, alert_id: str, since_version: int = -1) -> AsyncIterator[dict[str, Any]]:
        """The alert now, and again whenever something of it changes; ends when it is closed."""
        return self._looking.changes(alert_id, since_version)

    def person(self, user: str) -> Person:
        """Who is on duty under that name; raises UnknownUser."""
        return on_duty(self.parts.db, user)


@asynccontextmanager
async def open_baken(settings: Settings, patience: float = PATIENCE) -> AsyncIterator[Baken]:
    """A client of the home that these settings name; it connects to Temporal when it first needs it.

    `patience` is how many seconds it waits for a ruling or a verification.
    """
    if not settings.paths.master_key.exists():
        raise CannotReach("Baken", f"nothing ever ran with home {settings.home}; start it with 'baken up'")
    parts = open_parts(settings)
    try:
        yield Baken(parts, patience)
    finally:
        parts.close()


def check_said(action: Action, reason: str | None, content: dict[str, Any]) -> None:
    """Refuse what no alert could understand before it has any effect; raises BadInput."""
    if action is Action.START:
        raise BadInput("action", "an alert is started with its case, not by a command")
    if action in NEED_A_REASON and not clean(reason or ""):
        raise BadInput("--reason", f"{action.value} needs a reason")
    if len(reason or "") > MOST_CHARACTERS:
        raise BadInput("--reason", f"is longer than {MOST_CHARACTERS} characters")
    if action is Action.AMEND and not (isinstance(content.get("patch"), dict) and content["patch"]):
        raise BadInput("patch", "an amendment is a JSON object with the fields to change")
    if action is Action.RETRACT and not content.get("what"):
        raise BadInput("--what", "names a part of the case, such as vehicles/0 or children/1/photos")
    if action is Action.CANCEL:
        _one_of("--why", content.get("why"), CancelReason)
    if action is Action.FOUND:
        _one_of("--confirmed-by", content.get("confirmed_by", ConfirmedBy.POLICE), ConfirmedBy)
        _one_of("--outcome", content.get("outcome", ChildCondition.UNKNOWN), ChildCondition)


def _one_of(field: str, said: object, allowed: type[CancelReason | ConfirmedBy | ChildCondition]) -> None:
    names = [member.value for member in allowed]
    if said not in names:
        raise BadInput(field, f"is one of {', '.join(names)}")


def _command(alert_id: str, action: Action, user: str, **more: Any) -> Command:
    said = {"id": uuid.uuid4().hex, **more}
    try:
        return Command(alert_id=alert_id, action=action, actor=user, at=_now(), **said)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        raise BadInput("/".join(str(part) for part in first["loc"]) or action.value, first["msg"]) from error


def _now() -> datetime:
    return datetime.now(UTC)
