"""How soon a change reaches a console page that is open, when fifty are: `python -m benchmarks.live_pages`.

Fifty clients read the server-sent events of live alerts over real connections, with the session of somebody who is
signed in. Each round a person changes something that every page shows (a review, which nobody outside sees), and it is
timed from the store's having it until each client has read it whole, and from the command itself. CPU is that of the
web process and of all of Baken, in shares of one core, while pages are quiet and while rounds go on.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import statistics
import tempfile
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypedDict

import httpx
from rich.console import Console
from rich.table import Table

from alerts.vocabulary import Action
from benchmarks.processes import cpu_seconds
from starter.client import Baken, open_baken
from starter.demo_case import write_demo_case
from starter.settings import load_settings
from store.views import view_version
from tests.support.running import Running

MARK = 'class="accepted"'
"""Of a ruling in the live part of the page."""
QUIET = 10.0


@dataclass
class Page:
    """One open page: how many rulings it showed, and when it first showed so many."""

    alert_id: str
    shown: dict[int, float] = field(default_factory=dict)
    changed: asyncio.Event = field(default_factory=asyncio.Event)

    async def read(self, client: httpx.AsyncClient) -> None:
        async with client.stream("GET", f"/console/alerts/{self.alert_id}/events", timeout=None) as answer:
            answer.raise_for_status()
            rulings, event = 0, ""
            async for line in answer.aiter_lines():
                if line.startswith("event: "):
                    event, rulings = line.removeprefix("event: "), 0
                elif line.startswith("data: "):
                    rulings += line.count(MARK)
                elif not line and event == "live":
                    self.shown.setdefault(rulings, time.monotonic())
                    self.changed.set()

    async def until(self, rulings: int) -> float:
        """When it first showed so many."""
        while rulings not in self.shown:
            self.changed.clear()
            await asyncio.wait_for(self.changed.wait(), 30)
        return self.shown[rulings]


@asynccontextmanager
async def opened(web: str, alerts: Sequence[str], number: int) -> AsyncIterator[list[Page]]:
    limits = httpx.Limits(max_connections=None, max_keepalive_connections=None)
    async with httpx.AsyncClient(base_url=web, trust_env=False, limits=limits) as client:
        await client.post("/console/login", data={"user": "operator1", "next": "/console/"})
        pages = [Page(alerts[n % len(alerts)]) for n in range(number)]
        reading = [asyncio.create_task(page.read(client)) for page in pages]
        try:
            for page in pages:
                await page.changed.wait()
            yield pages
        finally:
            for task in reading:
                task.cancel()
            await asyncio.gather(*reading, return_exceptions=True)


async def rounds(baken: Baken, alerts: Sequence[str], pages: Sequence[Page], number: int) -> dict[str, list[float]]:
    """Seconds until each page showed it, from the store's having it and from the command."""
    found: dict[str, list[float]] = {"from the store": [], "from the command": []}
    for n in range(number):
        alert_id = alerts[n % len(alerts)]
        version, begun = _version(baken, alert_id), time.monotonic()
        ruling = asyncio.create_task(baken.command(alert_id, Action.KEEP, "operator1"))
        while _version(baken, alert_id) == version:  # noqa: ASYNC110  this is the clock that is measured against
            await asyncio.sleep(0.002)
        stored = time.monotonic()
        mine = [page for page in pages if page.alert_id == alert_id]
        given = 2 + n // len(alerts)  # the approval came before
        shown = [await page.until(given) for page in mine]
        found["from the store"] += [max(0.0, at - stored) for at in shown]
        found["from the command"] += [at - begun for at in shown]
        await ruling
        await asyncio.sleep(0.5)
    return found


def _version(baken: Baken, alert_id: str) -> int | None:
    with baken.parts.db.read() as session:
        return view_version(session, alert_id)


def cpu(pids: Sequence[int]) -> float:
    """Seconds of all of them so far."""
    return sum(map(cpu_seconds, pids))


class Found(TypedDict):
    """What was measured, as it is kept."""

    pages: int
    alerts: int
    rounds: int
    seconds: dict[str, list[float]]
    """From a change to the page, each time."""
    cores: dict[str, list[float]]
    """Of the web process and of all of Baken, while pages are quiet and while they change."""


async def measure(running: Running, alerts: Sequence[str], number: int, times: int) -> Found:
    web, everything = running.pids("starter.serve"), running.pids()
    async with (
        open_baken(load_settings({}, home=running.home)) as baken,
        opened(running.web, alerts, number) as pages,
    ):
        shares = {}
        before, began = (cpu(web), cpu(everything)), time.monotonic()
        await asyncio.sleep(QUIET)
        shares["quiet"] = [(now - then) / (time.monotonic() - began) for now, then in _both(web, everything, before)]
        before, began = (cpu(web), cpu(everything)), time.monotonic()
        seconds = await rounds(baken, alerts, pages, times)
        shares["changing"] = [
            (now - then) / (time.monotonic() - began) for now, then in _both(web, everything, before)
        ]
    return {"pages": number, "alerts": len(alerts), "rounds": times, "seconds": seconds, "cores": shares}


def _both(web: Sequence[int], everything: Sequence[int], before: tuple[float, float]) -> list[tuple[float, float]]:
    return list(zip((cpu(web), cpu(everything)), before, strict=True))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pages", type=int, default=50)
    parser.add_argument("--alerts", type=int, default=1, help="live alerts, over which the pages are spread")
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--out", type=Path, default=Path("build/live_pages.json"))
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        running = Running(Path(folder) / "home", "--recipients", "100").start()
        try:
            document = write_demo_case(Path(folder))
            alerts = [running.start_alert(document, Path(folder)) for _ in range(given.alerts)]
            for alert_id in alerts:
                running.until_pending(alert_id)
                running.accepted(alert_id, Action.APPROVE, "supervisor1")
                running.until_channels(alert_id, "showing", within=60)
            found = asyncio.run(measure(running, alerts, given.pages, given.rounds))
        finally:
            running.stop()
    _print(found)
    given.out.parent.mkdir(parents=True, exist_ok=True)
    given.out.write_text(json.dumps(found, indent=1) + "\n", "utf-8")


def _print(found: Found) -> None:
    table = Table(
        "a change on the page, s", "p50", "p95", "max", title=f"{found['pages']} pages, {found['alerts']} alerts"
    )
    for name, values in found["seconds"].items():
        p95 = statistics.quantiles(values, n=20, method="inclusive")[-1]
        table.add_row(name, *(f"{value:.3f}" for value in (statistics.median(values), p95, max(values))))
    Console().print(table)
    for name, (web, everything) in found["cores"].items():
        print(f"{name}: the web process {web:.2f} of a core, all of Baken {everything:.2f}")


if __name__ == "__main__":
    main()
