"""Fictitious cases for tests, with drawn photos."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from starter.demo_case import draw_portrait


def amber_case(folder: Path, **changes: Any) -> dict[str, Any]:
    """A case that AMBER accepts: one child, a released vehicle, a photo `noor.jpg` in `folder`."""
    draw_portrait(folder / "noor.jpg")
    now = datetime.now(UTC)
    document: dict[str, Any] = {
        "programme": "amber",
        "reference": "TEST-1",
        "children": [
            {
                "name": "Noor Voorbeeld",
                "age": 7,
                "gender": "girl",
                "hair": "rood",
                "photos": [{"file": "noor.jpg", "alt": "Getekend portret"}],
            }
        ],
        "last_seen": {"at": (now - timedelta(hours=1)).isoformat(), "place": "Amersfoort"},
        "circumstances": "Verzonnen.",
        "public": {"situation": "Een meisje is meegenomen bij een speeltuin."},
        "vehicles": [{"make": "bestelbus", "colour": "wit", "plate": "VX-123-B", "release": release(now)}],
        "assessment": {"abducted_by_unknown": "yes", "life_in_danger": "yes", "relation": "stranger"},
        "publicity": {"basis": "parent", "given_by": "moeder"},
        "area": {"nation": "NL"},
    }
    return {**document, **changes}


def release(now: datetime) -> dict[str, Any]:
    return {"by": "mr. V. Verzonnen", "role": "officier van justitie", "at": now.isoformat(), "reference": "R-1"}
