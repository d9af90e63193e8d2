"""How a wave is cut: where each recipient is a counterpart of its own, none of them waits for another."""

from __future__ import annotations

import asyncio
import os
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

from temporalio.testing import ActivityEnvironment

from activities.channels import build_channels
from activities.delivery import DeliveryActivities
from activities.endpoints import ChannelsConfig
from activities.revisions import RevisionWatch
from alerts.vocabulary import Kind, Meaning
from starter.parts import open_parts
from store import editions
from store.audience import AudienceStore
from store.database import Database
from store.keys import KeyStore
from store.standing import take_away
from store.subscribers import Entry, Subscribers
from tests.support.editions import BASE_URL, NOW, ShownAlert
from tests.support.homes import silent_home
from workflows import ports

PARTNERS = 40
AT_ONCE = 16
"""More than a process has connections."""


def test_partners_who_refuse_the_end_for_ever_leave_a_lane_for_each_other_one(tmp_path: Path) -> None:
    """A lane is held for as long as its partner is tried: with 32 of them 33 who refuse kept the end from the rest."""
    with closing(open_parts(silent_home(tmp_path / "home"))) as parts:
        parts.keys.create("abcdefghij")
        display, key = parts.keys.display_key("abcdefghij"), parts.keys.system_key("subscribers")
        ShownAlert(parts.db, alert_id="abcdefghij", key=display).show()
        Subscribers(key, "webhook").fill(parts.db, [Entry(f"partner {n}") for n in range(PARTNERS)], NOW)
        AudienceStore(parts.db, display, "abcdefghij", "webhook").extend(key, None, exercise=False)
        channels = build_channels(
            parts.db,
            parts.keys.display_key,
            lambda: datetime.now(UTC),
            BASE_URL,
            ChannelsConfig(),
            parts.keys.system_key,
        )
        delivery = DeliveryActivities(parts.db, parts.keys, channels, RevisionWatch(parts.db))
        asked = ports.PlanWave(alert_id="abcdefghij", kind=Kind.ACTUAL, channel="webhook")
        plan = ActivityEnvironment().run(delivery.plan_wave, asked)
        assert (plan.size, plan.batch, plan.lanes) == (PARTNERS, 1, PARTNERS)


async def test_batches_that_begin_at_once_never_wait_for_each_others_connection(db: Database, tmp_path: Path) -> None:
    """Where recipients name areas, a batch looks at the areas of editions too."""
    asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(AT_ONCE))
    keys = KeyStore(tmp_path / "keys.db", os.urandom(32))
    keys.create("abcdefghij")
    alert = ShownAlert(db, alert_id="abcdefghij", key=keys.display_key("abcdefghij"))
    shown = alert.show()
    living = [Entry(f"partner {n}", areas=("GM0344",)) for n in range(AT_ONCE)]
    Subscribers(keys.system_key("subscribers"), "webhook").fill(db, living, NOW)
    audience = AudienceStore(db, alert.key, alert.alert_id, "webhook")
    audience.extend(keys.system_key("subscribers"), None, exercise=False)
    rendition = alert.channels["webhook"].render(alert.edition, BASE_URL).model_dump_json()
    with db.write() as session:
        editions.put_rendition(session, alert.key, alert.alert_id, alert.edition.digest, "webhook", rendition)
        take_away(session, alert.alert_id, Meaning.WITHDRAWN, NOW)  # so that it is opened, and nothing is sent
    delivery = DeliveryActivities(db, keys, alert.channels, RevisionWatch(db, lambda: NOW))
    batches = [
        ports.Deliver(
            alert_id=alert.alert_id,
            kind=Kind.ACTUAL,
            channel="webhook",
            desired=shown,
            purpose="show",
            start=start,
            count=1,
        )
        for start in range(AT_ONCE)
    ]
    answers = await asyncio.gather(*(ActivityEnvironment().run(delivery.deliver, asked) for asked in batches))
    assert [(answer.superseded, answer.reached) for answer in answers] == [(True, 0)] * AT_ONCE
    keys.close()
