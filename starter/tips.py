"""Tips as people send, read, mark and export them; they need the store and the keys, and nothing else of Baken."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import uuid
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlmodel import Session

from activities.photos import NormalPhoto, PhotoError, normalise
from alerts.tip import MOST_MINUTES, CameBy, Mark, Told, seen_at
from alerts.vocabulary import Kind, Meaning, Role
from starter.errors import BadInput, RefusedByRule, UnknownAlert
from starter.parts import Parts
from store import audit, tips
from store.keys import KeyDestroyed
from store.people import Person
from store.standing import UnknownAlert as NoSuchAlert
from store.standing import standing
from store.tables.alert import AlertStanding
from store.tips import OpenTip, TipCounts

READERS = frozenset({Role.OPERATOR, Role.SUPERVISOR})
"""Who may know what people told."""
NOT_PUT_IN = frozenset({"id", "age", "token"})
"""Fields of a form that say nothing about what was seen."""


class Tips:
    """The tips of one home."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts

    # Telling

    def standing(self, alert_id: str) -> AlertStanding:
        """The row of an alert that the public knows; raises UnknownAlert."""
        try:
            with self._parts.db.read() as session:
                row = standing(session, alert_id)
        except NoSuchAlert as error:
            raise UnknownAlert(alert_id) from error
        if row.shown_at is None:
            raise UnknownAlert(alert_id)
        return row

    def tell(
        self, alert_id: str, tip_id: str, fields: Mapping[str, str], told: Told, photo: bytes | None, now: datetime
    ) -> tuple[int, bool]:
        """Keep a tip; its number, and whether its photo could be used: without it the tip is kept all the same.

        `fields` are what was sent. The same id with the same fields and photo again is the tip that is there.
        """
        key = self._key(alert_id)
        said = {name: value for name, value in fields.items() if name not in NOT_PUT_IN}
        raw = json.dumps([tip_id, said, hashlib.sha256(photo or b"").hexdigest()], sort_keys=True).encode()
        tip_key = hmac.new(key, raw, hashlib.sha256).hexdigest()[:32]
        kept = _usable(photo)
        with self._parts.db.write() as session:
            number = tips.put_tip(session, key, alert_id, tip_key, told, kept.jpeg if kept else None, now)
        return number, photo is None or kept is not None

    # Reading

    def newest(self, alert_id: str, *, unread: bool = False, before: int | None = None) -> list[OpenTip]:
        key = self._key(alert_id)
        with self._parts.db.read() as session:
            return tips.newest(session, key, alert_id, unread=unread, before=before)

    def one(self, alert_id: str, number: int) -> OpenTip:
        """Raises BadInput where there is no such tip."""
        key = self._key(alert_id)
        with self._parts.db.read() as session:
            found = tips.one(session, key, alert_id, number)
        if found is None:
            raise BadInput("tip", f"there is no tip {number} of this alert")
        return found

    def photo(self, alert_id: str, number: int) -> bytes | None:
        key = self._key(alert_id)
        with self._parts.db.read() as session:
            return tips.photo(session, key, alert_id, number)

    def counts(self, alert_id: str) -> TipCounts:
        with self._parts.db.read() as session:
            return tips.counts(session, alert_id)

    # What is made of them

    def read(self, alert_id: str, numbers: Sequence[int], now: datetime) -> None:
        with self._parts.db.write() as session:
            tips.set_read(session, alert_id, numbers, now)

    def mark(self, who: Person, alert_id: str, number: int, mark: Mark | None, now: datetime) -> None:
        self.one(alert_id, number)
        with self._parts.db.write() as session:
            tips.set_mark(session, alert_id, number, mark, now)
            said = {"tip": number, "mark": mark.value if mark else None}
            self._note(session, who, alert_id, "mark_tip", said, now)

    def passed(self, alert_id: str, number: int, now: datetime) -> None:
        with self._parts.db.write() as session:
            tips.set_passed(session, alert_id, number, now)

    def export(self, who: Person, alert_id: str, now: datetime) -> dict[str, Any]:
        """All of them with their photos, as one document; that it was made stands in the audit chain."""
        require_reader(who)
        key = self._key(alert_id)
        with self._parts.db.read() as session:
            found = [
                tip_row(one)
                | {"same_as": None if one is each else each.number}
                | {"photo": _base64(tips.photo(session, key, alert_id, one.number))}
                for each in tips.every(session, key, alert_id)
                for one in (each, *each.repeats)
            ]
        with self._parts.db.write() as session:
            self._note(session, who, alert_id, "export_tips", {"tips": len(found)}, now)
        return {"alert_id": alert_id, "exported_at": now.isoformat(), "tips": found}

    def _note(
        self, session: Session, who: Person, alert_id: str, action: str, details: dict[str, Any], now: datetime
    ) -> None:
        audit.append(
            session,
            self._parts.keys,
            now,
            alert_id=alert_id,
            actor=who.user,
            action=action,
            verdict="accepted",
            command_id=uuid.uuid4().hex,
            details=details,
        )

    def _key(self, alert_id: str) -> bytes:
        """The record key: what people told is part of the record, and ends with it."""
        try:
            return self._parts.keys.record_key(alert_id)
        except KeyDestroyed as error:
            raise RefusedByRule("the record of this alert was destroyed when its term ended") from error
        except LookupError as error:
            raise UnknownAlert(alert_id) from error


