"""The partner register as people change it: who may do what, and what each change means.

Nothing that a partner gets is shown to anybody by Baken itself, and every alert was approved by two people; but whom
the register lets in gets all of it. So: what takes away (pause) needs one person, of any role. Adding a partner of
the public lets nothing through to it: it is paused until a supervisor who did not add or pause it lets it in
(resume). An exercise partner never gets an alert of the public, and needs no second person.
"""

from __future__ import annotations

import asyncio
import re
import secrets as random
import uuid
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

from sqlmodel import Session

from activities.channels.cap import SILENT_AFTER as CAP_SILENT_AFTER
from activities.channels.webhook import TYPES
from activities.endpoints import host_of, partner_mail, partner_url
from activities.partner_book import Known, PartnerBook
from activities.partner_care import SILENT_AFTER
from activities.webhook_calls import Caller, event
from alerts.vocabulary import MessageKind, Role
from starter.errors import BadInput, CannotReach, RefusedByRule
from starter.parts import Parts
from store import audit, cap_partners, removals
from store import partners as register
from store.database import serialise
from store.partners import Register, Registered
from store.people import Person
from store.subscribers import Entry, Subscribers
from store.tables.partner import Removal

NO_ALERT = ""
CHANGING = "subscribe webhook"
"""What each change does first, one at a time: the partners are subscribers too."""
NAME = re.compile(r"[^\W_](?:[\w &.,'()-]{0,58}[\w).])?")
ELSEWHERE = (
    "a home that holds the approvers' keys itself may only use counterparts on loopback; use a cluster of your own "
    "for real partners"
)
TEST_LASTS = timedelta(minutes=1)
KEEPERS = frozenset({Role.SUPERVISOR, Role.ENGINEER})
"""Who adds partners, tests them and changes their secrets."""
Row = dict[str, Any]


