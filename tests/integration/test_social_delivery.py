"""Waves to accounts on social media, by ledger and audience: what takes away is done when it is gone, not before."""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Iterator
from datetime import timedelta

import pytest
from sqlmodel import select
from temporalio.exceptions import ApplicationError
from temporalio.testing import ActivityEnvironment

from activities.delivery import DeliveryActivities
from activities.endpoints import SocialEndpoint
from activities.revisions import RevisionWatch
from alerts.programme import SocialRule
from alerts.vocabulary import Kind, Meaning
from starter.parts import Parts, open_parts
from store import editions
from store.audience import AudienceStore
from store.ledger import Status
from store.subscribers import Entry, Subscribers
from store.tables.sending import ChannelTrouble, LedgerChunk
from tests.support.editions import BASE_URL
from tests.support.homes import silent_home
from tests.support.social import PostedAlert, SocialServer
from workflows import ports

MASTODON, BLUESKY = "Politie op Mastodon", "Politie op Bluesky"
END_TEXT = SocialRule(at_end="end_text")


@pytest.fixture(scope="module")
def parts(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Parts]:
    opened = open_parts(silent_home(tmp_path_factory.mktemp("home")))
    yield opened
    opened.close()


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SocialServer]:
    server = SocialServer(tmp_path_factory.mktemp("social"))
    yield server
    server.close()


@pytest.fixture
def server(running: SocialServer) -> SocialServer:
    return running.clean()


class Waves:
    """One alert, and batches of its waves to one account in Dutch, as workflows ask for them."""

    def __init__(self, parts: Parts, server: SocialServer, account: str, rule: SocialRule | None = None) -> None:
        self._parts = parts
        self.posted = PostedAlert(parts.db, server, rule or SocialRule(), parts.keys)
        self.configure(account)
        self.posted.alert.now = self.posted.now  # a wave whose lease is over sends nothing
        self.posted.declare()
        alert = self.posted.alert
        rendition = self.posted.channel.render(self.posted.edition, BASE_URL).model_dump_json()
        with parts.db.write() as session:
            editions.put_rendition(session, alert.key, alert.alert_id, alert.edition.digest, "social", rendition)
        key = parts.keys.system_key("subscribers")
        AudienceStore(parts.db, alert.key, alert.alert_id, "social").extend(key, None, exercise=False)

    def configure(self, *names: str) -> None:
        """Start Baken with these accounts and no other."""
        every = self.posted.accounts
        kept = {kind: _named(getattr(every, kind), names) for kind in ("mastodon", "bluesky")}
        self._channel = self.posted.with_accounts(SocialEndpoint(**kept))
        subscribers = Subscribers(self._parts.keys.system_key("subscribers"), "social")
        with self._parts.db.write() as session:
            subscribers.keep_exactly(session, [Entry(f"{name}/nl", "nl") for name in names], self.posted.now)

    async def try_it(self, purpose: ports.Purpose, attempt: int = 1) -> ports.Delivered | ApplicationError:
        """What one attempt at the batch came to."""
        parts = self._parts
        delivery = DeliveryActivities(parts.db, parts.keys, {"social": self._channel}, RevisionWatch(parts.db))
        asked = ports.Deliver(
            alert_id=self.posted.id,
            kind=Kind.ACTUAL,
            channel="social",
            desired=self.posted.alert.desired,
            purpose=purpose,
            start=0,
            count=10,
        )
        environment = ActivityEnvironment()
        environment.info = dataclasses.replace(environment.info, attempt=attempt)
        try:
            return await environment.run(delivery.deliver, asked)
        except ApplicationError as error:
            return error

    async def show(self) -> None:
        assert isinstance(await self.try_it("show"), ports.Delivered)

    @property
    def trouble(self) -> str:
        """What the operator reads."""
        with self._parts.db.read() as session:
            row = session.get(ChannelTrouble, (self.posted.id, "social"))
        return row.error if row else ""


