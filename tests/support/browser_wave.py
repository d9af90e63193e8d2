"""A batch of an alert's audience of browsers: the ledger, the real sending path, and a push service that answers."""

from __future__ import annotations

import dataclasses
import json
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

from temporalio.testing import ActivityEnvironment

from activities.delivery import DeliveryActivities
from activities.revisions import RevisionWatch
from alerts.vocabulary import Kind
from simulators.http2 import Asked, Reply
from starter.parts import open_parts
from store import editions
from store.audience import AudienceStore
from store.subscribers import Entry, Subscribers
from store.tables.sending import ChannelTrouble, FinishedBatches
from store.witness import MARKS, marks_of
from tests.support.editions import BASE_URL, NOW, ShownAlert
from tests.support.homes import silent_home
from tests.support.push import Push
from workflows import ports


class BrowserWave:
    """An alert that is shown, with some browsers in its audience; nothing is taken for `refused` addresses, nor
    for now for `failing` browsers."""

    def __init__(self, folder: Path, browsers: int) -> None:
        self.refused: set[str] = set()
        self.failing: dict[str, Reply] = {}
        self.meanwhile: Callable[[], None] = lambda: None
        """What happens while the push service has a message."""
        self.parts = open_parts(silent_home(folder / "home"))
        self.push = Push(folder, self._answer)
        self.parts.keys.create("abcdefghij")
        display = self.parts.keys.display_key("abcdefghij")
        self.alert = alert = ShownAlert(self.parts.db, alert_id="abcdefghij", key=display)
        self.watch = RevisionWatch(self.parts.db, lambda: self.alert.now)
        self.desired = alert.show().model_copy(update={"announcement": 2})
        self.browsers = 0
        self.join(browsers)
        rendition = self.push.channel.render(alert.edition, BASE_URL).model_dump_json()
        with self.parts.db.write() as session:
            editions.put_rendition(session, alert.key, alert.alert_id, alert.edition.digest, "webpush", rendition)

    def _answer(self, asked: Asked) -> Reply:
        self.meanwhile()
        path = asked.headers[":path"]
        usual = Reply(400 if path in self.refused else 201)
        return self.failing.get(path.rsplit("/", 1)[1], usual)

    def join(self, browsers: int) -> None:
        """So many more subscribe, and are taken into the audience."""
        new = range(self.browsers, self.browsers + browsers)
        self.browsers += browsers
        key = self.parts.keys.system_key("subscribers")
        Subscribers(key, "webpush").fill(
            self.parts.db, [Entry(self.push.to(f"r{number}").address) for number in new], NOW
        )
        alert = self.alert
        AudienceStore(self.parts.db, alert.key, alert.alert_id, "webpush").extend(key, None, exercise=False)

    def trouble(self) -> str | None:
        """Why its operators are told that the channel does not get on."""
        with self.parts.db.read() as session:
            row = session.get(ChannelTrouble, (self.alert.alert_id, "webpush"))
            return row.error if row else None

    def finished(self) -> int:
        """Batches that came to their end."""
        with self.parts.db.read() as session:
            row = session.get(FinishedBatches, (self.alert.alert_id, "webpush"))
            return row.number if row else 0

    async def deliver(
        self, purpose: ports.Purpose = "show", attempt: int = 1, *, start: int = 0, may_leave: bool = False
    ) -> ports.Delivered:
        channels = {"webpush": self.push.channel}
        delivery = DeliveryActivities(self.parts.db, self.parts.keys, channels, self.watch)
        asked = self.batch(purpose, start).model_copy(update={"may_leave": may_leave})
        environment = ActivityEnvironment()
        environment.info = dataclasses.replace(environment.info, attempt=attempt)
        delivered: ports.Delivered = await environment.run(delivery.deliver, asked)
        return delivered

    def batch(self, purpose: ports.Purpose = "show", start: int = 0) -> ports.Deliver:
        """All of them from one on, and what they are to see now."""
        return ports.Deliver(
            alert_id=self.alert.alert_id,
            kind=Kind.ACTUAL,
            channel="webpush",
            desired=self.desired,
            purpose=purpose,
            start=start,
            count=self.browsers - start,
        )

    def copy(self, to: Path) -> Path:
        """Of the store, as a backup makes it."""
        with (
            closing(sqlite3.connect(self.parts.settings.paths.database)) as live,
            closing(sqlite3.connect(to)) as kept,
        ):
            live.backup(kept)
        return to

    def restore(self, copy: Path) -> None:
        """The copy in the place of the store, which its home takes for its own, as when it is reconciled."""
        path = self.parts.settings.paths.database
        with closing(sqlite3.connect(copy)) as kept, closing(sqlite3.connect(path)) as live:
            kept.backup(live)
        with self.parts.db.read() as session:
            _, marks = marks_of(session.connection())
        self.parts.keys.remember_all({MARKS: json.dumps(marks)})

    def close(self) -> None:
        self.push.close()
        self.parts.close()
