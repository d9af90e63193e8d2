"""The simulators alone, as `baken up --demo` starts them, and clients that speak to them as channels do."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import uuid
from collections.abc import Sequence
from datetime import UTC, datetime
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import aiosmtplib
import httpx
from standardwebhooks.webhooks import Webhook

from simulators.__main__ import main
from simulators.received import read_received
from tests.support.forked import Forked
from tests.support.waiting import eventually

PIXEL = b"\xff\xd8\xff\xd9"
"""Not a whole JPEG, but nobody decodes it here."""


class Counterparts:
    """One process of them on a home."""

    def __init__(self, home: Path, **environ: str) -> None:
        self._home = home
        self._environ = environ
        self._process: Forked | None = None
        self._before = 0
        self.alert = "a1"
        self.ports: dict[str, Any] = {}

    def start(self) -> Counterparts:
        environ = {**os.environ, "BAKEN_HOME": str(self._home), **self._environ}
        self._process = Forked(main, ("simulators",), environ, {})
        self.ports = eventually(self._answering, what="simulators that answer")
        return self

    def fresh(self) -> Counterparts:
        """For one more test: no fault, an alert of its own, and what was received before is forgotten."""
        self.ask("DELETE", "/faults")
        self._before, self.alert = len(self._on_disk()), uuid.uuid4().hex[:10]
        return self

    def kill(self) -> None:
        assert self._process is not None
        self._process.send_signal(signal.SIGKILL)
        self._process.wait()

    def stop(self) -> int:
        assert self._process is not None
        self._process.terminate()
        return self._process.wait(10)

    def _answering(self) -> dict[str, Any]:
        """The ports, or nothing yet."""
        try:
            ports: dict[str, Any] = json.loads((self._home / "demo" / "ports.json").read_text("utf-8"))
            httpx.get(f"{ports['control']}/wall.json", trust_env=False, verify=False)
        except (OSError, httpx.TransportError):
            return {}
        return ports

    # What the control server says

    def ask(self, method: str, path: str, **more: Any) -> httpx.Response:
        return httpx.request(
            method, f"{self.ports['control']}{path}", trust_env=False, verify=False, timeout=5, **more
        )

    def fault(self, channel: str, mode: str, seconds: float = 60) -> None:
        said = {"channel": channel, "mode": mode, "seconds": seconds}
        self.ask("POST", "/faults", json=said).raise_for_status()

    def received(self) -> list[dict[str, Any]]:
        """What came to disk in this test."""
        return self._on_disk()[self._before :]

    def _on_disk(self) -> list[dict[str, Any]]:
        return read_received(self._home / "demo" / "received.jsonl")

    def wall(self) -> dict[str, Any]:
        """What receivers see of this test's alert."""
        wall: dict[str, Any] = self.ask("GET", "/wall.json").json()
        for part in (wall, *wall["partners"]):
            for name in {"mailboxes", "mails", "calls"} & part.keys():
                part[name] = [one for one in part[name] if one["alert_id"] == self.alert]
        return wall

    # What channels do

    def mail(self, kind: str = "alert", *, to: Sequence[str] = ("een@demo.baken.example",), **more: Any) -> None:
        """Bring one mail; raises what aiosmtplib raises."""
        exercise = more.pop("exercise", False)
        asyncio.run(self._mail(build_mail(kind, **{"alert": self.alert, **more}), to, exercise=exercise))

    async def _mail(self, mail: EmailMessage, to: Sequence[str], *, exercise: bool) -> None:
        async with self.mail_client(exercise=exercise) as client:
            await client.sendmail("alert@baken.example", list(to), mail.as_bytes())

    def mail_client(self, *, exercise: bool = False) -> aiosmtplib.SMTP:
        """Secures itself and logs in when it connects."""
        login = self.ports["mail"]
        return aiosmtplib.SMTP(
            hostname="127.0.0.1",
            port=self.ports["smtp_exercise" if exercise else "smtp"],
            timeout=10,
            start_tls=True,
            cert_bundle=login["authority"],
            username=login["username"],
            password=login["password"],
        )

    def call(self, kind: str = "alert", *, partner: int = 0, secret: str | None = None, **more: Any) -> httpx.Response:
        """One signed call to a partner; `secret` other than theirs makes the signature wrong."""
        to = self.ports["partners_exercise" if more.pop("exercise", False) else "partners"][partner]
        data = {"alert_id": self.alert, "edition": 1, "kind": kind, **more}
        body, now = json.dumps({"type": "t", "timestamp": "", "data": data}), datetime.now(UTC)
        headers = {
            "webhook-id": f"id-{kind}",
            "webhook-timestamp": str(int(now.timestamp())),
            "webhook-signature": Webhook(secret or to["secret"]).sign(f"id-{kind}", now, body),
        }
        return httpx.post(to["url"], content=body, headers=headers, trust_env=False, verify=False, timeout=10)


def build_mail(kind: str = "alert", *, alert: str = "a1", number: int = 1) -> EmailMessage:
    """With the headers that Baken gives, HTML and a photo inside."""
    mail = EmailMessage()
    mail["From"], mail["To"], mail["Subject"] = "alert@baken.example", "iemand@demo.baken.example", f"Alert {number}"
    mail["Baken-Alert"], mail["Baken-Edition"] = alert, "1"
    mail["Baken-Kind"], mail["Baken-Id"] = kind, f"id-{kind}-{number}"
    mail.set_content("Kijk uit naar Noor.")
    mail.add_alternative('<h1>Noor</h1><img src="cid:photo" alt="">', subtype="html")
    html = mail.get_body(("html",))
    assert isinstance(html, EmailMessage)
    html.add_related(PIXEL, "image", "jpeg", cid="<photo>")
    return mail
