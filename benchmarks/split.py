"""Where the sending processes' CPU goes, for each recipient: read, render, encrypt, send, record.

The very activity that sends, without Temporal around it, in one process, on a store of its own and against the bench's
counterpart. Reading, building messages and writing down are timed by the CPU clock of the thread that does them;
sealing is timed by itself and taken off building; sending is what is left of the process.
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import json
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table
from temporalio.testing import ActivityEnvironment

import activities.channels.app
import activities.channels.webpush
from activities import web_push
from activities.bulk_http import Answer, BulkHttp, Request
from activities.channels import build_channels
from activities.delivery import LARGEST_BATCH, DeliveryActivities
from activities.revisions import RevisionWatch
from alerts.state import Desired
from alerts.vocabulary import Kind
from simulators.browsers import Browsers
from starter.ports import quiet_port
from starter.settings import load_settings
from store import editions
from store.audience import AudienceStore
from store.database import Database
from store.schema import migrate
from store.subscribers import Entry, Subscribers
from tests.support.editions import BASE_URL, KEY, ShownAlert
from tests.support.running import ROOT
from tests.support.simulators import Counterparts
from workflows import ports

RESULTS = ROOT / "benchmarks" / "results" / "split.jsonl"
SEALED = 5_000
"""Messages by which sealing is timed."""
SPENT: dict[str, float] = {}
"""CPU seconds by step."""


def timed(step: str, work: Callable[[], Any]) -> Any:
    began = time.thread_time()
    try:
        return work()
    finally:
        SPENT[step] = SPENT.get(step, 0.0) + time.thread_time() - began


class TimedPool(BulkHttp):
    """Times how long messages take to build; libcurl's thread takes them one by one."""

    async def send(
        self, requests: Iterable[Request], number: int, still: Callable[[], bool] = lambda: True
    ) -> Sequence[Answer]:
        return await super().send(self._timed(iter(requests)), number, still)

    def _timed(self, requests: Iterator[Request]) -> Iterator[Request]:
        while (request := timed("render", lambda: next(requests, None))) is not None:
            yield request


class TimedDelivery(DeliveryActivities):
    def _open_batch(self, *args: Any) -> Any:
        return timed("read", lambda: super(TimedDelivery, self)._open_batch(*args))

    def _write(self, *args: Any) -> Any:
        return timed("record", lambda: super(TimedDelivery, self)._write(*args))


class Keys:
    """One key for everything: nothing here outlives the measurement."""

    def display_key(self, _: str) -> bytes:
        return KEY

    def system_key(self, _: str) -> bytes:
        return KEY

    def recall_all(self, _: Sequence[str]) -> dict[str, str]:
        """No store but this one was ever used."""
        return {}

    def raise_numbers(self, _: str, __: object) -> None:
        """Nobody will ask."""


def split(channel: str, recipients: int, batch: int = LARGEST_BATCH) -> dict[str, Any]:
    """Microseconds of each step, with batches of so many positions; Baken's are of `LARGEST_BATCH` at most."""
    SPENT.clear()
    for module in (activities.channels.app, activities.channels.webpush):
        module.BulkHttp = TimedPool  # type: ignore[attr-defined]
    with tempfile.TemporaryDirectory(prefix="baken-bench-") as folder:
        home = Path(folder)
        browsers = Browsers.of_demo(home / "demo", quiet_port)
        counterparts = Counterparts(home, BAKEN_SIMULATORS_BENCH="1").start()
        address_of = {"app": "{}:demo".format, "webpush": browsers.subscription}[channel]
        try:
            alert = fill(home, channel, (address_of(f"recipient{at:07d}") for at in range(recipients)))
            delivery, desired = prepare(home, alert, channel, TimedDelivery)
            before = time.process_time()
            asyncio.run(deliver(delivery, alert.alert_id, channel, desired, recipients, batch))
            whole = time.process_time() - before
        finally:
            counterparts.stop()
    sealing = _sealing(browsers) if channel == "webpush" else 0.0
    us = {step: spent / recipients * 1e6 for step, spent in SPENT.items()}
    us["render"] -= sealing
    us["encrypt"] = sealing
    us["send"] = whole / recipients * 1e6 - us["read"] - us["render"] - us["encrypt"] - us["record"]
    rounded = {step: round(value, 2) for step, value in us.items()}
    at = datetime.now(UTC).isoformat("T", "seconds")
    return {"channel": channel, "recipients": recipients, "batch": batch, "us": rounded, "at": at}


