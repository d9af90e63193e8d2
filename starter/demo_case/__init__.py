"""The fictitious case of the demo: its photo is drawn, its times are set to the last hour."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from PIL import Image, ImageDraw

SIZE = (600, 720)


def write_demo_case(folder: Path) -> dict[str, Any]:
    """Draw the photo into `folder`; the case document that goes with it."""
    draw_portrait(folder / "noor.jpg")
    document: dict[str, Any] = json.loads(Path(__file__).with_name("case.json").read_text("utf-8"))
    now = datetime.now(UTC)
    document["last_seen"]["at"] = (now - timedelta(minutes=55)).isoformat()
    document["vehicles"][0]["release"]["at"] = (now - timedelta(minutes=20)).isoformat()
    document["publicity"]["at"] = (now - timedelta(minutes=15)).isoformat()
    return document


def draw_portrait(path: Path, *, hair: str = "#b5482a", coat: str = "#f2c230") -> None:
    """A friendly face that nobody will take for a real child."""
    image = Image.new("RGB", SIZE, "#cfe3f1")
    pen = ImageDraw.Draw(image)
    pen.ellipse((130, 110, 470, 560), fill=hair)
    pen.rectangle((100, 560, 500, 720), fill=coat)
    pen.ellipse((180, 160, 420, 470), fill="#f5d3b8")
    for x in (250, 350):
        pen.ellipse((x - 18, 280, x + 18, 316), fill="#2e5d3b")
    pen.arc((240, 330, 360, 420), 20, 160, fill="#8a1c12", width=8)
    pen.text((20, 20), "TEKENING / DRAWING", fill="#0b0c0c")
    image.save(path, "JPEG", quality=88)
