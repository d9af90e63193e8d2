"""Making a home ready before its processes start: tables, people, tokens, the demo's subscribers."""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable, Collection
from contextlib import closing
from datetime import UTC, datetime

from simulators.browsers import Browsers
from starter.errors import RefusedByRule
from starter.home import write_private
from starter.parts import INCARNATION, Parts, open_parts
from starter.ports import quiet_port
from starter.settings import Settings
from starter.signing import DEMO_PEOPLE, ensure_demo_people
from store.standing import any_open, has_history, incarnation_of
from store.subscribers import Entry, Subscribers

EXERCISE_RECIPIENTS = 5


def prepare_home(settings: Settings, recipients: int) -> bool:
    """Prepare; whether alerts are open. Raises RefusedByRule for a configuration or a store it must not run with."""
    settings.channels()
    with closing(open_parts(settings, upgrade=True)) as parts:
        programmes = parts.programmes()
        _check_incarnation(parts)
        if settings.embedded:
            ensure_demo_people(parts.db, settings.paths)
            _ensure_tokens(settings)
        if recipients:
            used = {channel for programme in programmes.values() for channel in programme.channels}
            _fill_subscribers(parts, recipients, used)
        with parts.db.read() as session:
            return any_open(session)


def _check_incarnation(parts: Parts) -> None:
    """Refuse a store that is not the one these keys were used with: it may have forgotten who was reached."""
    known = parts.keys.recall(INCARNATION)
    with parts.db.read() as session:
        foreign = known is None and has_history(session)
    if foreign:
        raise RefusedByRule(
            f"the store ({parts.db.name}) is another home's, whose keys alone open what is in it; name a database of "
            "its own in BAKEN_DATABASE_URL, or start that home; nothing was started"
        )
    here = incarnation_of(parts.db)
    if known is not None and known != here:
        raise RefusedByRule(
            f"the store is not the one this home worked with ({here[:8]} instead of {known[:8]}): was it restored "
            "from a copy? Put the right one back, or begin with a new home; nothing was started"
        )
    parts.keys.remember(INCARNATION, here)


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


def _fill_subscribers(parts: Parts, recipients: int, channels: Collection[str]) -> None:
    """Made-up recipients of those of these channels that have no partners: so many of each in all, not again."""
    key, now = parts.keys.system_key("subscribers"), datetime.now(UTC)
    browsers = Browsers.of_demo(parts.settings.paths.demo, quiet_port)
    addresses: dict[str, Callable[[str], str]] = {
        "email": "{}@demo.baken.example".format,
        "app": "{}:demo".format,
        "webpush": browsers.subscription,
    }
    for channel, address_of in addresses.items():
        if channel not in channels:
            continue
        for name, number, exercise in (("recipient", recipients, False), ("exercise", EXERCISE_RECIPIENTS, True)):
            subscribers = Subscribers(key, channel, exercise=exercise)
            with parts.db.read() as session:
                new = range(subscribers.count(session), number)
            subscribers.fill(parts.db, (Entry(address_of(f"{name}{n:07d}")) for n in new), now)
