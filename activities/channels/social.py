"""`social`: posts on Mastodon and Bluesky by their own protocols, and on every other service through Apprise.

Each language of an account is a recipient of its own with one post, which is changed, deleted or replaced as the
service allows. The store has an intent before each post and what became of it after; taking away acts on those, and
looks through the account where they do not say all.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from functools import partial
from typing import Any, ClassVar, TypeVar

import httpx

from activities import bluesky, mastodon, through_apprise
from activities.channels.base import (
    Assumed,
    Busy,
    Capabilities,
    ChannelError,
    Gone,
    Messages,
    NotMeant,
    Outcome,
    Outgoing,
    Rejected,
    Rendition,
    Unreachable,
    WaveJob,
    may_leave,
)
from activities.endpoints import (
    AnyAccount,
    BlueskyAccount,
    ChannelsConfig,
    MastodonAccount,
    OtherAccount,
    SocialAccounts,
)
from activities.pacing import Limit
from activities.social_books import WITHIN, Intended, SocialBooks
from activities.social_http import BRIEFLY, TIMEOUT, Posted, Service
from activities.social_post import About, rendered
from activities.social_text import MASTODON, OTHERS, link_mark
from activities.trust import public_authorities
from alerts.edition import Edition
from alerts.vocabulary import Kind
from store.database import STORE_AWAY, Database
from store.tables.sending import SocialPost

T = TypeVar("T")
TRIES = 3
"""Of a server that answers with an error and does not say for how long: each goes on where the last one stopped."""
LOOK_EVERY = 20.0
"""Seconds between two looks at a post."""
APPRISE_AT_ONCE = 32
"""Calls, which block: in threads of their own, so that nothing else waits for one."""
_log = logging.getLogger(__name__)


class SocialChannel:
    name: ClassVar[str] = "social"
    capabilities: ClassVar[Capabilities] = Capabilities(
        label={"nl": "Sociale media", "en": "Social media"},
        audience="personal",
        update=True,
        recall=True,
        renews="late_joiners",
        picture=True,
        attaches=True,
        text_max=MASTODON,
        credentials="token, or login",
        says_dark=True,
        at_most_once=True,
        partners=True,
        chunk=1,
    )

    def __init__(self, config: ChannelsConfig, db: Database, clock: Callable[[], datetime]) -> None:
        self._config = config
        self._books = SocialBooks(db, clock)
        self._clock = clock
        self._kept: dict[str, Any] = {}
        """Sessions, and photos that were uploaded and wait for their post."""
        self._threads = ThreadPoolExecutor(APPRISE_AT_ONCE, "apprise")
        self._trust = public_authorities()

    def render(self, edition: Edition, base_url: str) -> Rendition:
        parts, problems = rendered(edition, base_url)
        accounts = self._config.endpoints_for(edition.kind).social
        if accounts and accounts.others and not edition.social.without_recall:
            names = ", ".join(account.name for account in accounts.others)
            problems = (*problems, f"nothing goes to {names}: the programme gives no leave for what nobody can recall")
        return Rendition(channel=self.name, parts=parts, problems=problems)

    async def probe(self, kind: Kind) -> str | None:
        """Whether each account lets us in; nothing is posted. What goes through Apprise cannot be tried so."""
        accounts = self._config.endpoints_for(kind).social
        if accounts is None or not accounts.all:
            return f"no account is configured for {kind.value} alerts"
        async with self._client() as client:
            trouble = await asyncio.gather(*(self._trouble(client, account) for account in accounts.all))
        return "; ".join(filter(None, trouble)) or None

    async def _trouble(self, client: httpx.AsyncClient, account: AnyAccount) -> str | None:
        try:
            if isinstance(account, OtherAccount):
                most = await self._apart(through_apprise.takes, account)
                return f"{account.name} takes {most} characters, fewer than {OTHERS}" if most < OTHERS else None
            await self._service(client, account).check()
        except ChannelError as error:
            return str(error)
        return None

    def limit(self, job: WaveJob) -> Limit | None:
        """None: every account is a counterpart of its own, and gets a few calls."""
        return None

    async def send(self, job: WaveJob, messages: Messages, still: Callable[[], bool]) -> Sequence[Outcome]:
        async with self._client() as client:
            return [await self._send(client, job, message, still) for message in messages]

    async def _send(
        self, client: httpx.AsyncClient, job: WaveJob, message: Outgoing, still: Callable[[], bool]
    ) -> Outcome:
        accounts = self._config.endpoints_for(job.alert_kind).social or SocialAccounts()
        account = accounts.posts.get(message.address)
        if account is None and job.end_texts is not None:  # only this language may have been taken out
            account = next((one for one in accounts.all if one.name == _name(message.address)), None)
        if account is None:
            return await self._left_behind(job, message)

        may_go, about = partial(may_leave, still), About(job, message, account)
        outcome: Outcome = None
        for _ in range(TRIES):
            outcome = await self._try(client, about, may_go)
            if not isinstance(outcome, Busy) or outcome.retry_after > BRIEFLY:
                break
            await asyncio.sleep(outcome.retry_after)
        return outcome

    async def _left_behind(self, job: WaveJob, message: Outgoing) -> Outcome:
        """Of an account that was taken out of the settings: nobody but its owner gets to what it still shows."""
        stands = await asyncio.to_thread(self._books.stands, job.alert_id, message.address)
        shows = [post for post in stands.posts if not post.ends]
        if job.end_texts is None or not shows:
            return Gone("this account is not configured any more")
        where = next((post.url for post in reversed(shows) if post.url), "its address is not known")
        return Rejected(
            f"{_name(message.address)} was taken out of the settings while its post stands ({where}): put the account "
            "back and start Baken again, then it is taken away"
        )

    async def _try(self, client: httpx.AsyncClient, about: About, may_go: Callable[[], None]) -> Outcome:
        account = about.account
        try:
            async with asyncio.timeout(WITHIN):
                if isinstance(account, OtherAccount):
                    await self._tell(about, account, may_go)
                elif about.ends:
                    await self._take_away(about, self._service(client, account), may_go)
                else:
                    await self._show(about, self._service(client, account), may_go)
        except ChannelError as error:
            return error
        except TimeoutError:
            return Unreachable(f"{account.name} is slow", in_doubt=True)
        return None

    # Mastodon and Bluesky

    async def _show(self, about: About, service: Service, may_go: Callable[[], None]) -> str | None:
        """Let the account say this, and nothing else of the alert; under which id."""
        intended = await asyncio.to_thread(self._books.intend, about)
        stands, row = intended.stands, intended.row
        before = [post for post in stands.posts if post.key != row.key]
        if row.posted_at is None:
            dark = [] if about.ends and service.edits else [one for one in before if stands.dark(one)]
            # Before anything else is said, and never by an edit: a post goes on showing what it said before.
            await self._delete(about, service, dark)
            before = [post for post in before if post not in dark]
            row.post_id = await self._say(about, service, intended, before, may_go)
        await self._delete(about, service, [post for post in before if post.post_id != row.post_id], row.post_id)
        return row.post_id

    async def _say(
        self,
        about: About,
        service: Service,
        intended: Intended,
        before: Sequence[SocialPost],
        may_go: Callable[[], None],
    ) -> str:
        """In the post that stands, where the service edits, else in a new one; under which id."""
        key = intended.row.key
        editable = next((post.post_id for post in reversed(before) if service.edits and post.post_id), None)
        posted: Posted | None = None
        try:
            if editable is not None:
                posted = await service.edit(editable, about.saying, may_go)
            posted = posted or await service.post(about.saying, key, may_go)
        except ChannelError as error:
            await asyncio.to_thread(self._books.failed, intended, error)
            raise
        said_before = [post.key for post in before if post.post_id == posted.post_id]
        await asyncio.to_thread(self._books.posted, key, posted, said_before)
        return posted.post_id

    async def _take_away(self, about: About, service: Service, may_go: Callable[[], None]) -> None:
        """Nothing of the alert is said any more; or that it is over, where the programme wants that.

        Whatever is known, it is searched for more: a store that was restored from a copy may not know of a post, and a
        server that was asked twice may have made two.
        """
        stands = await asyncio.to_thread(self._books.stands, about.job.alert_id, about.message.address)
        keep: str | None = None
        if about.rule["at_end"] == "end_text" and stands.posts:
            keep = await self._show(about, service, may_go)
        else:
            await self._delete(about, service, stands.posts)
        await self._search(about, service, keep)

    async def _delete(
        self, about: About, service: Service, posts: Sequence[SocialPost], keep: str | None = None
    ) -> None:
        """Take posts away. One in doubt is looked for in the account, until it cannot arrive any more."""
        for post in posts:
            if post.post_id is not None:
                await service.delete(post.post_id)
        if any(post.post_id is None for post in posts):
            await self._search(about, service, keep)
        now = self._clock()
        late = {post.key: post.in_flight_until for post in posts if (post.in_flight_until or now) > now}
        await asyncio.to_thread(self._books.gone, [post.key for post in posts if post.key not in late], now)
        if late:
            left = max((until - now).total_seconds() for until in late.values() if until)
            raise Busy(f"a post of {about.account.name} may still be on its way; it is looked for again", left)

    async def _search(self, about: About, service: Service, keep: str | None = None) -> None:
        """Delete all that the account has with a link to this alert in this language, but for one."""
        for post_id in await service.find(about.mark):
            if post_id != keep:
                await service.delete(post_id)

    # What goes through Apprise

    async def _tell(self, about: About, account: OtherAccount, may_go: Callable[[], None]) -> None:
        """Once: what may have arrived is not sent again."""
        if not about.rule["without_recall"]:
            raise NotMeant("the programme gives no leave for what cannot be taken back")
        text = about.saying.text
        if len(text) > await self._apart(through_apprise.takes, account):
            raise Rejected(f"{account.name} does not take a text that long")
        intended = await asyncio.to_thread(self._books.intend, about)
        if intended.row.posted_at is not None:
            return
        if not intended.new:
            raise Assumed(f"{account.name} may have it already, and nothing is sent there twice")
        try:
            await self._apart(through_apprise.send, account, text, may_go)
        except ChannelError as error:
            await asyncio.to_thread(self._books.failed, intended, error)
            raise
        await asyncio.to_thread(self._books.posted, intended.row.key, None, ())

    async def _apart(self, call: Callable[..., T], *args: Any) -> T:
        """In a thread that only calls of Apprise have."""
        return await asyncio.get_running_loop().run_in_executor(self._threads, call, *args)

    # Reading back

    async def listen(self) -> None:
        """Look now and then whether everybody can read what we posted."""
        while True:
            try:
                await self.look()
            except STORE_AWAY:
                _log.warning("posts are not read back while the store is away")
            await asyncio.sleep(LOOK_EVERY)

    async def look(self) -> None:
        both = (self._config.channels.social, self._config.exercise.social)
        accounts = {name: account for some in both if some for name, account in some.posts.items()}
        due = await asyncio.to_thread(self._books.to_look_at, LOOK_EVERY) if accounts else ()
        if not due:
            return
        async with self._client() as client:
            for post in due:
                account = accounts.get(post.account)
                if account is None or isinstance(account, OtherAccount) or post.post_id is None:
                    continue
                mark = link_mark(post.alert_id, post.account.rpartition("/")[2])
                try:
                    async with asyncio.timeout(WITHIN):
                        seen = await self._service(client, account).read(post.post_id, mark)
                except (ChannelError, TimeoutError):
                    continue  # not seen: the next look tells more
                if seen:
                    await asyncio.to_thread(self._books.seen, post.key)

    def _client(self) -> httpx.AsyncClient:
        return httpx.AsyncClient(timeout=TIMEOUT, trust_env=False, verify=self._trust)

    def _service(self, client: httpx.AsyncClient, account: MastodonAccount | BlueskyAccount) -> Service:
        if isinstance(account, MastodonAccount):
            return mastodon.Mastodon(client, account, self._kept)
        return bluesky.Bluesky(client, account, self._kept)


def _name(address: str) -> str:
    """Of the account that a recipient such as `Police/nl` is."""
    return address.rpartition("/")[0]
