"""Programs of Baken, forked from a process that imported all of it once: each start of Python costs seconds of CPU.

What is forked is the program with its arguments, environment and streams as if it were started; only the start of
Python itself, its imports and its end are not. So some tests still start what people type.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Protocol

from setproctitle import setproctitle

from starter.cli import main as baken

_CONTEXT = multiprocessing.get_context("forkserver")
_CONTEXT.set_forkserver_preload(["tests.support.preloaded"])


class Child(Protocol):
    """What tests need of a process, forked or started."""

    @property
    def pid(self) -> int: ...
    def poll(self) -> int | None: ...
    def wait(self, timeout: float | None = None) -> int: ...
    def send_signal(self, sig: int) -> None: ...
    def terminate(self) -> None: ...


class Forked:
    """A forked program, with what `subprocess.Popen` has of it."""

    def __init__(
        self,
        main: Callable[[], int | None],
        argv: Sequence[str],
        environ: Mapping[str, str],
        streams: Mapping[int, Path | Connection],
    ) -> None:
        """`argv` as `sys.argv` is to be; `main` gives the exit code; `streams` are by the number they are to have."""
        given = (main, tuple(argv), dict(environ), os.getcwd(), dict(streams))
        self._process = _CONTEXT.Process(target=_begin, args=given, daemon=True)
        self._process.start()

    @property
    def pid(self) -> int:
        assert self._process.pid is not None
        return self._process.pid

    def poll(self) -> int | None:
        return self._process.exitcode

    def wait(self, timeout: float | None = None) -> int:
        self._process.join(timeout)
        code = self._process.exitcode
        if code is None:
            raise subprocess.TimeoutExpired(str(self.pid), timeout or 0)
        return code

    def send_signal(self, sig: int) -> None:
        if self.poll() is None:
            os.kill(self.pid, sig)

    def terminate(self) -> None:
        self.send_signal(signal.SIGTERM)


def run_baken(
    *args: str, environ: Mapping[str, str] | None = None, stdin: bytes = b"", within: float = 60.0
) -> subprocess.CompletedProcess[bytes]:
    """`baken` with these arguments, to its end."""
    argv = ("baken", *args)
    with tempfile.TemporaryDirectory(prefix="baken-forked-") as folder:
        streams = [Path(folder) / name for name in ("stdin", "stdout", "stderr")]
        streams[0].write_bytes(stdin)
        child = Forked(baken, argv, os.environ if environ is None else environ, dict(enumerate(streams)))
        try:
            code = child.wait(within)
        finally:
            child.send_signal(signal.SIGKILL)
        return subprocess.CompletedProcess(argv, code, *(path.read_bytes() for path in streams[1:]))


def _begin(
    main: Callable[[], int | None],
    argv: Sequence[str],
    environ: Mapping[str, str],
    folder: str,
    streams: Mapping[int, Path | Connection],
) -> None:
    """Make the copy of the server what a new process is."""
    for number, where in streams.items():
        if isinstance(where, Path):
            opened = os.open(where, os.O_RDONLY if number == 0 else os.O_WRONLY | os.O_APPEND | os.O_CREAT)
        else:
            opened = where.fileno()
        os.dup2(opened, number)
        os.close(opened)
    sys.stdin = os.fdopen(0, encoding="utf-8", closefd=False)  # the server closed its own
    setproctitle(" ".join(argv))  # finds its place by the environment, as long as that is where it was
    os.environ.clear()
    os.environ.update(environ)
    os.chdir(folder)
    sys.argv = list(argv)
    sys.exit(main())
