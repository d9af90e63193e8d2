"""`baken up`: the whole of Baken under one parent that does nothing but watch.

Order of start: simulators (their ports are part of the configuration), the Temporal server, workers, web. Order of
stop: web, workers, simulators, server. Every child dies with the parent, whatever kills it; a child that ends is
started again, and one that keeps ending stops everything.
"""

from __future__ import annotations

import fcntl
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from starter.errors import CannotReach, Problem, RefusedByRule
from starter.home import Home, write_private
from starter.ports import WEB_SOCKET, answers, quiet_port
from starter.process import READY_FILE, dies_with
from starter.settings import Settings

READY_WITHIN = 60.0
"""Seconds; it takes about five on two cores."""
STOP_WITHIN = 8.0
TOO_OFTEN = (5, 60.0)
"""So many ends of one part in so many seconds stop everything."""
SEARCH_ATTRIBUTES = ("BakenProgramme", "BakenStage", "BakenChannel", "BakenDrill")
HERE = Path(__file__).resolve().parent.parent


@dataclass
class Part:
    """One process of the tree."""

    name: str
    argv: Sequence[str]
    ready: Callable[[], bool]
    child: subprocess.Popen[bytes] | None = None
    ends: list[float] = field(default_factory=list)
    start_at: float = 0.0
    inherits: socket.socket | None = None
    """Handed down, its number under `WEB_SOCKET`."""


