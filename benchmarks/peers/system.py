"""Baken at the same work: as `baken up` runs it, with the channel `webpush`."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import tempfile
from collections.abc import Collection
from pathlib import Path
from typing import Any

from alerts.vocabulary import Action
from benchmarks.fan_out import armed, kept, showing, until
from benchmarks.processes import command, cpu_seconds, descendants
from starter.client import Baken, open_baken
from starter.playing import start_demo
from starter.settings import load_settings
from tests.support.programmes import write_programme
from tests.support.running import Running

CHANNEL = "webpush"
KILLED_AT = 0.3
"""The share of all recipients that had it."""


def measure(recipients: int) -> tuple[dict[str, Any], str]:
    """The figures of a row, and the message that was sent."""
    with tempfile.TemporaryDirectory(prefix="baken-bench-") as folder:
        programmes = write_programme(Path(folder) / "programmes", channels=json.dumps(["web", CHANNEL]))
        options = ("--recipients", str(recipients), "--programmes", str(programmes))
        running = Running(Path(folder) / "home", *options, environ={"BAKEN_SIMULATORS_BENCH": "1"}).start()
        try:
            return asyncio.run(_measure(running, recipients))
        finally:
            running.stop()


async def _measure(running: Running, recipients: int) -> tuple[dict[str, Any], str]:
    async with open_baken(load_settings({}, home=running.home)) as baken:
        alert_id, digest = await _armed(baken)
        senders = _senders(running)
        others = {running.pid, *descendants(running.pid)} - senders
        others = {pid for pid in others if "simulators" not in command(pid)}
        before = _used(senders), _used(others)
        await _approve(baken, alert_id, digest)
        await until(baken, alert_id, showing)
        used = _since(before[0]), _since(before[1])
        got = await _kept(running, alert_id)
        killed = await _killed(running, baken, recipients)
    figures = {
        "recipients_per_s": recipients / (got["last_at"] - got["first_at"]),
        "cpu_us": used[0] / recipients * 1e6,
        "others_cpu_us": used[1] / recipients * 1e6,
        "lost": recipients - got["recipients"],
        "doubled": got["messages"] - got["recipients"],
        "opened": got["opened"] / got["sampled"],
        **killed,
    }
    return figures, got["sample"]


async def _killed(running: Running, baken: Baken, recipients: int) -> dict[str, Any]:
    """Another alert, and in the middle of it a `kill -9` of all that sends; `baken up` starts it again by itself."""
    alert_id, digest = await _armed(baken)
    await _approve(baken, alert_id, digest)
    reached = 0
    while reached < recipients * KILLED_AT:
        await asyncio.sleep(0.02)
        view = await baken.show(alert_id, live=False)
        reached = sum(one["reached"] - one["in_doubt"] for one in view["channels"] if one["channel"] == CHANNEL)
    for pid in _senders(running):
        os.kill(pid, signal.SIGKILL)
    await until(baken, alert_id, showing)
    got = await _kept(running, alert_id)
    lost, doubled = recipients - got["recipients"], got["messages"] - got["recipients"]
    return {"killed_at": reached, "killed_lost": lost, "killed_late": 0, "killed_doubled": doubled}


async def _armed(baken: Baken) -> tuple[str, str]:
    alert_id = (await start_demo(baken))["alert_id"]
    view = await until(baken, alert_id, armed)
    return alert_id, view["pending"]["digest"]


async def _approve(baken: Baken, alert_id: str, digest: str) -> None:
    ruling = await baken.command(alert_id, Action.APPROVE, "supervisor1", digest=digest)
    assert ruling is None or ruling.accepted, ruling.reason


async def _kept(running: Running, alert_id: str) -> dict[str, Any]:
    ports = json.loads((running.home / "demo" / "ports.json").read_text())
    return await asyncio.to_thread(kept, f"{ports['control']}/kept.json", CHANNEL, alert_id)


def _senders(running: Running) -> set[int]:
    return {pid for pid in descendants(running.pid) if "--role send" in command(pid)}


def _used(pids: Collection[int]) -> dict[int, float]:
    """Seconds so far, of those that live."""
    found = {}
    for pid in pids:
        with contextlib.suppress(FileNotFoundError):
            found[pid] = cpu_seconds(pid)
    return found


def _since(before: dict[int, float]) -> float:
    now = _used(before.keys())
    return sum(now[pid] - before[pid] for pid in now)
