"""Posts on servers of social media: our channel against the simulators, and these against libraries of others."""

from __future__ import annotations

import asyncio
import io
import logging
import os
import time
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import httpx
import pytest
from atproto import Client, models
from atproto_client.exceptions import BadRequestError, UnauthorizedError
from mastodon import Mastodon
from mastodon.errors import MastodonAPIError, MastodonNotFoundError, MastodonUnauthorizedError

from activities.bluesky import Bluesky
from activities.channels.base import Assumed, Busy, Denied, Gone, NotMeant, NotSent, Rejected
from activities.endpoints import BlueskyAccount
from activities.social_http import BRIEFLY
from alerts.programme import SocialRule
from alerts.vocabulary import Kind, Meaning, MessageKind
from simulators.faults import SLOW
from simulators.social import Post
from store import social
from store.database import Database
from tests.support.editions import BASE_URL, JPEG
from tests.support.social import PostedAlert, SocialServer
from tests.support.stores import new_store

MASTODON, BLUESKY, OTHERS = "Politie op Mastodon/nl", "Politie op Bluesky/nl", "Kanaal Waterrijk/nl"
DELETING = (("mastodon", MASTODON), ("bluesky", BLUESKY))
END_TEXT = SocialRule(at_end="end_text", without_recall=True)
ENDED = "AMBER Alert: Dit alert is be\u00ebindigd."
LINK = f"Vermist\n{BASE_URL}/alerts/a1?lang=nl&edition=1"


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SocialServer]:
    server = SocialServer(tmp_path_factory.mktemp("social"))
    yield server
    server.close()


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Database]:
    db = new_store(tmp_path_factory.mktemp("store") / "baken.db")
    yield db
    db.close()


@pytest.fixture
def server(running: SocialServer) -> SocialServer:
    return running.clean()


@pytest.fixture
def alert(store: Database, server: SocialServer) -> PostedAlert:
    return PostedAlert(store, server)


@pytest.fixture
def logged() -> Iterator[list[str]]:
    """What would be logged if all were: pytest's own handlers also hear loggers that keep things to themselves."""
    lines: list[str] = []
    handler, root = logging.StreamHandler(), logging.getLogger()
    handler.emit = lambda record: lines.append(record.getMessage())  # type: ignore[method-assign]
    before = root.level
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    yield lines
    root.removeHandler(handler)
    root.setLevel(before)


# The simulators against independent clients


def test_mastodon_when_another_client_posts_is_as_that_client_knows_it(server: SocialServer) -> None:
    client, stranger = (
        Mastodon(access_token=token, api_base_url=server.url, version_check_mode="none")
        for token in (server.on("mastodon").secret, "another")
    )
    photo = client.media_post(io.BytesIO(JPEG), mime_type="image/jpeg", description="Portret")
    posted = client.status_post(LINK, media_ids=[photo], language="nl", idempotency_key="once")
    assert client.status_post(LINK, language="nl", idempotency_key="once").id == posted.id
    assert client.status(posted.id).media_attachments[0].description == "Portret"
    edited = client.status_update(posted.id, LINK.replace("edition=1", "edition=2"))
    assert (edited.id, edited.edited_at is not None) == (posted.id, True)
    me = client.account_verify_credentials()
    assert [one.id for one in client.account_statuses(me.id)] == [posted.id]
    with pytest.raises(MastodonAPIError, match="character limit of 500"):
        client.status_post(f"{'x' * 480}{LINK}")
    client.status_delete(posted.id)
    with pytest.raises(MastodonNotFoundError):
        client.status(posted.id)
    with pytest.raises(MastodonUnauthorizedError):
        stranger.account_verify_credentials()
    client.session.close()
    stranger.session.close()


@pytest.mark.filterwarnings("ignore:Use 'content=:DeprecationWarning")  # atproto's own, of httpx
def test_bluesky_when_another_client_posts_is_as_that_client_knows_it(server: SocialServer) -> None:
    account, client = server.on("bluesky"), Client(f"{server.url}/xrpc")
    login = models.ComAtprotoServerCreateSession.Data(identifier=account.handle, password=account.secret)
    session = client.com.atproto.server.create_session(login)
    client.request.set_additional_headers({"Authorization": f"Bearer {session.access_jwt}"})
    blob = client.com.atproto.repo.upload_blob(JPEG).blob
    image = models.AppBskyEmbedImages.Image(alt="Portret", image=blob)
    record = models.AppBskyFeedPost.Record(
        text=LINK, created_at=client.get_current_time_iso(), embed=models.AppBskyEmbedImages.Main(images=[image])
    )
    posts = client.app.bsky.feed.post
    made = posts.create(session.did, record)
    key = made.uri.rpartition("/")[2]
    assert posts.get(session.did, key).value.text == LINK
    assert list(posts.list(session.did).records) == [made.uri]
    with pytest.raises(BadRequestError):
        posts.create(session.did, models.AppBskyFeedPost.Record(text="x" * 301, created_at=record.created_at))
    assert posts.delete(session.did, key)
    with pytest.raises(BadRequestError):
        posts.get(session.did, key)
    with pytest.raises(UnauthorizedError):
        client.com.atproto.server.create_session({"identifier": account.handle, "password": "another"})
    client.request.close()


