"""A mailbox provider: a real SMTP server on loopback, with STARTTLS and login, that keeps mails in memory only."""

from __future__ import annotations

import asyncio
import base64
import email
import logging
import ssl
from dataclasses import dataclass
from email.message import EmailMessage, Message
from email.parser import BytesHeaderParser
from email.policy import default
from itertools import count
from typing import Any

from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

from simulators.faults import SLOW, Faults
from simulators.received import Record

KEEP = 50
"""Mails, one of each sort: five hundred alerts that say the same need not be five hundred on a wall."""
REFUSED = {
    "error": "451 4.3.0 try again later",
    "reject": "550 5.7.1 refused",
    "denied": "530 5.7.0 authentication required",
}
"""Answers by fault."""
HOSTNAME = "mailbox.demo.baken.example"
"""Said in the greeting; without it every connection would ask the name service who we are."""
USERNAME = "baken"
HEADERS = BytesHeaderParser()
"""All that is read of most mails: hundreds say the same, and one of them is kept to be opened."""
Sort = tuple[str | None, str | None, str | None, str | None]
_numbers = count(1)


@dataclass(frozen=True)
class Mail:
    """As it came in; opened only when somebody reads it."""

    number: int
    recipient: str
    exercise: bool
    mail: EmailMessage

    def head(self) -> dict[str, Any]:
        """One line of an inbox."""
        return {
            "number": self.number,
            "recipient": self.recipient,
            "subject": self.mail["Subject"],
            "kind": self.mail["Baken-Kind"],
            "alert_id": self.mail["Baken-Alert"],
            "exercise": self.exercise,
        }

    def opened(self) -> dict[str, Any]:
        """As its receiver sees it: text, and HTML with the photo in its place."""
        text, html = self.mail.get_body(("plain",)), self.mail.get_body(("html",))
        body = html.get_content() if html else ""
        for part in self.mail.walk():
            if part.get_content_maintype() == "image" and part["Content-ID"]:
                data = base64.b64encode(part.get_payload(decode=True)).decode()  # type: ignore[arg-type]
                picture = f"data:{part.get_content_type()};base64,{data}"
                body = body.replace(f"cid:{part['Content-ID'].strip('<>')}", picture)
        return {
            **self.head(),
            "from": self.mail["From"],
            "list_unsubscribe": self.mail["List-Unsubscribe"],
            "text": text.get_content() if text else "",
            "html": body,
        }


class Inbox:
    """Handler of the SMTP server; it obeys the faults of `email`."""

    def __init__(self, record: Record, faults: Faults, *, exercise: bool) -> None:
        self._record = record
        self._faults = faults
        self._exercise = exercise
        self._kept: dict[Sort, Mail] = {}

    def mails(self) -> list[Mail]:
        """The first of each sort, in the order they came."""
        return list(self._kept.values())

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        slow = self._faults.mode("email") == "slow"
        failure = self._faults.fails("email")
        if failure:
            return REFUSED[failure]
        content = envelope.content
        whole = content if isinstance(content, bytes) else b""
        mail = HEADERS.parsebytes(whole)
        for recipient in envelope.rcpt_tos if mail["Baken-Alert"] else ():  # a call to a supervisor is no alert
            self._record.add(
                channel="email",
                recipient=recipient,
                alert_id=mail["Baken-Alert"] or "",
                edition=int(mail["Baken-Edition"] or 0),
                kind=mail["Baken-Kind"] or "",
                id=mail["Baken-Id"] or "",
            )
        self._keep(mail, whole, envelope.rcpt_tos[0])
        if slow:
            await asyncio.sleep(SLOW)
        return "250 2.0.0 accepted"

    def _keep(self, head: Message, whole: bytes, recipient: str) -> None:
        alert = head["Baken-Alert"] or head["Message-ID"]  # who is called gets every call, whatever its subject
        sort = (alert, head["Baken-Edition"], head["Baken-Kind"], str(head["Subject"]))  # in UTF-8 it is no string
        if sort not in self._kept:
            mail = email.message_from_bytes(whole, policy=default)
            assert isinstance(mail, EmailMessage)
            self._kept[sort] = Mail(next(_numbers), recipient, self._exercise, mail)
        while len(self._kept) > KEEP:
            self._kept.pop(next(iter(self._kept)))


async def serve_mail(inbox: Inbox, tls: ssl.SSLContext, password: str) -> int:
    """Listen on a free port, for those who come by STARTTLS and log in; the port."""
    logging.getLogger("mail.log").setLevel(logging.ERROR)  # at each login aiosmtpd warns of what it does itself
    loop = asyncio.get_running_loop()
    right = LoginPassword(USERNAME.encode(), password.encode())

    def let_in(_: SMTP, __: Session, ___: Envelope, ____: str, said: object) -> AuthResult:
        return AuthResult(success=said == right, handled=False)

    def connected() -> SMTP:
        return SMTP(
            inbox,
            enable_SMTPUTF8=True,
            hostname=HOSTNAME,
            ident="Baken demo",
            tls_context=tls,
            require_starttls=True,
            auth_required=True,
            authenticator=let_in,
            loop=loop,
        )

    server = await loop.create_server(connected, "127.0.0.1", 0, backlog=512)
    return int(server.sockets[0].getsockname()[1])
