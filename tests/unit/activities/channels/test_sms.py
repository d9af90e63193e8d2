"""Text messages on the wire: what a centre is given, what its answers mean, and which of two takes over."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from activities import sms_centre
from activities.channels.base import (
    Busy,
    ChannelError,
    Denied,
    Messages,
    NotSent,
    Outcome,
    Rejected,
    Unreachable,
    WaveJob,
)
from activities.channels.sms import SmsChannel
from activities.endpoints import ChannelsConfig, LiveChannels, SmsEndpoint
from activities.pacing import Limit
from activities.sms_text import encode
from alerts.compose import end_text
from alerts.vocabulary import Kind, MessageKind
from simulators.faults import Faults
from simulators.listener import Listener, bind
from simulators.received import Line, Record
from simulators.sms import Phones, endpoint
from store import proof
from store.database import Database
from store.subscribers import Entry, Subscribers
from tests.support.editions import BASE_URL, NOW, case_document, make_edition

NOTICED = 0.5
"""Seconds after which a session knows that it was cut; a message before that is in doubt."""
KEY, PASSWORD, PHONE = bytes(range(32)), "geheim12", "+31690000001"


class Centre:
    """An SMS centre of a test's own, which can be down."""

    def __init__(self, folder: Path) -> None:
        self.record, self.faults, self.folder = Record(folder / "received.jsonl"), Faults(), folder
        self.phones = Phones(self.record, self.faults, PASSWORD, exercise=False)
        self._socket = bind(0)

    async def begin(self) -> Centre:
        await self.phones.serve()
        self.listener = Listener(self._socket, self.phones.port, self.faults.on("sms"))
        await self.listener.follow()
        return self

    async def fault(self, mode: str | None) -> None:
        self.faults.set("sms", mode or "", 60)
        await self.listener.follow()

    @property
    def said(self) -> dict[str, Any]:
        return {**endpoint(self.listener.port, PASSWORD)}

    @property
    def lines(self) -> list[Line]:
        return self.record.read()


@pytest.fixture
def unused(tmp_path: Path) -> Iterator[Database]:
    """A store for those who never look into it."""
    opened = Database(f"sqlite:///{tmp_path / 'unused.db'}")
    yield opened
    opened.close()


@asynccontextmanager
async def serving(folder: Path) -> AsyncIterator[Centre]:
    centre = await Centre(folder).begin()
    try:
        yield centre
    finally:
        await centre.listener.end()
        centre.phones.close()


def channel_of(db: Database, said: dict[str, Any]) -> SmsChannel:
    config = ChannelsConfig(channels=LiveChannels(sms=SmsEndpoint(**said)))
    return SmsChannel(config, db, lambda _: KEY, lambda: NOW)


def job(channel: SmsChannel, situation: str = "Kijk uit.", **more: Any) -> WaveJob:
    rendition = channel.render(make_edition(case_document(public={"situation": situation})), BASE_URL)
    said = {"alert_id": "a1", "alert_kind": Kind.ACTUAL, "edition": 1, "announcement": 0, "lease_until": None}
    return WaveJob(**{**said, "rendition": rendition, **more})


async def send(
    channel: SmsChannel, number: int = 1, still: Callable[[], bool] = lambda: True, **more: Any
) -> Sequence[Outcome]:
    ids, addresses = [f"{n:032x}" for n in range(number)], [f"+3169{n + 1:07d}" for n in range(number)]
    kind = MessageKind.CANCEL if "end_texts" in more else MessageKind.ALERT
    messages = Messages(ids, [kind] * number, addresses, ["nl"] * number)
    return await channel.send(job(channel, **more), messages, still)


async def test_messages_when_accepted_are_whole_and_each_recipients_own(unused: Database, tmp_path: Path) -> None:
    async with serving(tmp_path) as centre:
        channel = channel_of(unused, centre.said)
        assert await send(channel, 25, situation="Zij draagt een jas van €10. " * 6) == [None] * 25
        (shown,) = centre.phones.shown()
    assert {(line["recipient"], line["id"]) for line in centre.lines} == {
        (f"+3169{n + 1:07d}", f"{n:032x}") for n in range(25)
    }
    assert {(line["alert_id"], line["edition"], line["kind"]) for line in centre.lines} == {("a1", 1, "alert")}
    assert shown["text"] == job(channel, "Zij draagt een jas van €10. " * 6).rendition.part("sms.nl")
    assert shown["parts"] == 3


async def test_end_when_sent_has_its_letters_and_the_name_of_the_alert(unused: Database, tmp_path: Path) -> None:
    async with serving(tmp_path) as centre:
        channel = channel_of(unused, centre.said)
        assert await send(channel, end_texts={"nl": end_text("nl", None), "en": end_text("en", None)}) == [None]
        (shown,) = centre.phones.shown()
    assert shown["text"] == f"AMBER Alert: {end_text('nl', None)}"
    assert (shown["kind"], shown["parts"]) == ("cancel", 2)


