"""A part of a public field that is taken away is gone, not only a whole field."""

from __future__ import annotations

import pytest

from alerts.case import Case
from alerts.public import can_retract, public_view

CASE = Case.model_validate(
    {
        "programme": "amber",
        "children": [
            {
                "name": "Noor",
                "age_range": [5, 7],
                "speaks": ["sentinel-taal", "fr"],
                "photos": [{"file": "a.jpg", "alt": "sentinel-alt", "sha256": "s", "width": 300, "height": 200}],
            }
        ],
        "last_seen": {"between": ["2026-01-01T10:00:00Z", "2026-01-01T11:00:00Z"]},
        "circumstances": "Verzonnen.",
        "public": {"situation": "Verzonnen."},
    }
)


@pytest.mark.parametrize(
    ("pointer", "said"),
    [
        ("children/0/age_range/0", '"age_range":[5,7]'),
        ("children/0/speaks/0", "sentinel-taal"),
        ("children/0/photos/0/alt", "sentinel-alt"),
        ("children/0/photos/0/sha256", '"sha256"'),
        ("last_seen/between/0", "10:00:00"),
    ],
)
def test_part_when_retracted_leaves_the_public_case(pointer: str, said: str) -> None:
    assert can_retract(CASE, pointer) is None
    assert said in public_view(CASE, release_roles=()).model_dump_json()
    assert said not in public_view(CASE, release_roles=(), withheld=(pointer,)).model_dump_json()