# Our channel against the simulators


async def test_alert_when_shown_is_one_post_a_language_with_pictures_described(
    alert: PostedAlert, server: SocialServer
) -> None:
    alert.declare()
    for service, account in DELETING:
        assert await alert.send(account) is None
        assert await alert.send(account) is None
        assert await alert.send(account.replace("/nl", "/en")) is None
        (nl,), (en,) = server.posts(service, "nl"), server.posts(service, "en")
        assert "Vermist: Noor Voorbeeld (7)" in nl.text
        assert "Missing: Noor Voorbeeld (7)" in en.text
        assert nl.alts == ("Getekend portret",)
        assert f"/alerts/{alert.id}" in nl.text
    proofs = [(row.account, row.url, len(row.sha256), row.posted_at is not None) for row in alert.rows()]
    assert proofs[0] == (MASTODON, server.posts("mastodon")[0].value["url"], 64, True)
    assert len(proofs) == 4


async def test_change_when_shown_edits_where_that_can_be_and_else_replaces(
    alert: PostedAlert, server: SocialServer
) -> None:
    alert.declare()
    before = {}
    for service, account in DELETING:
        await alert.send(account)
        before[service] = server.posts(service)[0].id
    alert.declare(2, public={"situation": "Zij droeg een groene jas."})
    for service, account in DELETING:
        assert await alert.send(account, MessageKind.UPDATE) is None
        (post,) = server.posts(service)
        assert "groene jas" in post.text
        assert (post.id == before[service]) == (service == "mastodon")
        assert post.alts == ("Getekend portret",)


async def test_change_after_something_was_taken_away_never_edits(alert: PostedAlert, server: SocialServer) -> None:
    alert.declare()
    await alert.send(MASTODON)
    (before,) = server.posts("mastodon")
    alert.take_away(Meaning.HELD)
    alert.declare(2, children=[{"name": "Noor Voorbeeld", "age": 7}])
    assert await alert.send(MASTODON, MessageKind.UPDATE) is None
    (after,) = server.posts("mastodon")
    assert (after.id != before.id, after.alts) == (True, ())


@pytest.mark.parametrize(("service", "account"), DELETING)
async def test_found_when_posts_are_deleted_leaves_proof_and_nothing_else(
    alert: PostedAlert, server: SocialServer, service: str, account: str
) -> None:
    alert.declare()
    await alert.send(account)
    alert.take_away()
    assert await alert.send(account, MessageKind.CANCEL) is None
    assert await alert.send(account, MessageKind.CANCEL) is None
    assert server.posts(service) == []
    with alert.db.read() as session:
        (proof,) = social.proofs(session, alert.id)
    assert proof.posted_at is not None
    assert proof.gone_at is not None
    assert str(proof.url).startswith("https://")
    assert "Noor" not in str([row.model_dump() for row in alert.rows()])


@pytest.mark.parametrize(("service", "account"), DELETING)
async def test_found_when_the_programme_wants_the_end_text_leaves_that_alone(
    store: Database, server: SocialServer, service: str, account: str
) -> None:
    alert = PostedAlert(store, server, END_TEXT)
    alert.declare()
    await alert.send(account)
    (before,) = server.posts(service)
    alert.take_away()
    for _ in range(2):
        assert await alert.send(account, MessageKind.CANCEL) is None
    (post,) = server.posts(service)
    assert post.text.startswith(ENDED)
    assert (post.alts, post.link.ends, post.id == before.id) == ((), True, service == "mastodon")
    alert.declare(2)
    assert await alert.send(account) is None
    (again,) = server.posts(service)
    assert "Vermist" in again.text
    assert again.id != post.id


@pytest.mark.parametrize(("service", "account"), DELETING)
async def test_post_when_its_answer_was_lost_is_made_once(
    alert: PostedAlert, server: SocialServer, service: str, account: str
) -> None:
    alert.declare()
    await alert.send(account)
    forget_answers(alert)
    assert await alert.send(account) is None
    assert len(server.posts(service)) == 1
    assert len(alert.rows()) == 1


@pytest.mark.parametrize(("service", "account"), DELETING)
async def test_found_when_the_answer_was_lost_finds_the_post_and_waits_for_a_late_one(
    alert: PostedAlert, server: SocialServer, service: str, account: str
) -> None:
    alert.declare()
    await alert.send(account)
    forget_answers(alert)
    alert.take_away()
    assert isinstance(await alert.send(account, MessageKind.CANCEL), Busy)
    assert server.posts(service) == []
    alert.now += timedelta(seconds=16)
    assert await alert.send(account, MessageKind.CANCEL) is None
    assert alert.rows()[0].gone_at == alert.now


