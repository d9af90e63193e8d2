"""The last moment at which a request of httpx can stay here: its connection stands, and nothing was written to it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

_LEAVES = ".send_request_headers.started"
"""So httpx's `trace` extension names that moment, after the protocol; to connect took up to seconds before it."""


def leaving(may_go: Callable[[], None]) -> dict[str, Any]:
    """`extensions` of a request: `may_go` is called right before it leaves, and what it raises keeps it here."""

    async def trace(step: str, _: Mapping[str, Any]) -> None:
        if step.endswith(_LEAVES):
            may_go()

    return {"trace": trace}