def told_of(fields: Mapping[str, str], came_by: CameBy, now: datetime, **more: Any) -> Told:
    """What a form says, sent `age` seconds after it was written; raises ValueError, in words that quote nothing."""
    at = now - timedelta(seconds=_age(fields.get("age", "")))
    said: dict[str, Any] = {name: fields.get(name, "") for name in ("where", "direction", "text", "call_back")}
    moment = seen_at(fields.get("when", ""), fields.get("minutes", ""), fields.get("clock", ""), at)
    if fields.get("lat") and fields.get("lon"):
        said["here"] = {"lat": fields["lat"], "lon": fields["lon"], "accuracy_m": fields.get("accuracy") or None}
    if moment is not None:
        said["seen_at"] = moment
    return Told(came_by=came_by, certainty=fields.get("certainty") or None, **said, **more)


def _age(said: str) -> float:
    """A telephone kept it for so long; nothing where that is no number of seconds."""
    try:
        age = float(said or 0)
    except ValueError:
        return 0.0
    return age if 0 <= age <= MOST_MINUTES * 60 else 0.0


def takes_tips(row: AlertStanding) -> bool:
    """Also while it is held: the child is still missing. A public test has no child."""
    return row.meaning != Meaning.WITHDRAWN and row.kind != Kind.PUBLIC_TEST


def require_reader(who: Person) -> None:
    """Raises RefusedByRule."""
    if READERS.isdisjoint(who.roles):
        raise RefusedByRule(
            f"reading tips needs the role operator or supervisor; {who.user} is {', '.join(who.roles)}"
        )


def tip_row(one: OpenTip) -> dict[str, Any]:
    """A tip as JSON, for other systems."""
    return {
        "number": one.number,
        "from_child": one.told.came_by is CameBy.CHILD,
        "received_at": one.received_at.isoformat(),
        "read_at": one.read_at.isoformat() if one.read_at else None,
        "mark": one.mark.value if one.mark else None,
        "passed_at": one.passed_at.isoformat() if one.passed_at else None,
        "has_photo": one.has_photo,
        **one.told.model_dump(mode="json"),
    }


def _usable(photo: bytes | None) -> NormalPhoto | None:
    try:
        return normalise(photo) if photo else None
    except PhotoError:
        return None


def _base64(jpeg: bytes | None) -> str | None:
    return base64.b64encode(jpeg).decode() if jpeg else None
