"""A worker process: what it does where a channel that listens fails."""

from __future__ import annotations

import asyncio

import pytest

from worker import keep_listening


async def test_listener_that_fails_is_told_without_what_it_heard_and_begins_again(
    caplog: pytest.LogCaptureFixture,
) -> None:
    begun: list[int] = []
    listening = asyncio.Event()

    async def listen() -> None:
        begun.append(1)
        if len(begun) == 1:
            raise ValueError("+31690000001 wrote STOP")
        listening.set()
        await asyncio.Event().wait()

    task = asyncio.create_task(keep_listening("sms", listen, again=0.0))
    await asyncio.wait_for(listening.wait(), 5)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert [record.message for record in caplog.records] == ["sms stopped listening and begins again: ValueError"]


async def test_listener_without_a_counterpart_ends() -> None:
    async def listen() -> None:
        return

    await asyncio.wait_for(keep_listening("sms", listen), 5)
