"""Mail to a server elsewhere: never in the clear, never to somebody else, and in plain words why it does not go."""

from __future__ import annotations

import asyncio
import ssl
from pathlib import Path
from typing import Any

import pytest

from activities.channels.base import Unreachable
from activities.endpoints import EmailEndpoint
from activities.smtp import MAILS_EACH
from alerts.vocabulary import Kind
from simulators.tls import server_context
from tests.support.mail import PASSWORD, MailServer, email_channel, messages, send, serving, wave

ELSEWHERE = "127.0.0.2"
"""An address that the certificate does not name."""


@pytest.fixture(scope="module")
def tls(tmp_path_factory: pytest.TempPathFactory) -> tuple[ssl.SSLContext, Path]:
    return server_context(tmp_path_factory.mktemp("tls"))


def strict(context: ssl.SSLContext) -> dict[str, Any]:
    """Nothing without STARTTLS and a login."""
    return {"tls_context": context, "require_starttls": True, "auth_required": True}


def at(server: MailServer, authority: Path | None, **more: Any) -> EmailEndpoint:
    said = {"host": "127.0.0.1", "starttls": True, "username": "baken", "password": PASSWORD, **more}
    return EmailEndpoint(port=server.port, authority=str(authority) if authority else None, **said)


async def trouble(endpoint: EmailEndpoint) -> str:
    """What operators and `baken doctor` are told; no recipient is given up."""
    outcomes = await send(endpoint, 12)
    assert all(isinstance(outcome, Unreachable) for outcome in outcomes)
    said = await email_channel(endpoint).probe(Kind.ACTUAL)
    assert said == str(outcomes[0])
    return said


async def test_mail_when_secured_and_logged_in_arrives(tls: tuple[ssl.SSLContext, Path]) -> None:
    context, authority = tls
    async with serving(**strict(context)) as server:
        assert await email_channel(at(server, authority)).probe(Kind.ACTUAL) is None
        assert await send(at(server, authority), 25) == [None] * 25
    assert len(server.taken) == 25


async def test_connection_when_others_send_too_goes_on_to_the_next_chunk(tls: tuple[ssl.SSLContext, Path]) -> None:
    """But brings no more than its share, and everybody says goodbye in the end."""
    context, authority = tls
    async with serving(**strict(context)) as server:
        channel = email_channel(at(server, authority))
        job = wave(channel)

        async def chunks() -> None:
            for _ in range(MAILS_EACH + 20):
                assert await channel.send(job, messages(1), lambda: True) == [None]

        await asyncio.gather(chunks(), chunks())
    assert len(server.taken) == 2 * (MAILS_EACH + 20)
    assert 3 <= server.logins <= 4
    assert server.goodbyes == server.logins


async def test_password_when_wrong_is_said_so_and_tried_once_a_connection(tls: tuple[ssl.SSLContext, Path]) -> None:
    context, authority = tls
    async with serving(**strict(context)) as server:
        said = await trouble(at(server, authority, password="wrong"))
    assert said.endswith("does not accept our login (535); correct it in the configuration")
    assert server.taken == []
    assert 0 < server.logins <= 2 * 11  # two ways to log in, ten connections and the doctor's


@pytest.mark.allow_hosts(["127.0.0.1", ELSEWHERE])
@pytest.mark.parametrize("host", ["127.0.0.1", ELSEWHERE])
async def test_certificate_when_not_trusted_ends_it(tls: tuple[ssl.SSLContext, Path], host: str) -> None:
    """Of an authority that we do not know, or for another server."""
    context, authority = tls
    async with serving(host=host, **strict(context)) as server:
        said = await trouble(at(server, authority if host == ELSEWHERE else None, host=host))
    assert "shows a certificate that we do not trust" in said
    assert (server.logins, server.taken) == (0, [])


async def test_starttls_when_not_offered_ends_it_before_anything_is_said() -> None:
    """As when somebody on the way takes the offer out."""
    async with serving(auth_require_tls=False) as server:
        said = await trouble(at(server, None))
    assert said.endswith("offers no STARTTLS, so nothing was sent to it")
    assert (server.logins, server.taken) == (0, [])


async def test_server_when_it_takes_no_password_is_named(tls: tuple[ssl.SSLContext, Path]) -> None:
    context, authority = tls
    async with serving(tls_context=context, auth_exclude_mechanism=["LOGIN", "PLAIN"]) as server:
        said = await trouble(at(server, authority))
    assert "takes no username and password" in said


async def test_authority_when_its_file_is_none_is_named(tls: tuple[ssl.SSLContext, Path], tmp_path: Path) -> None:
    async with serving(**strict(tls[0])) as server:
        said = await trouble(at(server, tmp_path / "none.pem"))
    assert said.endswith("none.pem cannot be read as certificates of an authority")
