"""The register of partners: who was added while Baken runs, with secrets sealed, and when each last answered."""

from __future__ import annotations

import base64
import json
import secrets
from datetime import datetime, timedelta

from sqlmodel import Session, col, select, update

from alerts.sealing import seal, unseal
from alerts.values import Value
from store.rows import insert_new, put
from store.tables.alert import Meta
from store.tables.partner import PartnerRow

BOTH_HOLD = timedelta(hours=24)
"""After a rotation calls are signed with the old secret as well, so that a partner changes when it suits."""
_ALIVE, _ASKED = "webhook partner answered: ", "webhook partner asked: "
"""With `live` or `exercise` and a partner's name: the name of a row in `meta`."""


class Registered(Value):
    """A partner of the register, opened."""

    name: str
    exercise: bool
    url: str
    secret: str
    former_secret: str | None = None
    former_until: datetime | None = None
    """Until then the former secret is good as well."""
    mail: str | None = None
    """Where people of it read that something is to be taken down."""
    paused: bool
    touched_by: str
    added_at: datetime

    def rotated(self, now: datetime, *, at_once: bool) -> Registered:
        """With a new secret; `at_once` when the old one is in wrong hands."""
        before = {} if at_once else {"former_secret": self.secret, "former_until": now + BOTH_HOLD}
        none = {"former_secret": None, "former_until": None}
        return self.model_copy(update={"secret": new_secret(), **none, **before})

    def former(self, now: datetime) -> str | None:
        """The secret of before, as long as it is good."""
        return self.former_secret if self.former_until and now < self.former_until else None


_SEALED = ("url", "secret", "former_secret", "former_until", "mail")


class Register:
    """Opens and seals with a key of the installation."""

    def __init__(self, key: bytes) -> None:
        self._key = key

    def all(self, session: Session) -> list[Registered]:
        return [self._open(row) for row in session.exec(select(PartnerRow).order_by(PartnerRow.name))]

    def find(self, session: Session, name: str, *, alone: bool = False) -> Registered | None:
        """With `alone` the row is this transaction's until it ends."""
        row = session.get(PartnerRow, name, with_for_update=alone or None, populate_existing=alone)
        return self._open(row) if row else None

    def put(self, session: Session, one: Registered) -> None:
        sealed = seal(self._key, one.model_dump_json(include=set(_SEALED)).encode(), aad=_aad(one))
        put(session, PartnerRow(**one.model_dump(exclude=set(_SEALED)), sealed=sealed))

    def _open(self, row: PartnerRow) -> Registered:
        opened = json.loads(unseal(self._key, row.sealed, aad=_aad(row)))
        return Registered(**opened, **row.model_dump(exclude={"sealed"}))


def new_secret() -> str:
    """As Standard Webhooks writes them: 24 random bytes."""
    return "whsec_" + base64.b64encode(secrets.token_bytes(24)).decode()


def note_answer(session: Session, name: str, now: datetime, *, exercise: bool) -> None:
    """It took a call, or asked for what it missed."""
    put(session, Meta(name=_ALIVE + _side(name, exercise=exercise), value=now.isoformat()))


def last_answer(session: Session, name: str, *, exercise: bool) -> datetime | None:
    """None: never yet."""
    row = session.get(Meta, _ALIVE + _side(name, exercise=exercise))
    return datetime.fromisoformat(row.value) if row else None


def may_ask(session: Session, name: str, now: datetime, every: timedelta, *, exercise: bool) -> bool:
    """Whether it is time to ask again if it is there; of many processes one is told so."""
    asked = _ASKED + _side(name, exercise=exercise)
    if insert_new(session, Meta(name=asked, value=now.isoformat())):
        return True
    long_ago = col(Meta.name) == asked, col(Meta.value) <= (now - every).isoformat()
    return session.exec(update(Meta).where(*long_ago).values(value=now.isoformat())).rowcount == 1


def _side(name: str, *, exercise: bool) -> str:
    return f"{'exercise' if exercise else 'live'} {name}"


def _aad(one: Registered | PartnerRow) -> bytes:
    """A row that is moved to the other side does not open: the wall between both holds in the store too."""
    return f"partner:{_side(one.name, exercise=one.exercise)}".encode()
