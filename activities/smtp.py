"""Connections to mail servers: secured, logged in, and what goes wrong in plain words."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import aiosmtplib

from activities.endpoints import MailServer

TIMEOUT = 10.0
"""Seconds for one answer; a chunk of 100 over 10 connections ends well within the 30 s a send may take."""
MAILS_EACH = 100
"""Over one connection, more or less: a login costs as much as some mails, and servers end what goes on for ever."""
CREDENTIALS = frozenset({530, 534, 535, 538})
"""Answers that speak of our login and not of a mail (RFC 4954 section 6)."""


class NoLine(Exception):
    """No mail can be brought there now; `str()` says why, to those who keep Baken running."""


class NoLogin(NoLine):
    """The server does not accept who we say we are."""


@dataclass
class Connection:
    client: aiosmtplib.SMTP
    mails: int = 0
    """That were brought over it."""


class MailLine:
    """The way to one mail server. While anybody sends, a connection goes on to the next chunk; the last hangs up."""

    def __init__(self, server: MailServer) -> None:
        self._server = server
        self._where = f"the mail server at {server.host}:{server.port}"
        self._tls: ssl.SSLContext | None = None
        self._senders = 0
        self._free: list[Connection] = []

    @asynccontextmanager
    async def held(self) -> AsyncIterator[None]:
        """Somebody sends."""
        self._senders += 1
        try:
            yield
        finally:
            self._senders -= 1
            if not self._senders:
                free, self._free = self._free, []
                await asyncio.gather(*(hang_up(connection.client) for connection in free))

    async def take(self) -> Connection:
        """One that is free, or a new one; raises NoLine."""
        while self._free:
            connection = self._free.pop()
            if connection.client.is_connected:
                return connection
        return Connection(await self.connect())

    async def give_back(self, connection: Connection) -> None:
        if connection.mails < MAILS_EACH:
            self._free.append(connection)
        else:
            await hang_up(connection.client)

    async def connect(self) -> aiosmtplib.SMTP:
        """A connection that is ready for mail; raises NoLine."""
        server = self._server
        client = aiosmtplib.SMTP(hostname=server.host, port=server.port, timeout=TIMEOUT, start_tls=False)
        try:
            await client.connect()
            if server.secured:
                await self._secure(client)
            if server.username and server.password:
                await self._log_in(client, server.username, server.password)
        except (aiosmtplib.SMTPException, OSError) as error:
            client.close()
            raise self._why(error) from error
        except NoLine:
            client.close()
            raise
        return client

    async def _secure(self, client: aiosmtplib.SMTP) -> None:
        """Nothing is said to a server that offers no TLS: somebody on the way may have taken the offer out."""
        await client.ehlo()
        if not client.supports_extension("starttls"):
            raise NoLine(f"{self._where} offers no STARTTLS, so nothing was sent to it")
        await client.starttls(tls_context=self._tls_context())

    def _tls_context(self) -> ssl.SSLContext:
        if self._tls is None:
            authority = self._server.authority
            try:
                self._tls = ssl.create_default_context(cafile=authority)
            except OSError as error:
                raise NoLine(f"{authority} cannot be read as certificates of an authority") from error
        return self._tls

    async def _log_in(self, client: aiosmtplib.SMTP, username: str, password: str) -> None:
        await client.ehlo()
        if not client.supported_auth_methods:
            raise NoLine(f"{self._where} takes no username and password; the configuration has them")
        await client.login(username, password)

    def _why(self, error: Exception) -> NoLine:
        code = getattr(error, "code", 0)
        if isinstance(error, ssl.SSLCertVerificationError):
            return NoLine(f"{self._where} shows a certificate that we do not trust: {error.verify_message}")
        if code in CREDENTIALS:
            return NoLogin(f"{self._where} does not accept our login ({code}); correct it in the configuration")
        if code == aiosmtplib.SMTPStatus.invalid_response:
            return NoLine(f"{self._where} speaks no SMTP: its answer makes no sense")
        if isinstance(error, aiosmtplib.SMTPResponseException):
            return NoLine(f"{self._where} does not let us in ({code})")
        return NoLine(f"{self._where} does not answer ({type(error).__name__})")


async def hand_over(client: aiosmtplib.SMTP, mail: bytes) -> None:
    """A mail with its end, after the go-ahead, which `client.data` would ask for itself."""
    if client.protocol is None:
        raise aiosmtplib.SMTPServerDisconnected("the connection is lost")
    client.protocol.write(mail)
    answer = await client.protocol.read_response(timeout=TIMEOUT)
    if answer.code // 100 != 2:  # the first digit decides (RFC 5321 section 4.2.1)
        raise aiosmtplib.SMTPDataError(answer.code, answer.message)


async def reset(client: aiosmtplib.SMTP) -> None:
    """Ready for the next mail after a refused one."""
    try:
        await client.rset()
    except (aiosmtplib.SMTPException, OSError):
        client.close()


async def hang_up(client: aiosmtplib.SMTP) -> None:
    """Say goodbye, if it is still there."""
    if not client.is_connected:
        return
    try:
        await client.quit()
    except (aiosmtplib.SMTPException, OSError):
        client.close()
