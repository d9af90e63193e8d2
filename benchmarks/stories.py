"""What happens while a great many are being told: found, an amendment, another alert. `make bench-stories`.

Each round plays one alert to every recipient of `app` on a running demo whose counterpart keeps what it got in memory,
and reads the outcome from that counterpart. Prints each round and appends it, as JSON, to the results.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import random
import signal
import tempfile
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx

from alerts.vocabulary import Action, Kind
from benchmarks.fan_out import armed, kept, showing, until
from starter.client import Baken, open_baken
from starter.demo_case import write_demo_case
from starter.settings import load_settings
from tests.support.programmes import write_programme
from tests.support.running import ROOT, Running

RESULTS = ROOT / "benchmarks" / "results" / "stories.jsonl"
LIVE = 50
"""Alerts that are live while one of them is being sent."""
FREEZE = 7.0
"""Seconds for which Temporal stands still in the stories that stop it."""


class Stage:
    """A running demo, and what a story needs of it."""

    def __init__(self, running: Running, baken: Baken, recipients: int, chance: random.Random) -> None:
        self.running = running
        self.baken = baken
        self.recipients = recipients
        self.chance = chance
        ports = json.loads((running.home / "demo" / "ports.json").read_text())
        self._kept = f"{ports['control']}/kept.json"

    async def start(self, kind: Kind = Kind.ACTUAL) -> tuple[str, str]:
        """An alert that waits, everything armed: its id and digest."""
        with tempfile.TemporaryDirectory() as folder:
            case = write_demo_case(Path(folder))
            alert_id = (await self.baken.start(case, Path(folder), "operator1", kind))["alert_id"]
        view = await until(self.baken, alert_id, armed)
        return alert_id, view["pending"]["digest"]

    async def approve(self, alert_id: str, digest: str) -> float:
        """When it was said, by this machine's clock."""
        said = time.time()
        ruling = await self.baken.command(alert_id, Action.APPROVE, "supervisor1", digest=digest)
        assert ruling is None or ruling.accepted, ruling.reason
        return said

    async def until_reached(self, alert_id: str, number: int) -> int:
        """Wait until so many had it, those not counted of whom that is not sure yet; how many that were."""
        while True:
            view = await self.baken.show(alert_id, live=False)
            app = [one for one in view["channels"] if one["channel"] == "app"]
            reached = sum(int(one["reached"]) - int(one["in_doubt"]) for one in app)
            if reached >= number:
                return reached
            await asyncio.sleep(0.02)

    async def told(self, alert_id: str) -> dict[str, Any]:
        """What the counterpart got of it; it forgets that."""
        return await asyncio.to_thread(kept, self._kept, "app", alert_id)


@asynccontextmanager
async def open_stage(running: Running, recipients: int, seed: int = 1) -> AsyncIterator[Stage]:
    async with open_baken(load_settings({}, home=running.home)) as baken:
        yield Stage(running, baken, recipients, random.Random(seed))  # noqa: S311  which moment, nothing secret


def withdrawn(view: dict[str, Any]) -> bool:
    return all(one["state"] == "withdrawn" for one in view["channels"])


async def found(stage: Stage, *, temporal_stopped: bool = False) -> dict[str, Any]:
    """The child is found in the middle: sending stops, those reached hear of it, nobody else hears anything."""
    alert_id, digest = await stage.start()
    await stage.approve(alert_id, digest)
    share = stage.chance.uniform(0.1, 0.6)
    reached = await stage.until_reached(alert_id, int(stage.recipients * share))
    (server,) = stage.running.pids("start-dev")
    if temporal_stopped:
        os.kill(server, signal.SIGSTOP)
    try:
        said = time.time()
        police = {"confirmed_by": "police"}
        ruling = asyncio.create_task(stage.baken.command(alert_id, Action.FOUND, "operator1", content=police))
        if temporal_stopped:
            await asyncio.sleep(FREEZE)
    finally:
        os.kill(server, signal.SIGCONT)
    judged = await ruling
    assert judged is None or judged.accepted, judged.reason
    view = await until(stage.baken, alert_id, withdrawn)
    got = await stage.told(alert_id)
    (app,) = [one for one in view["channels"] if one["channel"] == "app"]
    return {
        "reached_when_found": reached,
        "reached": got["reached"],
        "last_send_s": got["kinds"]["alert"]["last_at"] - said,
        "first_end_s": got["kinds"]["cancel"]["first_at"] - said,
        "last_end_s": got["kinds"]["cancel"]["last_at"] - said,
        "in_doubt": app["in_doubt"],
        "reached_not_ended": got["reached_not_ended"],
        "ended_not_reached": got["ended_not_reached"],
        "backwards": got["backwards"],
        "resends": got["messages"] - got["ids"],
    }


