"""The duty roster as people keep it: each supervisor acknowledges a shift, hands it over, ends it.

Nobody is on duty by somebody else's word: what is handed over stays with the one who has it until the next one begins.
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Sequence
from datetime import UTC, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from sqlmodel import Session

from activities.mail_address import mail_address_problem, normal_mail_address
from activities.web_push import parse_subscription, store_subscription
from alerts.vocabulary import Role
from starter.errors import BadInput, RefusedByRule
from starter.parts import Parts
from store import audit, duty
from store.duty import Address, Addresses
from store.people import Person, people
from store.tables.duty import DutyShift

AMSTERDAM = ZoneInfo("Europe/Amsterdam")
LONGEST = timedelta(hours=24)
USUAL = timedelta(hours=8)
CLOCK = re.compile(r"([01]?\d|2[0-3]):([0-5]\d)")
Row = dict[str, Any]


class Roster:
    """The roster of one home; every change is in the audit chain."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts

    def list(self) -> list[Row]:
        """Who can approve now, then who is to come."""
        names, now = {one.user: one.name for one in people(self._parts.db)}, _now()
        with self._parts.db.read() as session:
            shifts = [*duty.on_duty(session, now), *duty.announced(session, now)]
        return [_row(one, names.get(one.user, one.user)) for one in shifts]

    def begin(self, who: Person, until: datetime) -> None:
        """Acknowledge: on duty until then."""
        self._require(who, "being on duty")
        self._check(until)
        with self._parts.db.write() as session:
            duty.begin(session, who.user, until, _now())
            self._note(session, who, "begin_duty", {"until": _iso(until)})

    def hand_over(self, who: Person, to: str, until: datetime) -> None:
        """To somebody who still has to begin; until then nothing changes."""
        self._require(who, "handing over")
        self._check(until)
        next_one = next((one for one in people(self._parts.db) if one.user == to), None)
        if next_one is None or Role.SUPERVISOR not in next_one.roles or next_one.person == who.person:
            raise BadInput("TO", f"{to!r} is no other supervisor of this home")
        with self._parts.db.write() as session:
            if who.user not in {one.user for one in duty.on_duty(session, _now())}:
                raise RefusedByRule(f"{who.user} is not on duty, and so has nothing to hand over")
            duty.announce(session, to, _now(), until, relieves=who.user)
            self._note(session, who, "hand_over_duty", {"to": to, "until": _iso(until)})

    def end(self, who: Person) -> None:
        """Off duty, also when nobody comes after."""
        with self._parts.db.write() as session:
            if not duty.end(session, who.user, _now()):
                raise RefusedByRule(f"{who.user} is not on duty")
            self._note(session, who, "end_duty", {})

    # Where they are called

    def addresses(self, user: str) -> Sequence[Address]:
        with self._parts.db.read() as session:
            return self._addresses().of(session, [user])

    def set_mail(self, who: Person, address: str, language: str) -> None:
        """Calls go there from now on; to no mail address where it is empty."""
        self._require(who, "being called")
        if address and (problem := mail_address_problem(address)):
            raise BadInput("ADDRESS", problem)
        with self._parts.db.write() as session:
            if address:
                self._addresses().put(session, who.user, "email", normal_mail_address(address), language)
            else:
                self._addresses().forget(session, who.user, "email")

    def set_browser(self, who: Person, subscription: str, language: str, *, on: bool) -> None:
        """Calls come into this browser from now on, or no more; `subscription` is what it gives (JSON)."""
        self._require(who, "being called")
        try:
            address = store_subscription(parse_subscription(subscription, self._parts.settings.channels().loopback))
        except ValueError as error:
            raise BadInput("subscription", str(error)) from error
        with self._parts.db.write() as session:
            if on:
                self._addresses().put(session, who.user, "webpush", address, language)
            else:
                self._addresses().forget(session, who.user, "webpush", address)

    def _addresses(self) -> Addresses:
        return Addresses(self._parts.keys.system_key("duty"))

    def _require(self, who: Person, what: str) -> None:
        if Role.SUPERVISOR not in who.roles:
            raise RefusedByRule(f"{what} needs the role supervisor; {who.user} is {', '.join(sorted(who.roles))}")

    def _check(self, until: datetime) -> None:
        if not _now() < until <= _now() + LONGEST:
            raise BadInput("--until", "a shift ends within 24 hours from now")

    def _note(self, session: Session, who: Person, action: str, details: Row) -> None:
        said = {"alert_id": "", "actor": who.user, "action": action, "command_id": uuid.uuid4().hex}
        audit.append(session, self._parts.keys, _now(), verdict="accepted", details=details, **said)


def end_of_shift(said: str | None) -> datetime:
    """`07:00`, on Amsterdam's clock and the next time that it is so, or a whole moment; 8 hours where nothing is said.

    Raises BadInput.
    """
    now = _now()
    if not said:
        return now + USUAL
    if clock := CLOCK.fullmatch(said.strip()):
        here = now.astimezone(AMSTERDAM)
        ends = datetime.combine(here.date(), time(int(clock[1]), int(clock[2])), AMSTERDAM)
        if ends <= here:
            ends = datetime.combine(here.date() + timedelta(days=1), ends.time(), AMSTERDAM)
        return ends.astimezone(UTC)
    try:
        ends = datetime.fromisoformat(said)
    except ValueError as error:
        raise BadInput(
            "--until", "is a time such as 07:00, or a whole moment such as 2026-11-24T07:00+01:00"
        ) from error
    return (ends if ends.tzinfo else ends.replace(tzinfo=AMSTERDAM)).astimezone(UTC)


def begin_demo(parts: Parts) -> None:
    """Both supervisors of the demo are on duty and have a mailbox, so that it needs nobody to know of rosters."""
    now, supervisors = _now(), [one.user for one in people(parts.db) if Role.SUPERVISOR in one.roles]
    addresses = Addresses(parts.keys.system_key("duty"))
    with parts.db.write() as session:
        for user in supervisors:
            duty.begin(session, user, now + LONGEST, now)
            if not addresses.of(session, [user]):
                addresses.put(session, user, "email", f"{user}@demo.baken.example", "nl")


def _row(one: DutyShift, name: str) -> Row:
    return {
        "user": one.user,
        "name": name,
        "state": "on_duty" if one.begun_at else "announced",
        "from": _iso(one.begun_at or one.begins_at),
        "until": _iso(one.until),
        "relieves": one.relieves or None,
    }


def _iso(moment: datetime) -> str:
    return moment.isoformat(timespec="seconds").replace("+00:00", "Z")


def _now() -> datetime:
    return datetime.now(UTC)
