"""The same recipients through a bare sender and through the whole of Baken, in one run, against one counterpart.

`raw_s` and `baken_s` run from the first message to the last accepted one, with as many sending processes on either
side; what comes before Baken's first message is `first_dispatch_s`, counted from the supervisor's yes. CPU is that of
all sending processes in that time. `baken bench` and `make bench` call this.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
from rich.console import Console
from rich.table import Table

from alerts.vocabulary import Action
from benchmarks.bare import REQUESTS
from benchmarks.processes import command, cpu_seconds, descendants, peak_megabytes
from starter.client import Baken, open_baken
from starter.parts import connect
from starter.playing import start_demo
from starter.settings import load_settings
from tests.support.programmes import write_programme
from tests.support.running import ROOT, Running
from workflows.codec import Reader
from workflows.ports import alert_workflow_id, channel_workflow_id, wave_workflow_id

RESULTS = ROOT / "benchmarks" / "results" / "fan_out.jsonl"
PATIENCE = 3_600.0
LOOK = 1.0
"""Seconds between two looks at the alert: what they cost would be put down to Baken, whose figures are not theirs."""


@dataclass
class Result:
    channel: str
    recipients: int
    raw_s: float
    baken_s: float
    ratio: float
    recipients_per_s: float
    first_dispatch_s: float
    lost: int
    duplicates: int
    workflow_events: int
    processes: int
    database: str
    raw_cpu_us: float
    """Of the bare senders, for each recipient."""
    baken_cpu_us: float
    cpu_ratio: float
    approval_to_last_s: float
    peak_mb: dict[str, float] = field(default_factory=dict)
    """Most memory each kind of process had resident."""
    at: str = ""


def bench(
    channel: str, recipients: int, processes: int, database: str | None = None, rounds: int = 1
) -> Iterator[Result]:
    """So many alerts to them, one after the other, each with the bare sender right behind it."""
    with tempfile.TemporaryDirectory(prefix="baken-bench-") as folder:
        programmes = write_programme(Path(folder) / "programmes", channels=json.dumps(["web", channel]))
        environ = {"BAKEN_SIMULATORS_BENCH": "1", "BAKEN_SENDERS": str(processes)}
        if database:
            environ["BAKEN_DATABASE_URL"] = database
        options = ("--recipients", str(recipients), "--programmes", str(programmes))
        running = Running(Path(folder) / "home", *options, environ=environ).start()
        try:
            for _ in range(rounds):
                yield asyncio.run(_measure(running, channel, recipients, processes, database))
        finally:
            running.stop()


async def _measure(running: Running, channel: str, recipients: int, processes: int, database: str | None) -> Result:
    ports = json.loads((running.home / "demo" / "ports.json").read_text())
    async with open_baken(load_settings({}, home=running.home)) as baken:
        alert_id = (await start_demo(baken))["alert_id"]
        view = await until(baken, alert_id, armed)
        senders = [pid for pid in descendants(running.pid) if "--processes 1" in command(pid)]
        assert len(senders) == processes
        before = sum(map(cpu_seconds, senders))
        yes = time.time()
        ruling = await baken.command(alert_id, Action.APPROVE, "supervisor1", digest=view["pending"]["digest"])
        assert ruling is not None
        assert ruling.accepted, ruling.reason
        await until(baken, alert_id, showing)
        used = sum(map(cpu_seconds, senders)) - before
        address = f"{ports['control']}/kept.json"
        got = await asyncio.to_thread(kept, address, channel, alert_id)
        events = await _events(baken, alert_id, channel)
        peaks = _peaks(running.pid)
    raw_s, raw_cpu = await asyncio.to_thread(_bare, channel, ports[channel], got["sample"], recipients, processes)
    await asyncio.to_thread(forget, address)  # else the next round of a sealed channel would have it as Baken's
    baken_s = got["last_at"] - got["first_at"]
    return Result(
        channel=channel,
        recipients=recipients,
        raw_s=raw_s,
        baken_s=baken_s,
        ratio=raw_s / baken_s,
        recipients_per_s=recipients / baken_s,
        first_dispatch_s=got["first_at"] - yes,
        lost=recipients - got["recipients"],
        duplicates=got["messages"] - got["recipients"],
        workflow_events=events,
        processes=processes,
        database="postgresql" if database else "sqlite",
        raw_cpu_us=raw_cpu / recipients * 1e6,
        baken_cpu_us=used / recipients * 1e6,
        cpu_ratio=raw_cpu / used,
        approval_to_last_s=got["last_at"] - yes,
        peak_mb=peaks,
        at=datetime.now(UTC).isoformat(timespec="seconds"),
    )


def kept(url: str, channel: str, alert_id: str) -> dict[str, Any]:
    """What the counterpart took in; it forgets it."""
    asked = {"channel": channel, "alert": alert_id}
    got: dict[str, Any] = httpx.get(url, params=asked, trust_env=False, timeout=600).json()
    forget(url)
    return got


def forget(url: str) -> None:
    """What the counterpart took in."""
    httpx.delete(url, trust_env=False).raise_for_status()


def armed(view: dict[str, Any]) -> bool:
    return bool(view["pending"]) and len(view["pending"]["arms"]) == len(view["pending"]["channels"])


def showing(view: dict[str, Any]) -> bool:
    return all(one["state"] == "showing" for one in view["channels"])


async def until(baken: Baken, alert_id: str, check: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
    """The alert, once it is so."""
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        view = await baken.show(alert_id)
        if view["channels"] and check(view):
            return view
        await asyncio.sleep(LOOK)
    raise TimeoutError(f"alert {alert_id} did not get there in {PATIENCE:g} s")


async def _events(baken: Baken, alert_id: str, channel: str) -> int:
    """In the histories of the alert, the channel and its wave."""
    client = await connect(baken.parts, Reader.CLIENT)
    wave = wave_workflow_id(alert_id, channel, "show-1.0")
    ids = (alert_workflow_id(alert_id), channel_workflow_id(alert_id, channel), wave)
    return sum([(await client.get_workflow_handle(one).describe()).history_length for one in ids])


def _peaks(parent: int) -> dict[str, float]:
    """By kind of process, of the largest of each."""
    kinds = {"--processes 1": "sender", "--role alerts": "alerts", "starter.serve": "web"}
    kinds |= {"start-dev": "temporal", "simulators": "counterpart"}
    found: dict[str, float] = {}
    for pid in descendants(parent):
        kind = next((kind for words, kind in kinds.items() if words in command(pid)), None)
        if kind:
            found[kind] = max(found.get(kind, 0.0), round(peak_megabytes(pid)))
    return found


def _bare(channel: str, endpoint: dict[str, str], said: str, recipients: int, processes: int) -> tuple[float, float]:
    """Seconds from the first message to the last answer, and CPU seconds of all processes.

    `said` is a message that Baken sent: the bare sender says the very same.
    """
    share, rest = divmod(recipients, processes)
    children, told = [], list[dict[str, Any]]()
    for index in range(processes):
        first, number = index * share, share + (rest if index == processes - 1 else 0)
        argv = [sys.executable, "-m", "benchmarks.bare", "--channel", channel, "--endpoint", json.dumps(endpoint)]
        argv += ["--said", said, "--first", str(first), "--number", str(number)]
        children.append(
            subprocess.Popen(argv, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)  # noqa: S603
        )
    for child in children:
        assert child.stdout is not None
        assert child.stdout.readline() == "ready\n"
    for child in children:
        assert child.stdin is not None
        child.stdin.write("go\n")
        child.stdin.flush()
    for child in children:
        out, _ = child.communicate()
        told.append(json.loads(out))
    assert sum(one["accepted"] for one in told) == recipients
    return max(one["ended"] for one in told) - min(one["began"] for one in told), sum(one["cpu"] for one in told)


def middle(results: Sequence[Result]) -> Result:
    """That of the middle CPU ratio, the lower of two: on a shared machine one alone says little."""
    return sorted(results, key=lambda result: result.cpu_ratio)[(len(results) - 1) // 2]


def show(result: Result) -> None:
    """Every figure on a line of its own: side by side they fit no terminal."""
    table = Table("", "", title="Bare sender against Baken", show_header=False)
    for name, value in asdict(result).items():
        said = ", ".join(f"{kind} {most:.0f}" for kind, most in value.items()) if isinstance(value, dict) else value
        table.add_row(name.replace("_", " "), f"{said:.2f}" if isinstance(said, float) else str(said))
    Console().print(table)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--channel", choices=REQUESTS, default="app")
    parser.add_argument("--recipients", type=int, default=10_000)
    parser.add_argument("--processes", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--database-url", help="of a PostgreSQL server; its database is filled with subscribers")
    parser.add_argument("--rounds", type=int, default=1, help="of both; the one of the middle CPU ratio is shown")
    parser.add_argument("--json", action="store_true", help="one JSON document on stdout")
    parser.add_argument("--keep", action="store_true", help=f"append to {RESULTS.relative_to(ROOT)}")
    given = parser.parse_args()
    if given.rounds < 1:
        parser.error("--rounds: at least one")
    results = []
    for result in bench(given.channel, given.recipients, given.processes, given.database_url, given.rounds):
        results.append(result)
        if given.keep:
            RESULTS.parent.mkdir(exist_ok=True)
            with RESULTS.open("a", encoding="utf-8") as file:
                file.write(json.dumps(asdict(result)) + "\n")
        if given.rounds > 1:
            ratios = f"wall ratio {result.ratio:.2f}, CPU ratio {result.cpu_ratio:.2f}"
            print(f"{len(results)} of {given.rounds}: {ratios}", file=sys.stderr, flush=True)
    result = middle(results)
    if given.json:
        print(json.dumps(asdict(result)))
    else:
        show(result)


if __name__ == "__main__":
    main()
