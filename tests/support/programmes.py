"""Programmes for tests: the packaged ones with other channels or times."""

from __future__ import annotations

from typing import Any

from activities.channels import NAMES, PERSONAL
from alerts.programme import Programme
from store.programmes import load_programmes


def programme(id_: str = "amber", **changes: Any) -> Programme:
    """A packaged programme, changed; the channels are those that need no counterpart."""
    packaged = load_programmes(None, channels=NAMES, personal=PERSONAL)[id_]
    document = packaged.model_dump(mode="json")
    return Programme.model_validate({**document, "channels": ["web", "cap"], **changes})
