"""Peers at the same work: Celery with Redis, a pool of threads with pywebpush, Apprise. `python -m benchmarks.peers`.

Each of them brings the very message that Baken sent just before to browsers of a push service on this machine, sealed
for each alone, and is then killed half-way and started again. Peers are installed under `build/`, at their fixed
versions; Redis comes from the system. They speak HTTP/1.1, so their counterpart does; Baken's is its simulator.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from rich.console import Console
from rich.table import Table

from benchmarks.peers import system
from benchmarks.peers.counterpart import Counterpart
from benchmarks.peers.runners import PROGRAMS, CeleryRedis, ListSender, Peer, Program
from simulators.browsers import PATH, Browsers
from simulators.tls import server_context
from starter.ports import quiet_port
from starter.process import dies_with
from tests.support.running import ROOT

RESULTS = ROOT / "benchmarks" / "results" / "peers.jsonl"
REQUIREMENTS = Path(__file__).with_name("requirements.txt")
ENVIRONMENT = ROOT / "build" / "peers"
NO_REDIS = (
    "Redis is not on this machine; type 'sudo apt-get install --no-install-recommends redis-server' and try again"
)
SENT_BY_BAKEN = 20
"""Times the recipients of a peer: with fewer it is through before anybody can kill it."""
QUIET = 4.0
"""Seconds without a message after which a peer is through."""
CONTACT = "mailto:bench@baken.example"


@dataclass
class Row:
    peer: str
    recipients: int
    recipients_per_s: float
    """From the first message to the last, at the counterpart."""
    cpu_us: float
    """Of all processes that send or queue, for each recipient."""
    others_cpu_us: float
    """Of Redis; of Temporal, workflows and web."""
    lost: int
    doubled: int
    opened: float
    """Share of a sample of messages that their browser could open."""
    killed_at: int
    """Messages that had come when all that sends was killed; the next ones are of that round."""
    killed_lost: int
    """Never got it, though what was killed was started again."""
    killed_late: int
    """Of those not counted as lost: will get it when Redis gives up waiting for the killed worker, in an hour."""
    killed_doubled: int
    at: str = ""


def install() -> Path:
    """The peers in an environment of their own; its interpreter."""
    python, installed = ENVIRONMENT / "bin" / "python", ENVIRONMENT / "installed.txt"
    wanted = REQUIREMENTS.read_text("utf-8")
    if not installed.exists() or installed.read_text("utf-8") != wanted:
        print(f"installing peers into {ENVIRONMENT.relative_to(ROOT)}", file=sys.stderr)
        subprocess.run([sys.executable, "-m", "venv", str(ENVIRONMENT)], check=True)  # noqa: S603  ours
        quiet = ("--quiet", "--disable-pip-version-check")
        subprocess.run([str(python), "-m", "pip", "install", *quiet, "-r", str(REQUIREMENTS)], check=True)  # noqa: S603  ours
        installed.write_text(wanted, "utf-8")
    return python


@contextmanager
def counterpart(folder: Path) -> Iterator[Counterpart]:
    command = [sys.executable, "-m", "benchmarks.peers.counterpart", str(folder)]
    process = subprocess.Popen(  # noqa: S603  our own command
        command,
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
        preexec_fn=dies_with(os.getpid()),  # noqa: PLW1509  this parent has no threads
    )
    with process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        try:
            yield Counterpart(folder)
        finally:
            process.terminate()


def write_work(folder: Path, browsers: Browsers, said: str, recipients: int) -> Path:
    """What every peer has to do, and the key to sign with."""
    key = ec.generate_private_key(ec.SECP256R1())
    key_file = folder / "vapid.pem"
    key_file.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    names = (f"recipient{at:07d}" for at in range(recipients))
    work = {
        "subscriptions": [json.loads(browsers.subscription(name)) for name in names],
        "said": said,
        "key_file": str(key_file),
        "contact": CONTACT,
        "ttl": 3_600,
        "topic": "bench",
    }
    path = folder / "work.json"
    path.write_text(json.dumps(work))
    return path


def play(peer: Peer, there: Counterpart, recipients: int) -> Row:
    there.kept()
    peer.begin()
    _until_quiet(there)
    used = peer.cpu()
    whole = there.kept()
    peer.end()
    peer.begin()
    while (killed_at := there.total()) < recipients // 2:
        time.sleep(0.02)
    peer.kill()
    time.sleep(1)
    peer.again()
    _until_quiet(there)
    left = {endpoint.rsplit(PATH, 1)[1] for endpoint in peer.left()}
    broken = there.kept()
    peer.end()
    missing = {f"recipient{at:07d}" for at in range(recipients)} - set(broken["names"])
    return Row(
        peer=peer.name,
        recipients=recipients,
        recipients_per_s=len(whole["names"]) / (whole["last_at"] - whole["first_at"]),
        cpu_us=used[0] / recipients * 1e6,
        others_cpu_us=used[1] / recipients * 1e6,
        lost=recipients - len(set(whole["names"])),
        doubled=len(whole["names"]) - len(set(whole["names"])),
        opened=whole["opened"] / whole["sampled"],
        killed_at=killed_at,
        killed_lost=len(missing - left),
        killed_late=len(missing & left),
        killed_doubled=len(broken["names"]) - len(set(broken["names"])),
    )


def _until_quiet(there: Counterpart) -> None:
    """Until nothing came for some seconds."""
    total, since = there.total(), time.monotonic()
    while time.monotonic() - since < QUIET:
        time.sleep(0.2)
        now = there.total()
        if now != total:
            total, since = now, time.monotonic()


def peers(python: Path, redis: str, work: Path, authority: Path) -> Iterator[Peer]:
    trust = {"REQUESTS_CA_BUNDLE": str(authority), "NO_PROXY": "*"}
    late = {**trust, "PEER_LATE": "1"}
    pool, loop = f"{PROGRAMS}.pool", f"{PROGRAMS}.apprise_loop"
    yield CeleryRedis("Celery + Redis", python, redis, work, trust)
    yield CeleryRedis("Celery + Redis, late acknowledgement", python, redis, work, late)
    yield ListSender("16 threads, pywebpush", Program(python, pool, str(work), "docs", environ=trust))
    yield ListSender("16 threads, pywebpush, sessions", Program(python, pool, str(work), "session", environ=trust))
    yield ListSender("Apprise in a loop", Program(python, loop, str(work), environ=trust))


def compare(recipients: int, say: Any) -> list[Row]:
    redis = shutil.which("redis-server")
    if redis is None:
        raise SystemExit(NO_REDIS)
    python = install()
    own = recipients * SENT_BY_BAKEN
    figures, said = system.measure(own)
    rows = [Row(peer="Baken", recipients=own, **figures)]
    say(rows[0])
    with tempfile.TemporaryDirectory(prefix="baken-peers-") as place:
        folder = Path(place)
        browsers = Browsers.of_demo(folder, quiet_port)
        _, authority = server_context(folder)
        work = write_work(folder, browsers, said, recipients)
        with counterpart(folder) as there:
            for peer in peers(python, redis, work, authority):
                try:
                    rows.append(play(peer, there, recipients))
                finally:
                    peer.end()
                say(rows[-1])
    return rows


def show(rows: list[Row]) -> None:
    table = Table(title="The same message by Web Push; lost, late and doubled after a kill -9 half-way")
    for column in ("peer", "recipients", "a second", "CPU us", "of others", "lost", "late", "doubled"):
        table.add_column(column, justify="left" if column == "peer" else "right")
    for row in rows:
        figures = (row.recipients, row.recipients_per_s, row.cpu_us, row.others_cpu_us)
        after = (row.killed_lost, row.killed_late, row.killed_doubled)
        table.add_row(row.peer, *(f"{value:,.0f}" for value in (*figures, *after)))
    Console().print(table)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--recipients", type=int, default=5_000)
    parser.add_argument("--keep", action="store_true", help=f"append to {RESULTS.relative_to(ROOT)}")
    given = parser.parse_args()
    rows = compare(given.recipients, lambda row: print(json.dumps(asdict(row)), flush=True))
    at = datetime.now(UTC).isoformat(timespec="seconds")
    if given.keep:
        with RESULTS.open("a", encoding="utf-8") as file:
            for row in rows:
                file.write(json.dumps({**asdict(row), "at": at}) + "\n")
    show(rows)


if __name__ == "__main__":
    main()
