"""The ledger: what a position gets follows from what it got; an intent without outcome counts as reached."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import pytest

from store.audience import AudienceStore, Members
from store.database import Database
from store.due import Outside, plan
from store.ledger import (
    KINDS,
    ChunkTaken,
    Outcomes,
    Status,
    Wave,
    record_outcomes,
    settled_to,
    write_intents,
)
from store.reach import Reach, channel_counts, progress, reach, receipts, waves
from store.subscribers import Entry, Subscribers

NOW = datetime(2026, 1, 1, tzinfo=UTC)
KEY = bytes(32)
GRID = 2
"""So that three positions are two chunks."""
R, G, J, T, D = Status.REACHED, Status.GONE, Status.REJECTED, Status.RETRY, Status.DOUBT


@pytest.fixture
def db(db: Database) -> Database:
    """A store with an audience of three."""
    _join(db, "anna", "bert", "cora")
    with db.write() as session:
        Subscribers(KEY, "push", exercise=True).subscribe(session, [Entry("drill")], NOW)
    assert _extend(db) == 3
    return db


def _join(db: Database, *addresses: str, areas: tuple[str, ...] = ()) -> None:
    with db.write() as session:
        Subscribers(KEY, "push").subscribe(session, [Entry(address, areas=areas) for address in addresses], NOW)


def _audience(db: Database) -> AudienceStore:
    return AudienceStore(db, KEY, "a", "push")


def _read(db: Database, start: int, count: int) -> Members:
    with db.read() as session:
        return _audience(db).read(session, start, count)


def _extend(db: Database, *areas: str) -> int:
    return _audience(db).extend(KEY, areas or None, exercise=False)


def _wave(
    purpose: str = "show",
    edition: int = 1,
    announcement: int = 0,
    announces: bool = False,
    revision: int | None = None,
) -> Wave:
    return Wave(
        alert_id="a",
        channel="push",
        purpose=purpose,
        edition=edition,
        announcement=announcement,
        revision=revision or edition,
        announces=announces,
    )


def _send(
    db: Database,
    wave: Wave,
    outcomes: Sequence[Status] | None = (R, R, R),
    outside: Outside | None = None,
    grid: int = GRID,
) -> dict[int, str]:
    """Plan and record outcomes of what is due (None: crash in between); the kinds by position."""
    members = _read(db, 0, 1_000)
    with db.read() as session:
        chunks = plan(session, wave, members, grid, _audience(db).size(), outside)
    with db.write_rows() as connection:
        intents = write_intents(connection, wave, chunks, NOW)
        if outcomes is not None and chunks:
            due = [chunk.members.positions for chunk in chunks]
            statuses = [bytes(outcomes[position] for position in positions) for positions in due]
            told = [Outcomes(*one) for one in zip(intents, due, statuses, strict=True)]
            record_outcomes(connection, wave, told, NOW, NOW)
    return {
        position: str(KINDS[code])
        for chunk in chunks
        for position, code in zip(chunk.members.positions, chunk.kinds, strict=True)
    }


def test_kind_when_history_grows_follows_from_the_last_entry(db: Database) -> None:
    assert _send(db, _wave(), (R, Status.NONE, R)) == {0: "alert", 1: "alert", 2: "alert"}
    assert _send(db, _wave(announcement=1), (R, R, R)) == {1: "alert"}
    assert _send(db, _wave(announcement=2, announces=True)) == dict.fromkeys(range(3), "refresh")
    assert _send(db, _wave(edition=2)) == dict.fromkeys(range(3), "update")
    assert _send(db, _wave("end", 2)) == dict.fromkeys(range(3), "cancel")
    assert _send(db, _wave("end", 3)) == {}


def test_end_when_somebody_was_not_reached_passes_them_by(db: Database) -> None:
    _send(db, _wave(), (R, G, D))
    assert _send(db, _wave("end")) == {0: "cancel", 2: "cancel"}


def test_intent_when_no_outcome_follows_counts_as_reached(db: Database) -> None:
    _send(db, _wave(), None)
    with db.read() as session:
        counts = channel_counts(session, "a", "push", 1)
    assert (counts.recipients, counts.reached, counts.in_doubt, counts.failed) == (3, 3, 3, 0)
    assert _send(db, _wave("end")) == dict.fromkeys(range(3), "cancel")


def test_chunk_when_resumed_after_a_crash_sends_the_same_again(db: Database) -> None:
    first = _send(db, _wave(), None)
    assert _send(db, _wave(), (R, T, D)) == first
    assert _send(db, _wave(), (R, R, R)) == {1: "alert", 2: "alert"}
    assert _send(db, _wave()) == {}


def test_who_joins_behind_a_chunk_that_was_told_gets_it_in_the_same_wave(db: Database) -> None:
    _send(db, _wave(), (R, R, R))
    _join(db, "dora")
    assert _extend(db) == 4
    assert _send(db, _wave(), (R, R, R, T)) == {3: "alert"}
    assert _send(db, _wave("end"), None) == dict.fromkeys(range(3), "cancel"), "dora was not sent anything"


def test_who_joined_behind_a_chunk_is_in_doubt_until_it_is_said_what_became_of_it(db: Database) -> None:
    _send(db, _wave(), (R, G, R))
    _join(db, "dora", "eric")
    _extend(db)
    assert _send(db, _wave(), None) == {3: "alert", 4: "alert"}
    with db.read() as session:
        counts = channel_counts(session, "a", "push", 1)
    assert (counts.reached, counts.failed, counts.in_doubt) == (4, 1, 2)
    assert _send(db, _wave(), (R, R, R, R, R)) == {3: "alert", 4: "alert"}
    with db.read() as session:
        counts = channel_counts(session, "a", "push", 1)
    assert (counts.reached, counts.failed, counts.in_doubt) == (4, 1, 0)
    assert _send(db, _wave("end"), None) == dict.fromkeys((0, 2, 3, 4), "cancel")


def test_chunk_that_is_widened_while_it_is_sent_forgets_nobody(db: Database) -> None:
    _send(db, _wave(), (R, R, T))
    with db.read() as session:
        first = plan(session, _wave(announcement=1), _read(db, 0, 1_000), GRID, 3)
    with db.write_rows() as connection:
        (intent,) = write_intents(connection, _wave(announcement=1), first, NOW)
    _join(db, "dora")
    _extend(db)
    assert _send(db, _wave(announcement=1), None) == {2: "alert", 3: "alert"}
    with db.write_rows() as connection:
        record_outcomes(connection, _wave(announcement=1), [Outcomes(intent, [2], bytes([R]))], NOW, NOW)
    with db.read() as session:
        counts = channel_counts(session, "a", "push", 1)
    assert (counts.reached, counts.in_doubt) == (4, 1)
    assert _send(db, _wave(announcement=1), (R, R, R, R)) == {3: "alert"}


def test_refresh_looks_behind_those_who_joined_though_the_last_of_them_left(db: Database) -> None:
    """A chunk that was widened is as long as one that was not."""
    _send(db, _wave(), (R, R, R), grid=6)
    _join(db, "dora", "eric")
    _extend(db)
    with db.write() as session:
        Subscribers(KEY, "push").unsubscribe(session, "eric", NOW)
    assert _send(db, _wave(), (R, R, R, R), grid=6) == {3: "alert"}
    with db.read() as session:
        assert settled_to(session, "a", "push", 1) == 5


def test_sender_that_knew_nothing_of_those_who_joined_forgets_nobody(db: Database) -> None:
    """Frozen, and given up for dead: another went on."""
    _send(db, _wave(), (R, R, T))
    with db.read() as session:
        (late,) = plan(session, _wave(), _read(db, 0, 1_000), GRID, 3)
    _join(db, "dora")
    _extend(db)
    assert _send(db, _wave(), (R, R, R, R)) == {2: "alert", 3: "alert"}
    assert late.intent is not None
    with db.write_rows() as connection:
        record_outcomes(connection, _wave(), [Outcomes(late.intent, [2], bytes([D]))], NOW, NOW)
        wider = late._replace(members=_read(db, 2, 2), kinds=b"\1\1")
        with pytest.raises(ChunkTaken):
            write_intents(connection, _wave(), [wider], NOW)
    assert _send(db, _wave()) == {}
    assert _send(db, _wave("end"), (R, R, R, R)) == dict.fromkeys(range(4), "cancel")


def test_wave_that_is_planned_when_it_is_over_has_nothing_left_to_do(db: Database) -> None:
    """As when a store is restored, and what was done since its copy is done once more."""
    _send(db, _wave(), (R, T, R))
    assert _send(db, _wave("end", revision=2), (T, T, R)) == {0: "cancel", 2: "cancel"}
    assert _send(db, _wave(announcement=1, revision=3), (R, R, R)) == {1: "alert", 2: "alert"}
    for over in (_wave(), _wave("end", revision=2), _wave("end")):
        assert _send(db, over, None) == {}
    assert _send(db, _wave(announcement=2, revision=3)) == {}


@pytest.mark.parametrize("doubt", [D, Status.ASSUMED])
def test_end_that_is_in_doubt_is_told_again_where_nothing_came_after_it(db: Database, doubt: Status) -> None:
    """Of a hold that was lifted at once, and then the child was found; the alert may show all the time."""
    _send(db, _wave(), (R, R, R))
    _send(db, _wave("end", revision=2), (doubt, R, doubt))
    assert _send(db, _wave(announcement=1, revision=3), (T, T, R)) == dict.fromkeys(range(3), "alert")
    assert _send(db, _wave("end", announcement=1, revision=4)) == {0: "cancel", 2: "cancel"}
    assert _send(db, _wave("end", announcement=1, revision=5)) == {}


def test_end_of_a_hold_that_is_planned_after_the_end_for_good_is_over(db: Database) -> None:
    """Both have the same key where the channel does not say that it is dark."""
    _send(db, _wave(), (R, R, R))
    assert _send(db, _wave("end", revision=3)) == dict.fromkeys(range(3), "cancel")
    assert _send(db, _wave("end", revision=2), None) == {}


def test_refused_for_good_is_final_until_the_next_edition(db: Database) -> None:
    _send(db, _wave(), (R, Status.REJECTED, R))
    assert _send(db, _wave(announcement=1)) == {}
    assert _send(db, _wave(edition=2)) == {0: "update", 1: "alert", 2: "update"}


def test_counts_are_the_same_however_they_are_found(db: Database) -> None:
    _send(db, _wave(), (R, G, D))
    with db.read() as session:
        by_sums = channel_counts(session, "a", "push", 1)
    _join(db, "dora")
    _extend(db)
    _send(db, _wave(announcement=1), (R, R, R, R))
    with db.read() as session:
        by_positions = channel_counts(session, "a", "push", 1)
    assert (by_sums.recipients, by_sums.reached, by_sums.failed, by_sums.in_doubt) == (3, 2, 1, 1)
    assert (by_positions.recipients, by_positions.reached, by_positions.failed) == (4, 3, 1)


def test_reach_of_several_editions_and_channels_is_that_of_each(db: Database) -> None:
    _send(db, _wave(), (R, G, D))
    _send(db, _wave(announcement=1, announces=True), (R, R, R))
    _send(db, _wave(edition=2), (R, R, J))
    asked = {("push", 1), ("push", 2), ("mail", 1)}
    with db.read() as session:
        found = reach(session, "a", asked)
        alone = {one: reach(session, "a", {one})[one] for one in asked}
    assert found == alone
    assert found["push", 2] == Reach(reached=2, failed=1)
    assert found["mail", 1] == Reach()


def test_receipts_say_what_one_recipient_got_and_when(db: Database) -> None:
    _send(db, _wave(), (R, G, R))
    _send(db, _wave(edition=2))
    _send(db, _wave("end", 2), None)
    with db.read() as session:
        (found,) = [Subscribers(KEY, "push").find(session, "cora")]
        assert found is not None
        assert found.id is not None
        position = _audience(db).position_of(found.id)
        assert position == 2
        said = receipts(session, "a", "push", position, GRID)
    assert [(one.purpose, one.edition, one.kind.value, one.status) for one in said] == [
        ("show", 1, "alert", "reached"),
        ("show", 2, "update", "reached"),
        ("end", 2, "cancel", "doubt"),
    ]


def test_outside_a_narrowed_area_the_change_comes_once_and_nothing_more(db: Database) -> None:
    _send(db, _wave())
    assert _send(db, _wave(edition=2), outside={2: {1}}) == dict.fromkeys(range(3), "update")
    assert _send(db, _wave(edition=3), outside={2: {1}, 3: {1}}) == {0: "update", 2: "update"}
    assert _send(db, _wave("end", 3)) == dict.fromkeys(range(3), "cancel")


def test_outside_from_the_start_hears_nothing(db: Database) -> None:
    assert _send(db, _wave(), outside={1: {0, 2}}) == {1: "alert"}
    assert _send(db, _wave("end"), outside={}) == {1: "cancel"}


def _settled(db: Database, edition: int = 1) -> int:
    with db.read() as session:
        return settled_to(session, "a", "push", edition)


def test_settled_are_those_from_the_beginning_who_had_it_or_refused_it(db: Database) -> None:
    assert _settled(db) == 0
    _send(db, _wave(), (R, G, T))
    assert _settled(db) == 2
    _send(db, _wave(announcement=1), (R, G, R))
    assert (_settled(db), _settled(db, 2)) == (3, 0)


def test_settled_takes_in_who_joined_and_ends_with_the_alert(db: Database) -> None:
    _send(db, _wave())
    assert _settled(db) == 3
    _join(db, "dora", "egon")
    _extend(db)
    assert _send(db, _wave(announcement=1), (R, R, R, R, R)) == {3: "alert", 4: "alert"}
    assert _settled(db) == 5
    _send(db, _wave("end"), (R, R, R, R, R))
    assert _settled(db) == 0


def test_settled_passes_by_who_does_not_want_to_hear_now(db: Database) -> None:
    with db.write() as session:
        Subscribers(KEY, "push").unsubscribe(session, "bert", NOW)
    assert _send(db, _wave()) == {0: "alert", 2: "alert"}
    assert _settled(db) == 3


def test_settled_stops_at_who_is_in_doubt(db: Database) -> None:
    _send(db, _wave(), (R, R, D))
    assert _settled(db) == 2


@pytest.mark.parametrize(("again", "in_doubt"), [(T, 3), (J, 3), (G, 0)])
def test_doubt_that_a_later_attempt_does_not_clear_counts_as_reached(
    db: Database, again: Status, in_doubt: int
) -> None:
    """Its answer was lost, then the counterpart was away or refused: it may have the first one all the same."""
    _send(db, _wave(), (D, D, D))
    _send(db, _wave(), (again, again, again))
    with db.read() as session:
        assert channel_counts(session, "a", "push", 1).in_doubt == in_doubt
    assert _send(db, _wave("end")) == (dict.fromkeys(range(3), "cancel") if in_doubt else {})


def test_crash_then_nothing_sent_counts_as_reached(db: Database) -> None:
    """The chunk was taken up when something newer already held."""
    _send(db, _wave(), outcomes=None)
    _send(db, _wave(), (T, T, T))
    assert _send(db, _wave(edition=2)) == {0: "update", 1: "update", 2: "update"}


def test_doubt_that_a_hold_left_is_sent_again_as_it_was_when_shown_again(db: Database) -> None:
    """The wave was overtaken, the hold's own end message never left: nothing else would ever tell them."""
    _send(db, _wave(), (R, D, D))
    _send(db, _wave("end"), (R, T, R))
    assert _settled(db) == 0
    assert _send(db, _wave(announcement=1), (R, T, R)) == {0: "alert", 1: "alert", 2: "alert"}
    with db.read() as session:
        said = [[(one.announcement, one.kind, one.status) for one in receipts(session, "a", "push", 1, GRID)]]
    assert said == [[(0, "alert", "doubt"), (0, "cancel", "retry")]]
    assert _send(db, _wave(announcement=1), (R, R, R)) == {1: "alert"}
    assert _send(db, _wave(announcement=2)) == {}


