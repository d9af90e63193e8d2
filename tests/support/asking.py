"""Asking an application without a server, for tests that are not asynchronous themselves."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx
from fastapi import FastAPI


class Asking:
    def __init__(self, app: FastAPI) -> None:
        self._app = app

    def get(self, path: str, **said: Any) -> httpx.Response:
        return self._ask("GET", path, **said)

    def post(self, path: str, **said: Any) -> httpx.Response:
        return self._ask("POST", path, **said)

    def _ask(self, method: str, path: str, **said: Any) -> httpx.Response:
        async def asked() -> httpx.Response:
            async with httpx.AsyncClient(transport=httpx.ASGITransport(self._app), base_url="http://baken") as client:
                return await client.request(method, path, **said)

        return asyncio.run(asked())