async def found_without_temporal(stage: Stage) -> dict[str, Any]:
    return await found(stage, temporal_stopped=True)


async def amend(stage: Stage) -> dict[str, Any]:
    """Amended and approved while the first edition is being sent: everybody ends with the second one."""
    alert_id, digest = await stage.start()
    await stage.approve(alert_id, digest)
    patch = {"patch": {"public": {"situation": "Gewijzigd: zij draagt een rode jas."}}}
    await stage.baken.command(alert_id, Action.AMEND, "operator1", content=patch)
    view = await until(stage.baken, alert_id, lambda view: bool(view["pending"]) and view["pending"]["edition"] == 2)
    before = await stage.until_reached(alert_id, 1)
    await stage.approve(alert_id, view["pending"]["digest"])
    await until(stage.baken, alert_id, lambda view: showing(view) and view["edition"] == 2)
    got = await stage.told(alert_id)
    return {
        "reached_when_amended": before,
        "recipients": got["recipients"],
        "with_newest": got["newest"],
        "lost": stage.recipients - got["newest"],
        "backwards": got["backwards"],
        "changes": got["kinds"].get("update", {}).get("messages", 0),
        "resends": got["messages"] - got["ids"],
    }


async def crowd(stage: Stage) -> dict[str, Any]:
    """While one of many live alerts is being sent, another one is approved: when does its first channel show?"""
    for _ in range(LIVE - 1):
        alert_id, digest = await stage.start(Kind.EXERCISE)
        await stage.approve(alert_id, digest)
    other, other_digest = await stage.start()
    alert_id, digest = await stage.start()
    await stage.approve(alert_id, digest)
    reached = await stage.until_reached(alert_id, stage.recipients // 20)
    said = await stage.approve(other, other_digest)
    ruled = time.time() - said
    address = f"{stage.running.web}/alerts/{other}"
    async with httpx.AsyncClient(trust_env=False) as public:
        while "/media/" not in (await public.get(address)).text:  # noqa: ASYNC110  another process's page
            await asyncio.sleep(0.02)
    shown = time.time() - said
    view = await stage.baken.show(alert_id, live=False)
    still = sum(one["reached"] for one in view["channels"] if one["channel"] == "app")
    await until(stage.baken, alert_id, showing)
    await until(stage.baken, other, showing)
    first = (await stage.told(other))["first_at"] - said
    return {
        "live": LIVE,
        "reached_before": reached,
        "reached_after": still,
        "ruling_s": ruled,
        "page_shown_s": shown,
        "app_first_s": first,
    }


STORIES: dict[str, Callable[[Stage], Any]] = {
    "found": found,
    "found-without-temporal": found_without_temporal,
    "amend": amend,
    "crowd": crowd,
}


async def play(running: Running, story: str, recipients: int, rounds: int, seed: int, keep: bool) -> None:
    async with open_stage(running, recipients, seed) as stage:
        for number in range(rounds):
            outcome = await STORIES[story](stage)
            row = {"story": story, "recipients": recipients, "round": number, "seed": seed, **outcome}
            row["at"] = datetime.now(UTC).isoformat(timespec="seconds")
            print(json.dumps(row), flush=True)
            if keep:
                RESULTS.parent.mkdir(exist_ok=True)
                with RESULTS.open("a", encoding="utf-8") as file:
                    file.write(json.dumps(row) + "\n")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("story", choices=STORIES)
    parser.add_argument("--recipients", type=int, default=20_000)
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--keep", action="store_true", help=f"append to {RESULTS.relative_to(ROOT)}")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="baken-bench-") as folder:
        programmes = write_programme(Path(folder) / "programmes", channels='["web", "app"]')
        options = ("--recipients", str(given.recipients), "--programmes", str(programmes))
        environ = {"BAKEN_SIMULATORS_BENCH": "1"}
        running = Running(Path(folder) / "home", *options, environ=environ).start()
        try:
            asyncio.run(play(running, given.story, given.recipients, given.rounds, given.seed, given.keep))
        finally:
            running.stop()


if __name__ == "__main__":
    main()
