"""Bulk requests over HTTP/2 and TLS against a real server: order, stopping, faults, and what may have been taken."""

from __future__ import annotations

import asyncio
import time
from bisect import bisect_left
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from activities.bulk_http import ACCEPTED, CALM, FIRST, NOT_SENT, STALLED, UNSAYABLE, Answer, BulkHttp, Request
from simulators.http2 import CUT, Asked, Handler, Reply
from simulators.listener import bind
from tests.support.gateway import OwnGateway
from tests.support.waiting import eventually, eventually_async

OK = ACCEPTED[200]
Open = Callable[[Handler], OwnGateway]


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Open]:
    opened: list[OwnGateway] = []

    def serve(handler: Handler) -> OwnGateway:
        opened.append(OwnGateway(tmp_path, handler))
        return opened[-1]

    yield serve
    for gateway in opened:
        gateway.close()


def _requests(url: str, number: int) -> Iterator[Request]:
    headers = ("content-type: text/plain",)
    return ((url, headers, str(n).encode()) for n in range(number))


async def test_answers_come_in_the_order_of_the_requests(serve: Open) -> None:
    def handler(asked: Asked) -> Reply:
        patience = (("retry-after", asked.body.decode()),)
        return Reply(503, b"a body that nobody reads", patience) if int(asked.body) % 3 else Reply()

    gateway = serve(handler)
    answers = await BulkHttp(gateway.authority).send(_requests(gateway.url, 3_000), 3_000)
    assert answers == [Answer(503, float(n)) if n % 3 else OK for n in range(3_000)]
    assert len({asked.body for asked in gateway.asked}) == len(gateway.asked) == 3_000


async def test_stopped_in_the_middle_sends_no_more_and_says_what_was_not_sent(serve: Open) -> None:
    gateway = serve(lambda _: Reply(after=0.01))
    answers = await BulkHttp(gateway.authority, in_flight=50).send(
        _requests(gateway.url, 5_000), 5_000, lambda: len(gateway.asked) < 200
    )
    sent = [answer for answer in answers if answer is not NOT_SENT]
    assert len(sent) == len(gateway.asked) < 400
    assert set(sent) == {OK}


async def test_after_a_standstill_nothing_leaves_that_was_overtaken_meanwhile(serve: Open) -> None:
    """As when the process is frozen after it asked, and wakes when something newer holds."""
    gateway = serve(lambda _: Reply())
    said = iter([True])

    def still() -> bool:
        if not next(said, False):
            return False
        time.sleep(STALLED + 0.2)
        return True

    answers = await BulkHttp(gateway.authority).send(_requests(gateway.url, 50), 50, still)
    assert gateway.asked == []
    assert all(answer.in_doubt for answer in answers[:FIRST])
    assert set(answers[FIRST:]) == {NOT_SENT}


async def test_withdrawal_while_messages_were_being_sealed_lets_none_of_them_leave(serve: Open) -> None:
    gateway, sealed = serve(lambda _: Reply()), list[bytes]()

    def sealing() -> Iterator[Request]:
        for request in _requests(gateway.url, 50):
            sealed.append(request[-1])
            yield request

    answers = await BulkHttp(gateway.authority).send(sealing(), 50, lambda: not sealed)
    assert len(sealed) == FIRST
    assert set(answers) == {NOT_SENT}
    assert gateway.asked == []


async def test_first_messages_leave_before_the_last_ones_are_sealed(serve: Open) -> None:
    gateway, when_sealed = serve(lambda _: Reply()), list[int]()

    def sealing() -> Iterator[Request]:
        for request in _requests(gateway.url, 60):
            time.sleep(0.01)
            when_sealed.append(len(gateway.asked))
            yield request

    assert set(await BulkHttp(gateway.authority).send(sealing(), 60)) == {OK}
    assert when_sealed[0] == 0 < when_sealed[-1]


async def test_request_that_http_cannot_say_is_told_as_such_and_delays_no_other(serve: Open) -> None:
    gateway = serve(lambda _: Reply())
    pool, fine = BulkHttp(gateway.authority), ("content-type: text/plain",)
    bad = [
        (f"{gateway.url}/é", fine, b"0"),
        (gateway.url, ("authorization: Bearer é",), b"1"),
        (gateway.url, fine, b"2"),
    ]
    answers = await asyncio.wait_for(pool.send(bad, 3), 5)
    assert answers == [UNSAYABLE, UNSAYABLE, OK]
    assert answers[0].trouble == " cannot be asked: its address or a header has letters that HTTP has not"
    assert set(await asyncio.wait_for(pool.send(_requests(gateway.url, 3), 3), 5)) == {OK}


async def test_error_in_the_thread_reaches_all_who_wait_and_the_next_call_begins_another(serve: Open) -> None:
    patience = iter([5.0] * 3)
    gateway = serve(lambda _: Reply(after=next(patience, 0.0)))
    pool = BulkHttp(gateway.authority)
    other = asyncio.create_task(pool.send(_requests(gateway.url, 3), 3))
    await asyncio.to_thread(eventually, lambda: len(gateway.asked) == 3)
    with pytest.raises(IndexError):
        await asyncio.wait_for(pool.send(_requests(gateway.url, 3), 2), 5)
    with pytest.raises(IndexError):
        await asyncio.wait_for(other, 5)
    assert set(await asyncio.wait_for(pool.send(_requests(gateway.url, 3), 3), 5)) == {OK}


