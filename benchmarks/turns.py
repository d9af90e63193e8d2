"""A bare sender and Baken's own sending, in turns in one process: CPU of a recipient by `app`, without Temporal.

A shared machine is half as fast again from one minute to the next, so `benchmarks.fan_out`, which runs one after the
other, needs many runs to tell five per cent. Here each turn takes a second or two and the ratio is of neighbours. The
garbage collector is set as in a sender (`worker`).
"""

from __future__ import annotations

import argparse
import asyncio
import json
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from sqlalchemy import delete

from activities.delivery import LARGEST_BATCH, DeliveryActivities
from benchmarks import bare, split
from benchmarks.fan_out import kept
from simulators.browsers import Browsers
from starter.ports import quiet_port
from store.tables.sending import LedgerChunk
from tests.support.simulators import Counterparts
from worker import collect_rarely


def turns(recipients: int, rounds: int) -> list[tuple[float, float]]:
    """Of each round, CPU microseconds a recipient: of the bare sender, and of Baken right after it."""
    with tempfile.TemporaryDirectory(prefix="baken-bench-") as folder:
        home = Path(folder)
        Browsers.of_demo(home / "demo", quiet_port)
        counterparts = Counterparts(home, BAKEN_SIMULATORS_BENCH="1").start()
        try:
            alert = split.fill(home, "app", (f"recipient{at:07d}:demo" for at in range(recipients)))
            delivery, desired = split.prepare(home, alert, "app", DeliveryActivities)
            collect_rarely()

            def baken() -> None:
                with alert.db.write_rows() as connection:
                    connection.execute(delete(LedgerChunk))  # all anew
                asyncio.run(split.deliver(delivery, alert.alert_id, "app", desired, recipients, LARGEST_BATCH))

            baken()
            endpoint = counterparts.ports["app"]
            said = kept(f"{counterparts.ports['control']}/kept.json", "app", alert.alert_id)["sample"]

            def bare_sender() -> None:
                requests = bare.app_requests(endpoint, said, 0, recipients)
                assert bare.send(requests, recipients, endpoint["authority"]) == recipients

            return [(_us(bare_sender, recipients), _us(baken, recipients)) for _ in range(rounds)]
        finally:
            counterparts.stop()


def _us(work: Callable[[], None], recipients: int) -> float:
    began = time.process_time()
    work()
    return (time.process_time() - began) / recipients * 1e6


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--recipients", type=int, default=60_000)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--json", action="store_true", help="one JSON document on stdout")
    given = parser.parse_args()
    pairs = turns(given.recipients, given.rounds)
    bares, bakens = zip(*pairs, strict=True)
    figures = {
        "recipients": given.recipients,
        "rounds": given.rounds,
        "bare_cpu_us": statistics.median(bares),
        "baken_cpu_us": statistics.median(bakens),
        "cpu_ratio": statistics.median(theirs / ours for theirs, ours in pairs),
    }
    if given.json:
        print(json.dumps(figures))
    else:
        print(", ".join(f"{name.replace('_', ' ')} {value:.4g}" for name, value in figures.items()))


if __name__ == "__main__":
    main()
