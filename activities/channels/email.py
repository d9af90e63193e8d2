"""`email`: SMTP to subscribers, text and HTML with the photo inside; the end message to those reached.

A mail is built once per kind and language; recipient, ids and the word that ends the subscription are put in, since
building an `EmailMessage` for each recipient costs five times as much (docs/gotchas.md). Message-ID follows from the
message's id, so a mailbox that gets the same mail twice shows it once.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Iterator, Sequence
from email.message import EmailMessage
from email.utils import formataddr, localtime
from functools import cache
from pathlib import Path
from typing import ClassVar, NamedTuple
from weakref import WeakKeyDictionary

import aiosmtplib
import css_inline

from activities.channels.base import (
    Busy,
    Capabilities,
    ChannelError,
    Denied,
    Gone,
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
from activities.dkim import BadKey, Signer
from activities.endpoints import ChannelsConfig, MailServer
from activities.mail_address import mail_address_problem, normal_mail_address
from activities.mail_mould import ID, LEAVE, TO, Mould, new_mail, put_html, put_text
from activities.pacing import Limit
from activities.smtp import CREDENTIALS, Connection, MailLine, NoLine, NoLogin, hand_over, hang_up, reset
from activities.templating import templates
from alerts.edition import Edition, LanguageText
from alerts.vocabulary import Kind, MessageKind
from store.subscribers import Subscribers

CONNECTIONS = 10
_NOBODY = frozenset({"5.1.1", "5.1.6", "5.1.10"})
"""There is no such mailbox, it moved to nobody knows where (RFC 3463), its domain takes no mail (RFC 7505).

Not 5.1.2: a domain that is not found may be the fault of the server's name service. Not 5.2.1: a mailbox that is
disabled is there. Not a bare 550: that is said of spam and of policies as well.
"""
_STATUS = re.compile(r"5\.\d{1,3}\.\d{1,3}(?!\d)")
SUSPECT = 10
"""So many mailboxes of one chunk that do not exist, and they more than half of it: rather the server errs."""
_templates = templates(Path(__file__).parent / "templates")
_PREFIX = {
    MessageKind.UPDATE: {"nl": "Gewijzigd: ", "en": "Changed: "},
    MessageKind.REFRESH: {"nl": "", "en": ""},
    MessageKind.ALERT: {"nl": "", "en": ""},
}
_ENDED = {"nl": "Beëindigd", "en": "Ended"}
_LEAVE = {"nl": "Geen mails meer ontvangen", "en": "Stop these mails"}


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
        credentials="login",
        chunk=100,
    )

    def __init__(self, config: ChannelsConfig, base_url: str, subscribers_key: Callable[[], bytes]) -> None:
        """`subscribers_key` is the installation's, from which the words to leave by follow."""
        self._config = config
        self._leave_url = leave_url(base_url)
        self._subscribers_key = cache(subscribers_key)
        self._posts: dict[MailServer, _Post] = {}
        self._made: WeakKeyDictionary[WaveJob, _Moulds] = WeakKeyDictionary()

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
                edition=edition,
                text=text,
                language=language,
                base_url=base_url,
                leave=(_LEAVE[language], leave_url(base_url) + LEAVE),
            )
            inlined = css_inline.inline(html, load_remote_stylesheets=False)
            parts += [
                Part(name=f"subject.{language}", media="text", content=text.subject),
                Part(name=f"text.{language}", media="text", content=_plain(edition, text, language, base_url)),
                Part(name=f"html.{language}", media="html", content=inlined),
                Part(name=f"event.{language}", media="text", content=text.event),
            ]
        return Rendition(channel=self.name, parts=tuple(parts))

    async def probe(self, kind: Kind) -> str | None:
        endpoint = self._endpoint(kind)
        if endpoint is None:
            return f"no mail server is configured for {kind.value} alerts"
        try:
            post = self._post(endpoint)
            await hang_up(await post.line.connect())
        except (BadKey, NoLine) as error:
            return str(error)
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
        try:
            post = self._post(endpoint)
        except BadKey as error:
            return [Unreachable(str(error))] * len(messages)
        moulds = self._moulds(post, job)

        def mail(message: Outgoing) -> bytes:
            return moulds.mail(job, message)

        outcomes: list[Outcome] = [NotSent("not sent")] * len(messages)
        queue = iter(enumerate(messages))
        lanes = (_lane(post, queue, mail, outcomes, still) for _ in range(min(CONNECTIONS, len(messages))))
        async with post.line.held():
            troubles = await asyncio.gather(*lanes)
        for trouble in filter(None, troubles):
            for index, _ in queue:
                outcomes[index] = trouble
        return _believed(outcomes)

    def _endpoint(self, kind: Kind) -> MailServer | None:
        return self._config.endpoints_for(kind).email

    def _post(self, endpoint: MailServer) -> _Post:
        """Raises BadKey, each time until the key is mended."""
        if endpoint not in self._posts:
            signer = Signer(endpoint.dkim) if endpoint.dkim else None
            self._posts[endpoint] = _Post(MailLine(endpoint), endpoint, signer)
        return self._posts[endpoint]

    def _moulds(self, post: _Post, job: WaveJob) -> _Moulds:
        if job not in self._made:
            exercise = job.alert_kind is Kind.EXERCISE
            subscribers = Subscribers(self._subscribers_key(), self.name, exercise=exercise)
            self._made[job] = _Moulds(post, self._leave_url, subscribers)
        return self._made[job]


