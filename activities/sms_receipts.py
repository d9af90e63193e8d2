"""Delivery receipts: which messages their phones have, as a centre tells part by part.

What a receipt is about is known to the process that sent the message, and to it alone: one that comes over another
process's session, or after a restart, proves nothing.
"""

from __future__ import annotations

import re
from collections import OrderedDict
from typing import Any, NamedTuple

import smpp34

MESSAGE_STATE, RECEIPTED_MESSAGE_ID = 0x0427, 0x001E
"""Parameters of a receipt (SMPP 3.4, section 5.3.2)."""
_DELIVERED = 2
"""`message_state` (section 5.2.28)."""
_TEXT = re.compile(rb"id:(\S+) .*stat:(\w+)")
"""What a receipt says where it has no parameters (appendix B)."""
AWAITED = 100_000
"""Parts whose receipt is awaited; the oldest are given up."""
EARLY = 1_000
"""Receipts that came before the answer they are about was read."""


class Proves(NamedTuple):
    """Of which recipient a message, once a phone has it, proves what."""

    alert_id: str
    edition: int
    position: int


class _Awaited(NamedTuple):
    proves: Proves
    part: int


class Receipts:
    """Of one centre; `part`s of a message are counted from 0."""

    def __init__(self) -> None:
        self._awaited: OrderedDict[str, _Awaited] = OrderedDict()
        """By the centre's name of the part."""
        self._missing: OrderedDict[Proves, set[int]] = OrderedDict()
        self._early: OrderedDict[str, None] = OrderedDict()
        self._whole: set[Proves] = set()

    def sent(self, name: str, proves: Proves, part: int, parts: int) -> None:
        """The centre took this part of a message of so many, and calls it `name`."""
        self._missing.setdefault(proves, set(range(parts)))
        self._awaited[name] = _Awaited(proves, part)
        if name in self._early:
            del self._early[name]
            self._has(name)
        _drop_oldest(self._awaited, AWAITED)
        _drop_oldest(self._missing, AWAITED)

    def heard(self, event: smpp34.DeliverSmEvent) -> None:
        """A receipt."""
        name, delivered = _read(event)
        if delivered and name in self._awaited:
            self._has(name)
        elif delivered:
            self._early[name] = None
            _drop_oldest(self._early, EARLY)

    def take(self) -> set[Proves]:
        """The messages of which phones got the last part since this was asked."""
        taken, self._whole = self._whole, set()
        return taken

    def _has(self, name: str) -> None:
        proves, part = self._awaited.pop(name)
        missing = self._missing.get(proves)
        if missing is None:
            return
        missing.discard(part)
        if not missing:
            del self._missing[proves]
            self._whole.add(proves)


def _read(event: smpp34.DeliverSmEvent) -> tuple[str, bool]:
    """The centre's name of what it is about, and whether the phone has it."""
    said = _TEXT.search(event.short_message)
    name, state = (said[1].decode("latin-1"), said[2]) if said else ("", b"")
    told = {tlv.tag: tlv for tlv in event.tlvs}
    if RECEIPTED_MESSAGE_ID in told:
        name = told[RECEIPTED_MESSAGE_ID].as_string() or name
    if MESSAGE_STATE in told:
        return name, told[MESSAGE_STATE].as_int() == _DELIVERED
    return name, state == b"DELIVRD"


def _drop_oldest(some: OrderedDict[Any, Any], most: int) -> None:
    while len(some) > most:
        some.popitem(last=False)