def fill(home: Path, channel: str, addresses: Iterable[str]) -> ShownAlert:
    """An alert in a store of its own, which these subscribe to."""
    db = Database.at(home / "baken.db")
    migrate(db)
    Subscribers(KEY, channel).fill(db, map(Entry, addresses), datetime.now(UTC))
    return ShownAlert(db)


def prepare(
    home: Path, alert: ShownAlert, channel: str, made: type[DeliveryActivities]
) -> tuple[DeliveryActivities, Desired]:
    """Everything that is done before the yes."""
    audience = AudienceStore(alert.db, KEY, alert.alert_id, channel)
    timed("freeze", lambda: audience.extend(KEY, None, exercise=False))
    desired = alert.show()
    config = load_settings({}, home=home).channels()
    adapters = build_channels(alert.db, lambda _: KEY, lambda: datetime.now(UTC), BASE_URL, config, lambda _: KEY)
    rendition = adapters[channel].render(alert.edition, BASE_URL).model_dump_json()
    with alert.db.write() as session:
        editions.put_rendition(session, KEY, alert.alert_id, alert.edition.digest, channel, rendition)
    watch = RevisionWatch(alert.db, lambda: alert.now)
    return made(alert.db, Keys(), adapters, watch), desired  # type: ignore[arg-type]  # Keys has what is asked here


async def deliver(
    delivery: DeliveryActivities, alert_id: str, channel: str, desired: Desired, recipients: int, batch: int
) -> None:
    reached = 0
    for start in range(0, recipients, batch):
        asked = ports.Deliver(
            alert_id=alert_id,
            kind=Kind.ACTUAL,
            channel=channel,
            desired=desired,
            purpose="show",
            start=start,
            count=min(batch, recipients - start),
        )
        done: ports.Delivered = await ActivityEnvironment().run(delivery.deliver, asked)
        reached += done.reached
    assert reached == recipients


def _sealing(browsers: Browsers) -> float:
    """Microseconds of one message."""
    subscription = web_push.parse_subscription(browsers.subscription("somebody"), "too")
    began = time.thread_time()
    for _ in range(SEALED):
        web_push.encrypt(subscription, b"x" * 600)
    return (time.thread_time() - began) / SEALED * 1e6


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--channel", choices=("app", "webpush"), action="append")
    parser.add_argument("--recipients", type=int, action="append")
    parser.add_argument("--batch", type=int, action="append", help=f"positions; default {LARGEST_BATCH:,}")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--keep", action="store_true", help=f"append to {RESULTS.relative_to(ROOT)}")
    given = parser.parse_args()
    channels, numbers = given.channel or ("app", "webpush"), given.recipients or (50_000,)
    every = itertools.product(channels, numbers, given.batch or (LARGEST_BATCH,))
    found = [split(*one) for one in every]
    if given.keep:
        with RESULTS.open("a", encoding="utf-8") as file:
            file.writelines(f"{json.dumps(one)}\n" for one in found)
    if given.json:
        print(json.dumps(found))
        return
    table = Table(title="CPU us of the sending process for each recipient")
    steps = ("read", "render", "encrypt", "send", "record", "freeze")
    for column in ("channel", "recipients", "batch", *steps):
        table.add_column(column, justify="right")
    for one in found:
        sizes = f"{one['recipients']:,}", f"{one['batch']:,}"
        table.add_row(one["channel"], *sizes, *(f"{one['us'][step]:.2f}" for step in steps))
    Console().print(table)


if __name__ == "__main__":
    main()
