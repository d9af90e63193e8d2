"""A worker process: workflows and activities of one role, or of all.

`python worker.py --role all|alerts|send [--channels a,b] [--processes N]`. `alerts` runs workflows and what declares,
withdraws or thinks; `send` runs the channels, each on a queue of its own, in as many processes as there are cores: a
Python process uses one core, and what sends never holds up what rules.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import logging
import os
import signal
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path

import uvloop
from temporalio.client import Client
from temporalio.worker import Worker

from activities.alerts import AlertActivities, now
from activities.channels import CAPABILITIES, NAMES, build_channels
from activities.channels.base import Channel, ListeningChannel
from activities.delivery import DeliveryActivities
from activities.duty_calls import DutyCalls
from activities.publishing import PublishingActivities
from activities.revisions import RevisionWatch
from starter.children import Children, Part
from starter.errors import Problem
from starter.forking import Program, preload
from starter.partners import sync_partners
from starter.parts import Parts, connect, open_parts
from starter.process import announce_ready, stop_signal
from starter.settings import load_settings
from workflows.codec import Reader
from workflows.ports import ALERTS_QUEUE, CONTROL_QUEUE, send_queue
from workflows.registry import WORKFLOWS
from workflows.runtime import BUILD_ID, HEARTBEAT_THROTTLE, STICKY, sandbox_runner

GRACE = timedelta(seconds=3)
READY_WITHIN = 60.0
STOP_WITHIN = 6.0
AT_ONCE = 16
CONTROL_AT_ONCE = 4 * AT_ONCE
"""Many: what takes a channel down waits in threads of its own (`activities.publishing`)."""
THREADS = CONTROL_AT_ONCE
"""Made when they are needed; with fewer than a worker takes at once Temporal's SDK warns of it."""
BATCHES_AT_ONCE = 3
"""Of a channel in one process: enough that one reads while another sends, and a further host finds work waiting."""
COLLECTED_AFTER = (50_000, 20, 20)
"""Objects made, and walks over the younger ones, before the garbage collector walks again: a batch makes many that all
end with it, and with what is usual (700, 10, 10) the walks cost a sender some 2 % of its CPU (`perf`)."""
LISTEN_AGAIN = 1.0
"""Seconds until a channel that listens and failed listens again."""
_logger = logging.getLogger(__name__)


def build_adapters(parts: Parts) -> dict[str, Channel]:
    """Every channel, as this process uses it."""
    config, base_url = parts.settings.channels(), parts.settings.run_info().web
    return build_channels(parts.db, parts.keys.display_key, now, base_url, config, parts.keys.system_key)


def build_workers(
    parts: Parts,
    client: Client,
    threads: ThreadPoolExecutor,
    role: str,
    channels: Sequence[str],
    adapters: Mapping[str, Channel],
) -> list[Worker]:
    """The workers of a role, whose activities run in `threads`; the caller runs them."""
    base_url = parts.settings.run_info().web
    alerts = AlertActivities(parts.db, parts.keys, adapters, parts.programmes, base_url, client)
    publishing = PublishingActivities(parts.db, parts.keys, adapters)
    delivery = DeliveryActivities(parts.db, parts.keys, adapters, RevisionWatch(parts.db))
    workers = []
    if role in ("all", "alerts"):
        keys, config = parts.keys, parts.settings.channels()
        calls = DutyCalls(parts.db, config, keys.system_key, keys.record_key, base_url, now)
        thinking = [alerts.verify_case, alerts.prepare_edition, calls.call_supervisors]
        control = [
            alerts.declare,
            alerts.renew_lease,
            alerts.record_view,
            alerts.read_standing,
            alerts.close_alert,
            alerts.ask_after_alert,
            alerts.count_channel,
            publishing.take_down,
            delivery.plan_wave,
        ]
        workers += [
            _worker(client, ALERTS_QUEUE, threads, activities=thinking, workflows=WORKFLOWS),
            _worker(client, CONTROL_QUEUE, threads, activities=control, at_once=CONTROL_AT_ONCE),
        ]
    if role in ("all", "send"):
        sending = [publishing.arm_channel, publishing.publish, delivery.deliver]
        for name in channels:
            at_once = BATCHES_AT_ONCE if CAPABILITIES[name].chunk > 1 else AT_ONCE
            workers.append(_worker(client, send_queue(name), threads, activities=sending, at_once=at_once))
    return workers


