"""Starting a peer, seeing what it uses, killing it and starting it again."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Protocol

from benchmarks.processes import cpu_seconds, descendants
from starter.process import dies_with
from tests.support.running import ROOT

PROGRAMS = "benchmarks.peers.programs"


class Peer(Protocol):
    name: str

    def begin(self) -> None:
        """Get everything ready and start sending."""

    def kill(self) -> None:
        """`kill -9` of what sends."""

    def again(self) -> None:
        """What whoever looks after it would do then: start it again."""

    def cpu(self) -> tuple[float, float]:
        """Seconds of what sends, and of all else it needs, since `begin`."""

    def left(self) -> set[str]:
        """Endpoints it still knows it has not sent to, though it does nothing any more."""

    def end(self) -> None: ...


class Program:
    """One of the programs, in the peers' own environment."""

    def __init__(self, python: Path, module: str, *args: str, environ: Mapping[str, str]) -> None:
        self._command = [str(python), "-m", *module.split(" "), *args]
        self._environ = environ
        self._process: subprocess.Popen[str] | None = None

    def start(self) -> None:
        """Start and wait until it is ready."""
        self._process = subprocess.Popen(  # noqa: S603  our own command
            self._command,
            cwd=ROOT,
            env={**os.environ, **self._environ},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            preexec_fn=dies_with(os.getpid()),  # noqa: PLW1509  no threads here
        )
        assert self._process.stdout is not None
        assert "ready\n" in iter(self._process.stdout.readline, ""), f"{self._command} did not start"

    def go(self) -> None:
        assert self._process is not None
        assert self._process.stdin is not None
        self._process.stdin.write("go\n")
        self._process.stdin.flush()

    def cpu(self) -> float:
        """Seconds so far, with its children."""
        assert self._process is not None
        return sum(map(cpu_seconds, (self._process.pid, *descendants(self._process.pid))))

    def kill(self) -> None:
        """With its children."""
        if self._process is None:
            return
        for pid in (self._process.pid, *descendants(self._process.pid)):
            os.kill(pid, signal.SIGKILL)
        with self._process as process:
            process.wait()
        self._process = None


class ListSender:
    """A program that goes through a list and keeps no books: started again it can only begin again."""

    def __init__(self, name: str, program: Program) -> None:
        self.name = name
        self._program = program
        self._before = 0.0

    def begin(self) -> None:
        self._program.start()
        self._before = self._program.cpu()
        self._program.go()

    def kill(self) -> None:
        self._program.kill()

    def again(self) -> None:
        self.begin()

    def cpu(self) -> tuple[float, float]:
        return self._program.cpu() - self._before, 0.0

    def left(self) -> set[str]:
        return set()

    def end(self) -> None:
        self._program.kill()


class CeleryRedis:
    """A worker with as many processes as there are cores, a program that fills its queue, and Redis between them."""

    def __init__(self, name: str, python: Path, redis: str, work: Path, environ: Mapping[str, str]) -> None:
        self.name = name
        self._socket = work.parent / "redis.sock"
        environ = {**environ, "PEER_BROKER": f"redis+socket://{self._socket}", "PEER_WORK": str(work)}
        environ["PYTHONWARNINGS"] = "ignore"  # who measures in a container is root, and is told so
        # Without what workers tell each other, of which there is one.
        options = ("--loglevel", "error", "--without-gossip", "--without-mingle", "--without-heartbeat")
        cores = str(len(os.sched_getaffinity(0)))
        tasks = f"celery -A {PROGRAMS}.celery_tasks worker --concurrency {cores}"
        self._worker = Program(python, tasks, *options, environ=environ)
        self._queue = Program(python, f"{PROGRAMS}.celery_queue", str(work), environ=environ)
        self._ask_left = [str(python), "-m", f"{PROGRAMS}.celery_queue", "left"]
        self._environ = environ
        self._redis = [redis, "--port", "0", "--unixsocket", str(self._socket), "--save", "", "--loglevel", "warning"]
        self._server: subprocess.Popen[bytes] | None = None
        self._before = 0.0, 0.0

    def begin(self) -> None:
        self._server = subprocess.Popen(  # noqa: S603  the Redis of this machine
            self._redis,
            stdout=subprocess.DEVNULL,
            preexec_fn=dies_with(os.getpid()),  # noqa: PLW1509  no threads here
        )
        while not self._socket.exists():
            time.sleep(0.02)
        self._worker.start()
        self._queue.start()
        self._before = self._used()
        self._queue.go()

    def kill(self) -> None:
        self._worker.kill()

    def again(self) -> None:
        self._worker.start()

    def cpu(self) -> tuple[float, float]:
        (senders, rest), (senders_before, rest_before) = self._used(), self._before
        return senders - senders_before, rest - rest_before

    def _used(self) -> tuple[float, float]:
        assert self._server is not None
        return self._worker.cpu() + self._queue.cpu(), cpu_seconds(self._server.pid)

    def left(self) -> set[str]:
        done = subprocess.run(  # noqa: S603  our own command
            self._ask_left,
            cwd=ROOT,
            env={**os.environ, **self._environ},
            check=True,
            capture_output=True,
            text=True,
        )
        return set(json.loads(done.stdout))

    def end(self) -> None:
        self._queue.kill()
        self._worker.kill()
        if self._server is not None:
            self._server.kill()
            self._server.wait()
            self._server = None
        self._socket.unlink(missing_ok=True)
