"""What a message by `app` costs in instructions, in the bare sender and in Baken's sending process.

Unlike seconds of CPU they are the same on a busy machine, so that one per cent shows. valgrind counts them, of two
numbers of recipients: their difference is without what is done once. It runs a process sixty times slower, so what
goes by the clock there (looks at the revision, heartbeats) goes sixty times more slowly too. What the kernel does, and
waiting for memory and for the interpreter's lock, is not in it.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from activities import beating, bulk_http, fuse, revisions
from activities.delivery import LARGEST_BATCH, DeliveryActivities
from benchmarks import bare, split
from benchmarks.fan_out import kept
from tests.support.running import ROOT
from tests.support.simulators import Counterparts

SLOWER = 60
NUMBERS = (2_000, 8_000)
"""Recipients, in one batch each."""


def baken(home: Path, number: int) -> None:
    """Plan, send and write down, as a sending process does."""
    revisions.POLL *= SLOWER
    revisions.BLIND *= SLOWER
    beating.EVERY *= SLOWER
    fuse.LASTS *= SLOWER
    fuse.RENEWED_EVERY *= SLOWER
    bulk_http.STALLED *= SLOWER
    bulk_http.LONG *= SLOWER
    bulk_http.CALM_AGAIN *= SLOWER
    bulk_http.COLD *= SLOWER
    bulk_http.ANSWER_WITHIN_MS *= SLOWER
    store = home / f"store-{number}"
    store.mkdir()
    alert = split.fill(store, "app", (f"recipient{at:07d}:demo" for at in range(number)))
    delivery, desired = split.prepare(home, alert, "app", DeliveryActivities)
    with counted():
        asyncio.run(split.deliver(delivery, alert.alert_id, "app", desired, number, LARGEST_BATCH))


def bare_sender(home: Path, number: int) -> None:
    said = json.loads((home / "said.json").read_text("utf-8"))
    requests = bare.app_requests(said["endpoint"], said["message"], 0, number)
    with counted():
        assert bare.send(requests, number, said["endpoint"]["authority"]) == number


@contextmanager
def counted() -> Iterator[None]:
    """Nothing before or after it is."""
    _instrumentation("on")
    yield
    _instrumentation("off")


def _instrumentation(turned: str) -> None:
    control = ("callgrind_control", f"--vgdb-prefix={os.environ['VGDB']}", "-i", turned, str(os.getpid()))
    subprocess.run(control, check=True, capture_output=True)  # noqa: S603  nothing in it comes from outside


def count(home: Path, which: str, number: int) -> int:
    """Instructions of all threads."""
    out = home / f"{which}.{number}"
    options = ["--tool=callgrind", "--instr-atstart=no", f"--callgrind-out-file={out}", f"--vgdb-prefix={home}/vgdb"]
    again = [sys.executable, "-m", "benchmarks.instructions", "--inside", which, str(home), str(number)]
    environ = {**os.environ, "VGDB": f"{home}/vgdb"}
    command = ["valgrind", "--quiet", *options, *again]
    subprocess.run(command, cwd=ROOT, env=environ, check=True)  # noqa: S603  our own program, in a tool of the system
    found = re.search(r"^totals: (\d+)", out.read_text("utf-8", "replace"), re.MULTILINE)
    assert found is not None
    return int(found[1])


def a_message(home: Path, which: str) -> float:
    fewer, more = (count(home, which, number) for number in NUMBERS)
    return (more - fewer) / (NUMBERS[1] - NUMBERS[0])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--inside", nargs=3, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.inside:
        which, home, number = given.inside
        {"baken": baken, "bare": bare_sender}[which](Path(home), int(number))
        return
    if shutil.which("valgrind") is None:
        parser.error("this needs valgrind: apt-get install valgrind")
    with tempfile.TemporaryDirectory(prefix="baken-bench-") as folder:
        home = Path(folder)
        counterparts = Counterparts(home, BAKEN_SIMULATORS_BENCH="1").start()
        try:
            ours = a_message(home, "baken")
            message = kept(f"{counterparts.ports['control']}/kept.json", "app", "a1")["sample"]
            said = {"endpoint": counterparts.ports["app"], "message": message}
            (home / "said.json").write_text(json.dumps(said), "utf-8")
            theirs = a_message(home, "bare")
        finally:
            counterparts.stop()
    print(f"instructions a message: bare {theirs:,.0f}, Baken {ours:,.0f}, ratio {theirs / ours:.2f}")


if __name__ == "__main__":
    main()
