"""Making a home ready before its processes start: tables, people, tokens, the demo's subscribers."""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable, Collection, Mapping
from contextlib import closing
from datetime import UTC, datetime

from simulators.browsers import Browsers
from simulators.gateway import TOPIC
from starter.errors import RefusedByRule
from starter.home import write_private
from starter.parts import Parts, open_parts
from starter.ports import quiet_port
from starter.roster import begin_demo
from starter.settings import Settings
from starter.signing import DEMO_PEOPLE, ensure_demo_people
from store.standing import any_open, has_history, incarnation_of
from store.subscribers import Entry, Subscribers
from store.witness import INCARNATION, INCARNATIONS, Witness, forgotten, marks_of, read_marks

EXERCISE_RECIPIENTS = 5


def prepare_home(settings: Settings, recipients: int, *, demo: bool = False, reconcile: bool = False) -> bool:
    """Prepare; whether alerts are open. Raises RefusedByRule for a configuration or a store it must not run with."""
    settings.channels()
    with closing(open_parts(settings, upgrade=True)) as parts:
        programmes = parts.programmes()
        _check_incarnation(parts, reconcile=reconcile)
        if settings.embedded:
            ensure_demo_people(parts.db, settings.paths)
            _ensure_tokens(settings)
        if demo:
            begin_demo(parts)
        if recipients:
            used = {channel for programme in programmes.values() for channel in programme.channels}
            fill_subscribers(parts, recipients, used)
        with parts.db.read() as session:
            return any_open(session)


def _check_incarnation(parts: Parts, *, reconcile: bool) -> None:
    """Refuse a store that is not the one these keys were used with, or an older copy of it.

    It may have forgotten who was reached and what was taken away. With `reconcile` one that was this home's may stay:
    it is reconciled as soon as Temporal runs.
    """
    known, ever = parts.keys.recall(INCARNATION), (parts.keys.recall(INCARNATIONS) or "").split()
    with parts.db.read() as session:
        foreign = known is None and has_history(session)
    if foreign:
        raise RefusedByRule(
            f"the store ({parts.db.name}) is another home's, whose keys alone open what is in it; name a database of "
            "its own in BAKEN_DATABASE_URL, or start that home; nothing was started"
        )
    here = incarnation_of(parts.db)
    if known is not None and here not in (known, *ever):
        raise RefusedByRule(
            f"the store is not the one this home worked with ({here[:8]} instead of {known[:8]}): was it restored "
            "from a copy? Put the right one back, or begin with a new home; nothing was started"
        )
    with parts.db.read() as session:
        _, marks = marks_of(session.connection())
    lost = forgotten(read_marks(parts.keys), marks)
    if reconcile:
        return
    if lost or (known is not None and here != known):
        raise RefusedByRule(_restored(parts, lost))
    parts.keys.remember_all({INCARNATION: here, INCARNATIONS: " ".join(dict.fromkeys([*ever, here]))})
    Witness(parts.db, parts.keys).note()


def _restored(parts: Parts, lost: Mapping[str, int]) -> str:
    behind = ", ".join(f"{number} {name}" for name, number in lost.items()) or "what was decided and sent since"
    return (
        f"the store ({parts.db.name}) was restored from an older copy: it has forgotten {behind}. People would be "
        "alerted a second time, and what was withdrawn could show again; nothing was started. If the newest store is "
        "still there, put it back. If it is lost: 'baken up --reconcile' takes from Temporal and the keys what the "
        "copy does not know, says for each alert what it did, and starts (docs/restore.md)"
    )


def _ensure_tokens(settings: Settings) -> None:
    """One bearer token for each person of an embedded home, for the API."""
    if not settings.paths.tokens.exists():
        tokens = {secrets.token_urlsafe(24): user for user, _, _ in DEMO_PEOPLE}
        write_private(settings.paths.tokens, tokens)


def read_tokens(settings: Settings) -> dict[str, str]:
    """Bearer token to user."""
    try:
        tokens: dict[str, str] = json.loads(settings.paths.tokens.read_text("utf-8"))
    except FileNotFoundError:
        return {}
    return tokens


def _nobodys_number(name: str) -> str:
    """A made-up mobile number of nobody.

    The Netherlands keeps no numbers for fiction. Of those that begin with 06 the numbering plan gives 06-0, 06-7 and
    06-9 to no mobile network (libphonenumber, which `phonenumbers` brings, says so too).
    """
    return f"+316{9 if name.startswith('recipient') else 7}{name[-7:]}"


def _phone(name: str) -> str:
    """A token; the first of all is the topic that the phone of `/demo/phone/` subscribed to."""
    topic = "nl" if name.startswith("recipient") else "exercise"
    return f"{TOPIC}{topic}" if name.endswith("0000000") else f"{name}:demo"


def fill_subscribers(
    parts: Parts, recipients: int, channels: Collection[str], *, exercise: int = EXERCISE_RECIPIENTS
) -> None:
    """Made-up recipients of those of these channels that have no partners: so many of each in all, not again."""
    key, now = parts.keys.system_key("subscribers"), datetime.now(UTC)
    browsers = Browsers.of_demo(parts.settings.paths.demo, quiet_port)
    addresses: dict[str, Callable[[str], str]] = {
        "email": "{}@demo.baken.example".format,
        "app": _phone,
        "webpush": browsers.subscription,
        "sms": _nobodys_number,
    }
    for channel, address_of in addresses.items():
        if channel not in channels:
            continue
        for name, number, drills in (("recipient", recipients, False), ("exercise", exercise, True)):
            subscribers = Subscribers(key, channel, exercise=drills)
            with parts.db.read() as session:
                new = range(subscribers.count(session), number)
            subscribers.fill(parts.db, (Entry(address_of(f"{name}{n:07d}")) for n in new), now)
