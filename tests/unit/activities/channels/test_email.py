"""Mail on the wire: what a real SMTP server is given, when it is given nothing, and what its answers mean."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager

import pytest
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

from activities.channels.base import (
    Busy,
    ChannelError,
    Denied,
    Messages,
    NotSent,
    Outcome,
    Rejected,
    Unreachable,
    WaveJob,
)
from activities.channels.email import EmailChannel
from activities.endpoints import ChannelsConfig, EmailEndpoint, LiveChannels
from alerts.vocabulary import Kind, MessageKind
from tests.support.editions import BASE_URL, case_document, make_edition

Answer = Callable[[str], str]


class MailServer:
    """An SMTP server of a test's own; `answers` says what comes back on RCPT or DATA, "" for the usual."""

    def __init__(self, answers: Answer) -> None:
        self.taken: list[Envelope] = []
        self.port = 0
        self._answers = answers

    async def handle_RCPT(self, server: SMTP, session: Session, envelope: Envelope, address: str, _: list[str]) -> str:
        answer = self._answers("RCPT")
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
async def serving(answers: Answer = lambda _: "", password: str | None = None) -> AsyncIterator[MailServer]:
    """With a password: it wants a login."""
    mails, loop = MailServer(answers), asyncio.get_running_loop()

    def connected() -> SMTP:
        def known(
            _server: SMTP, _session: Session, _envelope: Envelope, _mechanism: str, said: LoginPassword
        ) -> AuthResult:
            return AuthResult(success=said.password == (password or "").encode(), handled=False)

        wants = password is not None
        return SMTP(
            mails, hostname="here", loop=loop, authenticator=known, auth_required=wants, auth_require_tls=False
        )

    server = await loop.create_server(connected, "127.0.0.1", 0)
    mails.port = int(server.sockets[0].getsockname()[1])
    try:
        yield mails
    finally:
        server.close()


async def send(
    server: MailServer,
    number: int = 1,
    still: Callable[[], bool] = lambda: True,
    situation: str = "Kijk uit.",
    **login: str,
) -> Sequence[Outcome]:
    endpoint = EmailEndpoint(host="127.0.0.1", port=server.port, **login)
    channel = EmailChannel(ChannelsConfig(channels=LiveChannels(email=endpoint)))
    edition = make_edition(case_document(public={"situation": situation}))
    job = WaveJob("a1", Kind.ACTUAL, 1, 0, None, channel.render(edition, BASE_URL))
    addresses = [f"r{n}@demo.baken.example" for n in range(number)]
    ids = [f"{n:032x}" for n in range(number)]
    told = Messages(ids, [MessageKind.ALERT] * number, addresses, ["nl"] * number)
    return await channel.send(job, told, still)


async def test_mails_when_accepted_are_each_recipients_own() -> None:
    async with serving() as server:
        assert await send(server, 25) == [None] * 25
    assert len(server.taken) == 25
    for mail in server.taken:
        (address,) = mail.rcpt_tos
        number = int(address.removeprefix("r").split("@")[0])
        assert isinstance(mail.content, bytes)
        assert f"To: {address}\r\n".encode() in mail.content
        assert f"Baken-Id: {number:032x}\r\n".encode() in mail.content


async def test_lines_that_begin_with_a_dot_arrive_whole() -> None:
    async with serving() as server:
        assert await send(server, situation="Eerste regel.\n.punt aan het begin\n.\nLaatste regel.") == [None]
    content = server.taken[0].content
    assert isinstance(content, bytes)
    assert b"\r\n.punt aan het begin\r\n" in content


async def test_withdrawal_while_the_server_was_answering_hands_nothing_over() -> None:
    asked: list[bool] = []

    def still() -> bool:
        asked.append(not asked)
        return asked[-1]

    async with serving() as server:
        (outcome,) = await send(server, still=still)
    assert isinstance(outcome, NotSent)
    assert asked == [True, False]
    assert server.taken == []


@pytest.mark.parametrize(
    ("command", "answer", "means"),
    [
        ("RCPT", "550 5.1.1 nobody of that name", Rejected),
        ("RCPT", "450 4.2.1 later", Busy),
        ("DATA", "554 5.7.1 refused", Rejected),
        ("DATA", "451 4.3.0 later", Busy),
        ("RCPT", "530 5.7.0 authentication required", Denied),
        ("RCPT", "what?", Unreachable),
        ("DATA", "99999999", Unreachable),
    ],
)
async def test_answers_when_not_yes_are_classified_and_the_next_mail_goes_on(
    command: str, answer: str, means: type[ChannelError]
) -> None:
    said = iter([answer])

    async with serving(lambda at: next(said, "") if at == command else "") as server:
        outcomes = await send(server, 12)
    assert [type(outcome) for outcome in outcomes if outcome] == [means]
    assert len(server.taken) == 11


async def test_connection_lost_when_the_mail_was_handed_over_is_in_doubt() -> None:
    async with serving(lambda at: "hang up" if at == "DATA" else "") as server:
        (outcome,) = await send(server)
    assert isinstance(outcome, Unreachable)
    assert outcome.in_doubt


@pytest.mark.parametrize(("command", "in_doubt"), [("RCPT", False), ("DATA", True)])
async def test_answer_that_makes_no_sense_is_in_doubt_once_the_mail_was_handed_over(
    command: str, in_doubt: bool
) -> None:
    async with serving(lambda at: "what?" if at == command else "") as server:
        (outcome,) = await send(server)
    assert isinstance(outcome, Unreachable)
    assert outcome.in_doubt is in_doubt


@pytest.mark.filterwarnings("ignore:Requiring AUTH while not requiring TLS")
@pytest.mark.parametrize(("password", "means"), [("right", type(None)), ("wrong", Denied)])
async def test_login_when_it_is_wrong_is_told_apart_from_a_server_that_is_away(
    password: str, means: type[ChannelError]
) -> None:
    async with serving(password="right") as server:
        (outcome,) = await send(server, username="baken", password=password)
    assert type(outcome) is means


async def test_server_that_is_away_when_connecting_is_not_in_doubt() -> None:
    async with serving() as server:
        pass
    (outcome,) = await send(server)
    assert isinstance(outcome, Unreachable)
    assert not outcome.in_doubt
