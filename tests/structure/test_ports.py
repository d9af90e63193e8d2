"""Ports and activities: what workflows ask for by name is what `activities/` does under that name."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any, get_type_hints

import pytest

from activities.alerts import AlertActivities
from activities.delivery import DeliveryActivities
from activities.duty_calls import DutyCalls
from activities.publishing import PublishingActivities
from workflows.ports import PORTS, Port

OWNERS: tuple[type, ...] = (AlertActivities, DeliveryActivities, DutyCalls, PublishingActivities)


def implementations() -> dict[str, Callable[..., Any]]:
    """Every activity by the name it is registered under."""
    members = [member for owner in OWNERS for _, member in inspect.getmembers(owner, inspect.isfunction)]
    definitions = [(getattr(member, "__temporal_activity_definition", None), member) for member in members]
    return {definition.name: member for definition, member in definitions if definition is not None}


def test_ports_when_listed_are_all_implemented_and_nothing_more() -> None:
    assert {port.name for port in PORTS} == set(implementations())


@pytest.mark.parametrize("port", PORTS, ids=lambda port: port.name)
def test_activity_when_called_takes_and_gives_what_its_port_says(port: Port[Any, Any]) -> None:
    hints = get_type_hints(implementations()[port.name])
    given = hints.pop("return")
    assert (list(hints.values()), given) == ([port.input], port.output)
