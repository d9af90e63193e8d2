"""Alphabet and parts: counted as phones count, and no character divided."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from activities.sms_text import OF_SEVERAL, costly, decode, encode, plain

GSM = (
    "abcdefgh ABCDEFGH @£$¥èéùìòÇØøÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ!#¤%&()*+,-./0123456789:;<=>?¡ÄÖÑ\u00dc\u00a7¿äöñüà'\"\n€^{}[]~|\\"
)


@pytest.mark.parametrize(
    ("text", "alphabet", "parts", "units"),
    [
        ("a" * 160, "GSM-7", 1, 160),
        ("a" * 161, "GSM-7", 2, 161),
        ("a" * 306, "GSM-7", 2, 306),
        ("a" * 307, "GSM-7", 3, 307),
        ("€" * 80, "GSM-7", 1, 160),
        ("€" * 81, "GSM-7", 2, 162),
        ("a" * 152 + "€" + "a" * 152, "GSM-7", 3, 306),
        ("ë" * 70, "UCS-2", 1, 70),
        ("ë" * 71, "UCS-2", 2, 71),
        ("ë" * 134, "UCS-2", 2, 134),
        ("🧸" * 35, "UCS-2", 1, 70),
        ("🧸" * 36, "UCS-2", 2, 72),
        ("🧸" * 67, "UCS-2", 3, 134),
        ("ç", "UCS-2", 1, 1),
        ("Ç", "GSM-7", 1, 1),
        ("عاجل", "UCS-2", 1, 4),
    ],
)
def test_text_when_encoded_takes_the_parts_that_phones_count(text: str, alphabet: str, parts: int, units: int) -> None:
    encoded = encode(text)
    assert (encoded.alphabet, len(encoded.parts), encoded.units) == (alphabet, parts, units)


@given(st.text(st.sampled_from(GSM), max_size=700))
def test_parts_of_the_gsm_alphabet_when_read_one_by_one_are_the_text(text: str) -> None:
    encoded = encode(text)
    assert encoded.alphabet == "GSM-7"
    assert "".join(decode(part, 0) for part in encoded.parts) == text
    assert len(encoded.parts) == 1 or max(map(len, encoded.parts)) <= OF_SEVERAL["GSM-7"]


@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=300).map(lambda text: f"{text}ë"))
def test_parts_of_other_alphabets_when_read_one_by_one_are_the_text(text: str) -> None:
    encoded = encode(text)
    assert encoded.alphabet == "UCS-2"
    assert "".join(part.decode("utf-16-be") for part in encoded.parts) == text
    assert len(encoded.parts) == 1 or max(map(len, encoded.parts)) <= OF_SEVERAL["UCS-2"] * 2


def test_typography_when_made_plain_costs_no_part_and_letters_stay() -> None:
    pasted = "\u201eZoë\u00a0riep\u201d \u2013 \u2018hallo\u2019\u2026 l\u2019été"
    assert plain(pasted) == "\"Zoë riep\" - 'hallo'... l'été"
    assert costly("Zoë en François 🧸, 10 €") == "ëç"


def test_what_a_phone_wrote_when_in_no_alphabet_is_read_all_the_same() -> None:
    assert decode(b"\x1b\x1b", 0) == "\x1b\x1b"
    assert decode(b"\x00S\x00T\x00O\x00P\xd8", 8).startswith("STOP")
