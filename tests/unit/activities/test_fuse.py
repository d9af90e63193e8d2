"""A sender that stood still: in a process of its own, for it dies."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from activities.fuse import LASTS

SENDER = """
import asyncio, sys, time
from activities.fuse import Fuse

async def send():
    fuse = Fuse()
    async with fuse.lit(), fuse.lit():
        for _ in range(int(sys.argv[1])):
            print("sends", time.monotonic(), flush=True)
            await asyncio.sleep(0.1)
    print("idle", flush=True)
    await asyncio.sleep(float(sys.argv[2]))
    print("done", flush=True)

asyncio.run(send())
"""


def _sender(sends: int, idle: float = 0.0) -> subprocess.Popen[str]:
    argv = [sys.executable, "-c", SENDER, str(sends), str(idle)]
    root = Path(__file__).resolve().parents[3]
    return subprocess.Popen(argv, stdout=subprocess.PIPE, text=True, cwd=root)


def _freeze(sender: subprocess.Popen[str], seconds: float) -> None:
    os.kill(sender.pid, signal.SIGSTOP)
    time.sleep(seconds)
    os.kill(sender.pid, signal.SIGCONT)


def _said(sender: subprocess.Popen[str], word: str) -> None:
    assert sender.stdout is not None
    while (line := sender.stdout.readline()).split()[:1] != [word]:
        assert line, f"it ended before it said {word!r}"


def test_sender_that_stood_still_in_mid_send_says_no_other_word() -> None:
    with _sender(50) as sender:
        _said(sender, "sends")
        frozen_at = time.monotonic()
        _freeze(sender, LASTS + 0.3)
        assert sender.wait(5) == -signal.SIGALRM
        assert sender.stdout is not None
        said_at = [float(line.split()[1]) for line in sender.stdout]
        assert all(at < frozen_at + 0.1 for at in said_at)


def test_sender_that_stood_still_for_a_moment_goes_on() -> None:
    with _sender(20) as sender:
        _said(sender, "sends")
        _freeze(sender, LASTS / 4)
        _said(sender, "done")
        assert sender.wait(5) == 0


def test_process_that_stood_still_when_nothing_was_under_way_goes_on() -> None:
    with _sender(1, LASTS + 0.5) as sender:
        _said(sender, "idle")
        _freeze(sender, LASTS + 0.2)
        _said(sender, "done")
        assert sender.wait(5) == 0
