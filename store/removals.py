"""What partners were told to take down, until each says that it did.

A partner says so at an address with a word of its own, which this store seals and keeps nowhere.
"""

from __future__ import annotations

import hashlib
import hmac
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Sequence
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


class Word(NamedTuple):
    """What the word in an address is about."""

    alert_id: str
    partner: str


def told(session: Session, alert_id: str, partner: str, message_id: str, now: datetime, *, exercise: bool) -> None:
    """It is about to be told by that message; told again by the same one, nothing changes."""
    row = Removal(alert_id=alert_id, partner=partner, exercise=exercise, told_by=message_id, told_at=now)
    put(session, row, only_over=col(Removal.told_by) != message_id)


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


def take_turn(session: Session, one: Removal, now: datetime) -> bool:
    """Whether its next reminder is due, and ours to send: of many processes one is told so."""
    if raised(one) or now < one.told_at + REMIND_AFTER[one.reminders]:
        return False
    mine = col(Removal.alert_id) == one.alert_id, col(Removal.partner) == one.partner
    same = *mine, col(Removal.told_by) == one.told_by, col(Removal.reminders) == one.reminders
    changed = update(Removal).where(*same, col(Removal.removed_at).is_(None))
    return session.exec(changed.values(reminders=one.reminders + 1, reminded_at=now)).rowcount == 1


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
