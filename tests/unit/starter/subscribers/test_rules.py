"""What a good row is: its address by the channel, the rest by the format; no reason shows an address."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from activities.channels import SUBSCRIBED
from starter.subscribers.rules import BadRow, Rules
from store.subscribers import Entry

RULES = Rules(SUBSCRIBED["email"], frozenset({"GM0307", "GM0344"}))
NOON = datetime(2025, 11, 24, 12, tzinfo=UTC)


def _entry(**fields: object) -> Entry:
    return RULES.entry({"address": "noor@example.org", **fields})


def test_row_when_only_an_address_is_given_has_the_defaults() -> None:
    assert _entry() == Entry("noor@example.org", "nl", (), paused=False, since=None)
    assert _entry(language="", areas="", paused="", since="") == _entry()
    assert _entry(language=None, areas=[], paused=None, since=None) == _entry()


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"address": "  Noor@EXAMPLE.org\t"}, {"address": "Noor@example.org"}),
        ({"language": " EN "}, {"language": "en"}),
        ({"areas": "GM0344 GM0307"}, {"areas": ("GM0307", "GM0344")}),
        ({"areas": "gm0307;GM0344,\nGM0307 "}, {"areas": ("GM0307", "GM0344")}),
        ({"areas": ["GM0307"]}, {"areas": ("GM0307",)}),
        ({"since": "2025-11-24T13:00:00+01:00"}, {"since": NOON}),
        ({"since": "2025-11-24 12:00:00.5z"}, {"since": NOON + timedelta(milliseconds=500)}),
        *(({"paused": said}, {"paused": True}) for said in ("yes", "TRUE", "1", True, 1)),
        *(({"paused": said}, {"paused": False}) for said in ("no", "false", "0", False, 0)),
    ],
)
def test_row_when_written_freely_means_the_same(fields: Mapping[str, object], expected: Mapping[str, Any]) -> None:
    assert _entry(**fields) == _entry()._replace(**expected)


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"address": " "}, "address is missing"),
        ({"address": None}, "address is missing"),
        ({"address": ["noor@example.org"]}, "address is missing"),
        ({"address": "noor"}, "address: is no mail address"),
        ({"address": "no\ud800or@example.org"}, "address is not text"),
        ({"language": "de"}, "language must be one of nl, en"),
        ({"language": 7}, "language must be one of nl, en"),
        ({"areas": "Amersfoort"}, "areas must be codes"),
        ({"areas": "GM307"}, "areas must be codes"),
        ({"areas": [307]}, "areas must be codes"),
        ({"areas": {"GM0307": True}}, "areas must be codes"),
        ({"areas": "GM0307 GM9999"}, "areas names GM9999, which is no municipality"),
        ({"paused": "maybe"}, "paused must be yes or no"),
        ({"paused": 2}, "paused must be yes or no"),
        ({"since": "2025-11-24T12:00:00"}, "since has no time zone"),
        ({"since": "24-11-2025"}, "since must be a moment"),
        ({"since": "2025-11-24"}, "since must be a moment"),
        ({"since": "2025-02-30T12:00:00Z"}, "since must be a moment"),
        ({"since": "0001-01-01T00:00:00+23:00"}, "since must be a moment"),
        ({"since": 1764000000}, "since must be a moment"),
        ({"since": "2999-01-01T00:00:00Z"}, "since lies in the future"),
    ],
)
def test_row_when_bad_is_told_why(fields: Mapping[str, object], said: str) -> None:
    with pytest.raises(BadRow, match=said):
        _entry(**fields)


@pytest.mark.parametrize("field", ["address", "language", "areas", "paused", "since"])
def test_row_when_an_address_stands_in_any_column_does_not_show_it(field: str) -> None:
    with pytest.raises(BadRow) as bad:
        _entry(**{field: "secret name@example.org"})
    assert "secret" not in str(bad.value)


def test_area_when_none_were_imported_only_has_to_be_well_formed() -> None:
    rules = Rules(SUBSCRIBED["email"], frozenset())
    assert rules.entry({"address": "noor@example.org", "areas": "GM9999"}).areas == ("GM9999",)


def test_address_when_of_another_channel_is_judged_by_that_channel() -> None:
    rules = Rules(SUBSCRIBED["app"], frozenset())
    assert rules.entry({"address": "token:0123456789"}).address == "token:0123456789"
    with pytest.raises(BadRow, match="address: is no token of an app"):
        rules.entry({"address": "noor@example.org"})
