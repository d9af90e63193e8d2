"""Taking public channels down: a silent counterpart holds up nothing else, and one that refuses is asked again."""

from __future__ import annotations

import asyncio
import dataclasses
import threading
import uuid
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta

import pytest
from temporalio.exceptions import ApplicationError
from temporalio.testing import ActivityEnvironment

from activities.channels.base import Channel, PublishJob
from activities.channels.cellbroadcast import CellBroadcastChannel
from activities.channels.signage import SignageChannel
from activities.channels.web import WebChannel
from activities.endpoints import ChannelsConfig, LiveChannels
from activities.publishing import AT_ONCE, PublishingActivities
from alerts.vocabulary import Kind, Meaning
from starter.parts import Parts, open_parts
from store import editions
from store.tables.sending import ChannelTrouble
from tests.support.editions import BASE_URL, ShownAlert
from tests.support.homes import silent_home
from tests.support.networks import networks
from workflows import ports

NORTH = "noordnet"


@pytest.fixture(scope="module")
def parts(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Parts]:
    with closing(open_parts(silent_home(tmp_path_factory.mktemp("home")))) as opened:
        yield opened


class Shown:
    """An alert that stands, and activities that take it down."""

    def __init__(self, parts: Parts, *channels: Channel) -> None:
        alert_id = f"a{uuid.uuid4().hex[:8]}"
        parts.keys.create(alert_id)
        named = {channel.name: channel for channel in channels}
        self.alert = ShownAlert(parts.db, alert_id=alert_id, key=parts.keys.display_key(alert_id), channels=named)
        self.alert.now = datetime.now(UTC)
        self.alert.show()
        digest = self.alert.edition.digest
        for name, channel in named.items():
            rendition = channel.render(self.alert.edition, BASE_URL).model_dump_json()
            with parts.db.write() as session:
                editions.put_rendition(session, self.alert.key, alert_id, digest, name, rendition)
        self._publishing = PublishingActivities(parts.db, parts.keys, named)

    async def take_down(self, channel: str, attempt: int = 1) -> ports.Published | ApplicationError:
        """What one attempt came to."""
        desired = self.alert.desired
        asked = ports.Publish(
            alert_id=self.alert.alert_id,
            kind=Kind.ACTUAL,
            channel=channel,
            desired=desired,
            identifier=f"{self.alert.alert_id}.{channel}.{desired.revision}.0",
            sent=self.alert.now,
        )
        environment = ActivityEnvironment()
        environment.info = dataclasses.replace(environment.info, attempt=attempt)
        try:
            return await environment.run(self._publishing.take_down, asked)
        except ApplicationError as error:
            return error


class SilentSignage(SignageChannel):
    """Its broker says nothing for as long as a test wants; a real one is given up after 4 s."""

    def __init__(self, parts: Parts) -> None:
        super().__init__(parts.db, parts.keys.display_key, lambda: datetime.now(UTC), ChannelsConfig())
        self.answers = threading.Event()

    def take_down(self, job: PublishJob) -> None:
        self.answers.wait()


async def test_silent_counterpart_of_one_channel_holds_up_no_other(parts: Parts) -> None:
    signage = SilentSignage(parts)
    shown = Shown(parts, signage, WebChannel(parts.db, parts.keys.display_key, lambda: datetime.now(UTC)))
    shown.alert.end(Meaning.WITHDRAWN)
    waiting = {asyncio.create_task(shown.take_down("signage")) for _ in range(AT_ONCE + 3)}
    came_back: set[asyncio.Task[ports.Published | ApplicationError]] = set()
    while len(came_back) < 3:
        done, waiting = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
        came_back |= done
    assert [getattr(one.result(), "type", None) for one in came_back] == ["NoTurn"] * 3
    assert isinstance(await shown.take_down("web"), ports.Published)
    assert not any(one.done() for one in waiting)
    signage.answers.set()
    outcomes = await asyncio.gather(*waiting, shown.take_down("signage"))
    assert all(isinstance(one, ports.Published) for one in outcomes)


async def test_end_when_refused_is_told_and_tried_again_ever_later(
    parts: Parts, tmp_path_factory: pytest.TempPathFactory
) -> None:
    with networks(tmp_path_factory.mktemp("networks"), NORTH) as there:
        config = ChannelsConfig(channels=LiveChannels(cellbroadcast=there.live))
        shown = Shown(parts, CellBroadcastChannel(parts.db, lambda: datetime.now(UTC), BASE_URL, config, within=30))
        shown.alert.publish("cellbroadcast")
        shown.alert.end(Meaning.WITHDRAWN)
        there.fault(NORTH, "reject")
        refused = [await shown.take_down("cellbroadcast", attempt) for attempt in (1, 2, 20)]
        waits = [getattr(one, "next_retry_delay", None) for one in refused]
        assert waits == [timedelta(seconds=seconds) for seconds in (1, 2, 60)]
        with parts.db.read() as session:
            row = session.get_one(ChannelTrouble, (shown.alert.alert_id, "cellbroadcast"))
        assert row.error.startswith(f"{NORTH}: refused it; the operator knows why")
        there.mend()
        assert isinstance(await shown.take_down("cellbroadcast"), ports.Published)
        assert there.told(NORTH, shown.alert.alert_id) == ["alert", "cancel"]