@pytest.mark.parametrize(("service", "account"), DELETING)
async def test_found_after_a_second_attempt_waits_as_long_as_that_may_be_on_its_way(
    alert: PostedAlert, server: SocialServer, service: str, account: str
) -> None:
    alert.declare()
    await alert.send(account)
    forget_answers(alert)
    alert.now += timedelta(seconds=60)
    server.faults.set("social", "error", 60)
    assert isinstance(await alert.send(account), Busy)
    server.faults.clear()
    alert.take_away()
    late = await alert.send(account, MessageKind.CANCEL)
    assert isinstance(late, Busy)
    assert late.retry_after == 15
    alert.now += timedelta(seconds=15)
    assert await alert.send(account, MessageKind.CANCEL) is None


@pytest.mark.parametrize(("service", "account"), DELETING)
async def test_second_attempt_that_was_refused_leaves_the_first_in_doubt_as_it_was(
    alert: PostedAlert, server: SocialServer, service: str, account: str
) -> None:
    alert.declare()
    await alert.send(account)
    forget_answers(alert)
    alert.now += timedelta(seconds=5)
    server.faults.set("social", "reject", 60)
    assert isinstance(await alert.send(account), Rejected)
    (row,) = alert.rows()
    assert (row.in_flight_until or alert.now) - alert.now == timedelta(seconds=10)


async def test_found_when_a_server_made_two_posts_of_one_deletes_both(
    alert: PostedAlert, server: SocialServer
) -> None:
    alert.declare()
    await alert.send(MASTODON)
    (post,) = server.posts("mastodon")
    twin = {**post.value, "id": f"{post.id}1"}
    server.on("mastodon").put(Post(twin["id"], post.link, post.text, post.alts, twin))
    alert.take_away()
    assert await alert.send(MASTODON, MessageKind.CANCEL) is None
    assert server.posts("mastodon") == []


async def test_found_when_the_account_has_lost_that_language_deletes_its_post(
    alert: PostedAlert, server: SocialServer
) -> None:
    alert.declare()
    await alert.send(MASTODON)
    english = tuple(one.model_copy(update={"languages": ("en",)}) for one in alert.accounts.mastodon)
    alert.channel = alert.with_accounts(alert.accounts.model_copy(update={"mastodon": english}))
    assert isinstance(await alert.send(MASTODON), Gone)
    alert.take_away()
    assert await alert.send(MASTODON, MessageKind.CANCEL) is None
    assert server.posts("mastodon") == []


@pytest.mark.parametrize(("service", "account"), DELETING)
async def test_deletion_when_the_server_has_an_error_does_not_wait_for_its_quota(
    alert: PostedAlert, server: SocialServer, service: str, account: str
) -> None:
    alert.declare()
    await alert.send(account)
    alert.take_away()
    server.faults.set("social", "error", 60)
    outcome = await alert.send(account, MessageKind.CANCEL)
    assert isinstance(outcome, Busy)
    assert outcome.retry_after == BRIEFLY


@pytest.mark.parametrize(("service", "account"), DELETING)
async def test_found_when_the_store_forgot_the_post_finds_it_by_its_link_alone(
    alert: PostedAlert, server: SocialServer, service: str, account: str
) -> None:
    alert.declare()
    await alert.send(account)
    await alert.send(account.replace("/nl", "/en"))
    with alert.db.write() as session:
        for row in alert.rows():
            social.forget(session, row.key)
    alert.take_away()
    assert await alert.send(account, MessageKind.CANCEL) is None
    assert server.posts(service, "nl") == []
    assert len(server.posts(service, "en")) == 1


async def test_post_when_overtaken_right_before_it_leaves_stays_here(alert: PostedAlert, server: SocialServer) -> None:
    alert.declare()
    for _, account in (*DELETING, ("others", OTHERS)):
        assert isinstance(await alert.send(account, still=lambda: False), NotSent)
    assert [server.posts(service) for service in ("mastodon", "bluesky", "others")] == [[], [], []]
    assert alert.rows() == []


async def test_bluesky_post_when_overtaken_during_its_login_stays_here(
    alert: PostedAlert, server: SocialServer
) -> None:
    alert.declare(children=[{"name": "Noor Voorbeeld", "age": 7}])
    server.faults.set("social", "slow", 60)
    begun = time.monotonic()
    outcome = await alert.send(BLUESKY, still=lambda: time.monotonic() - begun < SLOW)
    assert isinstance(outcome, NotSent)
    assert server.posts("bluesky") == []


