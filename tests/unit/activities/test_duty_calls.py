"""Calls to supervisors: who is called and who is not, what a call says, and what is tried again."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from datetime import timedelta
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest
from temporalio.exceptions import ApplicationError

from activities.duty_calls import DutyCalls
from activities.endpoints import (
    ChannelsConfig,
    EmailEndpoint,
    ExerciseChannels,
    ExerciseEmailEndpoint,
    LiveChannels,
    WebPushEndpoint,
)
from alerts.vocabulary import Kind, Role
from simulators.browsers import Browsers
from simulators.http2 import Reply
from store import duty
from store.database import Database
from store.duty import Addresses
from store.people import Person, add_person
from store.standing import open_alert
from store.views import put_view
from tests.support.editions import BASE_URL, KEY, NOW
from tests.support.gateway import OwnGateway
from tests.support.mail import MailServer, serving
from tests.support.stores import new_store
from workflows.ports import CallSupervisors

ABOUT = "approval of 123"
PEOPLE = ("supervisor1", "supervisor2", "author")


@pytest.fixture
def db(tmp_path: Path) -> Iterator[Database]:
    opened = new_store(tmp_path / "baken.db")
    for user in PEOPLE:
        roles = frozenset({Role.SUPERVISOR})
        add_person(opened, Person(user=user, person=f"person-{user}", name=user, roles=roles, public_key=""))
    with opened.write() as session:
        for user in PEOPLE:
            Addresses(KEY).put(session, user, "email", f"{user}@baken.example", "nl")
        duty.begin(session, "supervisor1", NOW + timedelta(hours=8), NOW)
        duty.begin(session, "author", NOW + timedelta(hours=8), NOW)
    yield opened
    opened.close()


def asked(n: int = 0, kind: Kind = Kind.ACTUAL) -> CallSupervisors:
    names = {"nl": "AMBER Alert", "en": "AMBER Alert"}
    return CallSupervisors(
        alert_id="a1", kind=kind, version=7, about=ABOUT, n=n, names=names, authors=("person-author",)
    )


def config(mails: MailServer, exercise: MailServer | None = None) -> ChannelsConfig:
    said: dict[str, Any] = {"host": "127.0.0.1"}
    return ChannelsConfig(
        channels=LiveChannels(email=EmailEndpoint(port=mails.port, **said)),
        exercise=ExerciseChannels(email=ExerciseEmailEndpoint(port=exercise.port, **said) if exercise else None),
    )


def calls_of(db: Database, channels: ChannelsConfig) -> DutyCalls:
    return DutyCalls(db, channels, lambda _: KEY, lambda _: KEY, BASE_URL, lambda: NOW)


def read(mails: MailServer) -> Sequence[EmailMessage]:
    found = [message_from_bytes(content, policy=policy.default) for content in mails.contents]
    return sorted((one for one in found if isinstance(one, EmailMessage)), key=lambda one: one["To"])


async def test_call_when_asked_goes_to_who_is_on_duty_and_never_to_an_author(db: Database) -> None:
    async with serving() as mails:
        await calls_of(db, config(mails)).call_supervisors(asked())
    (mail,) = read(mails)
    assert mail["To"] == "supervisor1@baken.example"
    assert mail["Subject"] == "AMBER Alert: een alert wacht op akkoord"
    text = mail.get_content()
    assert f"{BASE_URL}/console/alerts/a1" in text


async def test_call_when_nobody_answered_goes_to_every_supervisor(db: Database) -> None:
    async with serving() as mails:
        await calls_of(db, config(mails)).call_supervisors(asked(n=1))
    assert [mail["To"] for mail in read(mails)] == ["supervisor1@baken.example", "supervisor2@baken.example"]
    assert "niemand antwoordde" in read(mails)[0]["Subject"]


async def test_call_when_nobody_is_on_duty_goes_to_every_supervisor(db: Database) -> None:
    with db.write() as session:
        duty.end(session, "supervisor1", NOW)
    async with serving() as mails:
        await calls_of(db, config(mails)).call_supervisors(asked())
    assert len(mails.taken) == 2


@pytest.mark.parametrize(("kind", "word"), [(Kind.EXERCISE, "OEFENING"), (Kind.PUBLIC_TEST, "TEST")])
async def test_call_when_it_is_not_real_says_so_first(db: Database, kind: Kind, word: str) -> None:
    async with serving() as mails, serving() as exercise:
        await calls_of(db, config(mails, exercise)).call_supervisors(asked(kind=kind))
    (mail,) = read(exercise if kind is Kind.EXERCISE else mails)
    assert mail["Subject"].startswith(f"{word}: ")
    assert mail.get_content().startswith(f"{word}: ")
    assert "Dit is niet echt." in mail.get_content()
    assert (mails if kind is Kind.EXERCISE else exercise).taken == []


async def test_call_when_the_server_is_away_is_made_again_and_to_nobody_twice(db: Database) -> None:
    async with serving() as mails:
        mails.refused["supervisor2@baken.example"] = "451 4.3.0 later"
        calls = calls_of(db, config(mails))
        with pytest.raises(ApplicationError, match="1 of 2 calls"):
            await calls.call_supervisors(asked(n=1))
        mails.refused.clear()
        await calls.call_supervisors(asked(n=1))
        await calls.call_supervisors(asked(n=1))
    assert [mail["To"] for mail in read(mails)] == ["supervisor1@baken.example", "supervisor2@baken.example"]
    with db.read() as session:
        assert {one.user for one in duty.calls(session, "a1", ABOUT)} == {"supervisor1", "supervisor2"}


@pytest.mark.parametrize(
    ("version", "pending", "escalations", "goes"),
    [
        (6, None, [], True),
        (7, {"about": ABOUT}, [], True),
        (8, None, [], False),
        (8, {"about": "approval of 456"}, [], False),
        (9, {"about": ABOUT}, [{"about": ABOUT}], False),
    ],
)
async def test_call_when_it_waits_no_more_or_the_next_group_is_called_is_not_made(
    db: Database, version: int, pending: Any, escalations: Any, goes: bool
) -> None:
    about = {"stage": "live", "kind": "actual", "programme": "amber", "started_at": NOW.isoformat()}
    view = {**about, "version": version, "pending": pending, "escalations": escalations}
    with db.write() as session:
        open_alert(session, "a1", Kind.ACTUAL, "amber", NOW)
        put_view(session, KEY, "a1", version, view)
    async with serving() as mails:
        await calls_of(db, config(mails)).call_supervisors(asked())
    assert bool(mails.taken) == goes


async def test_call_when_an_address_is_refused_for_good_keeps_nobody_else_waiting(db: Database) -> None:
    async with serving() as mails:
        mails.refused["supervisor2@baken.example"] = "550 5.1.1 nobody"
        await calls_of(db, config(mails)).call_supervisors(asked(n=1))
    assert len(mails.taken) == 1


async def test_call_when_a_browser_asked_for_it_is_sealed_for_it_and_one_that_is_gone_is_forgotten(
    db: Database, tmp_path: Path
) -> None:
    gateway = OwnGateway(
        tmp_path, lambda one: Reply(410 if one.headers[":path"].endswith("gone") else 201), decode=True
    )
    browsers = Browsers(gateway.port, KEY)
    with db.write() as session:
        for name in ("here", "gone"):
            Addresses(KEY).put(session, "supervisor1", "webpush", browsers.subscription(name), "en")
    push = WebPushEndpoint(contact="mailto:push@baken.example", authority=str(gateway.authority))
    try:
        await calls_of(db, ChannelsConfig(channels=LiveChannels(webpush=push))).call_supervisors(asked())
        (seen,) = [one for one in gateway.asked if one.headers[":path"].endswith("here")]
        said = browsers.opened("here", seen.body)
    finally:
        gateway.close()
    assert said == {
        "title": "AMBER Alert: an alert waits for approval",
        "body": "Read it and decide:",
        "url": f"{BASE_URL}/console/alerts/a1",
        "tag": "a1",
        "lang": "en",
    }
    assert b"AMBER" not in seen.body
    with db.read() as session:
        kept = [one.address for one in Addresses(KEY).of(session, ["supervisor1"]) if one.way == "webpush"]
    (left,) = [json.loads(one)["endpoint"] for one in kept]
    assert left.endswith("here")
