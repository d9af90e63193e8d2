"""A webhook partner of a test's own: keeps every call it ever got."""

from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

SECRET = "whsec_dGVzdHNlY3JldHRlc3RzZWNyZXQ="


class OwnPartner:
    """Accepts everything; `calls` in the order they came."""

    def __init__(self) -> None:
        self.calls: list[dict[str, Any]] = []
        calls = self.calls

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                calls.append(json.loads(body))
                self.send_response(204)
                self.end_headers()

            def log_message(self, format: str, *args: Any) -> None:
                """Say nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()

    def write_config(self, path: Path) -> Path:
        """A configuration in which this is the only partner."""
        port = self._server.server_address[1]
        text = f'[[channels.webhook]]\nname = "Own"\nurl = "http://127.0.0.1:{port}/"\nsecret = "{SECRET}"\n'
        path.write_text(text, "utf-8")
        return path

    def shows(self, alert_id: str, word: str) -> bool:
        """Whether its last call about the alert holds the word."""
        about = [call for call in self.calls if call["data"]["alert_id"] == alert_id]
        return bool(about) and word in json.dumps(about[-1], ensure_ascii=False)

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