async def test_withdrawal_before_its_turn_hands_nothing_over(unused: Database, tmp_path: Path) -> None:
    async with serving(tmp_path) as centre:
        (outcome,) = await send(channel_of(unused, centre.said), still=lambda: False)
    assert isinstance(outcome, NotSent)
    assert centre.lines == []


@pytest.mark.parametrize(
    ("mode", "means"),
    [("reject", Rejected), ("error", Busy), ("down", Unreachable), ("malformed", Unreachable), ("denied", Denied)],
)
async def test_answers_when_not_yes_are_classified(
    unused: Database, tmp_path: Path, mode: str, means: type[ChannelError]
) -> None:
    async with serving(tmp_path) as centre:
        await centre.fault(mode)
        outcomes = await send(channel_of(unused, centre.said), 14)
    assert {type(outcome) for outcome in outcomes} == {means}
    assert not any(getattr(outcome, "in_doubt", False) for outcome in outcomes)
    assert centre.lines == []


async def test_parts_that_were_refused_are_sent_again_and_the_others_are_not(unused: Database, tmp_path: Path) -> None:
    async with serving(tmp_path) as centre:
        await centre.fault("flaky")
        assert await send(channel_of(unused, centre.said), 2, situation="Een jas. " * 20) == [None] * 2
    assert len(centre.lines) == 2


async def test_part_that_was_refused_is_not_sent_again_once_something_newer_holds(
    unused: Database, tmp_path: Path
) -> None:
    asked = iter([True])
    async with serving(tmp_path) as centre:
        await centre.fault("flaky")
        outcomes = await send(
            channel_of(unused, centre.said), still=lambda: next(asked, False), situation="Jas. " * 40
        )
    assert [type(one) for one in outcomes] == [Busy]
    assert centre.lines == [], "a part of it stayed here"


async def test_session_that_is_not_bound_any_more_is_left(tmp_path: Path) -> None:
    async def hear(_: Any) -> None:
        return

    one = sms_centre.ShortMessage("1", "a1 1 alert", PHONE, encode("Kijk uit."), "")
    async with serving(tmp_path) as centre:
        session = sms_centre.Session(SmsEndpoint(**centre.said), hear, leave_after=0.1)
        assert await session.submit(one, lambda: True) == 0
        (before,) = centre.phones.sessions
        await centre.fault("denied")
        asked = iter([True])
        assert await session.submit(one, lambda: next(asked, False)) == sms_centre.NOT_BOUND
        await centre.fault(None)
        await asyncio.sleep(sms_centre.PAUSE)
        assert await session.submit(one, lambda: True) == 0
        assert await _until(lambda: before not in centre.phones.sessions)
        assert len(centre.phones.sessions) == 1
        await session.close()


