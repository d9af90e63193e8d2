"""`baken doctor`: every channel's connection and credentials tried, for the public and for exercises, sending nothing.

What a channel says is its `probe`; here is whether Baken's own pages and feeds answer, whether anybody is on duty who
can approve, and what to do about a fault.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Literal

import httpx

from activities.channels import CAPABILITIES, build_channels
from activities.channels.base import FAULTS, BoundChannel, Channel
from alerts.vocabulary import Kind
from starter.parts import Parts
from store import duty

Fault = Literal["", "unconfigured", "away", "nonsense", "denied", "nobody", "forever", "other"]
Language = Literal["nl", "en"]
Row = dict[str, Any]
OWN = {"web": "/", "cap": "/feeds/cap.atom"}
"""What Baken itself shows of a channel, which has to be readable."""
WITHIN = 20.0
"""Seconds for one channel; all are tried at once."""
KINDS = (Kind.ACTUAL, Kind.EXERCISE)
VERDICT: Mapping[Fault, Mapping[str, str]] = {
    "": {"nl": "in orde", "en": "all well"},
    "unconfigured": {"nl": "niet ingesteld", "en": "not configured"},
    "away": {"nl": "antwoordt niet", "en": "does not answer"},
    "nonsense": {"nl": "antwoordt onzin", "en": "answers nonsense"},
    "denied": {"nl": "weigert onze gegevens", "en": "refuses our credentials"},
    "nobody": {"nl": "niemand heeft dienst", "en": "nobody is on duty"},
    "forever": {"nl": "blijft altijd leesbaar", "en": "can be read for ever"},
    "other": {"nl": "er is iets mis", "en": "something is wrong"},
}
REMEDY: Mapping[Fault, Mapping[str, str]] = {
    "": {"nl": "", "en": ""},
    "unconfigured": {
        "nl": "Zet het in het instellingenbestand, of haal het kanaal uit de programma's (docs/settings.md).",
        "en": "Put it into the settings file, or take the channel out of the programmes (docs/settings.md).",
    },
    "away": {
        "nl": "Kijk of adres en poort kloppen, of de ander draait, en of een firewall ertussen staat.",
        "en": "See whether address and port are right, the other side runs, and no firewall stands between.",
    },
    "nonsense": {
        "nl": "Op dat adres luistert iets anders. Vergelijk poort en TLS met wat de ander opgaf.",
        "en": "Something else listens there. Compare port and TLS with what the other side told you.",
    },
    "denied": {
        "nl": "Vergelijk naam, wachtwoord, token of geheim met wat de ander heeft, en verander het aan één kant.",
        "en": "Compare name, password, token or secret with what the other side has, and change it at one side.",
    },
    "nobody": {
        "nl": "Laat een supervisor zijn dienst beginnen: 'baken duty begin', of in de console.",
        "en": "Have a supervisor begin a shift: 'baken duty begin', or in the console.",
    },
    "forever": {
        "nl": "Zet uw bewaartermijn in het instellingenbestand: [record] keep_days (docs/settings.md).",
        "en": "Put your retention term into the settings file: [record] keep_days (docs/settings.md).",
    },
    "other": {
        "nl": "Lees wat het kanaal zegt; docs/channels heeft van elk kanaal een bladzijde.",
        "en": "Read what the channel says; docs/channels has a page about each.",
    },
}


async def examine(parts: Parts, language: Language = "en") -> list[Row]:
    """A row for each channel, for the public and for exercises, one for the roster and one for the records.

    `ok` is false where somebody has something to do. That there is no counterpart for exercises is said and is no
    fault; nor is it for a channel no programme uses.
    """
    web, config = parts.settings.run_info().web, parts.settings.channels()
    keys = parts.keys
    channels = build_channels(parts.db, keys.display_key, lambda: datetime.now(UTC), web, config, keys.system_key)
    used = {name for programme in parts.programmes().values() for name in programme.channels}
    asked = [(kind, channel) for kind in KINDS for channel in channels.values()]
    said = await asyncio.gather(*(_said(channel, kind, web) for kind, channel in asked))
    await asyncio.gather(*(channel.hang_up() for channel in channels.values() if isinstance(channel, BoundChannel)))
    rows = [
        _row(channel.name, kind, trouble, language, needed=kind is Kind.ACTUAL and channel.name in used)
        for (kind, channel), trouble in zip(asked, said, strict=True)
    ]
    return [*rows, _roster(parts, language), _records(parts, language)]


def _roster(parts: Parts, language: Language) -> Row:
    """Whether anybody can approve. Where people only choose who they are (an embedded home) it is no fault."""
    with parts.db.read() as session:
        on_duty = len(duty.on_duty(session, datetime.now(UTC)))
    fault: Fault = "" if on_duty else "nobody"
    return {
        "channel": "duty",
        "for": "approvals",
        "ok": bool(on_duty) or parts.settings.embedded,
        "fault": fault or None,
        "label": {"nl": "Dienstrooster", "en": "Duty roster"}[language],
        "verdict": VERDICT[fault][language],
        "trouble": None if on_duty else "no supervisor is on duty: an alert would wait until one of all looks",
        "remedy": REMEDY[fault][language] or None,
    }


def _records(parts: Parts, language: Language) -> Row:
    """Whether somebody said for how long the record of an alert can be read; on an embedded home it is no fault."""
    term = parts.settings.record_term()
    fault: Fault = "forever" if term is None else ""
    return {
        "channel": "record",
        "for": "retention",
        "ok": term is not None or parts.settings.embedded,
        "fault": fault or None,
        "label": {"nl": "Dossiers", "en": "Records"}[language],
        "verdict": VERDICT[fault][language],
        "trouble": None if term else "nobody said when the record of a closed alert is destroyed",
        "remedy": REMEDY[fault][language] or None,
    }


async def _said(channel: Channel, kind: Kind, web: str) -> str | None:
    try:
        async with asyncio.timeout(WITHIN):
            own = await _own(web, OWN[channel.name]) if channel.name in OWN else None
            return own or await channel.probe(kind)
    except TimeoutError:
        return f"{channel.name} does not answer within {WITHIN:.0f} s"


async def _own(web: str, path: str) -> str | None:
    """Whether the web process answers with it."""
    try:
        async with httpx.AsyncClient(timeout=5.0, trust_env=False) as client:
            answer = await client.get(f"{web}{path}")
    except httpx.HTTPError:
        return f"Baken's own {web}{path} does not answer; is 'baken up' or 'baken web' running?"
    return None if answer.is_success else f"Baken's own {web}{path} answers {answer.status_code}"


def _row(name: str, kind: Kind, trouble: str | None, language: Language, *, needed: bool) -> Row:
    fault = _fault(trouble)
    return {
        "channel": name,
        "for": "exercises" if kind is Kind.EXERCISE else "public",
        "ok": not fault or (fault == "unconfigured" and not needed),
        "fault": fault or None,
        "label": CAPABILITIES[name].label[language],
        "verdict": VERDICT[fault][language],
        "trouble": trouble,
        "remedy": REMEDY[fault][language] or None,
    }


def _fault(trouble: str | None) -> Fault:
    """Where several are told at once, the first in the order of `FAULTS`."""
    if trouble is None:
        return ""
    found: list[Fault] = [fault for fault, words in FAULTS.items() if words in trouble]  # type: ignore[misc]
    return found[0] if found else "other"
