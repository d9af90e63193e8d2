"""Servers of social media in a thread of the test, and an alert whose posts go there."""

from __future__ import annotations

import asyncio
import threading
import uuid
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import uvicorn
from sqlmodel import col, select

from activities.channels.base import Messages, Outcome, PhotoBytes, WaveJob
from activities.channels.social import SocialChannel
from activities.endpoints import ChannelsConfig, LiveChannels, SocialEndpoint
from alerts.compose import end_text
from alerts.edition import Edition
from alerts.programme import SocialRule
from alerts.vocabulary import LANGUAGES, Meaning, MessageKind
from simulators.faults import Faults
from simulators.listener import bind
from simulators.received import Record
from simulators.social import Account, Accounts, Post, social_app
from starter.settings import demo_accounts
from store.database import Database
from store.keys import KeyStore
from store.tables.sending import SocialPost
from tests.support.editions import BASE_URL, JPEG, KEY, ShownAlert, case_document

LEAVE = SocialRule(without_recall=True)


class SocialServer:
    """The simulators' server, until closed."""

    def __init__(self, folder: Path, *, exercise: bool = False) -> None:
        self.faults = Faults()
        self.accounts = Accounts(Record(folder / "received.jsonl"), {}, exercise=exercise)
        bound = bind(0)
        self.url = f"http://127.0.0.1:{bound.getsockname()[1]}"
        app = social_app(self.accounts, self.faults)
        self._server = uvicorn.Server(uvicorn.Config(app, log_level="warning", lifespan="off"))
        self._thread = threading.Thread(target=lambda: asyncio.run(self._server.serve([bound])))
        self._thread.start()

    def close(self) -> None:
        self._server.should_exit = True
        self._thread.join(10)

    def on(self, service: str) -> Account:
        """Its account there."""
        (account,) = self.accounts.on(service)
        return account

    def posts(self, service: str, language: str = "nl") -> list[Post]:
        """What stands on that account in a language."""
        return [post for post in self.on(service).posts.values() if post.link.language == language]

    def clean(self) -> SocialServer:
        """For one more test: no post and no fault."""
        self.faults.clear()
        for account in self.accounts.all:
            account.posts.clear()
        return self

    def endpoint(self) -> dict[str, Any]:
        return demo_accounts(self.accounts.endpoint(self.url))


class PostedAlert:
    """An alert, and what its waves would send to accounts."""

    def __init__(
        self, db: Database, server: SocialServer, rule: SocialRule = LEAVE, keys: KeyStore | None = None
    ) -> None:
        """With `keys` it has a key of its own there."""
        self.accounts = SocialEndpoint(**server.endpoint())
        self.db = db
        self.now = datetime.now(UTC)
        self.channel = self.with_accounts(self.accounts)
        self.id = f"a{uuid.uuid4().hex[:8]}"
        if keys is not None:
            keys.create(self.id)
        key = keys.display_key(self.id) if keys is not None else KEY
        self.alert = ShownAlert(db, alert_id=self.id, key=key, channels={"social": self.channel})
        self.rule = rule
        self.edition = self.alert.edition

    def with_accounts(self, accounts: SocialEndpoint) -> SocialChannel:
        """The channel, where these are configured."""
        config = ChannelsConfig(channels=LiveChannels(social=accounts))
        return SocialChannel(config, self.db, lambda: self.now)

    def declare(self, number: int = 1, **changes: Any) -> Edition:
        """What stands from now on."""
        made = self.alert.make(case_document(**changes), number=number)
        self.edition = Edition.model_validate({**made.model_dump(), "social": self.rule})
        self.alert.show(self.edition)
        return self.edition

    def take_away(self, meaning: Meaning = Meaning.WITHDRAWN) -> None:
        self.alert.dark_at_once(meaning)

    async def send(
        self,
        account: str,
        kind: MessageKind = MessageKind.ALERT,
        still: Callable[[], bool] = lambda: True,
    ) -> Outcome:
        """One message of a wave to `name/language`."""
        ends = kind is MessageKind.CANCEL
        photos = tuple(PhotoBytes(token=one.token, sha256=one.sha256, jpeg=JPEG) for one in self.edition.photos)
        job = WaveJob(
            alert_id=self.alert.alert_id,
            alert_kind=self.alert.kind,
            edition=self.edition.number,
            announcement=0,
            lease_until=None,
            rendition=self.channel.render(self.edition, BASE_URL),
            photos=() if ends else photos,
            end_texts={language: end_text(language, None) for language in LANGUAGES} if ends else None,
        )
        messages = Messages(["id"], [kind], [account], [account.rpartition("/")[2]])
        (outcome,) = await self.channel.send(job, messages, still)
        return outcome

    def rows(self) -> Sequence[SocialPost]:
        """All that is written down, in order."""
        with self.db.read() as session:
            mine = select(SocialPost).where(SocialPost.alert_id == self.id)
            return session.exec(mine.order_by(col(SocialPost.intent_at))).all()