async def test_message_that_cannot_be_taken_in_is_told_without_its_words_and_the_next_is_heard(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    heard: list[str] = []

    async def hear(event: Any) -> None:
        heard.append(event.short_message.decode())
        if len(heard) == 1:
            raise ValueError(f"{event.source_addr} wrote {heard}")

    async with serving(tmp_path) as centre:
        session = sms_centre.Session(SmsEndpoint(**centre.said), hear)
        await session.opened()
        for said in ("Stop nu", "STOP"):
            await centre.phones.write(PHONE, said)
        assert await _until(lambda: sorted(heard) == ["STOP", "Stop nu"]), heard
        await session.close()
    assert [record.message for record in caplog.records] == [
        "what an SMS centre brought could not be taken in: ValueError"
    ]


async def test_centre_that_goes_away_before_it_answered_leaves_doubt(unused: Database, tmp_path: Path) -> None:
    async with serving(tmp_path) as centre:
        channel = channel_of(unused, centre.said)
        await centre.fault("slow")
        leaves = asyncio.Event()

        def still() -> bool:
            leaves.set()
            return True

        sending = asyncio.create_task(send(channel, still=still))
        await asyncio.wait_for(leaves.wait(), 10)  # on a busy machine a session takes its time
        await asyncio.sleep(0.2)
        await centre.fault("down")
        (outcome,) = await sending
        assert isinstance(outcome, Unreachable)
        assert outcome.in_doubt
        await centre.fault(None)
        await asyncio.sleep(sms_centre.PAUSE)
        assert await send(channel) == [None]
    assert [line["id"] for line in centre.lines] == [f"{0:032x}"]


async def test_second_centre_takes_over_and_whichever_is_back_goes_on_by_itself(
    unused: Database, tmp_path: Path
) -> None:
    async with serving(tmp_path / "a") as first, serving(tmp_path / "b") as second:
        channel = channel_of(unused, {**first.said, "fallback": second.said})
        assert await send(channel) == [None]
        await first.fault("down")
        await asyncio.sleep(NOTICED)
        assert await send(channel) == [None]
        await second.fault("down")
        await asyncio.sleep(NOTICED)
        assert isinstance((await send(channel))[0], Unreachable)
        assert "does not answer; the SMS centre" in str(await channel.probe(Kind.ACTUAL))
        await second.fault(None)
        await asyncio.sleep(sms_centre.PAUSE)
        assert await send(channel) == [None]
    assert (len(first.lines), len(second.lines)) == (1, 2)


async def test_second_centre_takes_over_from_one_that_answers_with_errors(unused: Database, tmp_path: Path) -> None:
    async with serving(tmp_path / "a") as first, serving(tmp_path / "b") as second:
        channel = channel_of(unused, {**first.said, "fallback": second.said})
        await first.fault("error")
        assert isinstance((await send(channel))[0], Busy)
        assert await send(channel) == [None]
    assert (len(first.lines), len(second.lines)) == (0, 1)


async def test_wrong_password_is_said_in_plain_words(unused: Database, tmp_path: Path) -> None:
    async with serving(tmp_path) as centre:
        channel = channel_of(unused, {**centre.said, "password": "anders"})
        trouble = await channel.probe(Kind.ACTUAL)
        (outcome,) = await send(channel)
    refused = "does not accept our system_id or password (0x0e)"
    assert trouble == f"the SMS centre at 127.0.0.1:{centre.listener.port} {refused}"
    assert isinstance(outcome, Denied)


async def test_home_without_a_centre_says_so_and_sends_nothing(unused: Database) -> None:
    channel = SmsChannel(ChannelsConfig(), unused, lambda _: KEY, lambda: NOW)
    (outcome,) = await send(channel)
    assert isinstance(outcome, Rejected)
    assert await channel.probe(Kind.EXERCISE) == "no SMS centre is configured for exercise alerts"


@pytest.mark.parametrize("said", ["STOP", "stop.", "Stop graag"])
async def test_phone_that_answers_stop_hears_no_more(db: Database, tmp_path: Path, said: str) -> None:
    with db.write() as session:
        for exercise in (False, True):
            numbers = [Entry(PHONE), Entry("+31690000002")]
            Subscribers(KEY, "sms", exercise=exercise).subscribe(session, numbers, NOW)
    async with serving(tmp_path) as centre:
        channel = channel_of(db, centre.said)
        listening = asyncio.create_task(channel.listen())
        assert await _until(lambda: _here(db, PHONE) and centre.phones.sessions)
        await centre.phones.write(PHONE, said)
        await centre.phones.write("+31690000002", "Niet stoppen")
        assert await _until(lambda: not _here(db, PHONE))
        listening.cancel()
        await asyncio.gather(listening, return_exceptions=True)
    assert not _here(db, PHONE, exercise=True)
    assert _here(db, "+31690000002")


async def test_receipts_when_all_parts_have_one_prove_whom_they_reached(db: Database, tmp_path: Path) -> None:
    async with serving(tmp_path) as centre:
        channel = channel_of(db, centre.said)
        listening = asyncio.create_task(channel.listen())
        assert await send(channel, 3, situation="Een jas. " * 20) == [None] * 3
        assert await send(channel, 2, end_texts={"nl": "Eind.", "en": "End."}) == [None] * 2
        assert await _until(lambda: _seen(db) == 3)
        listening.cancel()
        await asyncio.gather(listening, return_exceptions=True)


def _seen(db: Database) -> int:
    with db.read() as session:
        return proof.seen(session, "a1", "sms", 1)


async def _until(true: Callable[[], object]) -> bool:
    for _ in range(500):
        if true():
            return True
        await asyncio.sleep(0.02)
    return False


def _here(db: Database, number: str, *, exercise: bool = False) -> bool:
    with db.read() as session:
        row = Subscribers(KEY, "sms", exercise=exercise).find(session, number)
    return row is not None and row.left_at is None


def test_rate_when_given_counts_parts_of_the_longest_message(unused: Database) -> None:
    channel = channel_of(unused, {"host": "127.0.0.1", "port": 2775, "system_id": "s", "password": "p", "rate": 90})
    assert channel.limit(job(channel, "Een jas. " * 20)) == Limit("smpp://127.0.0.1:2775", 30)
    assert channel.limit(job(channel, end_texts={"nl": "Eind.", "en": "End."})) == Limit("smpp://127.0.0.1:2775", 90)


def test_validity_when_given_is_that_of_the_lease() -> None:
    assert sms_centre.validity(timedelta(hours=2, minutes=3, seconds=4)) == "000000020304000R"
    assert sms_centre.validity(timedelta(days=400)) == "000030000000000R"
    assert sms_centre.validity(timedelta(seconds=-5)) == "000000000100000R"


@pytest.mark.parametrize(
    ("sender", "numbering"), [("Politie", (5, 0)), ("2424", (3, 0)), ("+31690000000", (1, 1)), ("31690000000", (1, 1))]
)
def test_sender_when_given_has_type_and_plan_of_its_number(sender: str, numbering: tuple[int, int]) -> None:
    assert sms_centre.numbering(sender) == numbering