def _worker(
    client: Client,
    queue: str,
    threads: ThreadPoolExecutor,
    *,
    activities: Sequence[object],
    workflows: Sequence[type] = (),
    at_once: int = AT_ONCE,
) -> Worker:
    return Worker(
        client,
        task_queue=queue,
        activities=list(activities),  # type: ignore[arg-type]
        workflows=list(workflows),
        workflow_runner=sandbox_runner(),
        build_id=BUILD_ID,
        activity_executor=threads,
        max_concurrent_activities=at_once,
        sticky_queue_schedule_to_start_timeout=STICKY,
        max_heartbeat_throttle_interval=HEARTBEAT_THROTTLE,
        default_heartbeat_throttle_interval=HEARTBEAT_THROTTLE,
        graceful_shutdown_timeout=GRACE,
    )


async def keep_listening(name: str, listen: Callable[[], Awaitable[None]], again: float = LISTEN_AGAIN) -> None:
    """Until cancelled, or there is nothing to listen to: a listener that fails is told, without what it heard."""
    while True:
        try:
            return await listen()
        except Exception as error:
            _logger.error("%s stopped listening and begins again: %s", name, type(error).__name__)
        await asyncio.sleep(again)


async def run(role: str, channels: Sequence[str]) -> None:
    parts = open_parts(load_settings(os.environ))
    client = await connect(parts, Reader.WORKER)
    if role in ("all", "send"):
        with parts.db.write() as session:
            sync_partners(session, parts)
    threads = ThreadPoolExecutor(THREADS, thread_name_prefix="activity")
    adapters = build_adapters(parts)
    workers = build_workers(parts, client, threads, role, channels, adapters)
    stop = stop_signal()
    tasks = [asyncio.create_task(worker.run()) for worker in workers]
    sending = [adapters[name] for name in channels] if role in ("all", "send") else []
    lines = [
        asyncio.create_task(keep_listening(channel.name, channel.listen))
        for channel in sending
        if isinstance(channel, ListeningChannel)
    ]
    collect_rarely()
    announce_ready(os.environ)
    stopped = asyncio.create_task(stop.wait())
    done, _ = await asyncio.wait({stopped, *tasks}, return_when=asyncio.FIRST_COMPLETED)
    await asyncio.gather(*(worker.shutdown() for worker in workers), return_exceptions=True)
    for line in lines:
        line.cancel()
    await asyncio.gather(*lines, return_exceptions=True)
    for task in done - {stopped}:
        task.result()
    threads.shutdown()
    parts.close()


def collect_rarely() -> None:
    """Let the garbage collector walk over what is new, and that seldom."""
    gc.freeze()
    gc.set_threshold(*COLLECTED_AFTER)


def run_processes(channels: Sequence[str], number: int) -> int:
    """The role send in so many processes, until told to stop; raises CannotReach when one keeps ending."""
    with tempfile.TemporaryDirectory(prefix="baken-") as folder:
        children = Children(os.environ, Path(folder), None, lambda said: print(said, file=sys.stderr, flush=True))

        def told_to_stop(*_: object) -> None:
            children.told_to_stop = True

        for signal_number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(signal_number, told_to_stop)
        command = Program("worker", ("--role", "send", "--processes", "1", "--channels", ",".join(channels)))
        names = [f"sender {index + 1}" for index in range(number)]
        preload(command.module)
        try:
            for name in names:
                children.begin(Part(name, command, children.touches(name)))
            children.wait_for(names, READY_WITHIN)
            announce_ready(os.environ)
            while not children.told_to_stop:
                children.tend()
                time.sleep(0.1)
        finally:
            children.stop(names, time.monotonic() + STOP_WITHIN)
    return 0


def main(args: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--role", choices=("all", "alerts", "send"), default="all")
    parser.add_argument("--channels", default=",".join(NAMES), help="of the role send; default all")
    parser.add_argument("--processes", type=int, help="of the role send; default: as many as there are cores")
    parser.add_argument("--home", type=Path)
    given = parser.parse_args(args)
    if given.home:
        os.environ["BAKEN_HOME"] = str(given.home)
    names = given.channels.split(",")
    unknown = [name for name in names if name not in NAMES]
    if unknown:
        parser.error(f"--channels: {unknown[0]!r} does not exist; known: {', '.join(NAMES)}")
    if given.processes and given.role != "send":
        parser.error("--processes is for the role send: nothing else needs more than one")
    try:
        processes = given.processes or load_settings(os.environ).sending_processes()
        if given.role == "send" and processes > 1:
            return run_processes(names, processes)
        uvloop.run(run(given.role, names))
    except Problem as problem:
        print(problem, file=sys.stderr)
        return problem.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
