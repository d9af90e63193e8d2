"""`baken web`: the console, the public site and the API in one process, and the pump that empties the outbox."""

from __future__ import annotations

import asyncio
import json
import os
import socket
import sys
import time
from collections.abc import Awaitable, Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import urlsplit

import uvicorn
import uvloop
from fastapi import Depends, FastAPI, HTTPException, Request, Response
from fastapi.staticfiles import StaticFiles

from starter.api import api_router
from starter.client import Baken, open_baken
from starter.policy import CSP
from starter.ports import inherited
from starter.process import announce_ready, stop_signal
from starter.public.answers import plain
from starter.public.herd import Herd, Look, shortcut
from starter.public.showing import Showing
from starter.public.site import public_router
from starter.settings import Settings, load_settings
from starter.web.console import console_router
from starter.web.demo import demo_router
from store import audit
from store.drafts import Drafts
from store.records import end_records
from store.witness import StoreRestored, Witness

HERE = Path(__file__).resolve().parent
ASSETS = HERE.parent / "build" / "assets"
"""CSS and JavaScript of others, taken from npm by `make install`."""
STATIC = "public, max-age=300"
"""A new version of Baken is everywhere after that; pages and scripts of five minutes before go with each other."""
PUMP_EVERY = 1.0
SWEEP_EVERY = 60.0
"""Seconds between two looks for drafts that have expired."""
BODY_MAX = 64 * 1024
"""Bytes that anybody may send us; the largest body that means something is a subscription, of a tenth of that."""
OWN_BODIES = ("/api/", "/codec/", "/console/", "/demo/", "/intake/", "/tip/")
"""Where a body may be larger, or has a limit of its own: for those with a name, the demo, and where photos come in."""


def build_app(baken: Baken, settings: Settings) -> FastAPI:
    """All routes of the web process."""
    base_url = settings.run_info().web
    app = FastAPI(title="Baken", openapi_url=None)
    app.mount("/static", StaticFiles(directory=HERE / "public" / "static"), name="static")

    @app.middleware("http")
    async def with_headers(request: Request, go_on: Callable[[Request], Awaitable[Response]]) -> Response:
        if "\0" in request.scope["path"]:  # no id has it, and PostgreSQL takes it in no text, not even in a question
            answer = Response(status_code=404)
        elif _too_large(request):
            answer = plain(f"a body here has at most {BODY_MAX} bytes, and says how many in content-length", 413)
        else:
            answer = await go_on(request)
        answer.headers.setdefault("content-security-policy", CSP)
        answer.headers["x-content-type-options"] = "nosniff"
        answer.headers["referrer-policy"] = "no-referrer"
        if request.scope["path"].startswith("/static/"):
            answer.headers["cache-control"] = STATIC
        return answer

    @app.get("/healthz")
    def healthz() -> dict[str, str]:
        return {"status": "ok"}

    app.mount("/console-static", StaticFiles(directory=HERE / "web" / "static"), name="console-static")
    if ASSETS.is_dir():
        app.mount("/assets", StaticFiles(directory=ASSETS), name="assets")
    if settings.paths.demo_ports.exists():
        ports = json.loads(settings.paths.demo_ports.read_text("utf-8"))
        app.include_router(demo_router(ports["control"]))
    app.include_router(api_router(baken, settings))
    app.include_router(console_router(baken, settings))
    public = public_router(baken.parts, base_url, lambda: datetime.now(UTC))
    app.include_router(public, dependencies=[Depends(_only_this_store(app))])
    return app


def _too_large(request: Request) -> bool:
    """By what it says of its body, of which nothing was read yet; the server holds it to what it says."""
    if request.scope["path"].startswith(OWN_BODIES):
        return False
    return "transfer-encoding" in request.headers or int(request.headers.get("content-length", 0)) > BODY_MAX


def look_at(baken: Baken, app: FastAPI) -> Look:
    """How the store stands for alerts of which answers are shared."""
    showing = Showing(baken.parts, lambda: datetime.now(UTC))

    def look(alert_ids: Collection[str]) -> Mapping[str, str]:
        if app.state.restored:
            return {}
        with baken.parts.db.read() as session:
            return showing.stamps(session, alert_ids)

    return look


def _only_this_store(app: FastAPI) -> Callable[[], Awaitable[None]]:
    """Nothing is read out of a store that was restored from an older copy: it may show what was taken away."""
    app.state.restored = False

    async def check() -> None:
        if app.state.restored:
            raise HTTPException(503, "being restored; try again in a moment", headers={"retry-after": "30"})

    return check


def web_config(baken: Baken, app: FastAPI, port: int) -> uvicorn.Config:
    """How the web is served: what a crowd asks for comes from memory."""
    herd = Herd(app, look_at(baken, app))
    return uvicorn.Config(
        herd,
        host="127.0.0.1",
        port=port,
        log_level="warning",
        timeout_graceful_shutdown=1,
        http=shortcut(herd),
    )


async def serve(settings: Settings) -> int:
    """Serve until told to stop."""
    async with open_baken(settings) as baken:
        app = build_app(baken, settings)
        port = urlsplit(settings.run_info().web).port
        server = Server(web_config(baken, app, port or 0))
        stop = stop_signal()
        listening = inherited(os.environ)
        serving = asyncio.create_task(server.serve([listening] if listening else None))
        pumping = asyncio.create_task(_pump(baken, app))
        await server.ready.wait()
        announce_ready(os.environ)
        stopped = asyncio.create_task(stop.wait())
        await asyncio.wait({serving, stopped}, return_when=asyncio.FIRST_COMPLETED)
        server.should_exit = True
        await serving
        pumping.cancel()
    return 0


class Server(uvicorn.Server):
    """Leaves signals to us, and says when it listens."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.ready = asyncio.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.ready.set()

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


async def _pump(baken: Baken, app: FastAPI) -> None:
    """Bring what the outbox holds and let go what is old, for ever; what goes wrong is said and tried again."""
    db, keys, term = baken.parts.db, baken.parts.keys, baken.parts.settings.record_term()
    witness, drafts, sweep_at = Witness(db, keys), Drafts(db, keys), 0.0
    while True:
        try:
            app.state.restored = await asyncio.to_thread(_forgot, witness)
            await baken.pump()
            await asyncio.to_thread(audit.remember_head, db, keys)
            if (clock := time.monotonic()) >= sweep_at:
                sweep_at = clock + SWEEP_EVERY
                now = datetime.now(UTC)
                await asyncio.to_thread(drafts.sweep, now)
                if term is not None:
                    await asyncio.to_thread(end_records, db, keys, now - term, now)
        except Exception as error:
            with suppress(OSError):  # a disk that is full is full for the log too, and must not end the pump
                print(f"outbox: {type(error).__name__}", file=sys.stderr, flush=True)
        await asyncio.sleep(PUMP_EVERY)


def _forgot(witness: Witness) -> bool:
    """Whether the store is an older copy; of another one it is noted how far it has come."""
    try:
        witness.note()
    except StoreRestored as error:
        print(error, file=sys.stderr, flush=True)
        return True
    return False


def main(_args: Sequence[str]) -> int:
    """For `starter.forking`."""
    return uvloop.run(serve(load_settings(os.environ)))
