"""What partners were told to take down, until each says that it did.

A partner says so at an address with a word of its own, which this store seals and keeps nowhere.
"""

from __future__ import annotations

import hashlib
import hmac
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESSIV
from sqlmodel import Session, col, select, update

from alerts.vocabulary import Meaning
from store.rows import put
from store.tables.alert import AlertStanding
from store.tables.partner import Removal

REMIND_AFTER = tuple(timedelta(minutes=minutes) for minutes in (2, 10, 30, 2 * 60, 8 * 60, 24 * 60))
"""Since it was told: at first software may have failed, then people sleep. After the last, people ring it up."""


UNTOLD_AFTER = timedelta(seconds=15)
"""Since the alert is over, of a partner that fetched it and was not called about it: calls of the end come first."""
ASKED = "asked."
"""Begins `Removal.told_by` of a partner that fetched what was shown, and was told of no end yet."""


class Word(NamedTuple):
    """What the word in an address is about."""

    alert_id: str
    partner: str


def told(session: Session, alert_id: str, partner: str, message_id: str, now: datetime, *, exercise: bool) -> None:
    """It is about to be told by that message; told again by the same one, nothing changes."""
    row = Removal(alert_id=alert_id, partner=partner, exercise=exercise, told_by=message_id, told_at=now)
    put(session, row, only_over=col(Removal.told_by) != message_id)


def fetched(session: Session, alert_id: str, partner: str, event: str, now: datetime, *, exercise: bool) -> None:
    """It fetched what is shown, so it has to be told of the end, whether calls reach it or not."""
    row = Removal(alert_id=alert_id, partner=partner, exercise=exercise, told_by=f"{ASKED}{event}", told_at=now)
    put(session, row, only_over=col(Removal.told_by) != row.told_by)


def fetched_end(session: Session, alert_id: str, partner: str, event: str, now: datetime) -> None:
    """It fetched that it is over. Who never had the alert, or was called about its end, has nothing new to confirm."""
    mine = col(Removal.alert_id) == alert_id, col(Removal.partner) == partner
    untold = update(Removal).where(*mine, col(Removal.told_by).startswith(ASKED))
    session.exec(untold.values(told_by=event, told_at=now))


def told_of(session: Session, partner: str) -> Mapping[str, str]:
    """By which message or event it was told of each alert."""
    return dict(session.exec(select(Removal.alert_id, Removal.told_by).where(Removal.partner == partner)).all())


def confirm(session: Session, word: Word, now: datetime) -> None:
    """It is gone there; said twice is said once."""
    open_one = col(Removal.alert_id) == word.alert_id, col(Removal.partner) == word.partner
    session.exec(update(Removal).where(*open_one, col(Removal.removed_at).is_(None)).values(removed_at=now))


def open_removals(session: Session, alert_id: str | None = None) -> Sequence[Removal]:
    """Of alerts that are over (of this one): who has not said that it is gone, the longest told first."""
    over = col(AlertStanding.alert_id) == col(Removal.alert_id), col(AlertStanding.meaning) == Meaning.WITHDRAWN
    query = select(Removal).join(AlertStanding, over[0]).where(over[1], col(Removal.removed_at).is_(None))
    if alert_id is not None:
        query = query.where(col(Removal.alert_id) == alert_id)
    return session.exec(query.order_by(col(Removal.told_at), col(Removal.partner))).all()


def all_removals(session: Session, alert_id: str) -> Sequence[Removal]:
    """Everybody who was told to take it down, confirmed or not."""
    query = select(Removal).where(Removal.alert_id == alert_id)
    return session.exec(query.order_by(col(Removal.told_at), col(Removal.partner))).all()


def take_turn(session: Session, one: Removal, now: datetime) -> int:
    """The number of the reminder that is due, and ours to send: of many processes one is told so, and others 0.

    Counted from when the alert was over: a hold before it may have been long. Of several that are due only the latest
    is sent.
    """
    over_at = session.get_one(AlertStanding, one.alert_id).changed_at
    number = _due(one, now - max(one.told_at, over_at))
    if number <= one.reminders:
        return 0
    mine = col(Removal.alert_id) == one.alert_id, col(Removal.partner) == one.partner
    same = *mine, col(Removal.told_by) == one.told_by, col(Removal.reminders) == one.reminders
    changed = update(Removal).where(*same, col(Removal.removed_at).is_(None))
    taken = session.exec(changed.values(reminders=number, reminded_at=now)).rowcount == 1
    return number if taken else 0


def _due(one: Removal, since: timedelta) -> int:
    """How many reminders there should have been."""
    after = (UNTOLD_AFTER, *REMIND_AFTER[:-1]) if one.told_by.startswith(ASKED) else REMIND_AFTER
    return sum(1 for each in after if each <= since)


def raised(one: Removal) -> bool:
    """Every reminder was sent: only people can do something now."""
    return one.reminders >= len(REMIND_AFTER)


def word_of(key: bytes, alert_id: str, partner: str) -> str:
    """For the address at which a partner says that an alert is gone; the same each time."""
    return urlsafe_b64encode(_words(key).encrypt(f"{alert_id}\n{partner}".encode(), None)).decode().rstrip("=")


def read_word(key: bytes, word: str) -> Word | None:
    """None: it is none of ours."""
    try:
        said = _words(key).decrypt(urlsafe_b64decode(word + "=" * (-len(word) % 4)), None)
    except (ValueError, InvalidTag):
        return None
    alert_id, _, partner = said.decode().partition("\n")
    return Word(alert_id, partner)


def _words(key: bytes) -> AESSIV:
    """Seals without a nonce, as the words to leave by (`store.subscribers`)."""
    return AESSIV(hmac.digest(key, b"removed", hashlib.sha256))
