"""How a wave is cut: where each recipient is a counterpart of its own, none of them waits for another."""

from __future__ import annotations

from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

from temporalio.testing import ActivityEnvironment

from activities.channels import build_channels
from activities.delivery import DeliveryActivities
from activities.endpoints import ChannelsConfig
from activities.revisions import RevisionWatch
from alerts.vocabulary import Kind
from starter.parts import open_parts
from store.audience import AudienceStore
from store.subscribers import Entry, Subscribers
from tests.support.editions import BASE_URL, NOW, ShownAlert
from tests.support.homes import silent_home
from workflows import ports

PARTNERS = 40


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
