"""pywebpush in a pool of threads: `pool.py WORK docs|session`.

`docs`: one call a message, as its documentation shows it; each opens a connection and reads the key. `session`: the
same with what a careful user would add: a `requests` session for each thread, and the key read once.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import requests
from py_vapid import Vapid
from pywebpush import webpush

from benchmarks.peers.programs.work import Work, stay_to_be_measured, wait_for_the_start

THREADS = 16


def as_documented(work: Work) -> Callable[[int], None]:
    def send(at: int) -> None:
        webpush(
            subscription_info=work.subscriptions[at],
            data=work.message(at),
            vapid_private_key=work.key_file,
            vapid_claims={"sub": work.contact},
            ttl=work.ttl,
            headers=work.headers,
        )

    return send


def with_sessions(work: Work) -> Callable[[int], None]:
    own = threading.local()
    key = Vapid.from_file(work.key_file)

    def session() -> Any:
        if not hasattr(own, "session"):
            own.session = requests.Session()
        return own.session

    def send(at: int) -> None:
        webpush(
            subscription_info=work.subscriptions[at],
            data=work.message(at),
            vapid_private_key=key,
            vapid_claims={"sub": work.contact},
            ttl=work.ttl,
            headers=work.headers,
            requests_session=session(),
        )

    return send


def main() -> None:
    work = Work.read(sys.argv[1])
    send = {"docs": as_documented, "session": with_sessions}[sys.argv[2]](work)
    wait_for_the_start()
    with ThreadPoolExecutor(THREADS) as pool:
        for _ in pool.map(send, range(len(work.subscriptions))):
            pass
    stay_to_be_measured()


if __name__ == "__main__":
    main()
