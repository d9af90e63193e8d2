"""How long from yes to shown, and from found to gone: `make bench`. Taken where the public and partners are.

Each round plays one alert on a running demo: page, photo and feed are looked at every 50 ms, mails and calls are
timed by their counterparts. Prints p50 and p95 of the rounds and writes them as JSON.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import statistics
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from activities.channels import NAMES
from starter.client import open_baken
from starter.playing import Round, play_round
from starter.settings import load_settings
from tests.support.running import Running

CLOCKS = "Baken's clock against the counterpart's"


async def measure(home: Path, rounds: int) -> list[Round]:
    async with open_baken(load_settings({}, home=home)) as baken:
        return [await play_round(baken) for _ in range(rounds)]


def figures(played: list[Round]) -> dict[str, list[float]]:
    """Seconds of every round, by what was measured."""
    found: dict[str, list[float]] = {
        "approval to first channel": [min(one.shown.values()) for one in played],
        "approval to every channel": [max(one.shown.values()) for one in played],
        "found to photo 410": [one.gone["photo"] for one in played],
        "found to nothing shown": [max(one.gone.values()) for one in played],
        CLOCKS: [one.clock_difference for one in played],
    }
    for name in NAMES:
        found[f"approval to {name}"] = [one.shown[name] for one in played]
        found[f"found to {name} gone"] = [one.gone[name] for one in played]
    return found


def p95(values: list[float]) -> float:
    return statistics.quantiles(values, n=20, method="inclusive")[-1] if len(values) > 1 else values[0]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--recipients", type=int, default=100)
    parser.add_argument("--out", type=Path, default=Path("build/latency.json"))
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        running = Running(Path(folder) / "home", "--recipients", str(given.recipients)).start()
        try:
            played = asyncio.run(measure(running.home, given.rounds))
        finally:
            running.stop()
    table = Table("seconds", "p50", "p95", "max", title=f"{given.rounds} rounds, {given.recipients} mailboxes")
    summary: dict[str, Any] = {
        "rounds": given.rounds,
        "recipients": given.recipients,
        "at": datetime.now(UTC).isoformat(),
    }
    for name, values in figures(played).items():
        row = {"p50": statistics.median(values), "p95": p95(values), "max": max(values)}
        summary[name] = row
        table.add_row(name, *(f"{value:.3f}" for value in row.values()))
    Console().print(table)
    given.out.parent.mkdir(parents=True, exist_ok=True)
    given.out.write_text(json.dumps(summary, indent=1) + "\n", "utf-8")


if __name__ == "__main__":
    main()
