"""Who has an alert before them: recipients once each however often it is said, screens as long as they say so."""

from __future__ import annotations

from datetime import timedelta
from threading import Barrier, Thread

from store import proof
from store.database import Database
from tests.support.editions import NOW


def seen(db: Database, edition: int = 1) -> int:
    with db.read() as session:
        return proof.seen(session, "a1", "sms", edition)


def screens(db: Database, edition: int | None = None, *, later: timedelta = timedelta()) -> int:
    with db.read() as session:
        return proof.screens(session, "a1", NOW + later, edition)


def test_receipts_when_they_come_again_count_once_and_of_their_edition_only(db: Database) -> None:
    for positions in ([0, 7, proof.PAGE - 1], [7, proof.PAGE, 3 * proof.PAGE + 5], [0]):
        with db.write() as session:
            proof.note_seen(session, "a1", "sms", 1, positions)
    assert seen(db) == 5
    assert seen(db, edition=2) == 0


def test_receipts_when_two_processes_write_them_down_are_all_there(db: Database) -> None:
    together = Barrier(2)

    def note(odd: int) -> None:
        together.wait()
        for position in range(odd, 20, 2):
            with db.write() as session:
                proof.note_seen(session, "a1", "sms", 1, [position])

    threads = [Thread(target=note, args=(odd,)) for odd in (0, 1)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert seen(db) == 20


def test_screens_count_for_what_they_said_last_and_for_a_minute(db: Database) -> None:
    with db.write() as session:
        proof.note_showing(session, "Hal 1", {"a1": 1, "b2": 1}, NOW)
        proof.note_showing(session, "Hal 2", {"a1": 2}, NOW)
    assert (screens(db), screens(db, 1), screens(db, 2)) == (2, 1, 1)
    assert screens(db, later=proof.FRESH) == 0
    with db.write() as session:
        proof.note_showing(session, "Hal 1", {"a1": 2}, NOW)
        assert list(proof.showing(session, "Hal 1")) == ["a1"]
        proof.note_showing(session, "Hal 2", {}, NOW)
    assert (screens(db), screens(db, 2)) == (1, 1)
