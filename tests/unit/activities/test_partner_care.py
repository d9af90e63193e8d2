"""What a partner of the register gets: both signatures while it changes secrets, nothing while it is paused, and
reminders, by call and by mail, until it says that an alert is gone.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from datetime import datetime, timedelta
from email import message_from_bytes
from pathlib import Path

import pytest

from activities.channels.base import Gone, Messages, Outcome, Rejected, WaveJob
from activities.channels.webhook import WebhookChannel
from activities.endpoints import ChannelsConfig, EmailEndpoint, ExerciseChannels, ExercisePartner, LiveChannels
from activities.partner_book import PartnerBook
from activities.partner_care import PING_EVERY, PartnerCare
from activities.webhook_calls import Caller
from alerts.vocabulary import Kind, Meaning, MessageKind
from store import partners
from store.database import Database
from store.partners import Register, Registered, new_secret
from store.removals import REMIND_AFTER, Word, confirm, open_removals, read_word
from tests.support.editions import BASE_URL, KEY, NOW, ShownAlert, case_document, make_edition
from tests.support.mail import serving
from tests.support.partner import SECRET, OwnPartner
from tests.support.stores import new_store


class Clock:
    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture
def db(tmp_path: Path) -> Iterator[Database]:
    """What the register does in either kind of database is tested with the store."""
    opened = new_store(tmp_path / "baken.db")
    yield opened
    opened.close()


@pytest.fixture
def partner() -> Iterator[OwnPartner]:
    own = OwnPartner()
    yield own
    own.close()


def register(db: Database, partner: OwnPartner, *, mail: str | None = None, paused: bool = False) -> Registered:
    said = {"url": partner.url, "secret": SECRET, "mail": mail, "paused": paused}
    one = Registered(name="Own", exercise=False, touched_by="person-1", added_at=NOW, **said)
    keep(db, one)
    return one


def keep(db: Database, one: Registered) -> None:
    with db.write() as session:
        Register(KEY).put(session, one)


async def send(db: Database, kind: MessageKind, alert_kind: Kind = Kind.ACTUAL) -> Outcome:
    config = ChannelsConfig(loopback="too")
    channel = WebhookChannel(config, db, lambda: KEY, lambda: NOW, BASE_URL)
    ends = {"nl": "voorbij"} if kind is MessageKind.CANCEL else None
    rendition = channel.render(make_edition(case_document()), BASE_URL)
    job = WaveJob("a1", alert_kind, 1, 0, None, rendition, end_texts=ends)
    (outcome,) = await channel.send(job, Messages(["m1"], [kind], ["Own"], ["nl"]), lambda: True)
    return outcome


async def test_partner_when_it_changes_secrets_can_verify_with_either(db: Database, partner: OwnPartner) -> None:
    fresh = register(db, partner).rotated(NOW, at_once=False)
    keep(db, fresh)
    assert await send(db, MessageKind.ALERT) is None
    assert partner.heads[0]["webhook-signature"].count("v1,") == 2
    assert partner.verified(SECRET) == partner.verified(fresh.secret) == ["alert.published"]
    stolen = fresh.rotated(NOW, at_once=True)
    keep(db, stolen)
    assert await send(db, MessageKind.UPDATE) is None
    assert partner.verified(fresh.secret) == ["alert.published"]
    assert partner.verified(stolen.secret) == ["alert.updated"]


async def test_partner_when_paused_gets_the_end_and_nothing_else(db: Database, partner: OwnPartner) -> None:
    register(db, partner, paused=True)
    assert isinstance(await send(db, MessageKind.ALERT), Rejected)
    assert isinstance(await send(db, MessageKind.REFRESH), Rejected)
    assert await send(db, MessageKind.CANCEL) is None
    assert [call["type"] for call in partner.calls] == ["alert.cancelled"]
    word = partner.calls[0]["data"]["removed_url"].removeprefix(f"{BASE_URL}/removed/")
    assert read_word(KEY, word) == Word("a1", "Own")


async def test_partner_of_the_public_when_an_exercise_is_sent_is_none(db: Database, partner: OwnPartner) -> None:
    register(db, partner)
    assert isinstance(await send(db, MessageKind.ALERT, Kind.EXERCISE), Gone)
    assert partner.calls == []


async def test_partner_elsewhere_when_the_home_holds_keys_is_never_called(db: Database) -> None:
    register_elsewhere = Registered(
        name="Own",
        exercise=False,
        url="https://192.0.2.1/hook",
        secret=new_secret(),
        paused=False,
        touched_by="person-1",
        added_at=NOW,
    )
    keep(db, register_elsewhere)
    channel = WebhookChannel(ChannelsConfig(), db, lambda: KEY, lambda: NOW, BASE_URL)
    async with asyncio.timeout(2):
        assert "reaches no other" in str(await channel.probe(Kind.ACTUAL))


def care_of(db: Database, clock: Clock, config: ChannelsConfig | None = None) -> PartnerCare:
    config = config or ChannelsConfig(loopback="too")
    book = PartnerBook(config, db, lambda: KEY, clock)
    return PartnerCare(config, db, lambda: KEY, clock, BASE_URL, book, Caller())


async def end(db: Database) -> None:
    """An alert that was shown and is over, which the partner was told, whatever it answered."""
    alert = ShownAlert(db)
    alert.show()
    alert.end(Meaning.WITHDRAWN)
    await send(db, MessageKind.CANCEL)


async def remind(*cares: PartnerCare) -> None:
    async with Caller().client() as client:
        await asyncio.gather(*(care.remind(client) for care in cares))


async def test_reminder_when_due_is_sent_by_one_of_many_until_it_is_confirmed(
    db: Database, partner: OwnPartner
) -> None:
    register(db, partner)
    clock = Clock()
    await end(db)
    cares = [care_of(db, clock) for _ in range(3)]
    for after in REMIND_AFTER[:2]:
        await remind(*cares)
        clock.now = NOW + after
        await remind(*cares)
    said = [call["data"].get("reminder") for call in partner.calls]
    assert said == [None, 1, 2]
    assert [head["webhook-id"] for head in partner.heads] == ["m1", "m1.1", "m1.2"]
    assert {call["type"] for call in partner.calls} == {"alert.cancelled"}
    with db.write() as session:
        confirm(session, Word("a1", "Own"), clock.now)
    clock.now = NOW + timedelta(days=9)
    await remind(*cares)
    assert len(partner.calls) == 3
    with db.read() as session:
        assert open_removals(session) == []


async def test_people_at_a_partner_without_software_when_reminded_get_a_mail_with_the_page(
    db: Database, partner: OwnPartner
) -> None:
    register(db, partner, mail="redactie@own.example")
    partner.answer = 503
    clock = Clock()
    await end(db)
    async with serving() as server:
        endpoint = EmailEndpoint(host="127.0.0.1", port=server.port)
        config = ChannelsConfig(loopback="too", channels=LiveChannels(email=endpoint))
        clock.now = NOW + REMIND_AFTER[0]
        await remind(care_of(db, clock, config))
    (mail,) = (message_from_bytes(content) for content in server.contents)
    text = mail.get_payload(decode=True)
    assert mail["To"] == "redactie@own.example"
    assert isinstance(text, bytes)
    assert f"{BASE_URL}/removed/".encode() in text
    assert "Noor" not in text.decode()
    assert partner.calls[-1]["data"]["reminder"] == 1


async def test_partner_when_it_answers_a_ping_is_noted_and_not_asked_again_at_once(
    db: Database, partner: OwnPartner
) -> None:
    register(db, partner)
    clock = Clock()
    silent = ExercisePartner(name="Silent", url="http://127.0.0.1:9/", secret=SECRET)
    config = ChannelsConfig(loopback="too", exercise=ExerciseChannels(webhook=(silent,)))
    care = care_of(db, clock, config)
    async with Caller().client() as client:
        for later in (timedelta(0), PING_EVERY / 2, PING_EVERY):
            clock.now = NOW + later
            await care.ping(client)
    assert partner.verified(SECRET) == ["baken.ping"] * 2
    with db.read() as session:
        heard = partners.last_answer(session, "Own", exercise=False)
        assert (heard, partners.last_answer(session, "Silent", exercise=True)) == (NOW + PING_EVERY, None)


async def test_partners_that_cannot_be_looked_after_are_all_told_of_and_keep_nobody_from_it(
    db: Database, partner: OwnPartner, caplog: pytest.LogCaptureFixture
) -> None:
    fine = register(db, partner)
    for name in ("First", "Second"):
        keep(db, fine.model_copy(update={"name": name, "secret": "whsec_a"}))
    async with Caller().client() as client:
        await care_of(db, Clock()).ping(client)
    assert [call["type"] for call in partner.calls] == ["baken.ping"]
    (record,) = caplog.records
    assert record.message.startswith("2 of 3 partners were not looked after: ")


async def test_partner_with_an_address_that_cannot_be_called_keeps_nobody_else_from_being_asked(
    db: Database, partner: OwnPartner
) -> None:
    keep(db, register(db, partner).model_copy(update={"name": "Broken", "url": "http://127.0.0.1:abc/hook"}))
    async with Caller().client() as client:
        await care_of(db, Clock()).ping(client)
    assert [call["type"] for call in partner.calls] == ["baken.ping"]
