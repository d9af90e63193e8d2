"""Several hosts that send, on one Temporal and one PostgreSQL: `python -m benchmarks.hosts`.

`two`: the same alert by one host and by two. `join`: another host comes while the first one sends. `lose`: one of two
is killed. Their counterpart answers after some time, so that a host has all it may under way and waits, with the cores
idle: what a second machine would bring shows on one. `rate`: three hosts and an endpoint that allows so much a second.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import statistics
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks.fan_out import kept, showing, until
from benchmarks.processes import cpu_seconds
from benchmarks.stories import Stage, open_stage
from tests.support.hosts import SenderHost, sending
from tests.support.postgres import PostgresServer
from tests.support.programmes import write_programme
from tests.support.running import ROOT, Running
from tests.support.waiting import eventually_async

RESULTS = ROOT / "benchmarks" / "results" / "hosts.jsonl"
RATE = 500
ANSWERS_AFTER = 0.5
"""Seconds: a host has at most 512 messages under way, so it sends at most 1,024 a second."""


async def two(stage: Stage) -> dict[str, Any]:
    """The same number by one host, then by two."""
    (first,) = stage.running.pids("--role send")
    alone = await _sent(stage, [first])
    with another(stage) as second:
        both = await _sent(stage, [first, second.pid])
    return {"one": alone, "two": both, "ratio": both["per_second"] / alone["per_second"]}


async def _sent(stage: Stage, senders: list[int]) -> dict[str, Any]:
    alert_id, digest = await stage.start()
    before = sum(map(cpu_seconds, senders))
    await stage.approve(alert_id, digest)
    await until(stage.baken, alert_id, showing)
    used = sum(map(cpu_seconds, senders)) - before
    got = await stage.told(alert_id)
    seconds = got["last_at"] - got["first_at"]
    return {
        "seconds": seconds,
        "per_second": stage.recipients / seconds,
        "cores": used / seconds,
        "lost": stage.recipients - got["recipients"],
        "resends": got["messages"] - got["ids"],
    }


async def join(stage: Stage) -> dict[str, Any]:
    """A host that is started when a fifth of all had it."""
    alert_id, digest = await stage.start()
    await stage.approve(alert_id, digest)
    await stage.until_reached(alert_id, stage.recipients // 5)
    began = time.time()
    with another(stage, wait=False) as second:

        async def took() -> bool:
            return second.pid in await sending(stage.baken, alert_id, "app")

        await eventually_async(took, within=60, every=0.05, what="its first batch")
        took_part = time.time()
        await until(stage.baken, alert_id, showing)
    got = await stage.told(alert_id)
    joined = int(took_part - got["first_at"])
    by_second = got["by_second"]
    return {
        "took_part_s": took_part - began,
        "per_second_before": statistics.mean(by_second[1 : int(began - got["first_at"])]),
        "per_second_after": statistics.mean(by_second[joined + 1 : -2]),
        "lost": stage.recipients - got["recipients"],
        "resends": got["messages"] - got["ids"],
        "by_second": by_second,
    }


async def lose(stage: Stage) -> dict[str, Any]:
    """One of two hosts is killed (`kill -9`) when two fifths had it."""
    with another(stage) as second:
        alert_id, digest = await stage.start()
        await stage.approve(alert_id, digest)
        await stage.until_reached(alert_id, stage.recipients * 2 // 5)
        second.kill()
        killed = time.time()
        view = await until(stage.baken, alert_id, showing)
    got = await stage.told(alert_id)
    return {
        "killed_after_s": killed - got["first_at"],
        "seconds": got["last_at"] - got["first_at"],
        "lost": stage.recipients - got["recipients"],
        "resends": got["messages"] - got["ids"],
        "in_doubt": sum(one["in_doubt"] for one in view["channels"]),
        "by_second": got["by_second"],
    }


async def rate(stage: Stage) -> dict[str, Any]:
    """Three hosts, one endpoint, so much a second."""
    with another(stage, "webpush"), another(stage, "webpush"):
        alert_id, digest = await stage.start()
        await stage.approve(alert_id, digest)
        await until(stage.baken, alert_id, showing)
    ports = json.loads((stage.running.home / "demo" / "ports.json").read_text())
    got = await asyncio.to_thread(kept, f"{ports['control']}/kept.json", "webpush", alert_id)
    seconds = got["last_at"] - got["first_at"]
    whole = got["by_second"][:-1]
    return {
        "limit": RATE,
        "hosts": 3,
        "seconds": seconds,
        "per_second": got["messages"] / seconds,
        "least_in_a_second": min(whole),
        "most_in_a_second": max(whole),
        "lost": stage.recipients - got["recipients"],
        "doubled": got["messages"] - got["recipients"],
    }


@contextmanager
def another(stage: Stage, channel: str = "app", *, wait: bool = True) -> Iterator[SenderHost]:
    """One more host."""
    host = SenderHost(stage.running, channel).begin()
    try:
        if wait:
            host.wait()
        yield host
    finally:
        host.stop()


STORIES: dict[str, Callable[[Stage], Awaitable[dict[str, Any]]]] = {
    "two": two,
    "join": join,
    "lose": lose,
    "rate": rate,
}


def play(story: str, recipients: int, tell: Callable[[dict[str, Any]], None]) -> None:
    """One story, on a Baken whose first host is a single sending process."""
    channel = "webpush" if story == "rate" else "app"
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="baken-bench-")))
        server = PostgresServer().start()
        stack.callback(server.stop)
        environ = {
            "BAKEN_DATABASE_URL": stack.enter_context(server.database(migrated=False)),
            "BAKEN_SENDERS": "1",
            "BAKEN_SIMULATORS_BENCH": "1",
            "BAKEN_SIMULATORS_DELAY": str(ANSWERS_AFTER),
        }
        config = folder / "config.toml"
        authority = folder / "home" / "demo" / "ca.pem"
        said = f'contact = "mailto:bench@baken.example"\nauthority = "{authority}"\nrate = {RATE}\n'
        config.write_text(f"[channels.webpush]\n{said}")
        programmes = write_programme(folder / "programmes", channels=json.dumps(["web", channel]))
        options = ("--recipients", str(recipients), "--programmes", str(programmes), "--config", str(config))
        running = Running(folder / "home", *options, environ=environ).start()
        stack.callback(running.stop)
        tell(asyncio.run(_on_stage(running, story, recipients)))


async def _on_stage(running: Running, story: str, recipients: int) -> dict[str, Any]:
    async with open_stage(running, recipients) as stage:
        return await STORIES[story](stage)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--story", choices=STORIES, action="append", help="one of them; default all")
    parser.add_argument("--recipients", type=int, default=40_000, help="of `rate` half as many (default 40,000)")
    parser.add_argument("--keep", action="store_true", help=f"append to {RESULTS.relative_to(ROOT)}")
    given = parser.parse_args()
    for story in given.story or STORIES:
        recipients = given.recipients // 2 if story == "rate" else given.recipients
        play(story, recipients, partial(tell, story, recipients, keep=given.keep))


def tell(story: str, recipients: int, outcome: dict[str, Any], *, keep: bool) -> None:
    at = datetime.now(UTC).isoformat(timespec="seconds")
    row = {"story": story, "recipients": recipients, "cores": len(os.sched_getaffinity(0)), **outcome, "at": at}
    print(json.dumps(row), flush=True)
    if keep:
        with RESULTS.open("a", encoding="utf-8") as file:
            file.write(json.dumps(row) + "\n")


if __name__ == "__main__":
    main()
