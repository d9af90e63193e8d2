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
from collections.abc import Iterator, Sequence

import pycurl

from activities.bulk_http import CONNECTIONS, IN_FLIGHT, STREAMS

Request = tuple[str, tuple[str, ...], bytes]


def app_requests(url: str, token: str, tail: bytes, recipients: Sequence[bytes], first: int) -> Iterator[Request]:
    """One JSON message a token, as `activities.channels.app` sends it."""
    headers = ("content-type: application/json", f"authorization: Bearer {token}")
    for number, recipient in enumerate(recipients, first):
        yield url, headers, b'{"message":{"token":"%b","data":{"id":"%032d",%b' % (recipient, number, tail)


def send(requests: Iterator[Request], number: int, authority: str) -> int:
    """Send all; how many were accepted."""
    multi = pycurl.CurlMulti()
    multi.setopt(pycurl.M_PIPELINING, pycurl.PIPE_MULTIPLEX)
    multi.setopt(pycurl.M_MAX_HOST_CONNECTIONS, CONNECTIONS)
    multi.setopt(pycurl.M_MAX_CONCURRENT_STREAMS, STREAMS)
    idle, last = [_handle(authority) for _ in range(IN_FLIGHT)], ("", ())
    known = dict.fromkeys(idle, last)
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
            if known[handle][0] != url or known[handle][1] is not headers:
                handle.setopt(pycurl.URL, url)
                handle.setopt(pycurl.HTTPHEADER, headers)
                known[handle] = url, headers  # type: ignore[assignment]
            handle.setopt(pycurl.POSTFIELDS, body)
            multi.add_handle(handle)
        multi.perform()
        _, fine, failed = multi.info_read(IN_FLIGHT)
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
    parser.add_argument("--endpoint", required=True, help="JSON: url, token, authority")
    parser.add_argument("--tail", required=True, help="what follows the id of each message")
    parser.add_argument("--first", type=int, required=True)
    parser.add_argument("--number", type=int, required=True)
    given = parser.parse_args()
    endpoint = json.loads(given.endpoint)
    recipients = [b"recipient%07d:demo" % number for number in range(given.first, given.first + given.number)]
    requests = app_requests(endpoint["url"], endpoint["token"], given.tail.encode(), recipients, given.first)
    print("ready", flush=True)
    sys.stdin.readline()
    used, began = cpu(), time.time()
    accepted = send(requests, given.number, endpoint["authority"])
    print(json.dumps({"began": began, "ended": time.time(), "cpu": cpu() - used, "accepted": accepted}), flush=True)


if __name__ == "__main__":
    main()
