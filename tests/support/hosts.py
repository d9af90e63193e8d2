"""One more host that sends for a Baken that runs: the process people start there, with the same home and store."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

from starter.client import Baken
from starter.parts import connect
from starter.process import READY_FILE, dies_with
from tests.support.running import ROOT, Running
from tests.support.waiting import eventually
from workflows.codec import Reader
from workflows.ports import wave_workflow_id


class SenderHost:
    """`python worker.py --role send`, as one process, so that it can do no more than `IN_FLIGHT` at once."""

    def __init__(self, running: Running, channels: str) -> None:
        self._home = running.home
        self._channels = channels
        self._process: subprocess.Popen[bytes] | None = None
        self._ready = Path()

    def begin(self) -> SenderHost:
        """Start, without waiting for it."""
        self._ready = self._home / f"host-{os.urandom(4).hex()}"
        environ = {name: value for name, value in os.environ.items() if not name.startswith(("BAKEN_", "TEMPORAL_"))}
        command = [sys.executable, str(ROOT / "worker.py"), "--role", "send", "--processes", "1"]
        self._process = subprocess.Popen(
            [*command, "--channels", self._channels, "--home", str(self._home)],
            env={**environ, READY_FILE: str(self._ready)},
            preexec_fn=dies_with(os.getpid()),  # noqa: PLW1509  as in `Running`, no thread runs yet
        )
        return self

    def wait(self) -> None:
        """Until it takes work."""
        eventually(self._ready.exists, within=30, what="a host that sends")

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    def kill(self) -> None:
        """`kill -9`, as when the machine is gone."""
        assert self._process is not None
        self._process.send_signal(signal.SIGKILL)
        self._process.wait()

    def stop(self) -> None:
        if self._process is not None and self._process.poll() is None:
            self._process.terminate()
            self._process.wait(15)


async def sending(baken: Baken, alert_id: str, channel: str) -> set[int]:
    """Processes that have a batch of the first wave under way, as Temporal knows them."""
    client = await connect(baken.parts, Reader.CLIENT)
    wave = client.get_workflow_handle(wave_workflow_id(alert_id, channel, "show-1.0"))
    pending = (await wave.describe()).raw_description.pending_activities
    return {int(one.last_worker_identity.split("@")[0]) for one in pending if one.last_worker_identity}
