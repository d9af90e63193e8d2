"""Playing the fictitious case from start to found, measured where the public and the partners are.

Page, photo, CAP message and poster are looked at every 50 ms; what came to a counterpart carries its own time.
"""

from __future__ import annotations

import asyncio
import re
import tempfile
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import httpx

from activities.channels import NAMES, PERSONAL
from alerts.vocabulary import Action, Kind
from starter.client import Baken
from starter.demo_case import write_demo_case
from starter.errors import CannotReach, RefusedByRule

LOOK = 0.05
"""Seconds between two looks at what the public gets."""
LOOK_AT_RECORD = 0.25
"""Seconds between two looks at what counterparts took in. Their lines have the time, and to read them costs CPU."""
PATIENCE = 30.0
SHOWING = ("cellbroadcast", "signage")
"""Their counterparts show one thing to everybody."""


@dataclass(frozen=True)
class Round:
    """One play: seconds after approval at which each showed, and after found at which each was gone."""

    view: dict[str, Any]
    shown: dict[str, float]
    gone: dict[str, float]
    """Channels, and `photo`: when its address answered 410."""
    clock_difference: float
    """Seconds, at most, between a first dispatch as Baken tells it and as its counterpart does."""

    @property
    def complete(self) -> bool:
        return all(name in self.shown and name in self.gone for name in NAMES)


async def start_demo(baken: Baken) -> dict[str, Any]:
    """Start the fictitious case as operator1."""
    with tempfile.TemporaryDirectory() as folder:
        document = write_demo_case(Path(folder))
        return await baken.start(document, Path(folder), "operator1", Kind.ACTUAL)


async def play_round(baken: Baken, say: Callable[[str], None] = lambda _: None) -> Round:
    """Start, approve as supervisor1, wait until all show, found as operator1, wait until all is gone."""
    alert_id = (await start_demo(baken))["alert_id"]
    say(f"Alert {alert_id} waits for approval; approving as supervisor1")
    await _armed(baken, alert_id)
    web = baken.parts.settings.run_info().web
    async with httpx.AsyncClient(base_url=web, trust_env=False) as public:
        watch = _Watch(public, alert_id, baken)
        shown = await watch.after(_accepted(baken, alert_id, Action.APPROVE, "supervisor1"), shows=True)
        difference = await watch.clock_difference()
        say("Every channel shows it; the child is found")
        police = {"confirmed_by": "police"}
        gone = await watch.after(_accepted(baken, alert_id, Action.FOUND, "operator1", content=police), shows=False)
    return Round(await baken.show(alert_id), shown, gone, difference)


