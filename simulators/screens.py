"""Screens and road signs that listen to the broker: they show what it brings until told otherwise or it expires."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import mqtt5

from simulators.received import Line, Record

LIVE = ("Station Waterrijk", "Supermarkt De Hoek", "Geldautomaat Markt", "Wegbord A99")
"""Fictitious."""
EXERCISE = ("Oefenscherm",)


@dataclass(frozen=True)
class Shown:
    """Of one alert; in memory only."""

    lines: dict[str, list[str]]
    """Of a road sign, by language."""
    headline: dict[str, str]
    until: float | None
    """On the monotonic clock."""


class Screens:
    """All of one broker show the same.

    What changes nothing on a screen (the same message again, the end of what it does not show) is not recorded.
    """

    def __init__(self, record: Record, names: Sequence[str], *, exercise: bool) -> None:
        self._record = record
        self._names = names
        self._exercise = exercise
        self._topic = f"baken/{'exercise' if exercise else 'live'}/"
        self._shown: dict[str, Shown] = {}

    def hear(self, packet: mqtt5.PublishPacket, until: float | None) -> None:
        """What the broker brings; `until` when it expires there and here."""
        said = dict(packet.user_properties)
        alert = packet.topic.removeprefix(self._topic)
        if alert == packet.topic or not {"baken-id", "baken-edition"} <= said.keys():
            return
        for name in self._names:
            self._note(name, alert, said, shows=bool(packet.payload))
        self._shown.pop(alert, None)
        if packet.payload:
            told = json.loads(packet.payload)
            headlines = {language: text["headline"] for language, text in told["texts"].items()}
            self._shown[alert] = Shown(told["sign"], headlines, until)

    def _note(self, name: str, alert: str, said: dict[str, str], *, shows: bool) -> None:
        before, edition = self._record.newest("signage", alert).get(name), int(said["baken-edition"])
        kind = _kind(before, edition) if shows else "cancel"
        again = before is not None and before["id"].startswith(f"{said['baken-id']}/")
        if again or (kind == "cancel" and (before is None or before["kind"] == "cancel")):
            return
        same = f"{said['baken-id']}/{kind}/{name}"
        self._record.add(channel="signage", recipient=name, alert_id=alert, edition=edition, kind=kind, id=same)

    def seen(self, alerts: Sequence[str]) -> list[dict[str, Any]]:
        """What each screen has before those who pass; texts are known until a restart."""
        return [
            {"name": name, "exercise": self._exercise, "shows": [one for a in alerts if (one := self._one(name, a))]}
            for name in self._names
        ]

    def _one(self, name: str, alert: str) -> dict[str, Any] | None:
        line = self._record.newest("signage", alert).get(name)
        if line is None:
            return None
        shown = self._shown.get(alert)
        lapsed = shown is not None and shown.until is not None and shown.until <= time.monotonic()
        up = line["kind"] != "cancel" and not lapsed
        lines, headline = (shown.lines, shown.headline) if up and shown else ({}, {})
        return {"alert_id": alert, "up": up, "at": line["at"], "lines": lines, "headline": headline}


def _kind(before: Line | None, edition: int) -> str:
    """What an edition is to a screen, by what it has before it."""
    if before is None or before["kind"] == "cancel":
        return "alert"
    return "refresh" if before["edition"] == edition else "update"
