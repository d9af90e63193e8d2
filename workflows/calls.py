"""How workflows call activities: one place for queues, time-outs and retries, with the reason for each figure.

After `kill -9` of a worker its activities come back when their time-out ends, so short ones have 10 s at most and
long ones heartbeat (DESIGN, rule 13). Everything is tried for ever: giving up would need a human.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, TypeVar

from temporalio import workflow
from temporalio.common import Priority, RetryPolicy
from temporalio.exceptions import ActivityError
from temporalio.workflow import ActivityCancellationType

from workflows.ports import ALERTS_QUEUE, CONTROL_QUEUE, Port

In = TypeVar("In")
Out = TypeVar("Out")

TASK_TIMEOUT = timedelta(seconds=5)
"""Of a workflow task: how long a killed worker can hold an alert up."""


@dataclass(frozen=True)
class Way:
    """How one kind of activity is run."""

    start_to_close: timedelta
    retry: RetryPolicy
    queue: str | None = None
    heartbeat: timedelta | None = None
    schedule_to_start: timedelta | None = None
    first: bool = False
    """Ahead of everything else on its queue."""


CONTROL = Way(
    queue=CONTROL_QUEUE,
    start_to_close=timedelta(seconds=5),
    retry=RetryPolicy(initial_interval=timedelta(milliseconds=200), maximum_interval=timedelta(seconds=2)),
    first=True,
)
"""Declaring, withdrawing, recording: milliseconds of work, never behind a batch."""

THINK = Way(
    queue=ALERTS_QUEUE,
    start_to_close=timedelta(seconds=10),
    retry=RetryPolicy(initial_interval=timedelta(milliseconds=500), maximum_interval=timedelta(seconds=5)),
)
"""Verifying and composing."""

PHONE = Way(
    queue=ALERTS_QUEUE,
    start_to_close=timedelta(seconds=10),
    retry=RetryPolicy(
        initial_interval=timedelta(seconds=2), maximum_interval=timedelta(seconds=15), maximum_attempts=40
    ),
)
"""Calling supervisors, for ten minutes; it ends by itself once nothing waits for them, or the next group is called."""

ARM = Way(
    start_to_close=timedelta(minutes=10),
    heartbeat=timedelta(seconds=5),
    schedule_to_start=timedelta(seconds=10),
    retry=RetryPolicy(initial_interval=timedelta(seconds=1), maximum_attempts=3),
)
"""Arming freezes the audience (some 5 s for a million) and tells the approver about trouble; it never keeps anybody
from approving."""

FIRST_WAIT, LONGEST_WAIT = 1.0, 8.0
"""Seconds between two tries of a batch, each time twice as long: it goes out soon after an outage ends."""
SEND = Way(
    start_to_close=timedelta(minutes=10),
    heartbeat=timedelta(seconds=5),
    retry=RetryPolicy(
        initial_interval=timedelta(seconds=FIRST_WAIT),
        backoff_coefficient=2.0,
        maximum_interval=timedelta(seconds=LONGEST_WAIT),
    ),
)
"""A batch to a counterpart."""


async def call(port: Port[In, Out], request: In, way: Way, *, says: str, queue: str | None = None) -> Out:
    """Run an activity; `says` is its line in the Temporal Web UI, in plain words and without personal data.

    One that was told to stop and says no more (its worker was killed, or froze) is not retried: that it was given up
    ends the call as its cancellation would have.
    """
    try:
        answer: Any = await workflow.execute_activity(
            port.name,
            request,
            result_type=port.output,
            task_queue=queue or way.queue,
            start_to_close_timeout=way.start_to_close,
            schedule_to_start_timeout=way.schedule_to_start,
            heartbeat_timeout=way.heartbeat,
            retry_policy=way.retry,
            cancellation_type=ActivityCancellationType.WAIT_CANCELLATION_COMPLETED,
            priority=Priority(priority_key=1) if way.first else Priority.default,
            summary=says,
        )
    except ActivityError as error:
        caller = asyncio.current_task()
        if caller is not None and caller.cancelling():
            raise asyncio.CancelledError from error
        raise
    assert isinstance(answer, port.output)
    return answer
