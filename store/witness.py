"""What the key store saw of the store: one that knows less than it did is an older copy of itself (DESIGN, rule 10).

Marks are numbers that only ever grow. They are read from the store and then kept beside the keys, so the key store
is never ahead of a store that lost nothing, whatever crashes in between: at once where a decision is made, before
anybody hears of it, and each second while something is sent. What an older copy cannot know it would do again.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Mapping

from sqlalchemy import Connection, text

from store.database import STORE_AWAY, Database
from store.keys import KeyStore, KeyStoreAway
from store.standing import WrongIncarnation

INCARNATION = "incarnation"
"""What the key store remembers of the store that its keys are used with."""
INCARNATIONS = "incarnations"
"""Every identity that the store had or is about to have: what may be reconciled, and is no other home's."""
MARKS = "marks"
NOTE_EVERY = 1.0
"""Seconds between two notes while something is sent."""
_LOOK = text(
    "SELECT (SELECT value FROM meta WHERE name = 'incarnation') AS incarnation, "
    "(SELECT COALESCE(SUM(revision), 0) + COUNT(*) + COUNT(closed_at) FROM alert_standing) AS decisions, "
    "(SELECT COALESCE(MAX(id), 0) FROM ledger) AS sendings, "
    "(SELECT COALESCE(SUM(number), 0) FROM finished_batches) AS batches, "
    "(SELECT COALESCE(MAX(id), 0) FROM audit) AS entries"
)
NAMES = ("decisions", "sendings", "batches", "entries")


class StoreRestored(WrongIncarnation):
    """The store has forgotten what this home did with it; nothing may be sent until it is reconciled."""


def marks_of(connection: Connection) -> tuple[str | None, dict[str, int]]:
    """The store's identity and its marks."""
    row = connection.execute(_LOOK).one()
    return row.incarnation, {name: int(getattr(row, name)) for name in NAMES}


def forgotten(known: Mapping[str, int], here: Mapping[str, int]) -> dict[str, int]:
    """By how much each mark is behind; empty for a store that lost nothing."""
    return {name: most - here.get(name, 0) for name, most in known.items() if most > here.get(name, 0)}


def read_marks(keys: KeyStore) -> dict[str, int]:
    """What was noted; empty in a home that never did."""
    return _read(keys.recall(MARKS))


def _read(said: str | None) -> dict[str, int]:
    marks: dict[str, int] = json.loads(said) if said else {}
    return marks


class Witness:
    """Compares the store with what was noted of it, and notes how far it has come."""

    def __init__(self, db: Database, keys: KeyStore) -> None:
        self._db = db
        self._keys = keys
        self._lock = threading.Lock()
        self._noted_at = 0.0

    def check(self) -> dict[str, int]:
        """The store's marks; raises StoreRestored for an older copy, and for one that was reconciled since."""
        noted = self._keys.recall_all((INCARNATION, MARKS))  # before the store, which grows
        identity, known = noted.get(INCARNATION), _read(noted.get(MARKS))
        with self._db.glances() as connection:
            here, marks = marks_of(connection)
        if identity is not None and here != identity:
            raise StoreRestored("this store is not the one that this home works with; 'baken up' says what to do")
        if forgotten(known, marks):
            raise StoreRestored("this store is an older copy of itself; 'baken up' says what to do")
        return marks

    def note(self) -> None:
        """Keep how far the store has come; raises StoreRestored, with nothing noted, when it has gone back."""
        marks = self.check()
        self._db.flush()
        self._keys.raise_numbers(MARKS, marks)

    def note_now_and_then(self) -> None:
        """`note`, once a second at most; where it cannot be done now, a later one does it."""
        with self._lock:
            if time.monotonic() - self._noted_at < NOTE_EVERY:
                return
            self._noted_at = time.monotonic()
        try:
            self.note()
        except (*STORE_AWAY, KeyStoreAway):
            return
