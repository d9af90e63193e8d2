"""What screens with the player page say they show: the read-back.

A report counts only with the key that the screen's own address carries, so nobody else can vouch for a screen. Kept in
the memory of the web process: every screen reports again within half a minute, and what is older is no proof.
"""

from __future__ import annotations

import hashlib
import hmac
import threading
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Annotated
from urllib.parse import urlencode

from pydantic import Field

from alerts.values import Value
from store.keys import KeyStore

FRESH = timedelta(seconds=60)
"""For so long a report counts."""
MOST = 10_000
"""Screens that are remembered."""
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
    """The last report of each screen."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._secret: bytes | None = None
        self._last: dict[str, tuple[datetime, Mapping[str, int]]] = {}

    def report(self, said: ScreenReport, keys: KeyStore, now: datetime) -> bool:
        """Whether it counts: the key is that screen's."""
        self._secret = self._secret or keys.system_key(PURPOSE)
        if not hmac.compare_digest(said.key.encode(), screen_key(self._secret, said.screen).encode()):
            return False
        with self._lock:
            self._last.pop(said.screen, None)
            self._last[said.screen] = (now, {one.alert_id: one.edition for one in said.shows})
            while len(self._last) > MOST:
                del self._last[next(iter(self._last))]
        return True

    def showing(self, alert_id: str, now: datetime) -> dict[str, int]:
        """The screens that say they show an alert, with the edition they show."""
        with self._lock:
            fresh = [(name, shows) for name, (at, shows) in self._last.items() if now - at < FRESH]
        return {name: shows[alert_id] for name, shows in fresh if alert_id in shows}


def screen_key(secret: bytes, name: str) -> str:
    return hmac.new(secret, name.encode(), hashlib.sha256).hexdigest()[:32]


def screen_address(keys: KeyStore, base_url: str, name: str, *, exercise: bool) -> str:
    """Where a screen of that name opens the player; what is behind the `#` stays in the screen."""
    query = "?exercise=1" if exercise else ""
    return (
        f"{base_url}/signage{query}#{urlencode({'screen': name, 'key': screen_key(keys.system_key(PURPOSE), name)})}"
    )
