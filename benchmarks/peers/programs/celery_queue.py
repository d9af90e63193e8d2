"""Who fills the queue: `celery_queue.py WORK`. With `left` instead: whose tasks are in Redis still, unfinished."""

from __future__ import annotations

import base64
import json
import os
import sys
from typing import Any

import redis

from benchmarks.peers.programs.celery_tasks import push
from benchmarks.peers.programs.work import Work, stay_to_be_measured, wait_for_the_start


def fill(work: Work) -> None:
    wait_for_the_start()
    for at, subscription in enumerate(work.subscriptions):
        push.delay(subscription, work.message(at))
    stay_to_be_measured()


def left() -> list[str]:
    """The endpoints in tasks that wait, or that a worker took and never acknowledged."""
    broker = redis.Redis(unix_socket_path=os.environ["PEER_BROKER"].removeprefix("redis+socket://"))
    taken: dict[bytes, bytes] = broker.hgetall("unacked")
    waiting = [json.loads(task) for task in broker.lrange("celery", 0, -1)]
    return [_endpoint(task) for task in (*waiting, *(json.loads(one)[0] for one in taken.values()))]


def _endpoint(task: dict[str, Any]) -> str:
    args, _, _ = json.loads(base64.b64decode(task["body"]))
    return str(args[0]["endpoint"])


if __name__ == "__main__":
    if sys.argv[1] == "left":
        print(json.dumps(left()))
    else:
        fill(Work.read(sys.argv[1]))
