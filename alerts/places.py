"""Where the console has the page of an alert: each kind at an address of its own."""

from __future__ import annotations

from collections.abc import Mapping

from alerts.vocabulary import Kind

PLACES: Mapping[Kind, str] = {Kind.ACTUAL: "alerts", Kind.EXERCISE: "exercises", Kind.PUBLIC_TEST: "tests"}


def console_path(kind: str, alert_id: str) -> str:
    """Of the alert's page; what belongs to it lies below."""
    return f"/console/{PLACES[Kind(kind)]}/{alert_id}"
