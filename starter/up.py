"""`baken up`: the whole of Baken under one parent that does nothing but watch.

Order of start: simulators (their ports are part of the configuration) and the Temporal server; then workers and web.
All but the server are forked from the parent, which imports what they need. Order of stop: web, workers, simulators,
server. Every child dies with the parent, whatever kills it; a child that ends is started again, and one that keeps
ending stops everything.
"""

from __future__ import annotations

import fcntl
import os
import signal
import socket
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import IO

from starter.children import Child, Children, Part
from starter.errors import CannotReach, Problem, RefusedByRule
from starter.forking import Program, preload
from starter.home import Home, write_private
from starter.ports import answers, quiet_port
from starter.settings import Settings

READY_WITHIN = 60.0
"""Seconds; it takes two or three on two cores."""
STOP_WITHIN = 8.0
SIMULATORS = Program("simulators.__main__")
OURS = ("worker", "starter.serve", "starter.replay_open", "starter.reconcile")
SEARCH_ATTRIBUTES = ("BakenProgramme", "BakenStage", "BakenChannel", "BakenDrill")


class Tree:
    """The parent's view of its children."""

    def __init__(
        self, settings: Settings, say: Callable[[str], None], *, demo: bool, alerts_open: bool, reconcile: bool
    ) -> None:
        self._settings = settings
        self._home = settings.paths
        self._say = say
        self._children = Children(self._child_environ(), self._home.ready, self._home.logs, say)
        self._demo = demo
        self._alerts_open = alerts_open
        self._reconcile = reconcile
        self._workers: dict[str, tuple[str, ...]] = {"worker-alerts": ("--role", "alerts")}
        for number in range(1, settings.sending_processes() + 1):
            self._workers[f"worker-send-{number}"] = ("--role", "send", "--processes", "1")

    def run(self, web: socket.socket, when_ready: Callable[[], Sequence[str] | None], *, ends_with_it: bool) -> int:
        """Start all, watch until told to stop; `when_ready` may name a command to run, whose end may end all."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._told_to_stop)
        guest: Child | None = None
        code = 0
        try:
            self._start_all(web)
            command = when_ready() if not self._children.told_to_stop else None
            if command:
                guest = self._children.spawn(command, None, {})
            while not self._children.told_to_stop:
                self._children.tend()
                ended = None if guest is None else guest.poll()
                if ended is not None and ends_with_it:
                    return ended
                time.sleep(0.1)
        except Problem as problem:
            if not self._children.told_to_stop:
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
            preload(SIMULATORS.module)
            self._children.begin(Part("simulators", SIMULATORS, home.demo_ports.exists))
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
            self._children.begin(Part("temporal", server, lambda: answers(grpc)))
        preload(*OURS)
        self._children.wait_for(("simulators", "temporal"), READY_WITHIN)
        if self._reconcile:
            self._reconcile_store()
        if self._alerts_open or self._reconcile:
            self._replay_open_alerts()
        for name, options in self._workers.items():
            self._children.begin(Part(name, Program("worker", options), self._children.touches(name)))
        serve = Program("starter.serve")
        self._children.begin(Part("web", serve, self._children.touches("web"), inherits=web))
        self._children.wait_for((*self._workers, "web"), READY_WITHIN)

    def _reconcile_store(self) -> None:
        """Before anything reads the store: what it forgot; raises CannotReach when that did not end well."""
        reconciling = self._children.spawn(Program("starter.reconcile"), None, {})
        while reconciling.poll() is None and not self._children.told_to_stop:
            time.sleep(0.05)
        if self._children.told_to_stop:
            reconciling.kill()
            reconciling.wait()
        elif reconciling.returncode != 0:
            raise CannotReach("reconciling the store", "it did not end well, see above; nothing else was started")

    def _replay_open_alerts(self) -> None:
        """Refuse to start workers that would break an open alert; raises RefusedByRule."""
        log = self._home.logs / "replay.log"
        with log.open("ab") as file:
            replay = self._children.spawn(Program("starter.replay_open"), file, {})
        deadline = time.monotonic() + READY_WITHIN
        while replay.poll() is None and not self._children.told_to_stop and time.monotonic() < deadline:
            time.sleep(0.05)
        if replay.poll() is None:
            replay.kill()
            replay.wait()
        if self._children.told_to_stop:
            return
        if replay.returncode not in (0, 3):
            raise CannotReach("the replay of open alerts", f"it did not end well; see {log}")
        if replay.returncode == 3:
            raise RefusedByRule(
                f"this version does not replay an alert that is open; nothing was started. {log} names it: go on "
                "with the version it runs on, or mend the workflow with patched()"
            )

    def _told_to_stop(self, _number: int, _frame: object) -> None:
        if self._children.told_to_stop:
            self._children.kill()
        self._children.told_to_stop = True

    def _stop_all(self, guest: Child | None) -> None:
        """Web, then workers, then the rest; whoever does not end in time is killed."""
        deadline = time.monotonic() + STOP_WITHIN
        if guest is not None and guest.poll() is None:
            guest.terminate()
        for names in (("web",), tuple(self._workers), ("simulators", "temporal")):
            self._children.stop(names, deadline)

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
