"""Workflow tests: a real Temporal server (time-skipping or dev), real activities, a real store in a folder."""

from __future__ import annotations

import asyncio
import gc
import sys
import uuid
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack, asynccontextmanager, closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from temporalio.api.enums.v1 import IndexedValueType
from temporalio.api.operatorservice.v1 import AddSearchAttributesRequest
from temporalio.client import Client, WorkflowHandle
from temporalio.common import SearchAttributePair, TypedSearchAttributes
from temporalio.testing import WorkflowEnvironment
from temporalio.worker import Worker

from alerts.case import Case
from alerts.command import Command, SignedCommand, sign
from alerts.programme import Programme
from alerts.vocabulary import Action, Kind
from starter.home import Home
from starter.parts import Parts, open_parts
from starter.settings import Settings, load_settings
from starter.signing import ensure_demo_people, signer_for
from store.people import keyring, people
from store.standing import incarnation_of, open_alert
from tests.support.programmes import programme
from tests.support.waiting import eventually_async
from worker import THREADS, build_adapters, build_workers
from workflows.alert import case_digest
from workflows.calls import TASK_TIMEOUT
from workflows.codec import KeySource, Reader
from workflows.messages import (
    ALERT_WORKFLOW,
    DRILL_ATTRIBUTE,
    PROGRAMME_ATTRIBUTE,
    STAGE_ATTRIBUTE,
    VIEW_QUERY,
    AlertInput,
    StartAlert,
)
from workflows.ports import ALERTS_QUEUE, alert_workflow_id
from workflows.runtime import data_converter

ATTRIBUTES = ("BakenProgramme", "BakenStage", "BakenChannel", "BakenDrill")
BIN = Path(sys.executable).parent


class World:
    """A home without processes: its workers run here, on the given server."""

    def __init__(self, parts: Parts, client: Client, env: WorkflowEnvironment) -> None:
        self.parts = parts
        self.client = client
        self.env = env
        self.programme = programme()

    async def start(self, case: dict[str, Any], rules: Programme, kind: Kind = Kind.ACTUAL) -> Alert:
        """Start an alert as operator1, as the starter does."""
        alert_id = uuid.uuid4().hex[:10]
        self.parts.keys.create(alert_id)
        unsigned = StartAlert(
            alert_id=alert_id,
            kind=kind,
            case=Case.model_validate(case),
            programme=rules,
            keyring=keyring(people(self.parts.db)),
            incarnation=incarnation_of(self.parts.db),
            start=SignedCommand(command="", signature=""),
        )
        now = await self.env.get_current_time()
        content = {"case": case_digest(unsigned), "kind": kind.value, "programme": rules.id}
        start = self.sign(alert_id, Action.START, "operator1", now, content=content)
        with self.parts.db.write() as session:
            open_alert(session, alert_id, kind, rules.id, datetime.now(UTC))
        handle = await self.client.start_workflow(
            ALERT_WORKFLOW,
            AlertInput(start=unsigned.model_copy(update={"start": start})),
            id=alert_workflow_id(alert_id),
            task_queue=ALERTS_QUEUE,
            task_timeout=TASK_TIMEOUT,
            search_attributes=TypedSearchAttributes(
                [
                    SearchAttributePair(PROGRAMME_ATTRIBUTE, rules.id),
                    SearchAttributePair(STAGE_ATTRIBUTE, "verifying"),
                    SearchAttributePair(DRILL_ATTRIBUTE, "no"),
                ]
            ),
        )
        return Alert(self, alert_id, handle)

    def sign(self, alert_id: str, action: Action, user: str, at: datetime, **more: Any) -> SignedCommand:
        command = Command(id=uuid.uuid4().hex, alert_id=alert_id, action=action, actor=user, at=at, **more)
        return sign(command, signer_for(self.parts.settings.paths, user))


