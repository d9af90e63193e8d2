"""`email`: SMTP to subscribers, text and HTML with the photo inside; the end message to those reached.

A mail is built once per kind and language; recipient and ids are spliced in, since building an `EmailMessage` for
each recipient costs five times as much (docs/gotchas.md). Message-ID follows from the message's id, so a mailbox
that gets the same mail twice shows it once.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Sequence
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import formataddr, localtime
from pathlib import Path
from typing import ClassVar

import aiosmtplib
import css_inline

from activities.channels.base import (
    Busy,
    Capabilities,
    Messages,
    NotSent,
    Outcome,
    Outgoing,
    Part,
    Rejected,
    Rendition,
    Unreachable,
    WaveJob,
)
from activities.endpoints import ChannelsConfig, MailServer
from activities.mail_address import mail_address_problem, normal_mail_address
from activities.pacing import Limit
from activities.templating import templates
from alerts.edition import Edition, LanguageText
from alerts.vocabulary import Kind, MessageKind

CONNECTIONS = 10
TIMEOUT = 10.0
"""Seconds; a chunk of 100 over 10 connections ends well within the 30 s a send may take."""
DOMAIN = "baken.example"
_TO, _ID = "recipient-placeholder@baken.invalid", "id-placeholder"

_templates = templates(Path(__file__).parent / "templates")
_PREFIX = {
    MessageKind.UPDATE: {"nl": "Gewijzigd: ", "en": "Changed: "},
    MessageKind.REFRESH: {"nl": "", "en": ""},
    MessageKind.ALERT: {"nl": "", "en": ""},
}
_ENDED = {"nl": "Beëindigd", "en": "Ended"}


class EmailChannel:
    name: ClassVar[str] = "email"
    capabilities: ClassVar[Capabilities] = Capabilities(
        label={"nl": "E-mail", "en": "E-mail"},
        audience="personal",
        update=True,
        recall=False,
        renews="late_joiners",
        picture=True,
        attaches=True,
        chunk=100,
    )

    def __init__(self, config: ChannelsConfig) -> None:
        self._config = config

    @staticmethod
    def address_problem(address: str) -> str | None:
        return mail_address_problem(address)

    @staticmethod
    def normal_address(address: str) -> str:
        return normal_mail_address(address)

    def render(self, edition: Edition, base_url: str) -> Rendition:
        parts: list[Part] = []
        for language, text in edition.texts.items():
            html = _templates.get_template("mail.html").render(
                edition=edition, text=text, language=language, base_url=base_url
            )
            inlined = css_inline.inline(html, load_remote_stylesheets=False)
            parts += [
                Part(name=f"subject.{language}", media="text", content=text.subject),
                Part(name=f"text.{language}", media="text", content=_plain(edition, text, base_url)),
                Part(name=f"html.{language}", media="html", content=inlined),
                Part(name=f"event.{language}", media="text", content=text.event),
            ]
        return Rendition(channel=self.name, parts=tuple(parts))

    async def probe(self, kind: Kind) -> str | None:
        endpoint = self._endpoint(kind)
        if endpoint is None:
            return f"no mail server is configured for {kind.value} alerts"
        client = _client(endpoint)
        try:
            await client.connect()
            await client.quit()
        except (aiosmtplib.SMTPException, OSError) as error:
            return f"the mail server at {endpoint.host}:{endpoint.port} does not answer ({type(error).__name__})"
        return None

    def limit(self, job: WaveJob) -> Limit | None:
        server = self._endpoint(job.alert_kind)
        return server.limit(f"smtp://{server.host}:{server.port}") if server else None

    async def send(self, job: WaveJob, messages: Messages, still: Callable[[], bool]) -> Sequence[Outcome]:
        if not messages:
            return []
        endpoint = self._endpoint(job.alert_kind)
        if endpoint is None:
            return [Rejected("no mail server is configured")] * len(messages)
        moulds = _Moulds(endpoint, job)
        outcomes: list[Outcome] = [NotSent("not sent")] * len(messages)
        queue = iter(enumerate(messages))
        lanes = min(CONNECTIONS, len(messages))
        await asyncio.gather(*(_lane(endpoint, queue, moulds, outcomes, still) for _ in range(lanes)))
        return outcomes

    def _endpoint(self, kind: Kind) -> MailServer | None:
        return self._config.endpoints_for(kind).email


class _Moulds:
    """The mail of each kind and language as bytes, built at first use."""

    def __init__(self, endpoint: MailServer, job: WaveJob) -> None:
        self._endpoint = endpoint
        self._job = job
        self._made: dict[tuple[MessageKind, str], bytes] = {}

    def mail(self, message: Outgoing) -> bytes:
        key = (message.kind, message.language)
        if key not in self._made:
            self._made[key] = _build(self._endpoint, self._job, *key)
        spliced = self._made[key].replace(_TO.encode(), message.address.encode())
        return spliced.replace(_ID.encode(), message.id.encode())


def _build(endpoint: MailServer, job: WaveJob, kind: MessageKind, language: str) -> bytes:
    rendition = job.rendition
    mail = EmailMessage(policy=SMTP)
    event = rendition.part(f"event.{language}")
    mail["From"] = formataddr(("Baken", endpoint.sender))
    mail["To"] = _TO
    mail["Date"] = localtime()
    mail["Message-ID"] = f"<{_ID}@{DOMAIN}>"
    mail["References"] = f"<{job.alert_id}@{DOMAIN}>"
    mail["Auto-Submitted"] = "auto-generated"
    mail["Baken-Alert"] = job.alert_id
    mail["Baken-Edition"] = str(job.edition)
    mail["Baken-Kind"] = kind.value
    mail["Baken-Id"] = _ID
    if job.end_texts is not None:
        mail["Subject"] = f"{_ENDED[language]}: {event}"
        mail.set_content(job.end_texts[language])
        return mail.as_bytes()
    mail["Subject"] = _PREFIX[kind][language] + rendition.part(f"subject.{language}")
    mail.set_content(rendition.part(f"text.{language}"))
    mail.add_alternative(rendition.part(f"html.{language}"), subtype="html")
    html = mail.get_body(("html",))
    assert isinstance(html, EmailMessage)
    for photo in job.photos:
        html.add_related(photo.jpeg, "image", "jpeg", cid=f"<{photo.token}>", filename="photo.jpg")
    return mail.as_bytes()


async def _lane(
    endpoint: MailServer,
    queue: Iterator[tuple[int, Outgoing]],
    moulds: _Moulds,
    outcomes: list[Outcome],
    still: Callable[[], bool],
) -> None:
    """One connection, taking messages from the common queue until it is empty."""
    client: aiosmtplib.SMTP | None = None
    for index, message in queue:
        try:
            if client is None or not client.is_connected:
                client = _client(endpoint)
                await client.connect()
        except (aiosmtplib.SMTPException, OSError) as error:
            client = None
            outcomes[index] = Unreachable(f"the mail server does not answer ({type(error).__name__})")
            continue
        if not still():
            break
        outcomes[index] = await _send(client, endpoint, message, moulds.mail(message), still)
    if client is not None and client.is_connected:
        try:
            await client.quit()
        except (aiosmtplib.SMTPException, OSError):
            client.close()


async def _send(
    client: aiosmtplib.SMTP, endpoint: MailServer, message: Outgoing, mail: bytes, still: Callable[[], bool]
) -> Outcome:
    """One mail; asked again once the server waits for nothing but the mail: three answers of it may take long."""
    handed_over = False
    try:
        await client.mail(endpoint.sender)
        await client.rcpt(message.address)
        ready = await client.execute_command(b"DATA")
        if ready.code != aiosmtplib.SMTPStatus.start_input:
            raise aiosmtplib.SMTPDataError(ready.code, ready.message)
        if not still():
            client.close()  # the one way out of DATA: a mail without its end is thrown away
            return NotSent("something newer holds")
        handed_over = True
        await _hand_over(client, mail)
    except aiosmtplib.SMTPResponseException as error:
        await _reset(client)
        return _answered(error.code)
    except (aiosmtplib.SMTPException, OSError) as error:
        client.close()
        return Unreachable(f"the mail server went away ({type(error).__name__})", in_doubt=handed_over)
    return None


async def _hand_over(client: aiosmtplib.SMTP, mail: bytes) -> None:
    """What follows the go-ahead; `client.data` would ask for that itself. Lines of `mail` end in CRLF."""
    if client.protocol is None:
        raise aiosmtplib.SMTPServerDisconnected("the connection is lost")
    client.protocol.write(mail.replace(b"\r\n.", b"\r\n..") + b".\r\n")
    answer = await client.protocol.read_response(timeout=TIMEOUT)
    if answer.code != aiosmtplib.SMTPStatus.completed:
        raise aiosmtplib.SMTPDataError(answer.code, answer.message)


async def _reset(client: aiosmtplib.SMTP) -> None:
    """Ready for the next mail after a refused one."""
    try:
        await client.rset()
    except (aiosmtplib.SMTPException, OSError):
        client.close()


def _answered(code: int) -> Outcome:
    if code >= 500:
        return Rejected(f"the mail server refused it for good ({code})")
    return Busy(f"the mail server asks for patience ({code})", retry_after=1.0)


def _client(endpoint: MailServer) -> aiosmtplib.SMTP:
    return aiosmtplib.SMTP(
        hostname=endpoint.host,
        port=endpoint.port,
        timeout=TIMEOUT,
        start_tls=endpoint.starttls,
        username=endpoint.username,
        password=endpoint.password,
    )


def _plain(edition: Edition, text: LanguageText, base_url: str) -> str:
    lines = [text.headline, "", text.body, ""]
    if text.warning:
        lines += [text.warning, ""]
    for child in text.children:
        lines += [child.title, *(f"- {fact.label}: {fact.value}" for fact in child.facts), ""]
    lines += [f"{fact.label}: {fact.value}" for fact in text.more]
    lines += ["", f"{text.ask} {edition.tip_line}", f"{base_url}/alerts/{edition.alert_id}", ""]
    return "\n".join(lines)
