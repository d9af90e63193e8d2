"""Every workflow there is, for workers and replayers."""

from __future__ import annotations

from workflows.alert import AlertWorkflow
from workflows.channel import ChannelWorkflow
from workflows.fan_out import FanOutWorkflow

WORKFLOWS = (AlertWorkflow, ChannelWorkflow, FanOutWorkflow)
