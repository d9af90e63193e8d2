"""Intake links: once, for an hour, into one draft; nobody learns a word from the store."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import text

from store.database import Database
from store.drafts import MOST_PHOTOS, Draft, Drafts, TooMuch
from store.intake import MOST_LINKS, WORKS_FOR, Closed, Intake, Unknown
from store.keys import KeyStore
from tests.unit.store.test_drafts import photo

NOW = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
SAID = {"children/0/hair": "Zeldzaam rood"}


@pytest.fixture
def keys(tmp_path: Path) -> KeyStore:
    return KeyStore(tmp_path / "keys.db", bytes(32))


@pytest.fixture
def drafts(db: Database, keys: KeyStore) -> Drafts:
    return Drafts(db, keys)


@pytest.fixture
def draft(drafts: Drafts) -> Draft:
    return drafts.save("operator1", "abcdefgh23", "actual", {}, page="p", version=0, now=NOW)


@pytest.fixture
def intake(db: Database, keys: KeyStore) -> Intake:
    return Intake(db, keys)


def test_link_when_used_brings_all_into_the_draft_and_works_no_more(
    intake: Intake, drafts: Drafts, draft: Draft
) -> None:
    word = intake.make(draft, NOW)
    intake.check(word, NOW)
    intake.use(word, SAID, [photo(parents=True)], NOW)
    (link,) = intake.links(draft, NOW)
    assert (link.said, link.open, link.used_at) == (SAID, False, NOW)
    assert [one.parents for one in drafts.photos(draft)] == [True]
    with pytest.raises(Closed) as closed:
        intake.check(word, NOW)
    with pytest.raises(Closed):
        intake.use(word, {}, [photo()], NOW)
    assert closed.value.used
    assert len(drafts.photos(draft)) == 1


@pytest.mark.parametrize("why", ["late", "revoked", "deleted", "swept"])
def test_link_when_its_time_is_over_brings_nothing(intake: Intake, drafts: Drafts, draft: Draft, why: str) -> None:
    word, moment = intake.make(draft, NOW), NOW
    if why == "late":
        moment = NOW + WORKS_FOR
    elif why == "revoked":
        intake.revoke(draft, intake.links(draft, NOW)[0].id)
    elif why == "deleted":
        drafts.end("operator1", draft.id, "deleted", NOW)
    else:
        drafts.sweep(NOW + timedelta(days=2))
    with pytest.raises((Closed, Unknown)):
        intake.check(word, moment)
    with pytest.raises((Closed, Unknown)):
        intake.use(word, SAID, [photo()], moment)
    assert drafts.photos(draft) == []


def test_link_when_made_up_is_unknown(intake: Intake) -> None:
    with pytest.raises(Unknown):
        intake.check("wrong", NOW)


def test_link_when_the_draft_is_full_brings_nothing_and_still_works(
    intake: Intake, drafts: Drafts, draft: Draft
) -> None:
    for _ in range(MOST_PHOTOS):
        drafts.add_photo(draft, photo(), NOW)
    word = intake.make(draft, NOW)
    with pytest.raises(TooMuch):
        intake.use(word, SAID, [photo()], NOW)
    intake.check(word, NOW)


def test_links_when_there_are_many_are_refused(intake: Intake, draft: Draft) -> None:
    for _ in range(MOST_LINKS):
        intake.make(draft, NOW)
    with pytest.raises(TooMuch):
        intake.make(draft, NOW)


def test_link_when_looked_for_in_the_store_shows_neither_its_word_nor_what_was_said(
    intake: Intake, drafts: Drafts, draft: Draft, db: Database
) -> None:
    word = intake.make(draft, NOW)
    intake.use(word, SAID, [], NOW)
    with db.read() as session:
        rows = str(session.connection().execute(text("SELECT * FROM intake_link")).all())
    assert word not in rows
    assert "Zeldzaam" not in rows
    drafts.end("operator1", draft.id, "started", NOW)
    with db.read() as session:
        assert session.connection().execute(text("SELECT sealed FROM intake_link")).scalar_one() is None