async def test_apprise_when_it_is_silent_holds_up_nothing_else(store: Database, server: SocialServer) -> None:
    alerts = [PostedAlert(store, server) for _ in range(2 * (os.cpu_count() or 1) + 4)]
    server.faults.set("social", "slow", 60)
    for one in alerts:
        one.declare()
    sending = [asyncio.create_task(one.send(OTHERS)) for one in alerts]
    await asyncio.sleep(SLOW / 3)
    begun = time.monotonic()
    await asyncio.to_thread(alerts[0].rows)
    took, server_is_silent = time.monotonic() - begun, not any(one.done() for one in sending)
    assert await asyncio.gather(*sending) == [None] * len(alerts)
    assert server_is_silent
    assert took < SLOW / 2


async def test_apprise_sends_words_and_link_once_without_the_picture_and_logs_nothing(
    alert: PostedAlert, server: SocialServer, logged: list[str]
) -> None:
    alert.declare()
    assert await alert.send(OTHERS) is None
    assert await alert.send(OTHERS) is None
    (post,) = server.posts("others")
    assert post.text.endswith(f"{BASE_URL}/alerts/{alert.id}?lang=nl&edition=1")
    alert.take_away()
    assert await alert.send(OTHERS, MessageKind.CANCEL) is None
    assert server.posts("others")[-1].text.startswith(ENDED)
    assert logged
    assert "Noor" not in "".join(logged)


async def test_apprise_when_the_first_may_have_arrived_is_not_sent_again(
    alert: PostedAlert, server: SocialServer
) -> None:
    alert.declare()
    await alert.send(OTHERS)
    forget_answers(alert)
    outcome = await alert.send(OTHERS)
    assert isinstance(outcome, Assumed)
    assert "nothing is sent there twice" in str(outcome)
    assert len(server.posts("others")) == 1


async def test_apprise_when_refused_for_certain_is_sent_later(alert: PostedAlert, server: SocialServer) -> None:
    alert.declare()
    for mode, meaning in (("denied", Denied), ("error", Busy), ("reject", Rejected)):
        server.faults.set("social", mode, 60)
        assert isinstance(await alert.send(OTHERS), meaning)
    server.faults.clear()
    assert await alert.send(OTHERS) is None
    assert len(server.posts("others")) == 1


async def test_apprise_when_the_programme_gives_no_leave_gets_nothing_and_the_approver_reads_it(
    store: Database, server: SocialServer
) -> None:
    alert = PostedAlert(store, server, SocialRule())
    alert.declare()
    assert isinstance(await alert.send(OTHERS), NotMeant)
    assert server.posts("others") == []
    (said,) = alert.channel.render(alert.edition, BASE_URL).problems
    assert said == "nothing goes to Kanaal Waterrijk: the programme gives no leave for what nobody can recall"


async def test_accounts_when_tried_are_let_in_and_others_are_said_to_be_refused(
    alert: PostedAlert, server: SocialServer
) -> None:
    assert await alert.channel.probe(Kind.ACTUAL) is None
    server.faults.set("social", "denied", 60)
    assert await alert.channel.probe(Kind.ACTUAL) == (
        "Politie op Mastodon does not accept our token, which is not right, or was taken back (401); "
        "Politie op Bluesky does not accept our handle or app password, which is not right, or was taken back (401)"
    )
    assert isinstance(await alert.send("Somebody else/nl"), Gone)


async def test_posts_when_read_back_count_until_somebody_else_deletes_them(
    alert: PostedAlert, server: SocialServer
) -> None:
    alert.declare()
    for _, account in DELETING:
        await alert.send(account)

    async def seen_after(seconds: float) -> int:
        alert.now += timedelta(seconds=seconds)
        await alert.channel.look()
        with alert.db.read() as session:
            return social.seen(session, alert.id, alert.now)

    assert await seen_after(0) == 2
    server.on("mastodon").posts.clear()
    assert await seen_after(21) == 2, "a look that fails says nothing yet"
    assert await seen_after(80) == 1


def forget_answers(alert: PostedAlert) -> None:
    """As after a kill between a request and its answer."""
    with alert.db.write() as session:
        for row in alert.rows():
            until = row.intent_at + timedelta(seconds=15)
            social.note(session, row.key, posted_at=None, post_id=None, url=None, in_flight_until=until)


async def test_bluesky_when_two_accounts_have_one_name_lets_neither_in_as_the_other(server: SocialServer) -> None:
    account = server.on("bluesky")
    ours = BlueskyAccount(name="Politie", url=server.url, handle=account.handle, password=account.secret)
    other = ours.model_copy(update={"handle": "nobody.social.example"})
    kept: dict[str, Any] = {}
    async with httpx.AsyncClient(trust_env=False) as client:
        await Bluesky(client, ours, kept).check()
        with pytest.raises(Denied):
            await Bluesky(client, other, kept).check()