class Alert:
    """One alert in a test."""

    def __init__(self, world: World, alert_id: str, handle: WorkflowHandle[Any, Any]) -> None:
        self.world = world
        self.alert_id = alert_id
        self.handle = handle

    async def view(self) -> dict[str, Any]:
        view: dict[str, Any] = await self.handle.query(VIEW_QUERY, result_type=dict)
        return view

    async def give(self, action: Action, user: str, **more: Any) -> dict[str, Any]:
        """Give a command; its ruling."""
        now = await self.world.env.get_current_time()
        signed = self.world.sign(self.alert_id, action, user, now, **more)
        command = Command.model_validate_json(signed.command)
        await self.handle.signal(action.value, signed)

        async def ruling() -> dict[str, Any] | None:
            rulings = (await self.view())["rulings"]
            return next((one for one in rulings if one["command"] == command.id), None)

        found = await eventually_async(ruling, what=f"the ruling on {action}")
        assert found is not None
        return found

    async def approve(self, user: str = "supervisor1") -> dict[str, Any]:
        view = await self.until(lambda view: view["pending"], "pending")
        return await self.give(Action.APPROVE, user, digest=view["pending"]["digest"])

    async def until(self, check: Any, what: str = "it", within: float = 20.0) -> dict[str, Any]:
        async def look() -> dict[str, Any] | None:
            view = await self.view()
            return view if check(view) else None

        view = await eventually_async(look, within, what=what)
        assert view is not None
        return view

    async def until_stage(self, stage: str) -> dict[str, Any]:
        return await self.until(lambda view: view["stage"] == stage, f"stage {stage}")

    async def until_channels(self, state: str) -> dict[str, Any]:
        def all_so(view: dict[str, Any]) -> bool:
            return bool(view["channels"]) and all(one["state"] == state for one in view["channels"])

        return await self.until(all_so, f"channels {state}")


@asynccontextmanager
async def world(
    home: Path, *, skipping: bool, keys: KeySource | None = None, database_url: str = ""
) -> AsyncIterator[World]:
    """A server, workers of every role and a client, for one test; `keys` encrypt payloads instead of the home's.

    Without `database_url` the store is the one of the home.
    """
    settings = load_settings({"BAKEN_DATABASE_URL": database_url}, home=home)
    settings.paths.prepare()
    async with server(skipping=skipping) as env, AsyncExitStack() as stack:
        if skipping:
            await _add_attributes(env.client)
        parts = stack.enter_context(closing(_open(settings)))
        client = with_converter(env.client, data_converter(keys or parts.keys, Reader.WORKER))
        for worker in _workers(parts, client):
            await stack.enter_async_context(worker)
        plain = with_converter(env.client, data_converter(keys or parts.keys, Reader.CLIENT))
        yield World(parts, plain, env)


@asynccontextmanager
async def server(*options: str, skipping: bool = False) -> AsyncIterator[WorkflowEnvironment]:
    """Temporal's, for one test or for all of a module; `options` are the dev server's, on its command line."""
    env = await _start_server(skipping, *options)
    try:
        yield env
    finally:
        await env.shutdown()
        gc.collect()  # without it the process aborts at exit in a third of runs (docs/gotchas.md)


async def _start_server(skipping: bool, *options: str) -> WorkflowEnvironment:
    if skipping:
        return await WorkflowEnvironment.start_time_skipping(
            test_server_existing_path=str(BIN / "temporal-test-server")
        )
    return await WorkflowEnvironment.start_local(
        dev_server_existing_path=str(BIN / "temporal"),
        dev_server_extra_args=[
            *(part for name in ATTRIBUTES for part in ("--search-attribute", f"{name}=Keyword")),
            *options,
        ],
        dev_server_log_level="error",
    )


async def _add_attributes(client: Client) -> None:
    keyword = IndexedValueType.INDEXED_VALUE_TYPE_KEYWORD
    request = AddSearchAttributesRequest(
        namespace=client.namespace, search_attributes=dict.fromkeys(ATTRIBUTES, keyword)
    )
    await client.operator_service.add_search_attributes(request)


def _open(settings: Settings) -> Parts:
    home = Home(settings.home)
    home.run.write_text(
        '{"web": "http://127.0.0.1:1", "temporal": "", "temporal_ui": "", "namespace": "default", "pid": 1}'
    )
    parts = open_parts(settings)
    ensure_demo_people(parts.db, home)
    incarnation_of(parts.db)
    return parts


def _workers(parts: Parts, client: Client) -> list[Worker]:
    return build_workers(
        parts, client, ThreadPoolExecutor(THREADS), "all", ["web", "cap", "email"], build_adapters(parts)
    )


def with_converter(client: Client, converter: Any) -> Client:
    config = client.config()
    config["data_converter"] = converter
    return Client(**config)


async def skip(world: World, duration: timedelta) -> None:
    """Let time pass on the time-skipping server."""
    await world.env.sleep(duration)
    await asyncio.sleep(0)