class _Post(NamedTuple):
    """How mail leaves by one server."""

    line: MailLine
    server: MailServer
    signer: Signer | None


class _Moulds:
    """The mail of each kind and language of one wave, built at first use."""

    def __init__(self, post: _Post, leave_url: str, subscribers: Subscribers) -> None:
        self._post = post
        self._leave_url = leave_url
        self._subscribers = subscribers
        self._made: dict[tuple[MessageKind, str], Mould] = {}

    def mail(self, job: WaveJob, message: Outgoing) -> bytes:
        key = (message.kind, message.language)
        if key not in self._made:
            built = _build(self._post.server, job, *key, self._leave_url)
            self._made[key] = Mould(built, self._leave_url, self._post.signer)
        return self._made[key].mail(message.address, message.id, self._subscribers.leave_word(message.address))


def leave_url(base_url: str) -> str:
    """What comes before a recipient's word in the link that ends the subscription."""
    return f"{base_url}/unsubscribe/"


def _build(server: MailServer, job: WaveJob, kind: MessageKind, language: str, leave_at: str) -> EmailMessage:
    rendition, thread = job.rendition, f"<{job.alert_id}@{server.domain}>"
    mail = new_mail()
    event = rendition.part(f"event.{language}")
    mail["From"] = formataddr(("Baken", server.sender))
    mail["To"] = TO
    mail["Date"] = localtime()
    mail["Message-ID"] = f"<{ID}@{server.domain}>"
    mail["References"] = thread
    if kind is not MessageKind.ALERT:
        mail["In-Reply-To"] = thread
    mail["Auto-Submitted"] = "auto-generated"
    mail["Baken-Alert"] = job.alert_id
    mail["Baken-Edition"] = str(job.edition)
    mail["Baken-Kind"] = kind.value
    mail["Baken-Id"] = ID
    if job.end_texts is not None:
        mail["Subject"] = _marked(job.alert_kind, f"{_ENDED[language]}: ", event)
        put_text(mail, f"{job.end_texts[language]}\n\n{_LEAVE[language]}: {leave_at}{LEAVE}\n")
        return mail
    mail["Subject"] = _marked(job.alert_kind, _PREFIX[kind][language], rendition.part(f"subject.{language}"))
    put_text(mail, rendition.part(f"text.{language}"))
    html = put_html(mail, rendition.part(f"html.{language}"))
    for photo in job.photos:
        html.add_related(photo.jpeg, "image", "jpeg", cid=f"<{photo.token}>", filename="photo.jpg")
    return mail


def _marked(kind: Kind, prefix: str, subject: str) -> str:
    """With the prefix, behind the word that says that it is not real: that one comes first."""
    word, unreal, rest = subject.partition(": ") if kind is not Kind.ACTUAL else ("", "", subject)
    return f"{word}{unreal}{prefix}{rest}"