async def test_several_calls_share_the_connections(serve: Open) -> None:
    gateway = serve(lambda _: Reply())
    pool = BulkHttp(gateway.authority)
    answers = await asyncio.gather(*(pool.send(_requests(gateway.url, 100), 100) for _ in range(20)))
    assert {answer for one in answers for answer in one} == {OK}


async def test_too_many_and_server_errors_are_told_with_their_patience(serve: Open) -> None:
    replies = {0: Reply(), 1: Reply(429, b"", (("retry-after", "7"),)), 2: Reply(503)}
    gateway = serve(lambda asked: replies[int(asked.body) % 3])
    answers = await BulkHttp(gateway.authority).send(_requests(gateway.url, 300), 300)
    assert set(answers) == {OK, Answer(429, retry_after=7.0), Answer(503)}


async def test_where_answers_take_long_more_are_under_way(serve: Open) -> None:
    asked_at: list[float] = []

    def handler(_: Asked) -> Reply:
        asked_at.append(time.monotonic())
        return Reply(after=0.05)

    gateway = serve(handler)
    assert set(await BulkHttp(gateway.authority).send(_requests(gateway.url, 4_000), 4_000)) == {OK}
    under_way = [bisect_left(asked_at, at + 0.05) - place for place, at in enumerate(asked_at)]
    assert max(under_way) > 2 * CALM


async def test_cut_connection_leaves_doubt_and_the_rest_goes_on(serve: Open) -> None:
    cut: list[Asked] = []

    def handler(asked: Asked) -> Reply:
        if int(asked.body) == 40 and not cut:
            cut.append(asked)
            return CUT
        return Reply()

    gateway = serve(handler)
    answers = await BulkHttp(gateway.authority, in_flight=10).send(_requests(gateway.url, 200), 200)
    doubtful = [answer for answer in answers if answer.status == 0]
    assert 0 < len(doubtful) <= 110
    assert all(answer.in_doubt for answer in doubtful)
    assert {answer for answer in answers if answer.status} == {OK}


async def test_counterpart_that_goes_away_leaves_doubt_of_all_it_was_asked(tmp_path: Path) -> None:
    """curl tries again by itself on a new connection: that this is refused says nothing of the first try."""
    gateway = OwnGateway(tmp_path, lambda asked: Reply(after=0.0 if int(asked.body) < 200 else 5.0))
    pool = BulkHttp(gateway.authority, in_flight=64)
    sending = asyncio.create_task(pool.send(_requests(gateway.url, 400), 400))

    async def waiting() -> bool:
        return len(gateway.asked) > 250

    await eventually_async(waiting, every=0.01)
    await asyncio.to_thread(gateway.close)
    answers = await sending
    unanswered = [answers[int(asked.body)] for asked in gateway.asked if answers[int(asked.body)] != OK]
    assert len(unanswered) > 50
    assert all(answer.in_doubt for answer in unanswered)


@pytest.mark.parametrize("more", [0, 600], ids=["small", "large"])
async def test_refusal_of_what_curl_sent_twice_leaves_doubt_of_the_first(serve: Open, more: int) -> None:
    came: Counter[bytes] = Counter()

    def handler(asked: Asked) -> Reply:
        came[asked.body] += 1
        if came.total() % 150 == 0:
            return CUT
        return Reply(404) if came[asked.body] > 1 else Reply()

    gateway = serve(handler)
    headers = ("content-type: text/plain", "authorization: Bearer of-a-gateway-that-knows-us")
    while not (twice := {body for body, times in came.items() if times > 1}):
        came.clear()
        bodies = [str(n).encode() + bytes(more) for n in range(3_000)]
        requests = ((gateway.url, headers, body) for body in bodies)
        answers = dict(zip(bodies, await BulkHttp(gateway.authority).send(requests, 3_000), strict=True))
    assert all(answers[body].status == 0 and answers[body].in_doubt for body in twice)


async def test_refused_connection_leaves_no_doubt(tmp_path: Path) -> None:
    with bind(0) as closed:
        url = f"https://127.0.0.1:{closed.getsockname()[1]}/"
        (answer,) = await BulkHttp().send(_requests(url, 1), 1)
    assert answer.status == 0
    assert answer.error
    assert not answer.in_doubt


async def test_certificate_of_a_stranger_is_refused(serve: Open) -> None:
    gateway = serve(lambda _: Reply())
    (answer,) = await BulkHttp().send(_requests(gateway.url, 1), 1)
    assert (answer.status, answer.in_doubt, gateway.asked) == (0, False, [])


async def test_a_request_that_cannot_be_made_fails_its_own_call_only(serve: Open) -> None:
    gateway = serve(lambda _: Reply())
    pool = BulkHttp(gateway.authority)

    def requests() -> Iterator[Request]:
        yield from _requests(gateway.url, 10)
        raise ValueError("no such rendition")

    failed, fine = await asyncio.gather(
        pool.send(requests(), 11), pool.send(_requests(gateway.url, 100), 100), return_exceptions=True
    )
    assert isinstance(failed, ValueError)
    assert not isinstance(fine, BaseException)
    assert set(fine) == {OK}