class _Watch:
    """Looks at what the public gets: page, photo, CAP, and what the counterparts took in."""

    def __init__(self, public: httpx.AsyncClient, alert_id: str, baken: Baken) -> None:
        self._public = public
        self._alert_id = alert_id
        self._baken = baken
        self._photo: str | None = None

    async def after(self, command: Awaitable[None], *, shows: bool) -> dict[str, float]:
        """Give the command and look; seconds since it was given at which each showed, or was gone."""
        recipients = await self._recipients()
        since, seen = _now(), dict[str, float]()
        given = asyncio.ensure_future(command)
        looks: dict[str, Callable[[], Awaitable[bool]]] = {"web": self._page, "cap": self._cap, "poster": self._poster}
        if not shows:
            looks["photo"] = self._photo_there
        wanted, looked_at_record = {*NAMES, *looks}, since
        while _now() - since < PATIENCE and not wanted <= seen.keys():
            for name, there in looks.items():
                if name not in seen and await there() == shows:
                    seen[name] = _now() - since
            if _now() - looked_at_record >= LOOK_AT_RECORD:
                await self._counterparts(seen, since, recipients, shows=shows)
                looked_at_record = _now()
            await asyncio.sleep(LOOK)
        await given
        return seen

    async def clock_difference(self) -> float:
        """Of the channels whose counterparts keep a record, once Baken tells their first dispatch."""
        dispatched = await self._dispatched()
        received = {name: await self._received(name) for name in dispatched}
        return max(abs(_time(received[name][0]["at"]) - _time(dispatched[name])) for name in PERSONAL)

    async def _dispatched(self) -> dict[str, str]:
        deadline = _now() + PATIENCE
        while True:
            channels = (await self._baken.show(self._alert_id))["channels"]
            told = {one["channel"]: one["first_dispatch"] for one in channels if one["first_dispatch"]}
            if told.keys() >= set(PERSONAL):
                return told
            if _now() > deadline:
                raise CannotReach("the store", "the channels do not tell when they began; see the logs of this home")
            await asyncio.sleep(LOOK)

    async def _page(self) -> bool:
        page = await self._public.get(f"/alerts/{self._alert_id}")
        found = re.search(r"/media/\w+", page.text)
        self._photo = found.group() if found else self._photo
        return found is not None

    async def _photo_there(self) -> bool:
        assert self._photo is not None
        return (await self._public.get(self._photo)).status_code != httpx.codes.GONE

    async def _cap(self) -> bool:
        answer = await self._public.get(f"/alerts/{self._alert_id}/cap.xml")
        return answer.status_code == httpx.codes.OK and "<msgType>Cancel" not in answer.text

    async def _poster(self) -> bool:
        return (await self._public.get(f"/a/{self._alert_id}/poster-a4.pdf")).is_success

    async def _recipients(self) -> dict[str, int]:
        """Of each personal channel; asked before the clock runs: to look at an alert costs CPU."""
        channels = (await self._baken.show(self._alert_id))["channels"]
        return {one["channel"]: one["recipients"] for one in channels if one["channel"] in PERSONAL}

    async def _counterparts(
        self, seen: dict[str, float], since: float, recipients: Mapping[str, int], *, shows: bool
    ) -> None:
        """Of each channel with counterparts, when it was done there, once it is."""
        for name in {*SHOWING, *PERSONAL} - seen.keys():
            lines = await self._received(name)
            if name in SHOWING:
                done = _done_on_show(lines, shows=shows)
            else:
                done = _done_for_all(lines, recipients[name], shows=shows)
            if done is not None:
                seen[name] = max(0.0, done - since)

    async def _received(self, channel: str) -> list[dict[str, Any]]:
        asked = {"channel": channel, "alert": self._alert_id}
        lines: list[dict[str, Any]] = (await self._public.get("/demo/received.json", params=asked)).json()
        return lines


def _done_on_show(lines: Sequence[Mapping[str, Any]], *, shows: bool) -> float | None:
    """When the first screen, or the phones of one network, showed it, or none did any more."""
    if shows:
        return next((_time(line["at"]) for line in lines if line["kind"] != "cancel"), None)
    newest = {line["recipient"]: line for line in lines}
    gone = all(line["kind"] == "cancel" for line in newest.values())
    return max((_time(line["at"]) for line in newest.values()), default=None) if gone else None


def _done_for_all(lines: Sequence[Mapping[str, Any]], recipients: int, *, shows: bool) -> float | None:
    """When the last of the recipients was told."""
    told = [line for line in lines if line["kind"] == ("alert" if shows else "cancel")]
    complete = len({line["recipient"] for line in told}) >= recipients > 0
    return max(_time(line["at"]) for line in told) if complete else None


async def _armed(baken: Baken, alert_id: str) -> None:
    deadline = _now() + PATIENCE
    while True:
        pending = (await baken.show(alert_id)).get("pending")
        if pending is not None and len(pending["arms"]) == len(NAMES):
            return
        if _now() > deadline:
            raise CannotReach("the workers", "the case did not get ready for approval; see the logs of this home")
        await asyncio.sleep(0.1)


async def _accepted(baken: Baken, alert_id: str, action: Action, user: str, **more: Any) -> None:
    ruling = await baken.command(alert_id, action, user, **more)
    if ruling is None or not ruling.accepted:
        raise RefusedByRule(f"{action} was not accepted: {ruling.reason if ruling else 'no ruling within 5 s'}")


def _time(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()


def _now() -> float:
    return datetime.now().astimezone().timestamp()
