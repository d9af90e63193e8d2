"""A batch of notifications from the frozen audience to a real push service: each says how new its statement is."""

from __future__ import annotations

from pathlib import Path

from temporalio.testing import ActivityEnvironment

from activities.delivery import DeliveryActivities
from activities.revisions import RevisionWatch
from alerts.vocabulary import Kind
from simulators.http2 import Reply
from starter.parts import open_parts
from store import editions
from store.audience import AudienceStore
from store.subscribers import Entry, Subscribers
from tests.support.editions import BASE_URL, NOW, ShownAlert
from tests.support.homes import silent_home
from tests.support.push import Push
from workflows import ports


async def test_notification_when_delivered_carries_the_revision_of_its_statement(tmp_path: Path) -> None:
    parts, push = open_parts(silent_home(tmp_path / "home")), Push(tmp_path, lambda _: Reply(201))
    parts.keys.create("abcdefghij")
    alert = ShownAlert(parts.db, alert_id="abcdefghij", key=parts.keys.display_key("abcdefghij"))
    desired = alert.show().model_copy(update={"announcement": 2})
    key = parts.keys.system_key("subscribers")
    Subscribers(key, "webpush").fill(parts.db, [Entry(push.to("r1").address)], NOW)
    AudienceStore(parts.db, alert.key, alert.alert_id, "webpush").extend(key, None, exercise=False)
    rendition = push.channel.render(alert.edition, BASE_URL).model_dump_json()
    with parts.db.write() as session:
        editions.put_rendition(session, alert.key, alert.alert_id, alert.edition.digest, "webpush", rendition)
    delivery = DeliveryActivities(parts.db, parts.keys, {"webpush": push.channel}, RevisionWatch(parts.db))
    asked = ports.Deliver(
        alert_id=alert.alert_id, kind=Kind.ACTUAL, channel="webpush", desired=desired, purpose="show", start=0, count=1
    )
    assert (await ActivityEnvironment().run(delivery.deliver, asked)).reached == 1
    (said,) = push.opened()
    assert desired.revision > 0
    assert said["order"] == [desired.revision, 2, alert.edition.number, 0]
    push.close()
    parts.close()
