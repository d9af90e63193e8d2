"""A bare sender: the fastest honest program we can write with the same protocol, client and encryption as Baken.

Recipients are a list in memory, messages are two constants around an address and a number, libcurl is driven by a
loop with nothing else in it. It keeps no books, obeys nobody and knows nothing of an alert. One process; the bench
starts as many as Baken has senders, each with its share. Prepares everything, says so, waits for a line, sends.
"""

from __future__ import annotations

import argparse
import json
import resource
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pycurl
from cryptography.hazmat.primitives.asymmetric import ec

from activities import web_push
from activities.bulk_http import CALM, CONNECTIONS, STREAMS, Request
from activities.web_push import stored_subscription
from alerts.vocabulary import MessageKind
from simulators.browsers import Browsers


def app_requests(endpoint: dict[str, str], said: str, first: int, number: int) -> Iterator[Request]:
    """One JSON message a token, as `activities.channels.app` sends it."""
    headers = ("content-type: application/json", f"authorization: Bearer {'0' * 43}")  # as long as the simulator's
    url, rest = endpoint["url"], said.split(",", 2)[2].encode()  # after token and id
    tokens = [b"recipient%07d:demo" % at for at in range(first, first + number)]

    def requests() -> Iterator[Request]:
        for at, token in enumerate(tokens, first):
            yield url, headers, b'{"message":{"token":"%b","data":{"id":"%032d",%b' % (token, at, rest)

    return requests()


def webpush_requests(endpoint: dict[str, str], said: str, first: int, number: int) -> Iterator[Request]:
    """One sealed message a browser, with a key of its own each, as `activities.channels.webpush` sends it."""
    now = datetime.now(UTC)
    browsers = Browsers.of_demo(Path(endpoint["authority"]).parent, lambda: 0)
    names = (f"recipient{at:07d}" for at in range(first, first + number))
    subscriptions = [stored_subscription(browsers.subscription(name)) for name in names]
    told = web_push.headers(MessageKind.ALERT, "bare", now + timedelta(hours=1), now)
    vapid = web_push.Vapid(ec.generate_private_key(ec.SECP256R1()), "mailto:bench@baken.example")
    told["authorization"] = vapid.authorization(subscriptions[0].endpoint, now)
    headers = tuple(f"{name}: {value}" for name, value in told.items())
    rest = said.split(",", 1)[1].encode()  # after the id

    def requests() -> Iterator[Request]:
        for at, subscription in enumerate(subscriptions, first):
            yield subscription.endpoint, headers, web_push.encrypt(subscription, b'{"id":"%032d",%b' % (at, rest))

    return requests()


REQUESTS = {"app": app_requests, "webpush": webpush_requests}


def send(requests: Iterator[Request], number: int, authority: str) -> int:
    """Send all; how many were accepted."""
    multi = pycurl.CurlMulti()
    multi.setopt(pycurl.M_PIPELINING, pycurl.PIPE_MULTIPLEX)
    multi.setopt(pycurl.M_MAX_HOST_CONNECTIONS, CONNECTIONS)
    multi.setopt(pycurl.M_MAX_CONCURRENT_STREAMS, STREAMS)
    idle = [_handle(authority) for _ in range(CALM)]
    urls: dict[pycurl.Curl, str] = {}
    told: dict[pycurl.Curl, tuple[str, ...]] = {}
    done = accepted = 0
    more = True
    while done < number:
        while more and idle:
            request = next(requests, None)
            if request is None:
                more = False
                break
            url, headers, body = request
            handle = idle.pop()
            if urls.get(handle) != url:
                handle.setopt(pycurl.URL, url)
                urls[handle] = url
            if told.get(handle) is not headers:
                handle.setopt(pycurl.HTTPHEADER, headers)
                told[handle] = headers
            handle.setopt(pycurl.POSTFIELDS, body)
            multi.add_handle(handle)
        multi.perform()
        _, fine, failed = multi.info_read(CALM)
        for handle in fine:
            accepted += handle.getinfo(pycurl.RESPONSE_CODE) in (200, 201)
            multi.remove_handle(handle)
            idle.append(handle)
        for handle, _, _ in failed:
            multi.remove_handle(handle)
            idle.append(handle)
        done += len(fine) + len(failed)
        if not fine and not failed:
            multi.select(0.05)
    return accepted


def _handle(authority: str) -> pycurl.Curl:
    handle = pycurl.Curl()
    handle.setopt(pycurl.WRITEFUNCTION, len)
    handle.setopt(pycurl.POST, 1)
    handle.setopt(pycurl.HTTP_VERSION, pycurl.CURL_HTTP_VERSION_2TLS)
    handle.setopt(pycurl.PIPEWAIT, 1)
    handle.setopt(pycurl.NOSIGNAL, 1)
    handle.setopt(pycurl.NOPROXY, "*")
    handle.setopt(pycurl.CAINFO, authority)
    return handle


def cpu() -> float:
    """Seconds this process used."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--channel", choices=REQUESTS, required=True)
    parser.add_argument("--endpoint", required=True, help="JSON, as ports.json has it")
    parser.add_argument("--said", required=True, help="a message that Baken sent")
    parser.add_argument("--first", type=int, required=True)
    parser.add_argument("--number", type=int, required=True)
    given = parser.parse_args()
    endpoint = json.loads(given.endpoint)
    requests = REQUESTS[given.channel](endpoint, given.said, given.first, given.number)
    print("ready", flush=True)
    sys.stdin.readline()
    used, began = cpu(), time.time()
    accepted = send(requests, given.number, endpoint["authority"])
    print(json.dumps({"began": began, "ended": time.time(), "cpu": cpu() - used, "accepted": accepted}), flush=True)


if __name__ == "__main__":
    main()
