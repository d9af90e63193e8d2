"""What screens with the player page say they show: the read-back.

A report counts only with the key that the screen's own address carries, so nobody else can vouch for a screen.
"""

from __future__ import annotations

import hashlib
import hmac
from datetime import datetime
from typing import Annotated
from urllib.parse import urlencode

from pydantic import Field

from alerts.values import Value
from store import proof
from store.database import Database
from store.keys import KeyStore

PURPOSE = "screens"
SCREEN_NAME = r"^[\w .,-]+$"
ScreenName = Annotated[str, Field(min_length=1, max_length=60, pattern=SCREEN_NAME)]


class ShownHere(Value):
    alert_id: Annotated[str, Field(max_length=64)]
    edition: int


class ScreenReport(Value):
    """What is in the document of a player now."""

    screen: ScreenName
    key: Annotated[str, Field(max_length=64)]
    shows: Annotated[tuple[ShownHere, ...], Field(max_length=50)] = ()


class Screens:
    """Takes in what screens say."""

    def __init__(self, db: Database, keys: KeyStore) -> None:
        self._db = db
        self._keys = keys
        self._secret: bytes | None = None

    def report(self, said: ScreenReport, now: datetime) -> bool:
        """Whether it counts: the key is that screen's."""
        self._secret = self._secret or self._keys.system_key(PURPOSE)
        if not hmac.compare_digest(said.key.encode(), screen_key(self._secret, said.screen).encode()):
            return False
        with self._db.read() as session:
            changes = bool(said.shows or proof.showing(session, said.screen))
        if changes:  # a screen without an alert, which most are all year, costs no writing
            with self._db.write() as session:
                proof.note_showing(session, said.screen, {one.alert_id: one.edition for one in said.shows}, now)
        return True


def screen_key(secret: bytes, name: str) -> str:
    return hmac.new(secret, name.encode(), hashlib.sha256).hexdigest()[:32]


def screen_address(keys: KeyStore, base_url: str, name: str, *, exercise: bool) -> str:
    """Where a screen of that name opens the player; what is behind the `#` stays in the screen."""
    query = "?exercise=1" if exercise else ""
    return (
        f"{base_url}/signage{query}#{urlencode({'screen': name, 'key': screen_key(keys.system_key(PURPOSE), name)})}"
    )