async def _lane(
    post: _Post,
    queue: Iterator[tuple[int, Outgoing]],
    mail: Callable[[Outgoing], bytes],
    outcomes: list[Outcome],
    still: Callable[[], bool],
) -> Outcome:
    """One connection, taking messages from the common queue until it is empty; why it gave up before that."""
    connection: Connection | None = None
    for index, message in queue:
        if connection is None or not connection.client.is_connected:
            try:
                connection = await post.line.take()
            except NoLine as error:
                outcomes[index] = (Denied if isinstance(error, NoLogin) else Unreachable)(str(error))
                return outcomes[index]
        connection.mails += 1
        outcomes[index] = await _send(connection.client, post.server, message, mail(message), still)
        if isinstance(outcomes[index], NotSent):
            break
    if connection is not None:
        await post.line.give_back(connection)
    return None


async def _send(
    client: aiosmtplib.SMTP, server: MailServer, message: Outgoing, mail: bytes, still: Callable[[], bool]
) -> Outcome:
    """One mail; `still` is asked once the server waits for nothing else: its three answers before may take long."""
    handed_over = False
    try:
        await client.mail(server.sender)
        await client.rcpt(message.address)
        ready = await client.execute_command(b"DATA")
        if ready.code != aiosmtplib.SMTPStatus.start_input:
            raise aiosmtplib.SMTPDataError(ready.code, ready.message)
        if not still():
            client.close()  # the one way out of DATA: a mail without its end is thrown away
            return NotSent("something newer holds")
        handed_over = True
        await hand_over(client, mail)
    except aiosmtplib.SMTPResponseException as error:
        if not 400 <= error.code < 600:
            client.close()  # what it says next would be no answer to what it is asked next
            return Unreachable("the mail server's answer makes no sense", in_doubt=handed_over)
        await reset(client)
        return _classify(error)
    except (aiosmtplib.SMTPException, OSError) as error:
        client.close()
        return Unreachable(f"the mail server went away ({type(error).__name__})", in_doubt=handed_over)
    return None


def _classify(error: aiosmtplib.SMTPResponseException) -> ChannelError:
    """What an answer that is no yes means for one mail; it repeats nothing of the answer, which may name somebody."""
    status = _STATUS.match(error.message)
    if error.code < 500:
        return Busy(f"the mail server asks for patience ({error.code})", retry_after=1.0)
    if error.code in CREDENTIALS:
        return Denied(f"the mail server does not accept our login ({error.code})")
    if isinstance(error, aiosmtplib.SMTPSenderRefused):
        return Unreachable(f"the mail server refuses our sender ({error.code})")
    said = f"{error.code} {status[0]}" if status else str(error.code)
    if status and status[0] in _NOBODY:
        return Gone(f"the mail server says that there is no such mailbox ({said})")
    return Rejected(f"the mail server refused it for good ({said})")


def _believed(outcomes: list[Outcome]) -> list[Outcome]:
    """A server that lost its list of mailboxes says of everybody that there is no such one: then nobody is dropped."""
    gone = sum(isinstance(outcome, Gone) for outcome in outcomes)
    if gone < SUSPECT or gone <= len(outcomes) // 2:
        return outcomes
    doubted = Rejected(f"the mail server says of {gone} in {len(outcomes)} mailboxes that there is no such one")
    return [doubted if isinstance(outcome, Gone) else outcome for outcome in outcomes]


def _plain(edition: Edition, text: LanguageText, language: str, base_url: str) -> str:
    lines = [text.headline, "", text.body, ""]
    if text.warning:
        lines += [text.warning, ""]
    for child in text.children:
        lines += [child.title, *(f"- {fact.label}: {fact.value}" for fact in child.facts), ""]
    lines += [f"{fact.label}: {fact.value}" for fact in text.more]
    lines += ["", f"{text.ask} {edition.tip_line}", f"{base_url}/alerts/{edition.alert_id}", ""]
    lines += [f"{_LEAVE[language]}: {leave_url(base_url)}{LEAVE}", ""]
    return "\n".join(lines)