def _named(accounts: Collection[object], names: Collection[str]) -> tuple[object, ...]:
    return tuple(one for one in accounts if getattr(one, "name", "") in names)


@pytest.mark.parametrize(("service", "account"), [("mastodon", MASTODON), ("bluesky", BLUESKY)])
async def test_end_when_refused_is_not_done_but_told_and_tried_again_ever_later(
    parts: Parts, server: SocialServer, service: str, account: str
) -> None:
    waves = Waves(parts, server, account)
    await waves.show()
    waves.posted.alert.end(Meaning.WITHDRAWN)
    server.faults.set("social", "reject", 60)
    waits = []
    for attempt in (1, 2, 3, 20):
        refused = await waves.try_it("end", attempt)
        assert isinstance(refused, ApplicationError)
        waits.append(refused.next_retry_delay)
    assert waits == [timedelta(seconds=seconds) for seconds in (1, 2, 4, 60)]
    assert waves.trouble == f"{account} refused it (400)"
    assert len(server.posts(service)) == 1
    server.faults.clear()
    assert isinstance(await waves.try_it("end"), ports.Delivered)
    assert (server.posts(service), waves.trouble) == ([], "")


async def test_end_when_the_post_is_gone_already_is_done(parts: Parts, server: SocialServer) -> None:
    waves = Waves(parts, server, MASTODON)
    await waves.show()
    server.on("mastodon").posts.clear()
    waves.posted.alert.end(Meaning.WITHDRAWN)
    assert isinstance(await waves.try_it("end"), ports.Delivered)


@pytest.mark.parametrize(("service", "account"), [("mastodon", MASTODON), ("bluesky", BLUESKY)])
async def test_end_when_the_account_was_taken_out_stays_owed_until_it_is_back(
    parts: Parts, server: SocialServer, service: str, account: str
) -> None:
    waves = Waves(parts, server, account)
    await waves.show()
    (post,) = waves.posted.rows()
    waves.configure()
    waves.posted.alert.end(Meaning.WITHDRAWN)
    assert isinstance(await waves.try_it("end"), ApplicationError)
    assert waves.trouble == (
        f"{account} was taken out of the settings while its post stands ({post.url}): put the account back and start "
        "Baken again, then it is taken away"
    )
    assert len(server.posts(service)) == 1
    waves.configure(account)
    assert isinstance(await waves.try_it("end"), ports.Delivered)
    assert server.posts(service) == []


async def test_post_behind_an_error_of_its_server_is_in_doubt_and_hears_of_the_end(
    parts: Parts, server: SocialServer
) -> None:
    waves = Waves(parts, server, MASTODON)
    server.faults.set("social", "error", 60)
    assert isinstance(await waves.try_it("show"), ApplicationError)
    server.faults.clear()
    with parts.db.read() as session:
        chunk = session.exec(select(LedgerChunk).where(LedgerChunk.alert_id == waves.posted.id)).one()
    assert chunk.outcomes == bytes([Status.DOUBT])
    waves.posted.alert.end(Meaning.WITHDRAWN)
    late = await waves.try_it("end")
    assert isinstance(late, ApplicationError)
    assert waves.trouble == f"a post of {MASTODON} may still be on its way; it is looked for again"
    waves.posted.now += timedelta(seconds=16)
    assert isinstance(await waves.try_it("end"), ports.Delivered)


@pytest.mark.parametrize(("service", "account"), [("mastodon", MASTODON), ("bluesky", BLUESKY)])
async def test_found_after_a_hold_changes_what_said_that_it_is_not_shown_now(
    parts: Parts, server: SocialServer, service: str, account: str
) -> None:
    waves = Waves(parts, server, account, END_TEXT)
    await waves.show()
    for meaning, said in ((Meaning.HELD, "niet getoond"), (Meaning.WITHDRAWN, "Dit alert is beëindigd")):
        waves.posted.alert.end(meaning)
        assert isinstance(await waves.try_it("end"), ports.Delivered)
        (post,) = server.posts(service)
        assert said in post.text
