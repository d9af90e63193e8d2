"""The last moment at which a request of httpx can stay here: its head was written, and nothing yet of what it says.

A request without its body is none to its receiver, who sees a caller hang up. Between head and body all other tasks of
the process have their turn, so what was asked before the head may be old.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

_LEAVES = ".send_request_body.started"
"""So httpx's `trace` extension names that moment, after the protocol; to connect took up to seconds before it."""


def leaving(may_go: Callable[[], None]) -> dict[str, Any]:
    """`extensions` of a request: `may_go` is called right before its body leaves; what it raises keeps that here."""

    async def trace(step: str, _: Mapping[str, Any]) -> None:
        if step.endswith(_LEAVES):
            may_go()

    return {"trace": trace}