def test_settled_stops_at_a_doubt_that_an_earlier_announcement_left(db: Database) -> None:
    _send(db, _wave(), (T, D, R))
    assert _send(db, _wave(announcement=1), (R, D, R)) == {0: "alert", 1: "alert"}
    assert _settled(db) == 0
    assert _send(db, _wave(announcement=2), (R, R, R)) == {1: "alert"}
    assert _settled(db) == 3


def test_sender_that_comes_back_late_takes_nothing_from_what_another_recorded(db: Database) -> None:
    """It was frozen in mid-send, its chunk was sent again, and it wakes believing that nothing left."""
    _send(db, _wave(), outcomes=None)
    members = _read(db, 0, 2)
    with db.read() as session:
        late, other = (plan(session, _wave(), members, GRID, 2)[0].intent for _ in range(2))
    assert late is not None
    assert other is not None
    for intent, statuses in ((other, bytes([R, G])), (late, bytes([T, D]))):
        with db.write_rows() as connection:
            record_outcomes(connection, _wave(), [Outcomes(intent, members.positions, statuses)], NOW, NOW)
    with db.read() as session:
        counts = channel_counts(session, "a", "push", 1)
    assert (counts.reached, counts.failed, counts.in_doubt) == (2, 1, 1)  # the other chunk is in doubt
    assert _send(db, _wave("end")) == {0: "cancel", 2: "cancel"}


