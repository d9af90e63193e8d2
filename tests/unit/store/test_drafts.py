"""Drafts: theirs alone who wrote them, unreadable once they ended, never overwritten by a page that fell behind."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import text

from store.database import Database
from store.drafts import LASTS, MOST_BYTES, Crop, Draft, Drafts, Elsewhere, Gone, Photo, TooMuch, new_id
from store.keys import KeyDestroyed, KeyStore

NOW = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
ID = "abcdefgh23"


@pytest.fixture
def keys(tmp_path: Path) -> KeyStore:
    return KeyStore(tmp_path / "keys.db", bytes(32))


@pytest.fixture
def drafts(db: Database, keys: KeyStore) -> Drafts:
    return Drafts(db, keys)


def save(drafts: Drafts, name: str = "Noor", **seen: object) -> Draft:
    said = {"owner": "operator1", "page": "p1", "version": 0, "now": NOW, **seen}
    return drafts.save(draft_id=ID, door="actual", values={"children/0/name": name}, **said)  # type: ignore[arg-type]


def photo(**more: object) -> Photo:
    return Photo.model_validate(
        {
            "id": new_id(),
            "child": 0,
            "file": "noor.jpg",
            "jpeg": b"jpeg",
            "width": 300,
            "height": 400,
            "crop": None,
            "parents": False,
            **more,
        }
    )


def test_draft_when_saved_again_has_what_was_typed_last(drafts: Drafts) -> None:
    first = save(drafts)
    again = save(drafts, "Noor V", version=first.version, page="p2")
    assert drafts.open("operator1", ID).values == {"children/0/name": "Noor V"}
    assert (first.version, again.version, first.alert_id) == (1, 2, again.alert_id)
    assert [one.id for one in drafts.all("operator1")] == [ID]


def test_draft_when_it_is_somebody_elses_is_not_there(drafts: Drafts) -> None:
    save(drafts)
    assert drafts.all("operator2") == []
    with pytest.raises(Gone):
        drafts.open("operator2", ID)
    with pytest.raises(Gone):
        save(drafts, "Anders", owner="operator2")


def test_draft_when_an_answer_was_lost_takes_the_same_page_again(drafts: Drafts) -> None:
    save(drafts)
    assert save(drafts, "Noor V", version=0).version == 2


def test_draft_when_a_page_fell_behind_is_not_overwritten(drafts: Drafts) -> None:
    seen = save(drafts).version
    save(drafts, "Nieuwer", page="p2", version=seen)
    with pytest.raises(Elsewhere):
        save(drafts, "Ouder", page="p1", version=seen)
    assert drafts.open("operator1", ID).values == {"children/0/name": "Nieuwer"}


@pytest.mark.parametrize(("how", "told"), [("started", True), ("deleted", False)])
def test_draft_when_ended_is_unreadable_and_says_what_became_of_it(
    drafts: Drafts, keys: KeyStore, how: str, told: bool
) -> None:
    draft = save(drafts)
    drafts.add_photo(draft, photo(), NOW)
    drafts.end("operator1", ID, how, NOW)
    with pytest.raises(Gone) as opened:
        drafts.open("operator1", ID)
    with pytest.raises(Gone) as saved:
        save(drafts)
    assert [one.value.alert_id for one in (opened, saved)] == [draft.alert_id if told else None] * 2
    assert drafts.all("operator1") == []
    with pytest.raises(KeyDestroyed):
        keys.get(ID, "draft")


def test_draft_when_nobody_touches_it_for_a_day_is_destroyed(drafts: Drafts, keys: KeyStore, db: Database) -> None:
    drafts.add_photo(save(drafts), photo(), NOW)
    assert drafts.sweep(NOW + LASTS) == 0
    assert drafts.sweep(NOW + LASTS + timedelta(seconds=1)) == 1
    with pytest.raises(KeyDestroyed):
        keys.get(ID, "draft")
    with db.read() as session:
        assert [
            session.connection().execute(text(f"SELECT count(*) FROM {table}")).scalar_one()
            for table in ("draft", "draft_photo")
        ] == [0, 0]


def test_draft_when_looked_for_in_the_store_is_sealed(drafts: Drafts, db: Database) -> None:
    drafts.add_photo(save(drafts, "Zeldzame Naam"), photo(file="zeldzaam.jpg"), NOW)
    with db.read() as session:
        rows = [
            session.connection().execute(text(f"SELECT * FROM {table}")).all() for table in ("draft", "draft_photo")
        ]
    assert "eldza" not in str([[bytes(one) if isinstance(one, memoryview) else one for one in row] for row in rows[0]])
    assert "eldza" not in str(rows)


def test_draft_when_too_long_is_refused_and_the_one_before_stays(drafts: Drafts) -> None:
    save(drafts)
    with pytest.raises(TooMuch):
        save(drafts, "x" * MOST_BYTES)
    assert drafts.open("operator1", ID).values == {"children/0/name": "Noor"}


def test_photos_when_added_cropped_and_taken_away_are_as_they_were_left(drafts: Drafts) -> None:
    draft = save(drafts)
    one, other = photo(), photo(child=1, file="b.png", parents=True)
    for each in (one, other):
        drafts.add_photo(draft, each, NOW)
    assert sorted(drafts.photos(draft), key=lambda each: each.child) == [one, other]
    drafts.change_photo(draft, one.id, crop="10,20,100")
    drafts.remove_photo(draft, other.id)
    assert [each.crop for each in drafts.photos(draft)] == [Crop(10, 20, 100)]


def test_alert_id_when_it_was_used_up_is_another(drafts: Drafts) -> None:
    before = save(drafts).alert_id
    drafts.begin_again(ID)
    assert drafts.open("operator1", ID).alert_id != before
