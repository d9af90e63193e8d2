"""A webhook partner of a test's own: keeps every call it ever got."""

from __future__ import annotations

import contextlib
import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from standardwebhooks.webhooks import Webhook, WebhookVerificationError

SECRET = "whsec_dGVzdHNlY3JldHRlc3RzZWNyZXQ="


class OwnPartner:
    """Accepts everything, or answers as `answer` says; `calls` in the order they came, `heads` with them."""

    def __init__(self) -> None:
        self.calls: list[dict[str, Any]] = []
        self.heads: list[dict[str, str]] = []
        self.bodies: list[bytes] = []
        self.answer = 204
        partner = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                partner.calls.append(json.loads(body))
                partner.heads.append({name.lower(): value for name, value in self.headers.items()})
                partner.bodies.append(body)
                self.send_response(partner.answer)
                self.end_headers()

            def log_message(self, format: str, *args: Any) -> None:
                """Say nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}/"

    def write_config(self, path: Path) -> Path:
        """A configuration in which this is the only partner."""
        text = f'[[channels.webhook]]\nname = "Own"\nurl = "{self.url}"\nsecret = "{SECRET}"\n'
        path.write_text(text, "utf-8")
        return path

    def verified(self, secret: str) -> list[str]:
        """Types of the calls that verify with this secret."""
        found = []
        for head, body in zip(self.heads, self.bodies, strict=True):
            with contextlib.suppress(WebhookVerificationError):
                found.append(str(Webhook(secret).verify(body, head)["type"]))
        return found

    def shows(self, alert_id: str, word: str) -> bool:
        """Whether its last call about the alert holds the word."""
        about = [call for call in self.calls if call["data"].get("alert_id") == alert_id]
        return bool(about) and word in json.dumps(about[-1], ensure_ascii=False)

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