def test_progress_says_how_far_a_wave_is_how_fast_and_how_long_it_takes(db: Database) -> None:
    _send(db, _wave(), (R, G, T))
    with db.read() as session:
        so_far = progress(session, "a", "push", 1, NOW + timedelta(seconds=2), ends=False)
        later = progress(session, "a", "push", 1, NOW + timedelta(minutes=1), ends=False)
        ends = progress(session, "a", "push", 1, NOW, ends=True)
    assert (so_far.done, so_far.of, so_far.per_second, so_far.seconds_left) == (2, 3, 1.0, 1)
    assert (later.done, later.per_second, later.seconds_left) == (2, 0.0, None)
    assert (ends.done, ends.of) == (0, 1)


def test_waves_when_summed_say_what_each_came_to_in_order(db: Database) -> None:
    _send(db, _wave(), (R, G, D))
    _send(db, _wave(announcement=1, announces=True), (R, R, R))
    _send(db, _wave("end", announcement=1), None)
    with db.read() as session:
        found = waves(session, "a")
    said = [(one.purpose, one.announcement, one.messages, one.reached, one.failed, one.in_doubt) for one in found]
    assert said == [("show", 0, 3, 2, 1, 1), ("show", 1, 2, 2, 0, 0), ("end", 1, 2, 2, 0, 2)]
    assert [(one.first_at, one.last_at) for one in found] == [(NOW, NOW), (NOW, NOW), (None, None)]
