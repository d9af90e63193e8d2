"""Everybody opens the page at once: `make herd`. Baken beside nginx that serves the same bytes as a file, in one run.

Each round `wrk` asks nginx for the file, Baken for the page, and nginx as a cache before Baken (docs/nginx.conf) for
the page; then Baken again with Temporal and every worker stopped. In the last one the child is found meanwhile.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import shutil
import signal
import statistics
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
from rich.console import Console
from rich.table import Table

from alerts.vocabulary import Action
from benchmarks.fan_out import armed, showing, until
from starter.client import open_baken
from starter.playing import start_demo
from starter.ports import quiet_port
from starter.settings import load_settings
from tests.support.programmes import write_programme
from tests.support.running import ROOT, Running

RESULTS = ROOT / "benchmarks" / "results" / "herd.jsonl"
CONNECTIONS = 256
REPORT = """
done = function(summary, latency)
  local wrong = summary.errors
  io.write(string.format('\\n{"requests": %d, "us": %d, "p99_us": %d, "errors": %d}\\n', summary.requests,
    summary.duration, latency:percentile(99),
    wrong.connect + wrong.read + wrong.write + wrong.status + wrong.timeout))
end
"""
"""A script for wrk: what it counted, as a line of JSON."""
ASIDE = "/usr/sbin"
"""Where Debian keeps nginx, out of the way of users."""


def wrk(folder: Path, url: str, seconds: int) -> dict[str, float]:
    """Requests a second, p99 in milliseconds and errors of so many connections that ask on and on."""
    report = folder / "report.lua"
    report.write_text(REPORT, "ascii")
    command = ["wrk", "-t", "2", "-c", str(CONNECTIONS), "-d", f"{seconds}s", "-s", str(report), url]
    done = subprocess.run(command, capture_output=True, text=True, check=True)  # noqa: S603  ours
    said = json.loads(done.stdout.strip().splitlines()[-1])
    found = {"rate": said["requests"] / said["us"] * 1e6, "p99_ms": said["p99_us"] / 1000, "errors": said["errors"]}
    print(f"{url}: {json.dumps(found)}", flush=True)
    return found


@contextmanager
def nginx(folder: Path, web: str, page: bytes) -> Iterator[tuple[str, str]]:
    """Two addresses: the page as a file, and the cache before Baken."""
    site, port, cached = folder / "site", quiet_port(), quiet_port()
    site.mkdir()
    (site / "page.html").write_bytes(page)
    before = (ROOT / "docs" / "nginx.conf").read_text("utf-8")
    for said, here in {
        "/var/cache/nginx/baken": str(folder / "cache"),
        "server 127.0.0.1:8080;": f"server {web.removeprefix('http://')};",
        "listen 80;": f"listen 127.0.0.1:{cached};",
    }.items():
        assert before.count(said) == 1, said
        before = before.replace(said, here)
    own = "".join(
        f"{what}_temp_path {folder / what};\n" for what in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    config = folder / "nginx.conf"
    config.write_text(
        f"{'user root;' if os.getuid() == 0 else ''}\ndaemon off;\nworker_processes auto;\npid {folder}/pid;\n"
        f"error_log {folder}/error.log;\nevents {{ worker_connections 4096; }}\n"
        f"http {{\naccess_log off;\nsendfile on;\ntcp_nopush on;\ntypes {{ text/html html; }}\n{own}{before}\n"
        f"server {{ listen 127.0.0.1:{port}; root {site}; }}\n}}\n",
        "utf-8",
    )
    program = shutil.which("nginx", path=f"{os.environ['PATH']}:{ASIDE}") or "nginx"
    serving = subprocess.Popen([program, "-c", str(config), "-e", f"{folder}/error.log"])  # noqa: S603  ours
    try:
        addresses = f"http://127.0.0.1:{port}/page.html", f"http://127.0.0.1:{cached}"
        deadline = time.monotonic() + 10
        while not _answers(addresses[0]) and time.monotonic() < deadline:
            time.sleep(0.05)
        yield addresses
    finally:
        serving.terminate()
        serving.wait(10)


def _answers(url: str) -> bool:
    try:
        return httpx.get(url, trust_env=False).status_code == 200
    except httpx.TransportError:
        return False


async def show_alert(running: Running) -> str:
    """An alert that everybody sees: its id."""
    async with open_baken(load_settings({}, home=running.home)) as baken:
        alert_id = str((await start_demo(baken))["alert_id"])
        view = await until(baken, alert_id, armed)
        ruling = await baken.command(alert_id, Action.APPROVE, "supervisor1", digest=view["pending"]["digest"])
        assert ruling is not None
        assert ruling.accepted, ruling.reason
        await until(baken, alert_id, showing)
    return alert_id


async def found_amid(running: Running, folder: Path, page: str, alert_id: str, seconds: int) -> float:
    """Seconds from the operator's word, said in the middle of the crowd, to the first look that shows nothing."""
    async with (
        open_baken(load_settings({}, home=running.home)) as baken,
        httpx.AsyncClient(trust_env=False, timeout=60) as public,
    ):
        crowd = asyncio.create_task(asyncio.to_thread(wrk, folder, page, seconds))
        await asyncio.sleep(seconds / 2)
        said = time.monotonic()
        found = asyncio.create_task(
            baken.command(alert_id, Action.FOUND, "operator1", content={"confirmed_by": "police"})
        )
        while "/media/" in (await public.get(page)).text:  # noqa: ASYNC110  another process's page
            await asyncio.sleep(0.005)
        gone = time.monotonic() - said
        await asyncio.gather(crowd, found)
    return gone


