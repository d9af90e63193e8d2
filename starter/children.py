"""Children of one parent: started in order, watched, started again when they end, and stopped together.

Every child dies with the parent, whatever kills it. One that keeps ending stops everything: `tend` raises. But one
that ends because something else does not answer (exit 4), or because it was frozen, is started again for as long as
that takes.
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from starter.errors import CannotReach
from starter.forking import Forked, Program, fork
from starter.ports import WEB_SOCKET
from starter.process import READY_FILE, dies_with

TOO_OFTEN = (5, 60.0)
"""So many ends of one part by its own fault, in so many seconds, stop everything."""
STOOD_STILL = -signal.SIGALRM
"""What ended a sender that was frozen (`activities.fuse`)."""
BLAMELESS = (CannotReach.exit_code, STOOD_STILL)
"""Ends that are not its own fault."""
HERE = Path(__file__).resolve().parent.parent
Child = subprocess.Popen[bytes] | Forked


@dataclass
class Part:
    """One process of the tree."""

    name: str
    command: Program | Sequence[str]
    """One of our own is forked, any other started."""
    ready: Callable[[], bool]
    child: Child | None = None
    ends: list[tuple[float, int]] = field(default_factory=list)
    """When it ended, and its exit code."""
    start_at: float = 0.0
    inherits: socket.socket | None = None
    """Handed down, its number under `WEB_SOCKET`."""


class Children:
    """The parent's view of its children. The parent has no threads: children die with the one that forked them."""

    def __init__(self, environ: Mapping[str, str], ready: Path, logs: Path | None, say: Callable[[str], None]) -> None:
        """Each touches its name in `ready` once it is; without `logs` they write where their parent does."""
        self.parts: list[Part] = []
        self.told_to_stop = False
        self._environ = environ
        self._ready = ready
        self._logs = logs
        self._say = say

    def begin(self, part: Part) -> None:
        part.child = self._launch(part)
        self.parts.append(part)

    def touches(self, name: str) -> Callable[[], bool]:
        """Whether the part of that name says it is ready."""
        return (self._ready / name).exists

    def wait_for(self, names: Sequence[str], within: float) -> None:
        """Until these are ready, or somebody said stop; raises CannotReach after so many seconds."""
        deadline = time.monotonic() + within
        waiting = [part for part in self.parts if part.name in names]
        while waiting and not self.told_to_stop:
            self.tend()
            waiting = [part for part in waiting if not part.ready()]
            if waiting and time.monotonic() > deadline:
                raise CannotReach(waiting[0].name, f"it did not get ready; see {self._log_of(waiting[0])}")
            time.sleep(0.05)

    def tend(self) -> None:
        """Start again what ended; give up on what keeps ending. Raises CannotReach."""
        now = time.monotonic()
        for part in self.parts:
            if part.child is not None and part.child.poll() is not None:
                self._note_end(part, now)
            if part.child is None and now >= part.start_at and not self.told_to_stop:
                part.child = self._launch(part)

    def kill(self) -> None:
        for part in self.parts:
            if part.child is not None:
                part.child.kill()

    def stop(self, names: Sequence[str], deadline: float) -> None:
        """End these, by force once it is `deadline` on the monotonic clock."""
        self.told_to_stop = True
        children = [part.child for part in self.parts if part.name in names and part.child is not None]
        for child in children:
            if child.poll() is None:
                child.terminate()
        for child in children:
            try:
                child.wait(max(0.1, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                child.kill()
                child.wait()

    def spawn(
        self,
        command: Program | Sequence[str],
        log: IO[bytes] | None,
        extra: Mapping[str, str],
        handed: Sequence[int] = (),
    ) -> Child:
        """A process that dies with this one."""
        environ, born = {**self._environ, **extra}, dies_with(os.getpid())
        if isinstance(command, Program):
            return fork(command, log, environ, HERE, handed, born)
        return subprocess.Popen(  # noqa: S603  our own commands
            command,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            cwd=HERE,
            env=environ,
            pass_fds=handed,
            preexec_fn=born,  # noqa: PLW1509  this parent has no threads
        )

    def _launch(self, part: Part) -> Child:
        environ, handed = {READY_FILE: str(self._ready / part.name)}, []
        if part.inherits is not None:
            handed = [part.inherits.fileno()]
            environ[WEB_SOCKET] = str(handed[0])
        if self._logs is None:
            return self.spawn(part.command, None, environ, handed)
        with (self._logs / f"{part.name}.log").open("ab") as log:
            return self.spawn(part.command, log, environ, handed)

    def _note_end(self, part: Part, now: float) -> None:
        assert part.child is not None
        most, seconds = TOO_OFTEN
        code = part.child.poll()
        assert code is not None
        part.ends = [end for end in part.ends if now - end[0] < seconds] + [(now, code)]
        own = [how for _, how in part.ends if how not in BLAMELESS]
        if len(own) >= most:
            raise CannotReach(part.name, f"it ended {most} times in a minute; see {self._log_of(part)}")
        delay = min(0.5 * 2 ** (len(part.ends) - 1), 10.0)
        how = "stood still in mid-send and was ended" if code == STOOD_STILL else f"ended (exit {code})"
        self._say(f"{part.name} {how}; starting it again in {delay:g} s")
        part.child, part.start_at = None, now + delay

    def _log_of(self, part: Part) -> str:
        return f"{self._logs / part.name}.log" if self._logs else "what it wrote above"