class Partners:
    """The register of one home; every change is in the audit chain."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._config = parts.settings.channels()
        self._key = parts.keys.system_key("partners")
        self._book = PartnerBook(self._config, parts.db, lambda: self._key, _now)

    # Looking

    def list(self) -> list[Row]:
        """Every partner, those of the public first, with when it last answered and what it has to take down."""
        rows = [self._row(known, exercise=exercise) for exercise in (False, True) for known in self._known(exercise)]
        now = _now()
        with self._parts.db.read() as session:
            for partner in self._config.channels.cap:
                last = cap_partners.last_fetch(session, partner.name)
                rows.append(_said(partner.name, "cap", "file", "active", last, now - CAP_SILENT_AFTER))
        return rows

    def removals(self, alert_id: str | None = None) -> Sequence[Removal]:
        """Who was told that an alert is over and has not said that it is gone there."""
        with self._parts.db.read() as session:
            return removals.open_removals(session, alert_id)

    def _known(self, exercise: bool) -> Sequence[Known]:
        return sorted(self._book.all(exercise=exercise), key=lambda known: known.partner.name)

    def _row(self, known: Known, *, exercise: bool) -> Row:
        name, one = known.partner.name, known.registered
        with self._parts.db.read() as session:
            last = register.last_answer(session, name, exercise=exercise)
            told = [(each.partner, each.exercise) for each in removals.open_removals(session)]
        state = "paused" if known.paused else "active"
        row = _said(name, "webhook", "register" if one else "file", state, last, _now() - SILENT_AFTER)
        former = one.former_until if one and one.former(_now()) else None
        return row | {
            "exercise": exercise,
            "host": urlsplit(known.partner.url).netloc,
            "open_removals": told.count((name, exercise)),
            "old_secret_until": _iso(former),
        }

    # Changing

    def add(self, who: Person, name: str, url: str, *, exercise: bool, mail: str | None = None) -> Registered:
        """A new partner; the answer holds its secret, which is shown this once."""
        _require(who, KEEPERS, "adding a partner")
        self._check(name, url, mail)
        one = Registered(
            name=name,
            exercise=exercise,
            url=url,
            secret=register.new_secret(),
            mail=mail,
            paused=not exercise,
            touched_by=who.person,
            added_at=_now(),
        )
        with self._parts.db.write() as session:
            serialise(session, CHANGING)
            if self._of_file(name) or Register(self._key).find(session, name):
                raise BadInput("NAME", f"there is a partner {name!r} already; give this one another name")
            self._change(session, who, "add_partner", one)
        return one

    def pause(self, who: Person, name: str) -> Registered:
        """No alert, change or refresh goes to it any more; the end of what it has does. Needs one person."""

        def paused(one: Registered) -> Registered:
            # Paused twice it stays whose pause it was, or whoever added it could let it in after anybody's second one.
            return one if one.paused else one.model_copy(update={"paused": True, "touched_by": who.person})

        return self._set(who, "pause_partner", name, paused)

    def resume(self, who: Person, name: str) -> Registered:
        """Let alerts go to it, those that are live too."""

        def resumed(one: Registered) -> Registered:
            if not one.exercise:
                _require(who, {Role.SUPERVISOR}, "letting alerts of the public go to a partner")
            if not one.exercise and one.paused and one.touched_by == who.person:
                raise RefusedByRule(
                    f"{who.user} added or paused {name}; another supervisor must let alerts go to it (four eyes)"
                )
            return one.model_copy(update={"paused": False})

        return self._set(who, "resume_partner", name, resumed)

    def rotate(self, who: Person, name: str, *, at_once: bool = False) -> Registered:
        """A new secret, shown this once; the old one is good for a day, or ends now with `at_once`."""
        _require(who, KEEPERS, "changing a secret")

        def rotated(one: Registered) -> Registered:
            if one.former(_now()) and not at_once:  # a second time would end the one that the partner still has
                raise RefusedByRule(
                    f"{name} has a new secret already and may use the old one until "
                    f"{one.former_until:%Y-%m-%d %H:%M} UTC; rotate at once (--at-once) to end that one now"
                )
            return one.rotated(_now(), at_once=at_once)

        return self._set(who, "rotate_partner", name, rotated)

    async def test(self, who: Person, name: str) -> Row:
        """Send it an exercise of its own and the end of that; no other partner hears of it."""
        _require(who, KEEPERS, "testing a partner")
        known, exercise = await asyncio.to_thread(self._any, name)
        if forbidden := self._book.forbids(known.partner.url):
            raise RefusedByRule(f"{name} {forbidden}")
        caller, alert_id = Caller(), f"test-{random.token_hex(5)}"
        began = asyncio.get_running_loop().time()
        async with caller.client() as client:
            for said in _exercise(alert_id):
                trouble = await caller.call(client, known.partner, f"{alert_id}-{said['data']['kind']}", said)
                if trouble is not None:
                    raise CannotReach(name, f"{trouble}; nothing is wrong at Baken's side")
        await asyncio.to_thread(self._book.note_answer, name, exercise=exercise)
        took = round((asyncio.get_running_loop().time() - began) * 1000)
        return {"name": name, "alert_id": alert_id, "accepted": True, "milliseconds": took}

    def _check(self, name: str, url: str, mail: str | None) -> None:
        if not NAME.fullmatch(name):
            raise BadInput("NAME", "give it a name of at most 60 letters, digits, spaces and & . , ' ( ) -")
        for field, check, said in (("URL", partner_url, url), ("--mail", partner_mail, mail)):
            try:
                if said is not None:
                    check(said)
            except ValueError as error:
                raise BadInput(field, str(error)) from None
        if forbidden := self._book.forbids(url):
            why = ELSEWHERE if self._config.loopback == "only" else "give the address at which its server is reached"
            raise RefusedByRule(f"{host_of(url)} {forbidden}: {why}")

    def _of_file(self, name: str) -> bool:
        return any(name == one.name for one in self._config.partners)

    def _any(self, name: str) -> tuple[Known, bool]:
        """One of the public before one of exercises."""
        for exercise in (False, True):
            if known := self._book.find(name, exercise=exercise):
                return known, exercise
        raise BadInput("NAME", f"there is no partner {name!r}; 'baken partners list' shows them all")

    def _set(self, who: Person, action: str, name: str, change: Callable[[Registered], Registered]) -> Registered:
        known, _ = self._any(name)
        if known.registered is None:
            raise RefusedByRule(f"{name} stands in the settings file; change it there and start Baken again")
        with self._parts.db.write() as session:
            serialise(session, CHANGING)
            before = Register(self._key).find(session, name)
            assert before is not None, "nobody takes one away"
            one = change(before)
            self._change(session, who, action, one)
        return one

    def _change(self, session: Session, who: Person, action: str, one: Registered) -> None:
        """With the list of who gets alerts, in one transaction."""
        Register(self._key).put(session, one)
        sync_partners(session, self._parts)
        said = {"alert_id": NO_ALERT, "actor": who.user, "action": action, "command_id": uuid.uuid4().hex}
        details = {"partner": one.name, "exercise": one.exercise, "paused": one.paused}
        audit.append(session, self._parts.keys, _now(), verdict="accepted", details=details, **said)


def sync_partners(session: Session, parts: Parts) -> None:
    """The partners of settings file and register are the subscribers of `webhook`, the accounts those of `social`."""
    config, now = parts.settings.channels(), _now()
    for exercise, endpoints in ((False, config.channels), (True, config.exercise)):
        accounts = [
            Entry(name, name.rpartition("/")[2]) for name in (endpoints.social.posts if endpoints.social else ())
        ]
        key = parts.keys.system_key("subscribers")
        Subscribers(key, "social", exercise=exercise).keep_exactly(session, accounts, now)
    in_any_file = {partner.name for partner in config.partners}
    registered = [
        one for one in Register(parts.keys.system_key("partners")).all(session) if one.name not in in_any_file
    ]
    for exercise, in_file in ((False, config.channels.webhook), (True, config.exercise.webhook)):
        subscribers = Subscribers(parts.keys.system_key("subscribers"), "webhook", exercise=exercise)
        paused = {one.name: one.paused for one in registered if one.exercise == exercise}
        paused |= {partner.name: False for partner in in_file}
        # Who was never let in, or is paused for long, is no recipient; who is paused and took something hears its end.
        gets = {name: said for name, said in paused.items() if not said or _hears(subscribers, session, name)}
        subscribers.keep_exactly(session, [Entry(name, paused=said) for name, said in gets.items()], now)


def removal_row(one: Removal) -> Row:
    """For people and programs."""
    return {
        "alert_id": one.alert_id,
        "partner": one.partner,
        "told": _iso(one.told_at),
        "reminders": one.reminders,
        "last_reminder": _iso(one.reminded_at),
        "ring_them_up": removals.raised(one),
    }


def _hears(subscribers: Subscribers, session: Session, name: str) -> bool:
    row = subscribers.find(session, name)
    return row is not None and row.left_at is None


def _require(who: Person, roles: frozenset[Role] | set[Role], what: str) -> None:
    if not who.roles & roles:
        needed = " or ".join(sorted(roles))
        raise RefusedByRule(f"{what} needs the role {needed}; {who.user} is {', '.join(sorted(who.roles))}")


def _said(name: str, channel: str, source: str, state: str, last: datetime | None, silent_before: datetime) -> Row:
    silent = state == "active" and (last is None or last < silent_before)
    return {
        "name": name,
        "channel": channel,
        "exercise": False,
        "from": source,
        "state": "silent" if silent else state,
        "host": "",
        "last_heartbeat": _iso(last),
        "open_removals": 0,
        "old_secret_until": None,
    }


def _exercise(alert_id: str) -> Sequence[Row]:
    """An alert without a child, and its end."""
    texts = {
        "nl": {"event": "OEFENING", "headline": "OEFENING: een proef van Baken", "body": "Dit is niet echt."},
        "en": {"event": "EXERCISE", "headline": "EXERCISE: a test by Baken", "body": "This is not real."},
    }
    said = {"alert_id": alert_id, "edition": 1, "announcement": 0, "status": "exercise"}
    shown = {"kind": "alert", "lease_until": (_now() + TEST_LASTS).isoformat(), "texts": texts, "photos": []}
    ended = {"kind": "cancel", "lease_until": None, "end": "OEFENING: de proef is voorbij."}
    return event(TYPES[MessageKind.ALERT], said | shown), event(TYPES[MessageKind.CANCEL], said | ended)


def _iso(moment: datetime | None) -> str | None:
    return moment.isoformat(timespec="seconds").replace("+00:00", "Z") if moment else None


def _now() -> datetime:
    return datetime.now(UTC)
