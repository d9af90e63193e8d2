"""Telephone numbers as E.164 has them (`+31612345678`): the one way to write each."""

from __future__ import annotations

import phonenumbers
from phonenumbers import NumberParseException, PhoneNumber, PhoneNumberFormat, PhoneNumberType

HOME = "NL"
"""The country of a number that names none."""
_NO_MESSAGES = {
    PhoneNumberType.FIXED_LINE,
    PhoneNumberType.TOLL_FREE,
    PhoneNumberType.PREMIUM_RATE,
    PhoneNumberType.SHARED_COST,
    PhoneNumberType.PAGER,
    PhoneNumberType.UAN,
    PhoneNumberType.VOICEMAIL,
}


def phone_number_problem(text: str) -> str | None:
    """What is wrong with a number, without quoting any of it; None: it is good.

    A range that no numbering plan knew when the package was made passes: it may be new.
    """
    number = _parsed(text)
    if number is None or number.extension or not phonenumbers.is_possible_number(number):
        return "is no telephone number such as +31612345678"
    if phonenumbers.number_type(number) in _NO_MESSAGES:
        return "is no number of a mobile phone"
    return None


def normal_phone_number(text: str) -> str:
    """E.164 of a good number."""
    number = _parsed(text)
    assert number is not None
    return phonenumbers.format_number(number, PhoneNumberFormat.E164)


def _parsed(text: str) -> PhoneNumber | None:
    try:
        return phonenumbers.parse(text, HOME)
    except NumberParseException:
        return None
