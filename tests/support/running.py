"""A running Baken for tests: `baken up --demo` in a home of its own, driven as people drive it."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
from collections.abc import Awaitable, Callable, Mapping, Sequence
from multiprocessing import Pipe
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, TypeVar

import httpx

from alerts.command import Ruling
from alerts.vocabulary import Action, Kind
from simulators.received import read_received
from starter.cli import main as baken
from starter.client import Baken, open_baken
from starter.settings import load_settings
from tests.support.forked import Child, Forked, run_baken
from tests.support.waiting import eventually

T = TypeVar("T")
ROOT = Path(__file__).resolve().parent.parent.parent
TEMPORAL = str(Path(sys.executable).parent / "temporal")
BAKEN = str(Path(sys.executable).parent / "baken")


class Running:
    """One home and the process tree on it; it can be killed and started again. One sender, unless told otherwise."""

    def __init__(
        self, home: Path, *options: str, environ: Mapping[str, str] | None = None, forked: bool = False
    ) -> None:
        """Started as people do, or forked, which is cheaper (`tests.support.forked`)."""
        self.home = home
        self._options = options
        self._environ = dict(environ or {})
        self._forked = forked
        self._process: Child | None = None
        self.web = ""

    # The process tree

    def start(self, *more: str) -> Running:
        """Start and wait for the ready line; `more` options are for this once."""
        self.home.parent.mkdir(parents=True, exist_ok=True)
        reader, writer = Pipe(duplex=False)
        with writer:
            self._process = self._begin(more, writer)
        with reader, open(reader.fileno(), encoding="utf-8", closefd=False) as said:
            line = said.readline()
        if not line.startswith("Baken is ready: "):
            self.stop()
            said_so = self.home.with_suffix(".stderr").read_text()
            raise AssertionError(f"{line!r} {said_so} {self.logs()}")
        self.web = line.removeprefix("Baken is ready: ").strip()
        return self

    def _begin(self, more: Sequence[str], stdout: Connection) -> Child:
        stderr = self.home.with_suffix(".stderr")
        if self._forked:
            return Forked(baken, ("baken", *self._up, *more), self._whole_environ, {1: stdout, 2: stderr})
        with stderr.open("a") as errors:
            command = [BAKEN, *self._up, *more]
            return subprocess.Popen(command, stdout=stdout.fileno(), stderr=errors, env=self._whole_environ)

    def refused(self) -> tuple[int, str]:
        """Exit code and stderr of a start that is expected to fail."""
        done = run_baken(*self._up, environ=self._whole_environ)
        return done.returncode, done.stderr.decode()

    @property
    def _up(self) -> list[str]:
        return ["up", "--demo", "--home", str(self.home), "--port", "0", *self._options]

    @property
    def _whole_environ(self) -> dict[str, str]:
        others = {name: value for name, value in os.environ.items() if not name.startswith(("BAKEN_", "TEMPORAL_"))}
        # Temporal is a Go program: collecting garbage a quarter as often takes an eighth of its CPU away.
        cheap = {"GOGC": "400"} if self._forked else {}
        return {**others, "BAKEN_NO_DEMO_CASE": "1", "BAKEN_SENDERS": "1", **cheap, **self._environ}

    @property
    def pid(self) -> int:
        """Of the parent."""
        assert self._process is not None
        return self._process.pid

    def kill(self) -> None:
        """`kill -9` of the parent; every child goes with it."""
        assert self._process is not None
        pids = self.pids()
        self._process.send_signal(signal.SIGKILL)
        self._process.wait()
        eventually(lambda: not any(_alive(pid) for pid in pids), what="the end of every child")

    def stop(self) -> int:
        """SIGTERM; the exit code."""
        if self._process is None:
            return 0
        if (code := self._process.poll()) is not None:
            return code
        self._process.terminate()
        return self._process.wait(15)

    def pids(self, name: str = "") -> list[int]:
        """Of the children; with `name` those whose command line holds it."""
        assert self._process is not None
        children = Path(f"/proc/{self._process.pid}/task/{self._process.pid}/children").read_text().split()
        return [int(pid) for pid in children if name in _command(int(pid))]

    def logs(self) -> str:
        return "\n".join(f"{log.name}: {log.read_text()[-1500:]}" for log in self.home.glob("logs/*.log"))

    # What people do

    def cli(self, *args: str, forked: bool = True) -> tuple[int, Any, str]:
        """A command with --json: exit code, the document, stderr."""
        options = (*args, "--home", str(self.home), "--json")
        if forked:
            done = run_baken(*options)
        else:
            done = subprocess.run([BAKEN, *options], capture_output=True, timeout=60, check=False)
        return done.returncode, json.loads(done.stdout) if done.stdout.strip() else None, done.stderr.decode()

    def temporal(self, *args: str) -> str:
        """The `temporal` command line against this home's server; its stdout."""
        address = json.loads((self.home / "run.json").read_text())["temporal"]
        done = subprocess.run(
            [TEMPORAL, *args, "--address", address], capture_output=True, text=True, timeout=60, check=False
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    def ask(self, use: Callable[[Baken], Awaitable[T]]) -> T:
        """Use the client as the console does."""

        async def run() -> T:
            async with open_baken(load_settings({}, home=self.home)) as baken:
                return await use(baken)

        return asyncio.run(run())

    def start_alert(self, document: dict[str, Any], folder: Path, kind: Kind = Kind.ACTUAL) -> str:
        """Start as operator1; the id."""
        view = self.ask(lambda baken: baken.start(document, folder, "operator1", kind))
        return str(view["alert_id"])

    def command(self, alert_id: str, action: Action, user: str, **more: Any) -> Ruling | None:
        return self.ask(lambda baken: baken.command(alert_id, action, user, **more))

    def accepted(self, alert_id: str, action: Action, user: str, **more: Any) -> None:
        ruling = self.command(alert_id, action, user, **more)
        assert ruling is not None, "no ruling within 5 s"
        assert ruling.accepted, ruling.reason

    def show(self, alert_id: str, *, live: bool = False) -> dict[str, Any]:
        return self.ask(lambda baken: baken.show(alert_id, live=live))

    def until_stage(self, alert_id: str, *stages: str, within: float = 20.0) -> dict[str, Any]:
        return self.until(alert_id, lambda view: view["stage"] in stages, within, f"stage {stages}")

    def until_pending(self, alert_id: str, edition: int = 1, *, live: bool = False) -> dict[str, Any]:
        def waits(view: dict[str, Any]) -> bool:
            return bool(view["pending"]) and view["pending"]["edition"] == edition

        return self.until(alert_id, waits, what="pending", live=live)

    def until_channels(
        self,
        alert_id: str,
        state: str,
        edition: int | None = None,
        within: float = 20.0,
        *,
        every: float = 0.1,
        live: bool = False,
    ) -> dict[str, Any]:
        def reached(view: dict[str, Any]) -> bool:
            channels = view["channels"]
            right = [one["state"] == state and (edition is None or one["edition"] == edition) for one in channels]
            return bool(channels) and all(right)

        return self.until(alert_id, reached, within, f"every channel {state} {edition or ''}", every, live=live)

    def until(
        self,
        alert_id: str,
        check: Callable[[dict[str, Any]], bool],
        within: float = 20.0,
        what: str = "it",
        every: float = 0.1,
        *,
        live: bool = False,
    ) -> dict[str, Any]:
        """Looks each `every` seconds at what was recorded, which may lag a moment behind.

        With `live` it asks the workflow, for five times the CPU: where the state before a command would do as well.
        """

        async def look(baken: Baken) -> dict[str, Any]:
            deadline = asyncio.get_running_loop().time() + within
            while True:
                view = await baken.show(alert_id, live=live)
                if check(view):
                    return view
                if asyncio.get_running_loop().time() > deadline:
                    seen = {key: view[key] for key in ("stage", "pending", "edition", "channels", "draft")}
                    raise AssertionError(f"{what} did not happen within {within} s: {json.dumps(seen)[:3000]}")
                await asyncio.sleep(every)

        return self.ask(look)

    # What the public and the counterparts see

    def get(self, path: str, **params: str) -> httpx.Response:
        return httpx.get(f"{self.web}{path}", params=params, trust_env=False, verify=False, timeout=10)

    def post(self, path: str, fields: Mapping[str, str], files: Mapping[str, bytes] | None = None) -> httpx.Response:
        """A form of the public site."""
        script = {"accept": "application/json"}
        return httpx.post(
            f"{self.web}{path}", data=fields, files=files, headers=script, trust_env=False, verify=False, timeout=20
        )

    def received(self, alert_id: str, channel: str | None = None, kind: str | None = None) -> list[dict[str, Any]]:
        return [
            line
            for line in read_received(self.home / "demo" / "received.jsonl")
            if line["alert_id"] == alert_id
            and (channel is None or line["channel"] == channel)
            and (kind is None or line["kind"] == kind)
        ]

    def fault(self, channel: str, mode: str, seconds: float) -> None:
        said = {"channel": channel, "mode": mode, "seconds": seconds}
        httpx.post(f"{self.web}/demo/faults", json=said, trust_env=False, verify=False).raise_for_status()

    def clear_faults(self) -> None:
        httpx.delete(f"{self.web}/demo/faults", trust_env=False, verify=False).raise_for_status()


def _command(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_text().replace("\0", " ")
    except FileNotFoundError:
        return ""


def _alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False
