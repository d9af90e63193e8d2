"""What is exported is what is imported, on every channel people subscribe to and in both formats."""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import ExitStack, closing
from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import delete

from activities.channels import SUBSCRIBED
from simulators.browsers import Browsers
from starter.parts import Parts, open_parts
from starter.subscribers.csv_file import CsvSource
from starter.subscribers.exporting import SINKS, export
from starter.subscribers.importing import Counts, Import
from starter.subscribers.json_lines import JsonSource
from starter.subscribers.lines import read_lines
from starter.subscribers.rejects import Rejects
from starter.subscribers.rows import Format
from starter.subscribers.rules import Rules
from starter.subscribers.trace import Trace
from store import audit
from store.subscribers import Entry, Subscribers
from store.tables.sending import Subscriber, SubscriberArea
from tests.support.homes import other_home

ADDRESSES = {
    "email": st.from_regex(r"[a-z0-9_'][a-z0-9_'+%&!-]{0,20}@[a-z0-9]{1,10}\.example", fullmatch=True),
    "app": st.from_regex(r"[A-Za-z0-9_:.-]{8,40}", fullmatch=True),
    "webpush": st.from_regex(r"[a-z0-9]{1,20}", fullmatch=True).map(Browsers(443, bytes(32)).subscription),
    "sms": st.from_regex(r"\+316[1-58][0-9]{7}", fullmatch=True),
}
MOMENTS = st.datetimes(datetime(1990, 1, 1), datetime(2026, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001  aware by it
AREAS = st.sets(st.from_regex(r"GM[0-9]{4}", fullmatch=True), max_size=4).map(lambda codes: tuple(sorted(codes)))


def entries(channel: str) -> st.SearchStrategy[list[Entry]]:
    one = st.builds(Entry, ADDRESSES[channel], st.sampled_from(["nl", "en"]), AREAS, st.booleans(), MOMENTS)
    return st.lists(one, max_size=8, unique_by=lambda entry: entry.address)


@pytest.fixture(scope="module")
def homes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Parts, Parts]]:
    """Two homes with keys of their own."""
    folder = tmp_path_factory.mktemp("homes")
    with ExitStack() as stack:
        here, there = (
            stack.enter_context(closing(open_parts(other_home(folder / name)))) for name in ("here", "there")
        )
        yield here, there


def _empty(parts: Parts) -> None:
    with parts.db.write() as session:
        for table in (SubscriberArea, Subscriber):
            session.execute(delete(table))


def _trace(parts: Parts, action: str) -> Trace:
    return Trace(parts.db, parts.keys, "operator1", action, "any", exercise=False)


def _import(parts: Parts, subscribers: Subscribers, raw: bytes, form: Format) -> Counts:
    lines = read_lines(io.BufferedReader(io.BytesIO(raw)))
    source = CsvSource(lines) if form is Format.CSV else JsonSource(lines)
    rules = Rules(SUBSCRIBED[subscribers.channel], frozenset())
    with Rejects(parts.settings.home / "rejects", form, None) as rejects:
        return Import(parts.db, subscribers, rules, rejects, _trace(parts, "import")).run(source)


def _export(parts: Parts, subscribers: Subscribers, form: Format) -> bytes:
    file = io.StringIO(newline="")
    export(parts.db, subscribers, SINKS[form](file), _trace(parts, "export"))
    return file.getvalue().encode()


def test_channels_when_subscribed_to_are_all_tried_here() -> None:
    assert ADDRESSES.keys() == SUBSCRIBED.keys()


@pytest.mark.parametrize("form", Format)
@pytest.mark.parametrize("channel", ADDRESSES)
@settings(max_examples=15)
@given(data=st.data())
def test_subscribers_when_exported_and_imported_are_the_same(
    homes: tuple[Parts, Parts], channel: str, form: Format, data: st.DataObject
) -> None:
    given_, (here, there) = data.draw(entries(channel)), homes
    for parts in homes:
        _empty(parts)
    ours, theirs = (Subscribers(parts.keys.system_key("subscribers"), channel) for parts in homes)
    ours.fill(here.db, given_, datetime.now(UTC))
    exported = _export(here, ours, form)
    if exported:
        assert _import(there, theirs, exported, form) == Counts(rows=len(given_), new=len(given_))
        assert _import(there, theirs, exported, form) == Counts(rows=len(given_), already=len(given_))
    assert list(theirs.everybody(there.db)) == given_
    assert _export(there, theirs, form) == exported


def test_what_was_noted_of_all_that_is_a_whole_chain(homes: tuple[Parts, Parts]) -> None:
    """The last test here: of every export and import above."""
    assert all(audit.verify(parts.db, parts.keys).whole for parts in homes)
