"""A mailbox provider: a real SMTP server on loopback that keeps the newest mails for the wall, in memory only."""

from __future__ import annotations

import asyncio
import base64
import email
from collections import deque
from email.message import EmailMessage
from email.policy import default
from typing import Any

from aiosmtpd.smtp import SMTP, Envelope, Session

from simulators.faults import SLOW, Faults
from simulators.received import Record

KEEP = 200


class Inbox:
    """Handler of the SMTP server; `channel` is whose faults it obeys."""

    def __init__(self, record: Record, faults: Faults, *, exercise: bool) -> None:
        self._record = record
        self._faults = faults
        self._exercise = exercise
        self.mails: deque[dict[str, Any]] = deque(maxlen=KEEP)

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        if self._faults.mode("email") == "slow":
            await asyncio.sleep(SLOW)
        failure = self._faults.fails("email")
        if failure:
            return "550 5.7.1 refused" if failure == "reject" else "451 4.3.0 try again later"
        content = envelope.content
        mail = email.message_from_bytes(content if isinstance(content, bytes) else b"", policy=default)
        assert isinstance(mail, EmailMessage)
        for recipient in envelope.rcpt_tos:
            self._record.add(
                channel="email",
                recipient=recipient,
                alert_id=mail["Baken-Alert"] or "",
                edition=int(mail["Baken-Edition"] or 0),
                kind=mail["Baken-Kind"] or "",
                id=mail["Baken-Id"] or "",
            )
        self.mails.appendleft(self._as_read(mail, envelope.rcpt_tos[0]))
        return "250 2.0.0 accepted"

    def _as_read(self, mail: EmailMessage, recipient: str) -> dict[str, Any]:
        html = mail.get_body(("html",))
        text = mail.get_body(("plain",))
        body = html.get_content() if html else ""
        for part in mail.walk():
            if part.get_content_maintype() == "image" and part["Content-ID"]:
                data = base64.b64encode(part.get_payload(decode=True)).decode()  # type: ignore[arg-type]
                cid = part["Content-ID"].strip("<>")
                body = body.replace(f"cid:{cid}", f"data:image/jpeg;base64,{data}")
        return {
            "recipient": recipient,
            "subject": mail["Subject"],
            "kind": mail["Baken-Kind"],
            "alert_id": mail["Baken-Alert"],
            "text": text.get_content() if text else "",
            "html": body,
            "exercise": self._exercise,
        }


async def serve_mail(inbox: Inbox) -> int:
    """Listen on a free port; the port."""
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: SMTP(inbox, enable_SMTPUTF8=True), "127.0.0.1", 0, backlog=512)
    return int(server.sockets[0].getsockname()[1])