def measure(running: Running, folder: Path, rounds: int, seconds: int) -> dict[str, Any]:
    alert_id = asyncio.run(show_alert(running))
    path = f"/alerts/{alert_id}?lang=nl"
    page = running.web + path
    content = httpx.get(page, trust_env=False).content
    assert b"/media/" in content
    runs: dict[str, list[dict[str, float]]] = {"nginx": [], "baken": [], "cache": [], "alone": []}
    with nginx(folder, running.web, content) as (file, cache):
        assert httpx.get(file, trust_env=False).content == httpx.get(cache + path, trust_env=False).content == content
        for _ in range(rounds):
            for name, url in (("nginx", file), ("baken", page), ("cache", cache + path)):
                runs[name].append(wrk(folder, url, seconds))
            others = [*running.pids("start-dev"), *running.pids("worker")]
            for pid in others:
                os.kill(pid, signal.SIGSTOP)
            try:
                runs["alone"].append(wrk(folder, page, seconds))
            finally:
                for pid in others:
                    os.kill(pid, signal.SIGCONT)
        gone = asyncio.run(found_amid(running, folder, page, alert_id, seconds))
    return {
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "connections": CONNECTIONS,
        "bytes": len(content),
        "rounds": rounds,
        "seconds": seconds,
        "runs": runs,
        "ratio": {name: _median_ratio(runs, name) for name in ("baken", "cache", "alone")},
        "found_to_gone_s": gone,
    }


def _median_ratio(runs: dict[str, list[dict[str, float]]], name: str) -> float:
    """Of the requests a second to nginx's in the same round."""
    return statistics.median(one["rate"] / raw["rate"] for one, raw in zip(runs[name], runs["nginx"], strict=True))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=int, default=10)
    parser.add_argument("--keep", action="store_true", help=f"append to {RESULTS.relative_to(ROOT)}")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="baken-herd-") as name:
        folder = Path(name)
        programmes = write_programme(folder / "programmes", channels='["web"]')
        running = Running(folder / "home", "--programmes", str(programmes)).start()
        try:
            found = measure(running, folder, given.rounds, given.seconds)
        finally:
            running.stop()
    if given.keep:
        with RESULTS.open("a", encoding="utf-8") as file:
            file.write(f"{json.dumps(found)}\n")
    table = Table("", "requests/s", "of nginx", "p99 ms, worst", "errors", title=f"{CONNECTIONS} connections")
    labels = {
        "nginx": "nginx, the same bytes as a file",
        "baken": "Baken",
        "cache": "nginx as a cache before Baken",
        "alone": "Baken, Temporal and workers stopped",
    }
    for name, runs in found["runs"].items():
        rate = f"{statistics.median(one['rate'] for one in runs):,.0f}"
        ratio = f"{found['ratio'][name]:.2f}" if name in found["ratio"] else ""
        worst, errors = max(one["p99_ms"] for one in runs), sum(one["errors"] for one in runs)
        table.add_row(labels[name], rate, ratio, f"{worst:.0f}", f"{errors:.0f}")
    Console().print(table)
    print(f"found, said amid the crowd: gone after {found['found_to_gone_s']:.3f} s")


if __name__ == "__main__":
    main()
