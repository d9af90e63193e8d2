"""Faults that can hit a running Baken, each drawn with a moment and a length, begun and ended by a `Field`.

A full disk is a limit on the size of files that a process may write (`RLIMIT_FSIZE`, set from outside): every write to
the store fails as on a full disk, and it needs no right to mount anything.
"""

from __future__ import annotations

import json
import os
import random
import resource
import signal
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial

import httpx

from benchmarks.processes import command, descendants
from tests.chaos.clocks import Clock
from tests.chaos.stores import Store
from tests.support.running import Running

MODES = ("down", "slow", "flaky", "error", "reject", "cut")
"""Of the counterpart."""
KILLS = {"kill a sender": "--processes 1", "kill the alerts worker": "--role alerts", "kill Temporal": "start-dev"}
"""With what is on the command line of the one that is killed."""
RESTORE = "restore an older copy of the store"
"""A copy at its beginning; at its end the store is lost with everything that runs, and the copy is put back."""
OF_THE_STORE = frozenset({"lock the store", "take the store away", "fill the disk", RESTORE})
"""One at a time: what is locked cannot go away, and a disk that is not there is not full."""
ENDINGS_ALLOWED = 3
"""Of one part within a minute; `baken up` gives up at five."""
MINUTE = 60.0


CLOCK_OFF = 3_600.0
"""Seconds that a clock is wrong by at most, either way."""


@dataclass(frozen=True)
class Fault:
    """`at` seconds after the approval, for `lasts` seconds."""

    what: str
    at: float
    lasts: float = 0.0

    def __str__(self) -> str:
        return f"{self.what} at {self.at:.2f} s" + (f" for {self.lasts:.2f} s" if self.lasts else "")


LENGTHS: dict[str, tuple[float, float]] = {
    "kill a sender": (0, 0),
    "kill the alerts worker": (0, 0),
    "kill Temporal": (0, 0),
    "kill everything": (0, 0),
    "freeze a sender": (1, 12),
    "freeze Temporal": (1, 8),
    "lock the store": (1, 8),
    "take the store away": (1, 8),
    "fill the disk": (1, 6),
    "set the clock": (1, 8),
    RESTORE: (1, 8),
    **{f"counterpart {mode}": (1, 6) for mode in MODES},
}
"""Seconds from and to; what is killed is started again by Baken itself, or by `baken up` when all is."""


def draw(chance: random.Random, within: float, most: int = 3) -> list[Fault]:
    """One to `most` faults at random moments."""
    kinds = chance.choices(list(LENGTHS), k=chance.randint(1, most))
    return sorted((_draw_one(chance, kind, within) for kind in kinds), key=lambda fault: fault.at)


def _draw_one(chance: random.Random, what: str, within: float) -> Fault:
    return Fault(what, round(chance.uniform(0, within), 2), round(chance.uniform(*LENGTHS[what]), 2))


