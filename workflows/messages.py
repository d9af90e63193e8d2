"""What comes into an AlertWorkflow: its start, the names of its signals and queries, its search attributes."""

from __future__ import annotations

from temporalio.common import SearchAttributeKey

from alerts.case import Case
from alerts.command import Keyring, SignedCommand
from alerts.programme import Programme
from alerts.state import AlertState
from alerts.values import Value
from alerts.vocabulary import Kind

ALERT_WORKFLOW = "AlertWorkflow"
CHANNEL_WORKFLOW = "ChannelWorkflow"
FAN_OUT_WORKFLOW = "FanOutWorkflow"

VIEW_QUERY = "view"
"""Answers `alerts.view.view` of the state."""
CHANNEL_REPORT_SIGNAL = "channel_report"
DESIRED_SIGNAL = "desired"

PROGRAMME_ATTRIBUTE = SearchAttributeKey.for_keyword("BakenProgramme")
STAGE_ATTRIBUTE = SearchAttributeKey.for_keyword("BakenStage")
CHANNEL_ATTRIBUTE = SearchAttributeKey.for_keyword("BakenChannel")
DRILL_ATTRIBUTE = SearchAttributeKey.for_keyword("BakenDrill")
"""`no` for an actual alert, else the kind."""


class StartAlert(Value):
    """The first input of an alert; everything it needs is frozen in it."""

    alert_id: str
    kind: Kind
    case: Case
    programme: Programme
    keyring: Keyring
    incarnation: str
    start: SignedCommand
    """Action `start`, with the case's SHA-256, kind and programme as its content."""


class AlertInput(Value):
    """Either a start, or the state that a continued run carries on."""

    start: StartAlert | None = None
    state: AlertState | None = None
