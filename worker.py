"""A worker process: workflows and activities of one role, or of all.

`python worker.py --role all|alerts|send [--channels a,b]`. `alerts` runs workflows and what declares, withdraws or
thinks; `send` runs the channels, each on a queue of its own.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path

from temporalio.client import Client
from temporalio.worker import Worker

from activities.alerts import AlertActivities, now
from activities.channels import NAMES, build_channels
from activities.delivery import DeliveryActivities
from activities.publishing import PublishingActivities
from activities.revisions import RevisionWatch
from starter.errors import Problem
from starter.parts import Parts, connect, open_parts
from starter.process import announce_ready, stop_signal
from starter.settings import load_settings
from store.subscribers import Subscribers
from workflows.alert import AlertWorkflow
from workflows.channel import ChannelWorkflow
from workflows.codec import Reader
from workflows.ports import ALERTS_QUEUE, CONTROL_QUEUE, send_queue
from workflows.runtime import HEARTBEAT_THROTTLE, STICKY, sandbox_runner

WORKFLOWS = [AlertWorkflow, ChannelWorkflow]
GRACE = timedelta(seconds=3)


def build_workers(parts: Parts, client: Client, role: str, channels: Sequence[str]) -> list[Worker]:
    """The workers of a role; the caller runs them."""
    config = parts.settings.channels()
    base_url = parts.settings.run_info().web
    adapters = build_channels(parts.db, parts.keys.display_key, now, base_url, config)
    alerts = AlertActivities(parts.db, parts.keys, adapters, parts.programmes, base_url, client)
    publishing = PublishingActivities(parts.db, parts.keys, adapters)
    delivery = DeliveryActivities(parts.db, parts.keys, adapters, RevisionWatch(parts.db))
    threads = ThreadPoolExecutor(16, thread_name_prefix="activity")
    workers = []
    if role in ("all", "alerts"):
        thinking = [alerts.verify_case, alerts.prepare_edition]
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
            _worker(client, CONTROL_QUEUE, threads, activities=control),
        ]
    if role in ("all", "send"):
        sending = [publishing.arm_channel, publishing.publish, delivery.deliver]
        workers += [_worker(client, send_queue(name), threads, activities=sending) for name in channels]
    return workers


def _worker(
    client: Client,
    queue: str,
    threads: ThreadPoolExecutor,
    *,
    activities: Sequence[object],
    workflows: Sequence[type] = (),
) -> Worker:
    return Worker(
        client,
        task_queue=queue,
        activities=list(activities),  # type: ignore[arg-type]
        workflows=list(workflows),
        workflow_runner=sandbox_runner(),
        activity_executor=threads,
        max_concurrent_activities=16,
        sticky_queue_schedule_to_start_timeout=STICKY,
        max_heartbeat_throttle_interval=HEARTBEAT_THROTTLE,
        default_heartbeat_throttle_interval=HEARTBEAT_THROTTLE,
        graceful_shutdown_timeout=GRACE,
    )


def sync_partners(parts: Parts) -> None:
    """The partners of the configuration are the subscribers of the webhook channel."""
    config = parts.settings.channels()
    key = parts.keys.system_key("subscribers")
    with parts.db.write() as session:
        for exercise, partners in ((False, config.channels.webhook), (True, config.exercise.webhook)):
            names = [partner.name for partner in partners]
            Subscribers(key, "webhook", exercise=exercise).keep_exactly(session, names, now())


async def run(role: str, channels: Sequence[str]) -> None:
    parts = open_parts(load_settings(os.environ))
    client = await connect(parts, Reader.WORKER)
    if role in ("all", "send"):
        sync_partners(parts)
    workers = build_workers(parts, client, role, channels)
    stop = stop_signal()
    tasks = [asyncio.create_task(worker.run()) for worker in workers]
    announce_ready(os.environ)
    stopped = asyncio.create_task(stop.wait())
    done, _ = await asyncio.wait({stopped, *tasks}, return_when=asyncio.FIRST_COMPLETED)
    await asyncio.gather(*(worker.shutdown() for worker in workers), return_exceptions=True)
    for task in done - {stopped}:
        task.result()
    parts.close()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--role", choices=("all", "alerts", "send"), default="all")
    parser.add_argument("--channels", default=",".join(NAMES), help="of the role send; default all")
    parser.add_argument("--home", type=Path)
    given = parser.parse_args()
    if given.home:
        os.environ["BAKEN_HOME"] = str(given.home)
    names = given.channels.split(",")
    unknown = [name for name in names if name not in NAMES]
    if unknown:
        parser.error(f"--channels: {unknown[0]!r} does not exist; known: {', '.join(NAMES)}")
    try:
        asyncio.run(run(given.role, names))
    except Problem as problem:
        print(problem, file=sys.stderr)
        return problem.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main())
