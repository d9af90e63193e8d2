"""Alerts to look at, the web server of a home of which nothing else runs, and a site of somebody else."""

from __future__ import annotations

import socket
import threading
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import uvicorn
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from starter.client import Baken
from starter.parts import Parts
from starter.serve import build_app
from tests.browser.looking import aside
from tests.support.cases import amber_case
from tests.support.editions import ShownAlert, case_document
from tests.support.programmes import PAGE
from tests.support.running import Running
from tests.support.waiting import eventually

ALERT = "abcdefghij"


class OwnWeb:
    """Serves until stopped; `answered` has path and status of every answer."""

    def __init__(self, parts: Parts) -> None:
        self.answered: list[tuple[str, int]] = []
        self._socket = socket.socket()
        self._socket.bind(("127.0.0.1", 0))
        self.web = f"http://127.0.0.1:{self._socket.getsockname()[1]}"
        app = self._noted(build_app(Baken(parts), parts.settings))
        config = uvicorn.Config(app, log_level="warning", lifespan="off", timeout_graceful_shutdown=1)
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(target=self._server.run, args=([self._socket],))
        self._thread.start()
        eventually(lambda: self._server.started, what="the web server")

    def _noted(self, app: ASGIApp) -> ASGIApp:
        async def noting(scope: Scope, receive: Receive, send: Send) -> None:
            async def note(message: Message) -> None:
                if message["type"] == "http.response.start":
                    self.answered.append((scope["path"], message["status"]))
                await send(message)

            await app(scope, receive, note)

        return noting

    def stop(self) -> None:
        self._server.should_exit = True
        self._thread.join(10)
        self._socket.close()


class OtherSite:
    """A site of somebody else on another origin, with the strictest policy under which the one tag works."""

    def __init__(self, web: str, *tags: str) -> None:
        """`web` is Baken's address; `tags` are what the owner adds to the tag, one for each."""
        scripts = "".join(f'<script src="{web}/embed.js" {tag}></script>' for tag in tags)
        body = f'<!doctype html><html lang="nl"><title>Site</title><main><h1>Site</h1>{scripts}</main>'
        policy = f"default-src 'none'; script-src {web}; frame-src {web}"

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self.send_response(200)
                self.send_header("content-type", "text/html; charset=utf-8")
                self.send_header("content-security-policy", policy)
                self.end_headers()
                self.wfile.write(body.encode())

            def log_message(self, format: str, *args: object) -> None:
                """Says nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()
        self.address = f"http://localhost:{self._server.server_port}/"

    def stop(self) -> None:
        self._server.shutdown()
        self._thread.join(10)
        self._server.server_close()


def show(alert: ShownAlert, channel: str, seconds: float = 3600, **changes: Any) -> datetime:
    """On that channel from now on, for so long; until when."""
    alert.now = datetime.now(UTC)
    alert.show(alert.make(case_document(**changes), number=alert.edition.number), lease=timedelta(seconds=seconds))
    alert.publish(channel)
    return alert.now + timedelta(seconds=seconds)


def start_waiting(baken: Running, folder: Path) -> str:
    """An alert that waits for approval; the id."""
    alert_id = aside(lambda: baken.start_alert(amber_case(folder, programme=PAGE), folder))
    aside(lambda: baken.until_pending(alert_id))
    return alert_id
