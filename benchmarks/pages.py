"""How soon pages are there on a slow phone and in a slow control room, and what a screen keeps: `make pages`.

Chromium through its DevTools protocol. The page of an alert: CPU slowed down four times, 1.6 Mbit/s with 150 ms there
and back, nothing in the cache. Pages of the console: CPU slowed down four times, until they can be used. The player of
screens: a thousand updates one after the other, its clock turned on by hand, what it holds after each hundred.
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from playwright.sync_api import Browser, CDPSession, Page, Route
from rich.console import Console
from rich.table import Table

from alerts.vocabulary import Action
from starter.demo_case import write_demo_case
from tests.browser.looking import HEIGHT, aside, chromium, until_true
from tests.support.running import ROOT, Running
from tests.support.waiting import eventually

RESULTS = ROOT / "benchmarks" / "results" / "pages.jsonl"
SLOWER = 4
BYTES_A_SECOND = 1_600_000 // 8
ROUND_TRIP_MS = 150
UPDATES = 1_000
EVERY_MS = 2_000
"""Between two questions of the player (signage.js)."""
NUMBER = "Number(document.querySelector('.screen h1')?.textContent.split(' ').at(-1) ?? 0)"
"""Of the update that is shown."""
PAINTED = "performance.getEntriesByName('first-contentful-paint').length > 0"
SEEN = """() => {
  const first = performance.getEntriesByName('first-contentful-paint')[0]
  const shifts = new PerformanceObserver(() => {})
  shifts.observe({ type: 'layout-shift', buffered: true })
  const sum = shifts.takeRecords().reduce((all, one) => all + one.value, 0)
  return { fcp_ms: first.startTime, shift: sum, usable_ms: performance.timing.domContentLoadedEventEnd -
    performance.timing.navigationStart }
}"""


@contextmanager
def slowed(browser: Browser, width: int, network: bool) -> Iterator[tuple[Page, CDPSession]]:
    context = browser.new_context(viewport={"width": width, "height": HEIGHT}, locale="nl-NL")
    page = context.new_page()
    tools = context.new_cdp_session(page)
    tools.send("Network.enable")
    if network:
        rate = {"downloadThroughput": BYTES_A_SECOND, "uploadThroughput": BYTES_A_SECOND}
        tools.send("Network.emulateNetworkConditions", {"offline": False, "latency": ROUND_TRIP_MS, **rate})
    tools.send("Emulation.setCPUThrottlingRate", {"rate": SLOWER})
    yield page, tools
    context.close()


def alert_page(browser: Browser, url: str) -> dict[str, float]:
    """First paint, shift, and the weight on the wire of all but photos."""
    with slowed(browser, 360, network=True) as (page, tools):
        address: dict[str, str] = {}
        weight: dict[str, float] = {}
        tools.on("Network.requestWillBeSent", lambda said: address.update({said["requestId"]: said["request"]["url"]}))
        tools.on("Network.loadingFinished", lambda said: weight.update({said["requestId"]: said["encodedDataLength"]}))
        page.goto(url, wait_until="load")
        until_true(page, PAINTED)
        page.wait_for_timeout(300)
        light = sum(size for id_, size in weight.items() if not urlsplit(address[id_]).path.startswith("/media/"))
        seen = page.evaluate(SEEN)
    return {"fcp_ms": seen["fcp_ms"], "shift": seen["shift"], "bytes": light}


def console_page(browser: Browser, web: str, user: str, path: str) -> dict[str, float]:
    with slowed(browser, 1280, network=False) as (page, _):
        page.goto(f"{web}/console/login")
        page.locator(f"button[value={user}]").click()
        page.wait_for_url("**/console/**")
        page.goto(f"{web}{path}", wait_until="load")
        until_true(page, PAINTED)
        seen = page.evaluate(SEEN)
    return {"fcp_ms": seen["fcp_ms"], "usable_ms": seen["usable_ms"]}


def player(browser: Browser, web: str) -> list[dict[str, float]]:
    """What the page holds after each hundred of a thousand updates, each with other words."""
    context = browser.new_context(viewport={"width": 1920, "height": 1080})
    page = context.new_page()
    (shown,) = json.loads(page.request.get(f"{web}/signage/content.json").text())
    count = 0

    def another(route: Route) -> None:
        nonlocal count
        count += 1
        answer = route.fetch()
        html = shown["html"].replace("</h1>", f" {count}</h1>")
        route.fulfill(response=answer, json=[{**shown, "html": html}])

    page.route("**/signage/content.json*", another)
    page.clock.install()
    page.goto(f"{web}/signage")
    tools = context.new_cdp_session(page)
    tools.send("Performance.enable")
    held: list[dict[str, float]] = []
    number = 0
    while number < UPDATES:
        number = _next(page, number)
        if number % 100 == 0:
            tools.send("HeapProfiler.collectGarbage")
            metrics = {one["name"]: one["value"] for one in tools.send("Performance.getMetrics")["metrics"]}
            held.append({"updates": number, "heap_kb": metrics["JSHeapUsedSize"] / 1000, "nodes": metrics["Nodes"]})
        page.clock.run_for(EVERY_MS)
    context.close()
    return held


def _next(page: Page, last: int) -> int:
    """The number of the update that follows."""
    eventually(lambda: page.evaluate(NUMBER) > last, within=30, every=0.005, what="the next update")
    return int(page.evaluate(NUMBER))


def measure(running: Running, browser: Browser, rounds: int) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as folder:
        document = write_demo_case(Path(folder))
        alert_id, waits = (aside(lambda: running.start_alert(document, Path(folder))) for _ in range(2))
    aside(lambda: [running.until_pending(one) for one in (alert_id, waits)])
    aside(lambda: running.accepted(alert_id, Action.APPROVE, "supervisor1"))
    aside(lambda: running.until_channels(alert_id, "showing"))
    public = [alert_page(browser, f"{running.web}/alerts/{alert_id}") for _ in range(rounds)]
    pages = {
        "list": ("operator1", "/console/"),
        "form": ("operator1", "/console/new/actual"),
        "approval": ("supervisor1", f"/console/alerts/{waits}"),
        "live": ("operator1", f"/console/alerts/{alert_id}"),
    }
    console = {
        name: [console_page(browser, running.web, *where) for _ in range(rounds)] for name, where in pages.items()
    }
    return {
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "rounds": rounds,
        "alert": _medians(public),
        "console": {name: _medians(found) for name, found in console.items()},
        "player": player(browser, running.web),
    }


def _medians(rows: list[dict[str, float]]) -> dict[str, float]:
    return {name: statistics.median(row[name] for row in rows) for name in rows[0]}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--keep", action="store_true", help=f"append to {RESULTS.relative_to(ROOT)}")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="baken-pages-") as folder:
        running = Running(Path(folder) / "home", "--recipients", "20").start()
        try:
            with chromium() as browser:
                found = measure(running, browser, given.rounds)
        finally:
            running.stop()
    if given.keep:
        with RESULTS.open("a", encoding="utf-8") as file:
            file.write(f"{json.dumps(found)}\n")
    table = Table("page", "first paint ms", "usable ms", "shift", "bytes", title=f"medians of {given.rounds}")
    for name, row in {"alert": found["alert"], **found["console"]}.items():
        shift = f"{row['shift']:.3f}" if "shift" in row else ""
        usable, weight = (f"{row[what]:,.0f}" if what in row else "" for what in ("usable_ms", "bytes"))
        table.add_row(name, f"{row['fcp_ms']:,.0f}", usable, shift, weight)
    Console().print(table)
    for row in found["player"]:
        print(f"player after {row['updates']:,.0f} updates: {row['heap_kb']:,.0f} kB, {row['nodes']:,.0f} nodes")


if __name__ == "__main__":
    main()
