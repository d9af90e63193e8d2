"""What several processes do at the same moment ends as if one had done it after the other, on both databases."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Barrier
from typing import TypeVar

import pytest

from alerts.command import SignedCommand
from alerts.state import Desired
from alerts.tip import CameBy, Told
from alerts.vocabulary import Kind, Meaning
from store import audit, outbox, tips
from store.audience import AudienceStore
from store.database import STORE_AWAY, Database
from store.keys import KeyStore
from store.standing import declare, incarnation_of, open_alert, require_revision, standing, take_away
from store.subscribers import Entry, Subscribers
from store.tables.sending import ChannelTrouble
from store.trouble import note_trouble
from store.views import get_view, put_view

T = TypeVar("T")
NOW = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
KEY = bytes(32)
EDITION = Desired(meaning=Meaning.EDITION, lease_until=NOW + timedelta(hours=1))
MANY = 6


@pytest.fixture
def db(db: Database) -> Database:
    """A store with one alert that shows an edition."""
    with db.write() as session:
        open_alert(session, "a", Kind.ACTUAL, "amber", NOW)
        declare(session, "a", 0, EDITION, NOW)
    return db


def _at_once(does: Callable[[int], T], times: int = MANY) -> Sequence[T]:
    """What each of so many threads gave that began together."""
    begin = Barrier(times)

    def run(number: int) -> T:
        begin.wait()
        return does(number)

    with ThreadPoolExecutor(times) as threads:
        return list(threads.map(run, range(times)))


def _revision(db: Database) -> tuple[int, str]:
    with db.read() as session:
        row = standing(session, "a")
    return row.revision, row.meaning


def test_of_many_who_declare_on_one_revision_one_wins(db: Database) -> None:
    def show(_: int) -> bool:
        with db.write() as session:
            return declare(session, "a", 1, EDITION, NOW)[1]

    assert sum(_at_once(show)) == 1
    assert _revision(db) == (2, "edition")


def test_every_hold_counts_and_none_is_lost(db: Database) -> None:
    def hold(_: int) -> int | None:
        with db.write() as session:
            return take_away(session, "a", Meaning.HELD, NOW)

    assert sorted(one or 0 for one in _at_once(hold)) == [*range(2, 2 + MANY)]
    assert _revision(db) == (1 + MANY, "held")


def test_one_command_given_many_times_raises_the_revision_once(db: Database) -> None:
    signed = SignedCommand(command="{}", signature="c2lnbmVk")

    def give(_: int) -> None:
        with db.write() as session:
            said = {"alert_id": "a", "command_id": "one", "action": "hold"}
            outbox.write(session, KEY, NOW, signed=signed, meaning=Meaning.HELD, **said)

    _at_once(give)
    assert _revision(db) == (2, "held")


def test_withdrawal_waits_for_a_publication_under_way_and_no_other_begins(db: Database) -> None:
    """A compare-and-set on the revision holds until its transaction ends."""
    with ThreadPoolExecutor(1) as threads:
        with db.write() as session:
            require_revision(session, "a", 1)

            def withdraw() -> int | None:
                with db.write() as other:
                    return take_away(other, "a", Meaning.WITHDRAWN, NOW)

            withdrawing = threads.submit(withdraw)
            time.sleep(0.2)
            assert not withdrawing.done()
        assert withdrawing.result() == 2


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
def test_process_that_froze_keeps_no_withdrawal_from_its_way(db: Database) -> None:
    """Its transaction is ended for it. SQLite has no such remedy; there all processes are on one machine."""
    frozen = db.write()
    require_revision(frozen.__enter__(), "a", 1)
    began = time.monotonic()
    with db.write() as session:
        assert take_away(session, "a", Meaning.WITHDRAWN, NOW) == 2
    assert time.monotonic() - began < 4
    with pytest.raises(STORE_AWAY):
        frozen.__exit__(None, None, None)


def test_audit_chain_stays_whole_when_many_append(db: Database, tmp_path: Path) -> None:
    keys = KeyStore(tmp_path / "keys.db", os.urandom(32))
    said = {"alert_id": "a", "actor": "s", "action": "hold", "verdict": "given"}
    keys.system_key("audit")

    def append(number: int) -> None:
        for part in range(5):
            with db.write() as session:
                audit.append(session, keys, NOW, command_id=f"{number}.{part}", details={}, **said)

    _at_once(append)
    assert audit.verify(db, keys) == audit.AuditVerdict(entries=5 * MANY)


def test_older_view_never_replaces_a_newer_one(db: Database) -> None:
    def record(number: int) -> None:
        view = {"stage": "live", "kind": "actual", "programme": "amber", "started_at": NOW.isoformat(), "is": number}
        with db.write() as session:
            put_view(session, KEY, "a", number, view)

    for _ in range(5):
        _at_once(record)
    with db.read() as session:
        view = get_view(session, KEY, "a")
    assert view is not None
    assert view["is"] == MANY - 1


def test_store_has_one_identity_for_all_who_ask_first(db: Database) -> None:
    assert len(set(_at_once(lambda _: incarnation_of(db)))) == 1


def test_trouble_noted_by_many_is_one_row(db: Database) -> None:
    def note(_: int) -> None:
        with db.write() as session:
            note_trouble(session, "a", "email", "refused\0", NOW)

    _at_once(note)
    with db.read() as session:
        assert session.get_one(ChannelTrouble, ("a", "email")).error == "refused\ufffd"


def test_subscribers_appear_in_the_order_of_their_numbers(db: Database) -> None:
    """Else an audience would look past one whose transaction ends later than that of a higher number."""
    audience, subscribers = AudienceStore(db, KEY, "a", "push"), Subscribers(KEY, "push")

    def join(*addresses: str) -> None:
        with db.write() as session:
            subscribers.subscribe(session, [Entry(address) for address in addresses], NOW)

    with ThreadPoolExecutor(1) as threads:
        with db.write() as session:
            subscribers.subscribe(session, [Entry("early")], NOW)
            joining = threads.submit(join, "late")
            time.sleep(0.2)
            assert not joining.done()
        joining.result()
    assert audience.extend(KEY, None, exercise=False) == 2
    with db.read() as session:
        assert list(audience.read(session, 0, 10).addresses) == ["early", "late"]


def test_same_address_from_many_is_one_subscriber(db: Database) -> None:
    def join(_: int) -> int:
        with db.write() as session:
            return Subscribers(KEY, "push").subscribe(session, [Entry("somebody")], NOW)

    assert sum(_at_once(join)) == 1


def test_tips_when_they_come_together_are_each_there_once_with_a_number_of_their_own(db: Database) -> None:
    def put(number: int) -> int:
        told = Told(came_by=CameBy.PAGE, language="nl", text=f"tip {number % 3}")
        with db.write() as session:
            return tips.put_tip(session, KEY, "a", f"key {number % 3}", told, None, NOW)

    numbers = _at_once(put)
    assert sorted(set(numbers)) == [1, 2, 3]
    assert numbers[:3] == numbers[3:]
