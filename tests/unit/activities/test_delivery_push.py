"""A batch of notifications from the frozen audience to a real push service: how new and how long-lived each is."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from temporalio.exceptions import ApplicationError

from activities.channels.webpush import WebPushChannel
from activities.delivery import LOADS_AT_ONCE
from alerts.vocabulary import Meaning
from simulators.http2 import CUT, Reply
from tests.support.browser_wave import BrowserWave
from tests.support.editions import LEASE

BROWSERS = 3
LOAD = WebPushChannel.capabilities.chunk * WebPushChannel.capabilities.together


@pytest.fixture
def wave(tmp_path: Path) -> Iterator[BrowserWave]:
    opened = BrowserWave(tmp_path, 1)
    yield opened
    opened.close()


@pytest.fixture
def ended(tmp_path: Path) -> Iterator[BrowserWave]:
    opened = BrowserWave(tmp_path, BROWSERS)
    yield opened
    opened.close()


async def test_notification_when_delivered_carries_the_revision_of_its_statement(wave: BrowserWave) -> None:
    assert (await wave.deliver()).reached == 1
    (said,) = wave.push.opened()
    assert wave.desired.revision > 0
    assert said["order"] == [wave.desired.revision, 2, wave.alert.edition.number, 0]


async def test_wave_that_outlasts_its_lease_sends_nothing_until_it_is_renewed_and_then_for_as_long(
    wave: BrowserWave,
) -> None:
    """Its alert may have been terminated while the push service was away."""
    wave.alert.pass_time(hours=LEASE / timedelta(hours=1))
    done = await wave.deliver()
    assert (done.superseded, done.reached, len(wave.push.asked)) == (True, 0, 0)
    wave.alert.renew(lease=timedelta(hours=1))
    assert (await wave.deliver()).reached == 1
    (asked,) = wave.push.asked
    assert int(asked.headers["ttl"]) == (LEASE + timedelta(hours=1)).total_seconds(), "the push service's clock is NOW"


async def test_wave_that_is_overtaken_says_how_many_it_may_have_reached(wave: BrowserWave) -> None:
    """A store that is restored from before it has nothing else to know them by."""
    wave.failing = {"r0": CUT}
    wave.meanwhile = lambda: wave.alert.pass_time(hours=LEASE / timedelta(hours=1))
    done = await wave.deliver()
    assert (done.superseded, done.reached, done.failed, done.in_doubt) == (True, 0, 0, 1)


async def test_who_subscribes_while_it_is_sent_gets_it_in_the_same_wave_and_hears_the_end(ended: BrowserWave) -> None:
    """Though the others of the last chunk were told before."""
    await ended.deliver()
    ended.join(2)
    assert (await ended.deliver(start=BROWSERS)).reached == 2
    assert (await ended.deliver()).reached == 0, "everybody has it"
    ended.desired = ended.alert.end(Meaning.WITHDRAWN)
    assert (await ended.deliver("end")).reached == BROWSERS + 2


async def test_end_that_one_browser_refuses_is_asked_again_of_it_alone_and_lets_other_batches_go_on(
    ended: BrowserWave,
) -> None:
    """A batch that is tried for ever holds a lane; of a million browsers some refuse, and all lanes would be full."""
    assert (await ended.deliver()).reached == BROWSERS
    ended.refused = {ended.push.asked[0].headers[":path"]}
    ended.desired = ended.alert.end(Meaning.WITHDRAWN)
    for attempt in (1, 2):
        with pytest.raises(ApplicationError, match="refused it"):
            await ended.deliver("end", attempt)
    done = await ended.deliver("end", 3)
    assert (done.reached, done.failed) == (0, 1)
    asked = [one.headers[":path"] for one in ended.push.asked[BROWSERS:]]
    assert sorted(map(asked.count, set(asked))) == [1, 1, 3]
    assert (await ended.deliver("end", 4)).failed == 0, "nothing is left to do"


async def test_end_that_all_refuse_is_asked_until_it_is_taken(ended: BrowserWave) -> None:
    """Then it is us, and somebody mends it."""
    await ended.deliver()
    ended.refused = {one.headers[":path"] for one in ended.push.asked}
    ended.desired = ended.alert.end(Meaning.WITHDRAWN)
    for attempt in (1, 20):
        with pytest.raises(ApplicationError, match="refused it"):
            await ended.deliver("end", attempt)
    ended.refused = set()
    assert (await ended.deliver("end", 21)).reached == BROWSERS


async def test_one_browser_that_is_not_told_is_left_for_later_where_others_wait(ended: BrowserWave) -> None:
    for failing, reached, patience in ((Reply(503), BROWSERS - 1, 1.0), (CUT, 0, 0.0)):
        ended.failing = {"r0": failing}
        done = await ended.deliver(may_leave=True)
        assert (done.reached, done.failed, done.left, done.patience) == (reached, 0, 1, patience)
        assert ended.trouble()
    with pytest.raises(ApplicationError, match="a push service"):
        await ended.deliver()
    assert ended.finished() == 0
    ended.failing = {}
    done = await ended.deliver(may_leave=True)
    assert (done.reached, done.left, ended.trouble(), ended.finished()) == (1, 0, None, 1)
    asked = Counter(one.headers[":path"] for one in ended.push.asked)
    assert sorted(asked.values())[:-1] == [1] * (BROWSERS - 1)


@pytest.mark.parametrize("failing", [Reply(503), CUT])
async def test_batch_whose_push_service_is_away_is_tried_where_it_is(ended: BrowserWave, failing: Reply) -> None:
    """Those behind them would fare no better."""
    ended.failing = {"r0": failing, "r1": failing}
    for attempt in (1, 2):
        with pytest.raises(ApplicationError, match="a push service"):
            await ended.deliver(attempt=attempt, may_leave=True)
    ended.failing = {}
    assert (await ended.deliver(may_leave=True)).left == 0
    assert ended.finished() == 1


async def test_browsers_that_stay_silent_keep_no_other_load_from_a_try(tmp_path: Path) -> None:
    """Not even when there is one in each of the loads that are under way at once."""
    wave = BrowserWave(tmp_path, LOADS_AT_ONCE * LOAD + 5)
    try:
        silent = {f"r{number * LOAD}" for number in range(LOADS_AT_ONCE)}
        last = f"r{LOADS_AT_ONCE * LOAD}"
        wave.failing = dict.fromkeys([*silent, last], Reply(503))
        with pytest.raises(ApplicationError, match="asks for patience"):
            await wave.deliver()
        wave.failing = dict.fromkeys(silent, CUT)
        asked: Counter[str] = Counter()
        for attempt in range(2, 12):  # a cut ends the connection, perhaps before the last one is read from it
            with pytest.raises(ApplicationError, match="a push service"):
                await wave.deliver(attempt=attempt)
            asked = Counter(one.headers[":path"].rsplit("/", 1)[1] for one in wave.push.asked)
            if asked[last] > 1:
                break
        assert asked[last] > 1
        assert all(asked[name] == 1 for name in asked if name not in {*silent, last})
    finally:
        wave.close()
