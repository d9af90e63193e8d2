"""Celery: a task a recipient, which sends with pywebpush. The worker and who fills its queue both import this.

`PEER_BROKER` in the environment says where Redis is, `PEER_WORK` which work it is; with `PEER_LATE` tasks are
acknowledged when done instead of when begun, which is not Celery's default.
"""

from __future__ import annotations

import os
from functools import cache
from typing import Any

import requests
from celery import Celery
from celery.signals import worker_ready
from py_vapid import Vapid
from pywebpush import webpush

from benchmarks.peers.programs.work import Work

app = Celery("peer", broker=os.environ["PEER_BROKER"])
app.conf.task_ignore_result = True
app.conf.worker_redirect_stdouts = False
app.conf.broker_connection_retry_on_startup = True
app.conf.task_acks_late = app.conf.task_reject_on_worker_lost = bool(os.environ.get("PEER_LATE"))


@cache
def _of_this_process() -> tuple[Work, Any, Any]:
    work = Work.read(os.environ["PEER_WORK"])
    return work, Vapid.from_file(work.key_file), requests.Session()


@app.task(name="push")  # type: ignore[untyped-decorator]  # Celery has no types
def push(subscription: dict[str, Any], message: str) -> None:
    """Send one message."""
    work, key, session = _of_this_process()
    webpush(
        subscription_info=subscription,
        data=message,
        vapid_private_key=key,
        vapid_claims={"sub": work.contact},
        ttl=work.ttl,
        headers=work.headers,
        requests_session=session,
    )


@worker_ready.connect  # type: ignore[untyped-decorator]  # Celery has no types
def _say_so(**_: Any) -> None:
    print("ready", flush=True)
