"""Programs of Baken born by forking the parent that imported them once, instead of by starting Python anew.

Importing costs each program more than a second of CPU, and they share nearly all of it. So whoever wants several
loads them first (`preload`), has no threads and no connections, and forks. Not `multiprocessing`: its children keep
descriptors of its own, so the rest could not all be closed, and it ends or waits for them at exit.
"""

from __future__ import annotations

import gc
import importlib
import os
import signal
import subprocess
import sys
import time
import traceback
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from setproctitle import setproctitle

from starter.errors import Problem

_SIGNALS = (signal.SIGTERM, signal.SIGINT)
_LOOK = 0.02
"""Seconds between two looks whether a child has ended."""


@dataclass(frozen=True)
class Program:
    """A module whose `main` takes arguments and gives the exit code, or raises the Problem that has it."""

    module: str
    args: tuple[str, ...] = ()

    def __str__(self) -> str:
        return " ".join(("python", "-m", self.module, *self.args))

    def run(self) -> int:
        main: Callable[[Sequence[str]], int] = importlib.import_module(self.module).main
        return main(self.args)


class Forked:
    """A forked child, with what `subprocess.Popen` has of it."""

    def __init__(self, pid: int) -> None:
        self.pid = pid
        self.returncode: int | None = None

    def poll(self) -> int | None:
        """Its exit code, negative for a signal; None while it runs."""
        if self.returncode is None:
            with suppress(ChildProcessError):  # a signal's handler asks too, at any moment: one of the two hears of it
                pid, status = os.waitpid(self.pid, os.WNOHANG)
                if pid:
                    self.returncode = os.waitstatus_to_exitcode(status)
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        """Its exit code; raises subprocess.TimeoutExpired after so many seconds."""
        began = time.monotonic()
        while (code := self.poll()) is None:
            if timeout is not None and time.monotonic() - began > timeout:
                raise subprocess.TimeoutExpired(str(self.pid), timeout)
            time.sleep(_LOOK)
        return code

    def terminate(self) -> None:
        self._send(signal.SIGTERM)

    def kill(self) -> None:
        self._send(signal.SIGKILL)

    def _send(self, number: signal.Signals) -> None:
        if self.poll() is None:
            with suppress(ProcessLookupError):
                os.kill(self.pid, number)


def preload(*modules: str) -> None:
    """Import these for every child to come, and leave what they made out of garbage collection in all of them."""
    gc.disable()  # there is next to none yet, and to look for it time and again takes a fifth of all importing
    for name in modules:
        importlib.import_module(name)
    gc.enable()
    gc.collect()
    gc.freeze()


def fork(
    program: Program,
    log: IO[bytes] | None,
    environ: Mapping[str, str],
    folder: Path,
    handed: Sequence[int],
    before: Callable[[], None],
) -> Forked:
    """Run it in a child: in `folder`, writing to `log`, with no descriptors but those `handed` to it.

    `before` comes first in there. This process must have one thread only.
    """
    sys.stdout.flush()
    sys.stderr.flush()
    held = signal.pthread_sigmask(signal.SIG_BLOCK, _SIGNALS)  # until the child no longer has its parent's handlers
    pid = os.fork()
    if pid == 0:
        code = 1
        try:
            before()
            _begin_anew(program, log, environ, folder, handed)
            signal.pthread_sigmask(signal.SIG_SETMASK, held)
            code = program.run()
        except Problem as problem:
            print(problem, file=sys.stderr)
            code = problem.exit_code
        except BaseException:
            traceback.print_exc()
        finally:
            with suppress(OSError, ValueError):
                sys.stdout.flush()
                sys.stderr.flush()
            # What the parent has under way on its stack is not the child's to end; nor may the interpreter end in
            # order: a thread of the SDK's replayer can abort it then (docs/gotchas.md).
            os._exit(code)
    signal.pthread_sigmask(signal.SIG_SETMASK, held)
    return Forked(pid)


def _begin_anew(
    program: Program, log: IO[bytes] | None, environ: Mapping[str, str], folder: Path, handed: Sequence[int]
) -> None:
    """Make the copy of the parent what a new process is."""
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    for number in (1, 2):
        if log is not None:
            os.dup2(log.fileno(), number)
    for number in map(int, os.listdir("/dev/fd")):
        if number > 2 and number not in handed:
            with suppress(OSError):  # the one with which the folder was read
                os.close(number)
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(line_buffering=True)  # type: ignore[union-attr]
    setproctitle(str(program))  # finds its place by the environment, as long as that is where it was
    os.environ.clear()
    os.environ.update(environ)
    os.chdir(folder)
    sys.argv = [program.module, *program.args]
