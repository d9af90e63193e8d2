"""What the batches that a restored store forgot are taken for: never for more than is sure."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlmodel import col, update
from temporalio.client import Client

from activities.bulk_http import IN_FLIGHT
from alerts.edition import EditionRef
from alerts.state import Desired
from alerts.vocabulary import Kind, Meaning
from starter.histories import Deed
from starter.reconcile import Reconciler, _Again, _said_again, _status
from store import standing as standings
from store.ledger import Status, Wave, packed, statuses_of
from store.tables.sending import Subscriber
from tests.support.browser_wave import BrowserWave
from tests.support.waiting import eventually
from workflows import ports

NOW = datetime(2026, 11, 24, 14, 10, tzinfo=UTC)
DUE = 100
DELIVER = ports.DELIVER.name


@pytest.mark.parametrize(
    ("purpose", "answer", "attempts", "expected"),
    [
        ("show", None, 1, Status.DOUBT),
        ("show", ports.Delivered(reached=DUE), 1, Status.REACHED),
        ("show", ports.Delivered(reached=DUE), 2, Status.REACHED),  # nobody was settled by the first attempt
        ("show", ports.Delivered(), 1, Status.ASSUMED),  # an earlier wave reached them, or they were refused in it
        (
            "show",
            ports.Delivered(reached=40),
            2,
            Status.ASSUMED,
        ),  # the first attempt reached the others, or it did not
        ("show", ports.Delivered(reached=98, failed=2), 1, Status.ASSUMED),  # who failed is not known
        ("show", ports.Delivered(failed=DUE), 1, Status.REJECTED),
        ("show", ports.Delivered(failed=DUE), 2, Status.ASSUMED),  # the first attempt may have arrived all the same
        ("show", ports.Delivered(reached=40, superseded=True), 1, Status.DOUBT),
        ("show", ports.Delivered(reached=DUE - 1, left=1), 1, Status.DOUBT),  # which one it was is not known
        ("show", ports.Delivered(superseded=True), 1, None),
        ("show", ports.Delivered(superseded=True, in_doubt=3), 1, Status.DOUBT),  # connections broke off
        ("show", ports.Delivered(superseded=True), 2, Status.DOUBT),
        ("end", None, 1, Status.DOUBT),
        ("end", ports.Delivered(reached=DUE), 1, Status.REACHED),
        ("end", ports.Delivered(reached=40), 1, Status.ASSUMED),  # it went to those who had the alert then
        ("end", ports.Delivered(), 1, Status.ASSUMED),  # nobody had it, though by the copy they may have
        ("outcome", ports.Delivered(), 1, None),
        ("end", ports.Delivered(reached=DUE), 2, Status.REACHED),
    ],
)
def test_batch_is_taken_for_what_is_sure(
    purpose: ports.Purpose, answer: ports.Delivered | None, attempts: int, expected: Status | None
) -> None:
    assert _status(_deed(purpose, answer, attempts), DUE) is expected


def test_edition_that_is_announced_anew_is_known_as_said_again_to_that_channel_alone() -> None:
    first, other, again = _deed("show"), _deed("show", channel="email"), _deed("show", announcement=1)
    amended, ended = _deed("show", edition=2), _deed("end", announcement=2)
    said_again = _said_again([first, other, amended, again, ended])
    assert [said_again(deed) for deed in (first, other, amended, again)] == [True, False, False, False]


@pytest.fixture
def wave(tmp_path: Path) -> Iterator[BrowserWave]:
    opened = BrowserWave(tmp_path, IN_FLIGHT + 100)
    yield opened
    opened.close()


@pytest.mark.parametrize("held_up", ["before the copy", "after it"])
async def test_those_whom_a_hold_kept_the_alert_from_get_it_once(
    wave: BrowserWave, tmp_path: Path, held_up: str
) -> None:
    """It is held in the middle, reinstated before anybody heard of that, and sent to the rest; then a copy from before
    the reinstatement is put back, and who had been told by then is not known for sure."""

    def hold() -> None:
        wave.meanwhile = lambda: None
        if held_up == "after it":
            wave.copy(tmp_path / "copy.db")
        wave.alert.dark_at_once(Meaning.HELD)
        eventually(lambda: not wave.watch.holds(wave.alert.alert_id, first.desired.revision), what="the senders' look")

    wave.meanwhile = hold
    first = wave.batch()
    stopped = await wave.deliver()
    assert stopped.superseded
    assert 0 < stopped.reached < wave.browsers
    if held_up == "before the copy":
        wave.copy(tmp_path / "copy.db")
    wave.desired = wave.alert.show().model_copy(update={"announcement": first.desired.announcement + 1})
    assert (await wave.deliver()).reached == wave.browsers - stopped.reached
    wave.restore(tmp_path / "copy.db")
    client = await Client.connect("127.0.0.1:9", lazy=True)  # histories are read by others
    deeds = [Deed(NOW, DELIVER, first, stopped, 1), Deed(NOW, DELIVER, wave.batch(), None, 1)]
    again = _Again(Reconciler(wave.parts, client), wave.alert.alert_id, deeds)
    with wave.parts.db.write() as session:
        standings.catch_up(session, wave.alert.alert_id, wave.desired.revision, wave.desired, wave.alert.now)
    for deed in deeds:
        again.do(deed)
    await wave.deliver(attempt=2)
    ids = defaultdict[str, set[str]](set)
    for asked, said in zip(wave.push.asked, wave.push.opened(), strict=True):
        ids[asked.headers[":path"]].add(said["id"])
    assert Counter(map(len, ids.values())) == {1: wave.browsers}


async def test_of_a_stopped_batch_it_stays_known_who_was_told_and_left_since(tmp_path: Path) -> None:
    """They hear the end all the same where they go on under another number."""
    wave = BrowserWave(tmp_path, 3)
    try:

        def copy() -> None:
            wave.copy(tmp_path / "copy.db")

        wave.meanwhile = copy
        first = wave.batch()
        told = await wave.deliver()
        with wave.parts.db.read() as session:
            known = statuses_of(session, _show(wave), 0, 3, 500)
        stopped = told.model_copy(update={"superseded": True, "statuses": packed(known)})
        wave.restore(tmp_path / "copy.db")
        with wave.parts.db.write() as session:
            session.exec(update(Subscriber).where(col(Subscriber.id) == 2).values(left_at=NOW))
        client = await Client.connect("127.0.0.1:9", lazy=True)
        _Again(Reconciler(wave.parts, client), wave.alert.alert_id, []).do(Deed(NOW, DELIVER, first, stopped, 1))
        with wave.parts.db.read() as session:
            assert statuses_of(session, _show(wave), 0, 3, 500) == known == bytes([Status.REACHED]) * 3
    finally:
        wave.close()


def _show(wave: BrowserWave) -> Wave:
    desired = wave.desired
    assert desired.edition is not None
    return Wave(
        alert_id=wave.alert.alert_id,
        channel="webpush",
        purpose="show",
        edition=desired.edition.number,
        announcement=desired.announcement,
        revision=desired.revision,
    )


def _deed(
    purpose: ports.Purpose,
    answer: ports.Delivered | None = None,
    attempts: int | None = None,
    *,
    channel: str = "app",
    edition: int = 1,
    announcement: int = 0,
) -> Deed:
    ref = EditionRef(number=edition, digest="d", approval_digest="a", channels={})
    desired = Desired(meaning=Meaning.EDITION, edition=ref, revision=1, announcement=announcement)
    asked = ports.Deliver(
        alert_id="a", channel=channel, kind=Kind.ACTUAL, purpose=purpose, desired=desired, start=0, count=DUE
    )
    return Deed(NOW, DELIVER, asked, answer, attempts)
