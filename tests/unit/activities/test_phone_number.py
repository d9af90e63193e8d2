"""Telephone numbers: one way to write each, and a reason for those that cannot get a message."""

from __future__ import annotations

import pytest

from activities.phone_number import normal_phone_number, phone_number_problem


@pytest.mark.parametrize(
    "text", ["06 12345678", "31612345678", "06-12345678", "0031612345678", "+31 6 1234 5678", "+31(0)612345678"]
)
def test_number_when_good_is_written_in_one_way(text: str) -> None:
    assert phone_number_problem(text) is None
    assert normal_phone_number(text) == "+31612345678"


@pytest.mark.parametrize("text", ["+4915112345678", "+12025550123", "+3197012345678", "+31690000001"])
def test_number_when_of_another_country_or_a_range_nobody_knows_passes(text: str) -> None:
    assert phone_number_problem(text) is None
    assert normal_phone_number(text) == text


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("noor@example.org", "is no telephone number"),
        ("", "is no telephone number"),
        ("112", "is no telephone number"),
        ("+31699", "is no telephone number"),
        ("+31612345678 ext. 5", "is no telephone number"),
        ("020 1234567", "is no number of a mobile phone"),
        ("0800-6070123", "is no number of a mobile phone"),
        ("0900 1234567", "is no number of a mobile phone"),
    ],
)
def test_number_when_no_message_gets_there_says_why_and_is_not_quoted(text: str, said: str) -> None:
    problem = phone_number_problem(text)
    assert problem is not None
    assert problem.startswith(said)
    assert not text or text not in problem
