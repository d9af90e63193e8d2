"""Pages that have one alert open share every look at it, and none is made while the store stands still."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from starter.web import following
from starter.web.following import Following
from store.rows import put
from store.tables.alert import Meta
from tests.support.stores import new_store


class Looks:
    """Looks at a row, and counts how often it did."""

    def __init__(self, folder: Path) -> None:
        self.db = new_store(folder / "baken.db")
        self.count = 0

    async def look(self, alert_id: str) -> str:
        self.count += 1
        with self.db.read() as session:
            row = session.get(Meta, alert_id)
        if row is None:
            raise LookupError(alert_id)
        return row.value

    def write(self, value: str) -> None:
        with self.db.write() as session:
            put(session, Meta(name="a", value=value))


@pytest.fixture
def looks(tmp_path: Path) -> Iterator[Looks]:
    made = Looks(tmp_path)
    made.write("1")
    yield made
    made.db.close()


async def test_pages_when_many_are_open_all_hear_of_a_change_by_one_look(looks: Looks) -> None:
    shared = Following(looks.db, looks.look)
    pages = [shared.follow("a") for _ in range(50)]
    assert await asyncio.gather(*(anext(page) for page in pages)) == ["1"] * 50
    assert looks.count == 1
    looks.write("2")
    assert await asyncio.gather(*(anext(page) for page in pages)) == ["2"] * 50
    assert looks.count <= 3
    for page in pages:
        await page.aclose()


async def test_page_when_nothing_changes_hears_that_the_line_holds(looks: Looks) -> None:
    page = Following(looks.db, looks.look).follow("a")
    assert await anext(page) == "1"
    assert await anext(page) is None
    assert looks.count <= 1 + following.BEAT / following.ANYWAY
    await page.aclose()


async def test_pages_when_looking_fails_end_and_the_next_one_begins_anew(looks: Looks) -> None:
    shared = Following(looks.db, looks.look)
    missing = shared.follow("b")
    with pytest.raises(LookupError):
        await anext(missing)
    with looks.db.write() as session:
        put(session, Meta(name="b", value="there"))
    page = shared.follow("b")
    assert await anext(page) == "there"
    await page.aclose()
