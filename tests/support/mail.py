"""A mail server of a test's own, and a wave of mails to it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any

from aiosmtpd.smtp import SMTP, AuthResult, Envelope, Session

from activities.channels.base import Messages, Outcome, PhotoBytes, WaveJob
from activities.channels.email import EmailChannel
from activities.endpoints import ChannelsConfig, EmailEndpoint, LiveChannels
from alerts.vocabulary import Kind, MessageKind
from tests.support.editions import BASE_URL, JPEG, KEY, case_document, make_edition

Answer = Callable[[str], str]
PASSWORD = "right and long"


class MailServer:
    """A real SMTP server; `answers` says what comes back on MAIL, RCPT or DATA, "" for the usual."""

    def __init__(self, answers: Answer) -> None:
        self.taken: list[Envelope] = []
        self.refused: dict[str, str] = {}
        """What comes back on RCPT, by address."""
        self.logins = 0
        """Attempts."""
        self.goodbyes = 0
        self.port = 0
        self._answers = answers

    @property
    def contents(self) -> list[bytes]:
        """The mails as they came in."""
        return [mail.content for mail in self.taken if isinstance(mail.content, bytes)]

    def let_in(self, _: SMTP, __: Session, ___: Envelope, ____: str, said: Any) -> AuthResult:
        self.logins += 1
        return AuthResult(success=said.password == PASSWORD.encode(), handled=False)

    async def handle_QUIT(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        self.goodbyes += 1
        return "221 2.0.0 bye"

    async def handle_MAIL(self, server: SMTP, session: Session, envelope: Envelope, address: str, _: list[str]) -> str:
        answer = self._answers("MAIL")
        if not answer:
            envelope.mail_from = address
        return answer or "250 2.1.0 fine"

    async def handle_RCPT(self, server: SMTP, session: Session, envelope: Envelope, address: str, _: list[str]) -> str:
        answer = self.refused.get(address) or self._answers("RCPT")
        if not answer:
            envelope.rcpt_tos.append(address)
        return answer or "250 2.1.5 fine"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        answer = self._answers("DATA")
        if not answer:
            self.taken.append(envelope)
        elif answer == "hang up":
            assert isinstance(server.transport, asyncio.Transport)
            server.transport.abort()
        return answer or "250 2.0.0 accepted"


@asynccontextmanager
async def serving(answers: Answer = lambda _: "", **options: Any) -> AsyncIterator[MailServer]:
    """`options` are aiosmtpd's; with `host` it listens on another address of this machine."""
    mails, loop, host = MailServer(answers), asyncio.get_running_loop(), options.pop("host", "127.0.0.1")
    server = await loop.create_server(
        lambda: SMTP(mails, hostname="here", loop=loop, authenticator=mails.let_in, **options), host, 0
    )
    mails.port = int(server.sockets[0].getsockname()[1])
    try:
        yield mails
    finally:
        server.close()


async def send(
    endpoint: EmailEndpoint,
    number: int = 1,
    *,
    still: Callable[[], bool] = lambda: True,
    kind: MessageKind = MessageKind.ALERT,
    situation: str = "Kijk uit.",
) -> Sequence[Outcome]:
    """So many mails; a cancel says that the alert ended."""
    channel = email_channel(endpoint)
    return await channel.send(wave(channel, kind, situation), messages(number, kind), still)


def email_channel(endpoint: EmailEndpoint) -> EmailChannel:
    return EmailChannel(ChannelsConfig(channels=LiveChannels(email=endpoint)), BASE_URL, lambda: KEY)


def wave(channel: EmailChannel, kind: MessageKind = MessageKind.ALERT, situation: str = "Kijk uit.") -> WaveJob:
    edition = make_edition(case_document(public={"situation": situation}))
    photos = tuple(PhotoBytes(token=one.token, sha256=one.sha256, jpeg=JPEG) for one in edition.photos)
    ended = {"nl": "Dit alert is beëindigd.", "en": "This alert has ended."} if kind is MessageKind.CANCEL else None
    return WaveJob("a1", Kind.ACTUAL, 1, 0, None, channel.render(edition, BASE_URL), photos, ended)


def messages(number: int, kind: MessageKind = MessageKind.ALERT) -> Messages:
    addresses = [f"r{n}@demo.baken.example" for n in range(number)]
    return Messages([f"{n:032x}" for n in range(number)], [kind] * number, addresses, ["nl"] * number)
