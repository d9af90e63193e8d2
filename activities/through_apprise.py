"""Every other service, through Apprise, which knows some two hundred of them and can only send.

What it sent cannot be changed or deleted, and most services do not know a message again: nothing is sent twice. So a
failure has to tell whether the message may have arrived, and all that Apprise answers is no; its log has the reason.
"""

from __future__ import annotations

import logging
import re
import threading
from collections.abc import Callable
from functools import lru_cache
from typing import TYPE_CHECKING

from activities.channels.base import Busy, ChannelError, Denied, Rejected, Unreachable
from activities.endpoints import OtherAccount
from activities.social_http import BRIEFLY, DENIED

if TYPE_CHECKING:
    from apprise import NotifyBase

CONNECT = 3.0
"""Seconds."""
ANSWER = 8.0
"""Seconds."""
_STATUS = re.compile(r"error=(\d{3})\b")
_NO_CONNECTION = re.compile(r"NewConnectionError|NameResolutionError|ConnectTimeout|SSLError")
_NONSENSE = re.compile(r"BadStatusLine|LineTooLong|InvalidHeader|UnknownProtocol")
"""No answer of the service, so it got nothing."""


class _Heard(logging.Handler):
    """What Apprise logs in this thread, for us alone: it logs whole messages, which belong in no log."""

    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self._mine = threading.local()

    def emit(self, record: logging.LogRecord) -> None:
        lines = getattr(self._mine, "lines", None)
        if lines is not None:
            lines.append(record.getMessage())

    def listen(self, call: Callable[[], bool]) -> tuple[bool, str]:
        """What the call answers, and what was logged meanwhile."""
        self._mine.lines = lines = list[str]()
        try:
            return call(), "\n".join(lines)
        finally:
            self._mine.lines = None


_heard = _Heard()


def takes(account: OtherAccount) -> int:
    """Characters of one message to this service; raises Rejected for an address that Apprise cannot use."""
    return int(_plugin(account).body_maxlen)


def send(account: OtherAccount, text: str, may_go: Callable[[], None]) -> None:
    """Raises what kept it from arriving; `Unreachable` in doubt when it may have.

    `may_go` is called right before it leaves; what it raises keeps it here.
    """
    from apprise import NotifyFormat, NotifyType  # noqa: PLC0415  heavy, and few use it

    plugin = _plugin(account)
    may_go()

    def call() -> bool:
        return bool(plugin.notify(body=text, notify_type=NotifyType.INFO, body_format=NotifyFormat.TEXT))

    done, log = _heard.listen(call)
    if not done:
        raise meaning(account.name, log)


def meaning(who: str, log: str) -> ChannelError:
    """What a failure means, by what Apprise logged of it."""
    status = _STATUS.search(log)
    if status is not None:
        return _answered(who, int(status[1]))
    if _NO_CONNECTION.search(log):
        return Unreachable(f"{who} does not answer")
    if _NONSENSE.search(log):
        return Unreachable(f"{who}'s answer makes no sense")
    if "Socket Exception" in log:
        return Unreachable(f"{who} went silent", in_doubt=True)
    return Rejected(f"{who} refused it, or its address is wrong")


def _answered(who: str, status: int) -> ChannelError:
    if status in DENIED:
        return Denied(f"{who} does not accept our credentials ({status})")
    if status >= 500 and status != 503:  # whoever answers for the service does not know what became of it
        return Unreachable(f"{who} has an error of its own ({status})", in_doubt=True)
    if status in (429, 503):
        return Busy(f"{who} asks for patience ({status})", retry_after=BRIEFLY)
    return Rejected(f"{who} refused it ({status})")


@lru_cache(maxsize=100)
def _plugin(account: OtherAccount) -> NotifyBase:
    """Made once an account: Apprise reads all its plugins for the first, which takes a second."""
    from apprise import Apprise, NotifyBase  # noqa: PLC0415  heavy, and few use it

    logger = logging.getLogger("apprise")
    logger.propagate = False
    logger.setLevel(logging.DEBUG)
    if _heard not in logger.handlers:
        logger.addHandler(_heard)
    plugin = Apprise.instantiate(account.url)
    if not isinstance(plugin, NotifyBase):
        raise Rejected(f"the address of {account.name} is none that Apprise knows")
    plugin.socket_connect_timeout, plugin.socket_read_timeout = CONNECT, ANSWER
    return plugin
