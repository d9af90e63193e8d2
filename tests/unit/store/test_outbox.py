"""What takes away is written and in force before Temporal hears of it."""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from alerts.command import SignedCommand
from alerts.sealing import Unsealable
from alerts.state import Desired
from alerts.vocabulary import Kind, Meaning
from store import audit, outbox
from store.database import Database
from store.keys import KeyStore
from store.standing import close, declare, open_alert, open_commands, standing

NOW = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
KEY = os.urandom(32)
SIGNED = SignedCommand(command='{"reason": "Noor is home"}', signature="c2lnbmVk")


@pytest.fixture
def db(db: Database) -> Database:
    """A store with one alert that shows an edition."""
    with db.write() as session:
        open_alert(session, "a", Kind.ACTUAL, "amber", NOW)
        session.flush()
        declare(session, "a", 0, Desired(meaning=Meaning.EDITION, lease_until=NOW + timedelta(hours=1)), NOW)
    return db


def _write(db: Database, command_id: str, meaning: Meaning, now: datetime = NOW) -> None:
    with db.write() as session:
        outbox.write(
            session, KEY, now, alert_id="a", command_id=command_id, action="hold", signed=SIGNED, meaning=meaning
        )


def _meaning(db: Database) -> tuple[int, str]:
    with db.read() as session:
        row = standing(session, "a")
    return row.revision, row.meaning


def test_write_raises_the_revision_with_what_it_means(db: Database) -> None:
    _write(db, "one", Meaning.HELD)
    assert _meaning(db) == (2, "held")
    _write(db, "two", Meaning.WITHDRAWN)
    assert _meaning(db) == (3, "withdrawn")


def test_write_while_an_edition_is_on_its_way_keeps_it_from_being_declared(db: Database) -> None:
    with db.write() as session:
        open_alert(session, "b", Kind.ACTUAL, "amber", NOW)
        outbox.write(
            session, KEY, NOW, alert_id="b", command_id="x", action="hold", signed=SIGNED, meaning=Meaning.HELD
        )
        edition = Desired(meaning=Meaning.EDITION, lease_until=NOW + timedelta(hours=1))
        assert declare(session, "b", 0, edition, NOW) == (1, False)
        assert standing(session, "b").meaning == Meaning.NOTHING
        assert declare(session, "b", 1, edition, NOW) == (2, True)


def test_write_when_the_same_command_comes_again_has_no_second_effect(db: Database) -> None:
    _write(db, "one", Meaning.HELD)
    with db.write() as session:
        declare(session, "a", 2, Desired(meaning=Meaning.EDITION, lease_until=NOW + timedelta(hours=1)), NOW)
    _write(db, "one", Meaning.HELD)
    assert _meaning(db) == (3, "edition")


def test_write_when_it_fails_raises_nothing(db: Database) -> None:
    with pytest.raises(LookupError), db.write() as session:
        outbox.write(
            session, KEY, NOW, alert_id="b", command_id="x", action="hold", signed=SIGNED, meaning=Meaning.HELD
        )
    with db.read() as session:
        assert outbox.unsignalled(session) == []


def test_unsignalled_is_in_the_order_it_was_written_and_sealed(db: Database) -> None:
    _write(db, "late", Meaning.HELD, NOW + timedelta(seconds=1))
    _write(db, "early", Meaning.HELD, NOW)
    with db.read() as session:
        waiting = outbox.unsignalled(session)
    assert [one.command_id for one in waiting] == ["early", "late"]
    assert b"Noor" not in waiting[0].sealed
    assert outbox.open_command(waiting[0], KEY) == SIGNED


def test_open_command_with_another_commands_row_is_refused(db: Database) -> None:
    _write(db, "one", Meaning.HELD)
    with db.read() as session:
        moved = outbox.unsignalled(session)[0].model_copy(update={"command_id": "two"})
    with pytest.raises(Unsealable):
        outbox.open_command(moved, KEY)


def test_mark_signalled_leaves_it_open_until_ruled(db: Database) -> None:
    _write(db, "one", Meaning.HELD)
    with db.write() as session:
        outbox.mark_signalled(session, "one", NOW)
    with db.read() as session:
        assert outbox.unsignalled(session) == []
        assert open_commands(session, "a") == ("one",)
        assert outbox.oldest_unruled(session) == NOW
    with db.write() as session:
        outbox.mark_ruled(session, ["one"], NOW)
    with db.read() as session:
        assert open_commands(session, "a") == ()
        assert outbox.oldest_unruled(session) is None


def test_hold_declared_late_does_not_undo_a_withdrawal(db: Database) -> None:
    held = Desired(meaning=Meaning.HELD)
    with db.write() as session:
        before = standing(session, "a").revision
    _write(db, "one", Meaning.WITHDRAWN)
    with db.write() as session:
        assert declare(session, "a", before, held, NOW) == (before + 1, False)
        assert standing(session, "a").meaning == Meaning.WITHDRAWN
        assert declare(session, "a", before + 1, held, NOW) == (before + 2, True)


def test_forgotten_are_those_signalled_to_an_alert_that_closed(db: Database) -> None:
    _write(db, "one", Meaning.WITHDRAWN)
    with db.write() as session:
        outbox.mark_signalled(session, "one", NOW)
    with db.read() as session:
        assert outbox.forgotten(session) == []
    with db.write() as session:
        close(session, "a", NOW)
    with db.read() as session:
        assert [one.command_id for one in outbox.forgotten(session)] == ["one"]


def test_ruled_without_workflow_only_when_baken_itself_ruled(db: Database, tmp_path: Path) -> None:
    keys = KeyStore(tmp_path / "keys.db", KEY)
    for actor, command_id in (("operator1", "one"), (outbox.BAKEN, "two")):
        with db.write() as session:
            audit.append(
                session,
                keys,
                NOW,
                alert_id="a",
                actor=actor,
                action="hold",
                verdict="accepted",
                command_id=command_id,
                details={},
            )
    with db.read() as session:
        assert not outbox.ruled_without_workflow(session, "one")
        assert outbox.ruled_without_workflow(session, "two")
