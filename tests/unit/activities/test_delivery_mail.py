"""A batch of mail from the frozen audience to a real server: who is dropped, who is tried again, who hears once."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlmodel import update
from temporalio.exceptions import ApplicationError
from temporalio.testing import ActivityEnvironment

from activities.delivery import DeliveryActivities
from activities.endpoints import EmailEndpoint
from activities.revisions import RevisionWatch
from alerts.vocabulary import Kind
from starter.parts import Parts, open_parts
from store import editions
from store.audience import AudienceStore
from store.subscribers import Entry, Subscribers, tallies
from store.tables.sending import LedgerChunk
from tests.support.editions import BASE_URL, NOW, ShownAlert
from tests.support.homes import silent_home
from tests.support.mail import MailServer, email_channel, serving
from workflows import ports

ADDRESSES = [f"r{n}@demo.baken.example" for n in range(12)]
GONE, BUSY = ADDRESSES[3], ADDRESSES[7]


@pytest.fixture
def parts(tmp_path: Path) -> Iterator[Parts]:
    opened = open_parts(silent_home(tmp_path / "home"))
    yield opened
    opened.close()


def freeze(parts: Parts, alert: ShownAlert) -> None:
    """Everybody is in the audience, and the mail is rendered."""
    key = parts.keys.system_key("subscribers")
    Subscribers(key, "email").fill(parts.db, map(Entry, ADDRESSES), NOW)
    AudienceStore(parts.db, alert.key, alert.alert_id, "email").extend(key, None, exercise=False)
    rendition = alert.channels["email"].render(alert.edition, BASE_URL).model_dump_json()
    with parts.db.write() as session:
        editions.put_rendition(session, alert.key, alert.alert_id, alert.edition.digest, "email", rendition)


def deliver(parts: Parts, server: MailServer) -> Callable[..., Awaitable[ports.Delivered]]:
    """What sends the only batch of the first edition to all of them; it takes what is another of `Desired`."""
    parts.keys.create("abcdefghij")
    alert = ShownAlert(parts.db, alert_id="abcdefghij", key=parts.keys.display_key("abcdefghij"))
    desired = alert.show()
    freeze(parts, alert)
    asked = ports.Deliver(
        alert_id=alert.alert_id, kind=Kind.ACTUAL, channel="email", desired=desired, purpose="show", start=0, count=12
    )
    channel = email_channel(EmailEndpoint(host="127.0.0.1", port=server.port))
    watch = RevisionWatch(parts.db, lambda: alert.now)
    delivery = DeliveryActivities(parts.db, parts.keys, {"email": channel}, watch)

    def send(**other: int) -> Awaitable[ports.Delivered]:
        changed = asked.model_copy(update={"desired": desired.model_copy(update=other)})
        return ActivityEnvironment().run(delivery.deliver, changed)

    return send


async def test_first_dispatch_is_when_the_first_mail_leaves_and_not_when_it_is_begun(parts: Parts) -> None:
    heard: dict[str, datetime] = {}

    def hears(command: str) -> str:
        heard.setdefault(command, datetime.now(UTC))
        return ""

    async with serving(hears) as server:
        done = await deliver(parts, server)()
    assert done.first_at is not None
    assert heard["RCPT"] <= done.first_at <= heard["DATA"]


async def test_mail_goes_out_under_the_same_id_after_a_hold_and_under_another_after_an_end(parts: Parts) -> None:
    """A copy of the store from between two announcements may say of the first that it is in doubt."""
    ids: list[set[bytes]] = []
    async with serving() as server:
        send = deliver(parts, server)
        for other in ({}, {"announcement": 1}, {"announcement": 2, "after_end": 2}):
            await send(**other)
            ids.append(set(re.findall(rb"(?m)^Message-ID: *(.*)", b"\n".join(server.contents))))
            server.taken.clear()
            with parts.db.write() as session:
                session.exec(update(LedgerChunk).values(channel="none"))  # nobody was told, by this store
    assert [len(each) for each in ids] == [12, 12, 12]
    assert ids[0] == ids[1]
    assert ids[0].isdisjoint(ids[2])


async def test_mailbox_that_is_gone_is_dropped_and_a_busy_one_gets_its_mail_at_the_next_attempt(parts: Parts) -> None:
    async with serving() as server:
        send = deliver(parts, server)
        server.refused = {GONE: "550 5.1.1 nobody of that name", BUSY: "450 4.2.1 not just now"}
        with pytest.raises(ApplicationError, match=r"asks for patience \(450\)"):
            await send()
        del server.refused[BUSY]
        done = await send()
    assert (done.reached, done.failed) == (1, 0)
    told = Counter(address for mail in server.taken for address in mail.rcpt_tos)
    assert told == Counter(address for address in ADDRESSES if address != GONE)
    with parts.db.read() as session:
        assert tallies(session, exercise=False)["email"]._asdict() == {"active": 11, "paused": 0, "left": 1}
        row = Subscribers(parts.keys.system_key("subscribers"), "email").find(session, GONE)
    assert row is not None
    assert row.left_at is not None