class Tree:
    """The parent's view of its children."""

    def __init__(self, settings: Settings, demo: bool, alerts_open: bool, say: Callable[[str], None]) -> None:
        self._settings = settings
        self._home = settings.paths
        self._say = say
        self._parts: list[Part] = []
        self._stop = False
        self._environ = self._child_environ()
        self._demo = demo
        self._alerts_open = alerts_open

    def run(self, web: socket.socket, when_ready: Callable[[], Sequence[str] | None], *, ends_with_it: bool) -> int:
        """Start all, watch until told to stop; `when_ready` may name a command to run, whose end may end all."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._told_to_stop)
        guest: subprocess.Popen[bytes] | None = None
        code = 0
        try:
            self._start_all(web)
            command = when_ready() if not self._stop else None
            if command:
                guest = self._spawn(command, None, {})
            while not self._stop:
                self._tend()
                if guest is not None and guest.poll() is not None and ends_with_it:
                    return guest.returncode
                time.sleep(0.1)
        except Problem as problem:
            if not self._stop:
                self._say(str(problem))
                code = problem.exit_code
        finally:
            self._stop_all(guest)
        return code

    def _start_all(self, web: socket.socket) -> None:
        home, port = self._home, int(web.getsockname()[1])
        for old in (home.demo_ports, *home.ready.glob("*")):
            old.unlink(missing_ok=True)
        if self._demo:
            self._begin(Part("simulators", [sys.executable, "-m", "simulators"], home.demo_ports.exists))
            self._await("simulators")
        address, ui = self._settings.temporal_address, ""
        if address is None:
            grpc, ui_port = quiet_port(), quiet_port()
            address, ui = f"127.0.0.1:{grpc}", f"http://127.0.0.1:{ui_port}"
        run = {
            "web": f"http://127.0.0.1:{port}",
            "temporal": address,
            "temporal_ui": ui,
            "namespace": self._settings.namespace,
            "pid": os.getpid(),
            "programmes": str(self._settings.programmes) if self._settings.programmes else None,
            "config": str(self._settings.config) if self._settings.config else None,
            "database_url": self._settings.database_url,
            "external_temporal": self._settings.temporal_address is not None,
        }
        write_private(home.run, run)
        if self._settings.temporal_address is None:
            server = temporal_command(home, grpc, ui_port, self._settings.namespace, port)
            self._begin(Part("temporal", server, lambda: answers(grpc)))
            self._await("temporal")
        if self._alerts_open:
            self._replay_open_alerts()
        for role in ("alerts", "send"):
            worker = [sys.executable, str(HERE / "worker.py"), "--role", role]
            self._begin(Part(f"worker-{role}", worker, (home.ready / f"worker-{role}").exists))
        serve = [sys.executable, "-m", "starter.serve"]
        self._begin(Part("web", serve, (home.ready / "web").exists, inherits=web))
        self._await("worker-alerts", "worker-send", "web")

    def _replay_open_alerts(self) -> None:
        """Refuse to start workers that would break an open alert; raises RefusedByRule."""
        log = self._home.logs / "replay.log"
        with log.open("ab") as file:
            replay = self._spawn([sys.executable, "-m", "starter.replay_open"], file, {})
        deadline = time.monotonic() + READY_WITHIN
        while replay.poll() is None and not self._stop and time.monotonic() < deadline:
            time.sleep(0.05)
        if replay.poll() is None:
            replay.kill()
            replay.wait()
        if self._stop:
            return
        if replay.returncode not in (0, 3):
            raise CannotReach("the replay of open alerts", f"it did not end well; see {log}")
        if replay.returncode == 3:
            raise RefusedByRule(
                f"this version does not replay an alert that is open; nothing was started. {log} names it: go on "
                "with the version it runs on, or mend the workflow with patched()"
            )

    def _begin(self, part: Part) -> None:
        part.child = self._launch(part)
        self._parts.append(part)

    def _launch(self, part: Part) -> subprocess.Popen[bytes]:
        with (self._home.logs / f"{part.name}.log").open("ab") as log:
            environ, handed = {READY_FILE: str(self._home.ready / part.name)}, []
            if part.inherits is not None:
                handed = [part.inherits.fileno()]
                environ[WEB_SOCKET] = str(handed[0])
            return self._spawn(part.argv, log, environ, handed)

    def _spawn(
        self, argv: Sequence[str], log: IO[bytes] | None, extra: Mapping[str, str], handed: Sequence[int] = ()
    ) -> subprocess.Popen[bytes]:
        return subprocess.Popen(  # noqa: S603  our own commands
            argv,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            cwd=HERE,
            env={**self._environ, **extra},
            pass_fds=handed,
            preexec_fn=dies_with(os.getpid()),  # noqa: PLW1509  this parent has no threads
        )

    def _await(self, *names: str) -> None:
        deadline = time.monotonic() + READY_WITHIN
        waiting = [part for part in self._parts if part.name in names]
        while waiting and not self._stop:
            self._tend()
            waiting = [part for part in waiting if not part.ready()]
            if waiting and time.monotonic() > deadline:
                name = waiting[0].name
                raise CannotReach(name, f"it did not get ready; see {self._home.logs / name}.log")
            time.sleep(0.05)

    def _tend(self) -> None:
        """Start again what ended; give up on what keeps ending. Raises CannotReach."""
        now = time.monotonic()
        for part in self._parts:
            if part.child is not None and part.child.poll() is not None:
                self._note_end(part, now)
            if part.child is None and now >= part.start_at and not self._stop:
                part.child = self._launch(part)

    def _note_end(self, part: Part, now: float) -> None:
        assert part.child is not None
        most, seconds = TOO_OFTEN
        part.ends = [end for end in part.ends if now - end < seconds] + [now]
        if len(part.ends) >= most:
            raise CannotReach(part.name, f"it ended {most} times in a minute; see {self._home.logs / part.name}.log")
        delay = min(0.5 * 2 ** (len(part.ends) - 1), 10.0)
        self._say(f"{part.name} ended (exit {part.child.returncode}); starting it again in {delay:g} s")
        part.child, part.start_at = None, now + delay

    def _told_to_stop(self, _number: int, _frame: object) -> None:
        if self._stop:
            for part in self._parts:
                if part.child is not None:
                    part.child.kill()
        self._stop = True

    def _stop_all(self, guest: subprocess.Popen[bytes] | None) -> None:
        """Web, then workers, then the rest; whoever does not end in time is killed."""
        deadline = time.monotonic() + STOP_WITHIN
        self._stop = True
        if guest is not None and guest.poll() is None:
            guest.terminate()
        for names in (("web",), ("worker-alerts", "worker-send"), ("simulators", "temporal")):
            children = [part.child for part in self._parts if part.name in names and part.child is not None]
            for child in children:
                if child.poll() is None:
                    child.terminate()
            for child in children:
                try:
                    child.wait(max(0.1, deadline - time.monotonic()))
                except subprocess.TimeoutExpired:
                    child.kill()
                    child.wait()

    def _child_environ(self) -> dict[str, str]:
        settings = self._settings
        said = {
            "BAKEN_HOME": str(settings.home),
            "BAKEN_PROGRAMMES": str(settings.programmes or ""),
            "BAKEN_CONFIG": str(settings.config or ""),
            "BAKEN_DATABASE_URL": settings.database_url,
            "BAKEN_TEMPORAL_ADDRESS": settings.temporal_address or "",
            "BAKEN_TEMPORAL_NAMESPACE": settings.namespace,
            "PYTHONUNBUFFERED": "1",
        }
        return {**os.environ, **said}


def hold_lock(home: Home) -> IO[str]:
    """Take the home for this process tree; raises CannotReach when another one has it."""
    file = home.lock.open("a+", encoding="ascii")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        file.seek(0)
        who = file.read().strip() or "another process"
        raise CannotReach("this home", f"{home.root} is in use by pid {who}; stop that one first") from error
    file.seek(0)
    file.truncate()
    file.write(str(os.getpid()))
    file.flush()
    return file


def temporal_command(home: Home, port: int, ui_port: int, namespace: str, web_port: int) -> list[str]:
    """The embedded server: WAL and a flush per commit, so that what it acknowledged survives (docs/gotchas.md)."""
    command = [str(Path(sys.executable).parent / "temporal"), "server", "start-dev", "--ip", "127.0.0.1"]
    command += ["--port", str(port), "--ui-port", str(ui_port), "--db-filename", str(home.temporal)]
    command += ["--namespace", namespace, "--log-level", "warn", "--ui-disable-news-fetch"]
    command += ["--ui-codec-endpoint", f"http://127.0.0.1:{web_port}/codec"]
    command += ["--sqlite-pragma", "journal_mode=wal", "--sqlite-pragma", "synchronous=2"]
    for name in SEARCH_ATTRIBUTES:
        command += ["--search-attribute", f"{name}=Keyword"]
    return command
