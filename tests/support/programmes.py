"""Programmes for tests: the packaged ones with other channels or times."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from activities.channels import NAMES, PERSONAL
from alerts.programme import Programme
from store.programmes import PACKAGED, load_programmes

FEW = "few"
"""A programme like AMBER with few channels, for tests that are about no other: each costs CPU in every alert."""
FEW_CHANNELS = ("web", "cap", "email", "webhook")
PAGE = "page"
"""A programme like AMBER that shows a page and no more, for tests that are about no channel at all."""
AIRED = "aired"
"""A programme like AMBER of what the air has besides the page: phones nearby and screens."""
_SMALL = {FEW: FEW_CHANNELS, PAGE: ("web",), AIRED: ("web", "cellbroadcast", "signage")}


def programme(id_: str = "amber", **changes: Any) -> Programme:
    """A packaged programme, changed; the channels are those that need no counterpart."""
    packaged = load_programmes(None, channels=NAMES, personal=PERSONAL)[id_]
    document = packaged.model_dump(mode="json")
    return Programme.model_validate({**document, "channels": ["web", "cap"], **changes})


def write_few(folder: Path) -> Path:
    """A folder with FEW, PAGE and AIRED."""
    for name, channels in _SMALL.items():
        write_programme(folder, name, id=f'"{name}"', channels=json.dumps(channels))
    return folder


def write_programme(folder: Path, file: str = "amber", /, **replaced: str) -> Path:
    """A folder with AMBER as `file` in which `name = …` lines are replaced, e.g. plan='[{every = "2s"}]'."""
    folder.mkdir(parents=True, exist_ok=True)
    text = (PACKAGED / "amber.toml").read_text("utf-8")
    for name, value in replaced.items():
        text, count = re.subn(rf"(?m)^{name} = .*$", f"{name} = {value}", text, count=1)
        assert count == 1, name
    (folder / f"{file}.toml").write_text(text, "utf-8")
    return folder
