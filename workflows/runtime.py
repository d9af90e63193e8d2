"""How clients and workers are set up for Baken's workflows: converter, sandbox, time-outs."""

from __future__ import annotations

import dataclasses
from datetime import timedelta
from importlib.metadata import version

from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.converter import DataConverter, DefaultFailureConverterWithEncodedAttributes
from temporalio.worker.workflow_sandbox import SandboxedWorkflowRunner, SandboxRestrictions

from workflows.codec import AlertCodec, KeySource, Reader, RecentKeys

STICKY = timedelta(seconds=2)
"""Sticky queue: how long a killed worker keeps the next workflow task to itself (DESIGN, rule 13)."""
HEARTBEAT_THROTTLE = timedelta(milliseconds=500)

OURS = ("alerts", "workflows.ports")
"""Pure. `imports_passed_through` does not reach `ports`, as a part of a package that is in the sandbox."""
PASSED_THROUGH = ("cryptography", "_cffi_backend", "pydantic", "pydantic_core", "annotated_types", *OURS)
"""Loaded once, outside the sandbox. `cryptography` must be: its core imports lazily at the first bad signature,
which inside the sandbox aborts the process."""
BUILD_ID = f"baken {version('baken')}"
"""What workers call themselves; without it the SDK reads the code of every module there is, a second of CPU each."""


def data_converter(keys: KeySource, reader: Reader) -> DataConverter:
    """Pydantic in and out, encrypted with the alert's record key, failures too."""
    return dataclasses.replace(
        pydantic_data_converter,
        payload_codec=AlertCodec(keys if reader is Reader.CODEC_SERVER else RecentKeys(keys), reader),
        failure_converter_class=DefaultFailureConverterWithEncodedAttributes,
    )


def sandbox_runner() -> SandboxedWorkflowRunner:
    """For workers and replayers alike."""
    return SandboxedWorkflowRunner(restrictions=SandboxRestrictions.default.with_passthrough_modules(*PASSED_THROUGH))
