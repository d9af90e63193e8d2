"""What changed between two texts: each word that went or came, and nothing else."""

from __future__ import annotations

import pytest

from starter.web.differences import differences


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        ("rood haar", "zwart haar", [("gone", "rood"), ("new", "zwart"), ("same", " haar")]),
        ("haar", "lang haar", [("new", "lang "), ("same", "haar")]),
        ("lang haar", "haar", [("gone", "lang "), ("same", "haar")]),
        ("", "haar", [("new", "haar")]),
        ("een\nregel", "een\nregel", [("same", "een\nregel")]),
    ],
)
def test_texts_when_they_differ_name_just_the_words(before: str, after: str, said: list[tuple[str, str]]) -> None:
    bits = differences(before, after)
    assert list(bits) == said
    assert "".join(bit.text for bit in bits if bit.how != "gone") == after
    assert "".join(bit.text for bit in bits if bit.how != "new") == before
