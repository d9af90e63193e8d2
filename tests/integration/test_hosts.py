"""Several hosts that send, on one Temporal and one PostgreSQL: they share a rate and each other's work."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from activities.channels import CAPABILITIES
from alerts.vocabulary import Action
from starter.client import Baken
from tests.support.cases import amber_case
from tests.support.hosts import SenderHost, sending
from tests.support.postgres import PostgresServer
from tests.support.programmes import write_programme
from tests.support.running import Running
from tests.support.waiting import eventually, eventually_async
from worker import BATCHES_AT_ONCE

pytestmark = pytest.mark.alone  # a rate to 5%, by three hosts: on two cores no others may compute beside them

RECIPIENTS = 5_400
RATE = 500
"""Messages a second that push services allow: over 10 s of sending."""
ANSWERS_AFTER = 1.25
"""Seconds, so that one host gets at most 512 through in that time and the wave lasts until the other has come."""
TOGETHER = 2 * ANSWERS_AFTER
"""Seconds for which two hosts send before one of them is killed."""


@dataclass
class Played:
    """One alert to browsers, at a rate and by three hosts, and to phones, by a host that others join and leave."""

    webpush: list[dict[str, Any]]
    """What the counterpart got, in order."""
    app: list[dict[str, Any]]
    took_part_after: float
    """Seconds from the start of the second host to its first batch."""
    together: tuple[float, float]
    """When both sent to phones: times of this machine."""
    seconds_after_kill: float
    view: dict[str, Any]


@pytest.fixture(scope="module")
def played(postgres: PostgresServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Played]:
    folder = tmp_path_factory.mktemp("hosts")
    with ExitStack() as stack:
        running = _baken(folder, stack.enter_context(postgres.database(migrated=False)))
        stack.callback(running.stop)
        hosts = [SenderHost(running, "webpush").begin(), SenderHost(running, "webpush").begin()]
        joins = SenderHost(running, "app")
        for host in (*hosts, joins):
            stack.callback(host.stop)
        yield _play(running, hosts, joins, folder)


def _baken(folder: Path, database: str) -> Running:
    config = folder / "config.toml"
    sender = f'contact = "mailto:test@baken.example"\nauthority = "{folder / "home" / "demo" / "ca.pem"}"'
    config.write_text(f"[channels.webpush]\n{sender}\nrate = {RATE}\n")
    programmes = write_programme(folder / "programmes", channels='["web", "webpush", "app"]')
    options = ("--recipients", str(RECIPIENTS), "--programmes", str(programmes), "--config", str(config))
    environ = {"BAKEN_DATABASE_URL": database, "BAKEN_SENDERS": "1", "BAKEN_SIMULATORS_DELAY": str(ANSWERS_AFTER)}
    return Running(folder / "home", *options, environ=environ, forked=True).start()


def _play(running: Running, hosts: list[SenderHost], joins: SenderHost, folder: Path) -> Played:
    alert_id = running.start_alert(amber_case(folder), folder)
    running.until_pending(alert_id)
    for host in hosts:
        host.wait()
    running.accepted(alert_id, Action.APPROVE, "supervisor1")
    eventually(lambda: running.received(alert_id, "app"), every=0.05, what="the first message")
    joins.begin()
    began = time.time()
    running.ask(lambda baken: eventually_async(lambda: _takes_part(baken, alert_id, joins), what="its first batch"))
    took_part = time.time()
    time.sleep(TOGETHER)
    joins.kill()
    killed = time.time()
    view = running.until_channels(alert_id, "showing", within=40)
    return Played(
        webpush=running.received(alert_id, "webpush"),
        app=running.received(alert_id, "app"),
        took_part_after=took_part - began,
        together=(took_part, killed),
        seconds_after_kill=time.time() - killed,
        view=view,
    )


async def _takes_part(baken: Baken, alert_id: str, host: SenderHost) -> bool:
    return host.pid in await sending(baken, alert_id, "app")


def _times(lines: list[dict[str, Any]]) -> list[float]:
    return [datetime.fromisoformat(line["at"]).timestamp() for line in lines]


def test_channel_with_a_rate_when_three_hosts_send_keeps_to_it(played: Played) -> None:
    times = _times(played.webpush)
    assert len({line["recipient"] for line in played.webpush}) == len(times) == RECIPIENTS
    seconds = times[-1] - times[0]
    by_second = Counter(int(at - times[0]) for at in times)
    print(f"{len(times) / seconds:.1f} a second for {seconds:.1f} s: {[by_second[n] for n in range(int(seconds))]}")
    assert seconds >= 10
    assert len(times) / seconds == pytest.approx(RATE, rel=0.05)


def test_host_when_added_in_mid_send_helps_within_seconds(played: Played) -> None:
    began, ended = played.together
    sent = sum(began <= at <= ended for at in _times(played.app))
    print(f"took part after {played.took_part_after:.1f} s; together {sent} in {ended - began:.1f} s")
    assert played.took_part_after < 10
    assert sent > 0


def test_host_when_killed_in_mid_send_costs_nothing_but_time(played: Played) -> None:
    ids = Counter(line["id"] for line in played.app)
    again = len(played.app) - len(ids)
    print(f"through {played.seconds_after_kill:.1f} s after the kill, {again} sent again under the same id")
    assert len(ids) == len({line["recipient"] for line in played.app}) == RECIPIENTS
    assert again <= BATCHES_AT_ONCE * CAPABILITIES["app"].chunk, "so few recipients are batches of one chunk"
    assert [one["failed"] for one in played.view["channels"]] == [0, 0, 0]
