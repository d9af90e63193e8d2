"""From a row as it was given to a subscription, or to a reason that shows nothing of the address."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from datetime import UTC, datetime
from functools import lru_cache

from activities.channels.base import SubscribedChannel
from alerts.vocabulary import LANGUAGES
from starter.subscribers.lines import is_text
from store.subscribers import Entry

_CODE = re.compile(r"GM[0-9]{4}")
_BETWEEN = re.compile(r"[\s,;]+")
_MOMENT = re.compile(r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d(?:\.\d+)?([Zz]|[+-]\d\d:\d\d)?", re.ASCII)
_YES_OR_NO = {"": False, "no": False, "false": False, "0": False, "yes": True, "true": True, "1": True}


class BadRow(ValueError):
    """The row cannot be a subscription; `str()` says why and quotes no address."""


class Rules:
    """What a good row is on one channel. With `codes` empty (no areas imported) any well-formed code is good."""

    def __init__(self, channel: type[SubscribedChannel], codes: Collection[str]) -> None:
        self._channel = channel
        self._codes = codes

    def entry(self, fields: Mapping[str, object]) -> Entry:
        """The subscription of a row; raises BadRow."""
        return Entry(
            address=self._address(fields.get("address")),
            language=_language(fields.get("language")),
            areas=self._areas_of(fields.get("areas")),
            paused=_paused(fields.get("paused")),
            since=_since(fields.get("since")),
        )

    def _address(self, given: object) -> str:
        address = given.strip() if isinstance(given, str) else None
        if not address:
            raise BadRow("address is missing")
        if not is_text(address):
            raise BadRow("address is not text")
        problem = self._channel.address_problem(address)
        if problem:
            raise BadRow(f"address: {problem}")
        return self._channel.normal_address(address)

    def _areas_of(self, given: object) -> tuple[str, ...]:
        if given in (None, "", []):
            return ()
        if isinstance(given, list) and all(isinstance(code, str) for code in given):
            given = " ".join(given)
        codes = _codes_in(given) if isinstance(given, str) else None
        if codes is None:
            raise BadRow("areas must be codes of municipalities such as GM0307")
        unknown = [code for code in codes if code not in self._codes] if self._codes else []
        if unknown:
            raise BadRow(f"areas names {unknown[0]}, which is no municipality; see 'baken areas list'")
        return codes


@lru_cache(maxsize=1_000)
def _codes_in(text: str) -> tuple[str, ...] | None:
    """Each once and in order; None for what is no code."""
    codes = {part.upper() for part in _BETWEEN.split(text) if part}
    return tuple(sorted(codes)) if all(map(_CODE.fullmatch, codes)) else None


def _language(given: object) -> str:
    language = given.strip().lower() if isinstance(given, str) else given
    if language in (None, ""):
        return LANGUAGES[0]
    if language not in LANGUAGES:
        raise BadRow(f"language must be one of {', '.join(LANGUAGES)}")
    return str(language)


def _paused(given: object) -> bool:
    said = "" if given is None else str(given).strip().lower()
    if said not in _YES_OR_NO:
        raise BadRow("paused must be yes or no")
    return _YES_OR_NO[said]


def _since(given: object) -> datetime | None:
    said = given.strip() if isinstance(given, str) else given
    if said in (None, ""):
        return None
    match = _MOMENT.fullmatch(said) if isinstance(said, str) else None
    if match and not match[1]:
        raise BadRow("since has no time zone; end it with Z or +01:00")
    try:
        moment = datetime.fromisoformat(match[0].upper()).astimezone(UTC) if match else None
    except (ValueError, OverflowError):
        moment = None
    if moment is None:
        raise BadRow("since must be a moment such as 2026-11-24T13:00:00Z")
    if moment > datetime.now(UTC):
        raise BadRow("since lies in the future")
    return moment
