"""The register of partners and what they have still to take down, in each kind of database."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from sqlmodel import select

from alerts.sealing import Unsealable
from alerts.state import Desired
from alerts.vocabulary import Kind, Meaning
from store import removals
from store.database import Database
from store.partners import BOTH_HOLD, Register, Registered, last_answer, may_ask, new_secret, note_answer
from store.removals import REMIND_AFTER, Word, open_removals, raised, read_word, take_turn, word_of
from store.standing import declare, open_alert, take_away
from store.tables.partner import PartnerRow
from tests.support.editions import KEY, NOW


def registered(name: str = "Own", *, exercise: bool = False) -> Registered:
    said = {"url": "https://own.example/hook", "secret": new_secret(), "mail": "desk@own.example"}
    return Registered(name=name, exercise=exercise, paused=True, touched_by="person-1", added_at=NOW, **said)


def test_partner_when_put_is_found_again_and_its_row_tells_no_secret(db: Database) -> None:
    register, one = Register(KEY), registered()
    with db.write() as session:
        register.put(session, one)
    with db.read() as session:
        assert (register.find(session, "Own"), register.all(session)) == (one, [one])
        row = session.exec(select(PartnerRow)).one()
    told = str(row.model_dump())
    assert all(secret not in told for secret in ("own.example", one.secret, "desk"))


def test_partner_when_its_row_is_moved_to_the_other_side_does_not_open(db: Database) -> None:
    with db.write() as session:
        Register(KEY).put(session, registered(exercise=True))
        session.get_one(PartnerRow, "Own").exercise = False
    with db.read() as session, pytest.raises(Unsealable):
        Register(KEY).find(session, "Own")


def test_secret_when_rotated_leaves_the_old_one_good_for_a_day_or_not_at_all() -> None:
    one = registered()
    fresh = one.rotated(NOW, at_once=False)
    assert fresh.secret != one.secret
    assert fresh.former(NOW + BOTH_HOLD - timedelta(seconds=1)) == one.secret
    assert fresh.former(NOW + BOTH_HOLD) is None
    assert fresh.rotated(NOW, at_once=True).former(NOW) is None


def test_partner_when_asked_by_many_is_asked_by_one_and_its_answer_kept(db: Database) -> None:
    every = timedelta(minutes=5)
    with db.write() as session:
        moments = (NOW, NOW + every / 2, NOW + every)
        turns = [may_ask(session, "Own", moment, every, exercise=False) for moment in moments]
        assert may_ask(session, "Own", NOW, every, exercise=True)
        assert last_answer(session, "Own", exercise=False) is None
        note_answer(session, "Own", NOW, exercise=False)
    assert turns == [True, False, True]
    with db.read() as session:
        answered = [last_answer(session, "Own", exercise=exercise) for exercise in (False, True)]
    assert answered == [NOW, None]


def tell(db: Database, message: str = "m1", partner: str = "Own") -> None:
    with db.write() as session:
        removals.told(session, "a1", partner, message, NOW, exercise=False)


def waiting(db: Database) -> list[tuple[str, str]]:
    with db.read() as session:
        return [(one.partner, one.told_by) for one in open_removals(session, "a1")]


@pytest.fixture
def shown(db: Database) -> Database:
    with db.write() as session:
        open_alert(session, "a1", Kind.ACTUAL, "amber", NOW)
        session.flush()
        declare(session, "a1", 0, Desired(meaning=Meaning.EDITION, lease_until=NOW + timedelta(hours=1)), NOW)
    return db


def test_removal_when_the_alert_is_over_is_open_until_it_is_confirmed(shown: Database) -> None:
    tell(shown)
    assert waiting(shown) == []  # held: it may be shown again
    with shown.write() as session:
        take_away(session, "a1", Meaning.WITHDRAWN, NOW)
    tell(shown, partner="Other")
    assert waiting(shown) == [("Other", "m1"), ("Own", "m1")]
    with shown.write() as session:
        removals.confirm(session, Word("a1", "Own"), NOW)
    tell(shown)  # the same message, once more
    assert waiting(shown) == [("Other", "m1")]
    tell(shown, "m2")  # it was shown again in between
    assert waiting(shown) == [("Other", "m1"), ("Own", "m2")]


def test_reminders_when_due_are_one_persons_turn_at_growing_intervals_until_people_must_ring(shown: Database) -> None:
    tell(shown)
    with shown.write() as session:
        take_away(session, "a1", Meaning.WITHDRAWN, NOW)
    for after in REMIND_AFTER:
        with shown.read() as session:
            (one,) = open_removals(session)
        assert not raised(one)
        with shown.write() as session:
            early = take_turn(session, one, NOW + after - timedelta(seconds=1))
            now = [take_turn(session, one, NOW + after) for _ in range(2)]
        assert (early, now) == (0, [one.reminders + 1, 0])
    with shown.write() as session:
        (one,) = open_removals(session)
        assert raised(one)
        assert not take_turn(session, one, NOW + timedelta(days=9))
    gaps = [later - earlier for earlier, later in zip((timedelta(0), *REMIND_AFTER), REMIND_AFTER, strict=False)]
    assert gaps == sorted(gaps)


def test_reminders_when_the_hold_before_was_long_begin_with_the_end_and_only_the_latest_is_sent(
    shown: Database,
) -> None:
    tell(shown)
    over = NOW + timedelta(days=2)
    with shown.write() as session:
        take_away(session, "a1", Meaning.HELD, NOW)
        session.flush()
        take_away(session, "a1", Meaning.WITHDRAWN, over)

    def turn(at: datetime) -> int:
        with shown.write() as session:
            (one,) = open_removals(session)
            return take_turn(session, one, at)

    assert [turn(over), turn(over + REMIND_AFTER[0]), turn(over + REMIND_AFTER[0])] == [0, 1, 0]
    assert [turn(over + REMIND_AFTER[3]), turn(over + REMIND_AFTER[3])] == [4, 0], "nobody looked for two hours"


def test_partner_that_fetched_what_is_shown_is_told_of_its_end_and_of_no_other(shown: Database) -> None:
    def fetch(event: str, *, over: bool = False) -> None:
        with shown.write() as session:
            if over:
                removals.fetched_end(session, "a1", "Own", event, NOW)
            else:
                removals.fetched(session, "a1", "Own", event, NOW, exercise=False)

    fetch("e1", over=True)
    with shown.write() as session:
        take_away(session, "a1", Meaning.WITHDRAWN, NOW)
    assert waiting(shown) == [], "it never had it"
    fetch("e2")
    with shown.write() as session:
        (one,) = open_removals(session)
        turns = [take_turn(session, one, NOW + after) for after in (timedelta(0), removals.UNTOLD_AFTER)]
    assert turns == [0, 1]
    fetch("e3", over=True)
    assert waiting(shown) == [("Own", "e3")]
    tell(shown)
    fetch("e4", over=True)
    assert waiting(shown) == [("Own", "m1")], "it was called"


@pytest.mark.parametrize("word", ["", "x", "ÿ", "AAAA", word_of(b"k" * 32, "a1", "Own")])
def test_word_when_it_is_not_ours_opens_nothing(word: str) -> None:
    assert read_word(KEY, word) is None
    assert read_word(KEY, word_of(KEY, "a1", "De Dagpost")) == Word("a1", "De Dagpost")
