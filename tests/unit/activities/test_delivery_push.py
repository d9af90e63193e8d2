"""A batch of notifications from the frozen audience to a real push service: how new and how long-lived each is."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from temporalio.testing import ActivityEnvironment

from activities.delivery import DeliveryActivities
from activities.revisions import RevisionWatch
from alerts.vocabulary import Kind
from simulators.http2 import Reply
from starter.parts import open_parts
from store import editions
from store.audience import AudienceStore
from store.subscribers import Entry, Subscribers
from tests.support.editions import BASE_URL, LEASE, NOW, ShownAlert
from tests.support.homes import silent_home
from tests.support.push import Push
from workflows import ports


class Wave:
    """An alert that is shown, with one browser in its audience."""

    def __init__(self, folder: Path) -> None:
        self._parts, self.push = open_parts(silent_home(folder / "home")), Push(folder, lambda _: Reply(201))
        self._parts.keys.create("abcdefghij")
        display = self._parts.keys.display_key("abcdefghij")
        self.alert = alert = ShownAlert(self._parts.db, alert_id="abcdefghij", key=display)
        self.desired = alert.show().model_copy(update={"announcement": 2})
        key = self._parts.keys.system_key("subscribers")
        Subscribers(key, "webpush").fill(self._parts.db, [Entry(self.push.to("r1").address)], NOW)
        AudienceStore(self._parts.db, alert.key, alert.alert_id, "webpush").extend(key, None, exercise=False)
        rendition = self.push.channel.render(alert.edition, BASE_URL).model_dump_json()
        with self._parts.db.write() as session:
            editions.put_rendition(session, alert.key, alert.alert_id, alert.edition.digest, "webpush", rendition)

    async def deliver(self) -> ports.Delivered:
        watch = RevisionWatch(self._parts.db, lambda: self.alert.now)
        delivery = DeliveryActivities(self._parts.db, self._parts.keys, {"webpush": self.push.channel}, watch)
        asked = ports.Deliver(
            alert_id=self.alert.alert_id,
            kind=Kind.ACTUAL,
            channel="webpush",
            desired=self.desired,
            purpose="show",
            start=0,
            count=1,
        )
        delivered: ports.Delivered = await ActivityEnvironment().run(delivery.deliver, asked)
        return delivered

    def close(self) -> None:
        self.push.close()
        self._parts.close()


@pytest.fixture
def wave(tmp_path: Path) -> Iterator[Wave]:
    opened = Wave(tmp_path)
    yield opened
    opened.close()


async def test_notification_when_delivered_carries_the_revision_of_its_statement(wave: Wave) -> None:
    assert (await wave.deliver()).reached == 1
    (said,) = wave.push.opened()
    assert wave.desired.revision > 0
    assert said["order"] == [wave.desired.revision, 2, wave.alert.edition.number, 0]


async def test_wave_that_outlasts_its_lease_sends_nothing_until_it_is_renewed_and_then_for_as_long(wave: Wave) -> None:
    """Its alert may have been terminated while the push service was away."""
    wave.alert.pass_time(hours=LEASE / timedelta(hours=1))
    done = await wave.deliver()
    assert (done.superseded, done.reached, len(wave.push.asked)) == (True, 0, 0)
    wave.alert.renew(lease=timedelta(hours=1))
    assert (await wave.deliver()).reached == 1
    (asked,) = wave.push.asked
    assert int(asked.headers["ttl"]) == (LEASE + timedelta(hours=1)).total_seconds(), "the push service's clock is NOW"