@dataclass
class Field:
    """A running Baken and everything that can happen to it."""

    baken: Running
    store: Store
    clock: Clock
    channel: str = "app"
    chance: random.Random = field(default_factory=random.Random)
    killed_senders: int = 0
    """And frozen ones: their batches are given to others as well."""
    restores: int = 0
    happened: list[tuple[float, str]] = field(default_factory=list)
    """What hit it in this round, and when by the machine's clock."""
    woken: list[float] = field(default_factory=list)
    """When senders that were frozen in this round went on, by the machine's clock."""
    _lasting: list[Callable[[], None]] = field(default_factory=list)
    """What ends the faults that are on."""
    _ends: dict[str, list[float]] = field(default_factory=dict)

    def begin_round(self, seed: int, plan: Sequence[Fault]) -> None:
        """Forget the last one, and wait until there is room for what is planned."""
        self.chance, self.killed_senders, self.restores = random.Random(seed), 0, 0
        self.happened, self.woken = [], []
        self._make_room(plan)

    def begin(self, fault: Fault) -> Callable[[], None] | None:
        """Let it happen; what ends it, where it does not end by itself."""
        what = fault.what
        self.happened.append((time.time(), what))
        if what in KILLS:
            self._kill(what)
        elif what == "kill everything":
            self._kill_everything()
        elif what.startswith("counterpart "):
            self._fault_of_counterpart(what.removeprefix("counterpart "), fault.lasts)
        else:
            lasting = {
                "freeze a sender": lambda: self._freeze("--processes 1"),
                "freeze Temporal": lambda: self._freeze("start-dev"),
                "lock the store": self.store.lock,
                "take the store away": self.store.take_away,
                "fill the disk": self._fill_disk,
                "set the clock": self._set_clock,
                RESTORE: self._copy_store,
            }
            end = lasting[what]()
            if end is not None:
                self._lasting.append(end)
                return partial(self._end, end)
        return None

    def _end(self, end: Callable[[], None]) -> None:
        if end in self._lasting:
            self._lasting.remove(end)
            end()

    def _make_room(self, plan: Sequence[Fault]) -> None:
        """Wait until no part would end more often in a minute than `baken up` puts up with."""
        for what in KILLS:
            more = sum(fault.what == what for fault in plan)
            while more and len(self._recent(what)) + more > ENDINGS_ALLOWED:
                time.sleep(1)

    def pids(self, words: str) -> list[int]:
        return [pid for pid in descendants(self.baken.pid) if words in command(pid)]

    def control(self) -> str:
        """Where the counterparts take their faults."""
        said = json.loads((self.baken.home / "demo" / "ports.json").read_text())
        return str(said["control"])

    def clear(self) -> None:
        httpx.delete(f"{self.control()}/faults", trust_env=False, timeout=10).raise_for_status()

    def _recent(self, what: str) -> list[float]:
        return [at for at in self._ends.get(what, ()) if time.monotonic() - at < MINUTE]

    def _kill(self, what: str) -> None:
        pids = self.pids(KILLS[what])
        if pids:
            os.kill(self.chance.choice(pids), signal.SIGKILL)
            self._ends.setdefault(what, []).append(time.monotonic())
            self.killed_senders += what == "kill a sender"

    def _kill_everything(self) -> None:
        """And start it again, as a machine that restarts: its disk is there, and nobody is frozen or waits."""
        self._stop_everything()
        self.baken.start()

    def _stop_everything(self) -> None:
        while self._lasting:
            self._lasting.pop()()
        self.killed_senders += len(self.pids("--processes 1"))
        self.baken.kill()
        self._ends.clear()

    def _copy_store(self) -> Callable[[], None]:
        put_back = self.store.copy()

        def restore() -> None:
            self._stop_everything()
            put_back()
            self.restores += 1
            try:
                self.baken.start()  # where the copy knows all that happened
            except AssertionError as refused:
                if "restored from an older copy" not in str(refused):
                    raise
                self.baken.start("--reconcile")

        return restore

    def _freeze(self, words: str) -> Callable[[], None] | None:
        pids = self.pids(words)
        if not pids:
            return None
        pid = self.chance.choice(pids)
        os.kill(pid, signal.SIGSTOP)
        sender = words == "--processes 1"
        self.killed_senders += sender

        def wake() -> None:
            if sender:
                self.woken.append(time.time())
            _wake(pid)

        return wake

    def _fill_disk(self) -> Callable[[], None]:
        """For everybody who writes to the store."""
        writers = [pid for words in ("--processes 1", "--role alerts", "starter.serve") for pid in self.pids(words)]
        for pid in writers:
            _limit_files(pid, 0)

        def make_space() -> None:
            for pid in writers:
                _limit_files(pid, resource.RLIM_INFINITY)

        return make_space

    def _set_clock(self) -> Callable[[], None]:
        """A step, and one back; whole seconds are as good as any."""
        self.clock.set(round(self.chance.uniform(-CLOCK_OFF, CLOCK_OFF)))
        return lambda: self.clock.set(0)

    def _fault_of_counterpart(self, mode: str, seconds: float) -> None:
        said = {"channel": self.channel, "mode": mode, "seconds": seconds}
        httpx.post(f"{self.control()}/faults", json=said, trust_env=False, timeout=10).raise_for_status()


def _wake(pid: int) -> None:
    try:
        os.kill(pid, signal.SIGCONT)
    except ProcessLookupError:
        return  # killed meanwhile


def _limit_files(pid: int, size: int) -> None:
    try:
        resource.prlimit(pid, resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))
    except ProcessLookupError:
        return  # ended meanwhile
