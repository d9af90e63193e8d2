"""One CAP message to the cell broadcast entity of an operator's network: over mutual TLS, to A or else to B.

It is taken once the network says so itself, by a CAP `Ack` that refers to the message; `Error` refuses it. Both
addresses are the same network's: a message that reached both under one identifier is one message there.
"""

from __future__ import annotations

import ssl
import time
from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, wait
from contextlib import contextmanager
from dataclasses import dataclass

import httpx
from lxml import etree

from activities.channels.base import Busy, ChannelError, Denied, Rejected, Unreachable
from activities.endpoints import CellNetwork

WITHIN = 4.0
"""Seconds for all of it: a little less than a control activity may take. A connection may take a third of them."""
B_AFTER = 1.0
"""Seconds after which B is asked beside an A that says nothing."""
ABOUT_US = ("CERTIFICATE", "UNKNOWN_CA", "ACCESS_DENIED", "DECRYPT_ERROR")
"""Words of TLS alerts (RFC 8446 section 6.2) that speak of our certificate; the last: its signature is not right."""
MEDIA_TYPE = "application/cap+xml"
LARGEST = 65_536
"""Bytes of an answer; more is none."""
_CAP = "{urn:oasis:names:tc:emergency:cap:1.2}"
_PARSER = etree.XMLParser(resolve_entities=False, no_network=True)


class Refused(Rejected):
    """By the network itself, in a CAP `Error`: it does not have this message, nor takes it."""


def bring(network: CellNetwork, message: str, reference: str, within: float, may_go: Callable[[], None]) -> None:
    """Bring it within so many seconds; raises Denied, Rejected, Unreachable, or Refused, after which B is not asked.

    `reference` is what the acknowledgement must refer to. `may_go` is called right before an address is asked; what it
    raises keeps the message here. One that was asked and says nothing is left to its own time-out.
    """
    post, until = _Post(network, message.encode(), reference, within), time.monotonic() + within

    def ask(letter: str) -> None:
        may_go()
        post.ask(letter)

    letters = list(network.addresses)
    trouble: dict[str, ChannelError] = {}
    with threads_for(len(letters)) as threads:
        asked = {threads.submit(ask, letters[0]): letters[0]}
        waiting = set(asked)
        while waiting:
            last = len(asked) == len(letters)
            left = max(0.0, until - time.monotonic())
            done, waiting = wait(waiting, left if last else min(left, B_AFTER), FIRST_COMPLETED)
            for one in done:
                try:
                    return one.result()
                except Refused:
                    raise
                except ChannelError as error:
                    trouble[asked[one]] = error
            if not last:
                other = threads.submit(ask, letters[1])
                asked[other] = letters[1]
                waiting = {*waiting, other}
            elif not done:
                trouble |= {asked[one]: Unreachable("went silent", in_doubt=True) for one in waiting}
                break
    raise together(trouble)


def greet(network: CellNetwork, letter: str, within: float) -> None:
    """Whether an address of it answers and lets us in, without a message. Raises as `bring` does."""
    with _client(network, within) as client:
        try:
            answer = client.get(network.addresses[letter])
        except httpx.HTTPError as error:
            raise _unanswered(error) from error
    if answer.status_code in (401, 403):
        raise _denied(answer)


@dataclass(frozen=True)
class _Post:
    """One message on its way."""

    network: CellNetwork
    content: bytes
    reference: str
    within: float

    def ask(self, letter: str) -> None:
        url, said = self.network.addresses[letter], b""
        headers = {"content-type": MEDIA_TYPE, "accept": MEDIA_TYPE}
        with _client(self.network, self.within) as client:
            try:
                with client.stream("POST", url, content=self.content, headers=headers) as answer:
                    for some in answer.iter_bytes():
                        said += some
                        if len(said) > LARGEST:
                            raise _nonsense("is endless")
            except httpx.HTTPError as error:
                raise _unanswered(error) from error
        self._judge(answer, said)

    def _judge(self, answer: httpx.Response, said: bytes) -> None:
        if answer.status_code in (401, 403):
            raise _denied(answer)
        if answer.status_code == 429:
            raise Busy("asks for patience (429)", retry_after=1.0)
        if answer.is_server_error:  # what is behind that server may have taken it
            raise Unreachable(f"asks for patience ({answer.status_code})", in_doubt=True)
        if not answer.is_success:
            raise Rejected(f"refused it ({answer.status_code})")
        try:
            message = etree.fromstring(said, _PARSER)
        except etree.XMLSyntaxError as error:
            raise _nonsense("no XML") from error
        kind, references = (message.findtext(_CAP + name, "") for name in ("msgType", "references"))
        if self.reference not in references.split():
            raise _nonsense("no acknowledgement of our message")
        if kind == "Error":  # its `note` may quote our text, and what is raised here comes into logs
            raise Refused(f"refused it; the operator knows why, under {self.reference.split(',')[1]}")
        if kind != "Ack":
            raise _nonsense("a CAP message, but neither Ack nor Error")


def together(trouble: dict[str, ChannelError]) -> ChannelError:
    """One error that says what is wrong with each; each way it went, by name."""
    said = "; ".join(f"{name} {error}" for name, error in trouble.items())
    errors = trouble.values()
    for kind in (Rejected, Denied):
        if all(isinstance(error, kind) for error in errors):
            return kind(said)
    return Unreachable(said, in_doubt=any(isinstance(error, Unreachable) and error.in_doubt for error in errors))


@contextmanager
def threads_for(number: int) -> Iterator[ThreadPoolExecutor]:
    """Whoever is still busy at the end is not waited for."""
    threads = ThreadPoolExecutor(number, "cell broadcast")
    try:
        yield threads
    finally:
        threads.shutdown(wait=False)


def _client(network: CellNetwork, within: float) -> httpx.Client:
    """Made for each message, which are few: a certificate that was replaced is used from the next one on."""
    try:
        context = ssl.create_default_context(cafile=network.authority)
        context.load_cert_chain(network.certificate, network.key)
    except OSError as error:  # also what ssl says of a file that holds something else
        raise Unreachable(f"is not asked: our certificate's files are of no use ({type(error).__name__})") from error
    limits = httpx.Timeout(within, connect=within / 3)
    return httpx.Client(verify=context, timeout=limits, trust_env=False)


def _unanswered(error: httpx.HTTPError) -> ChannelError:
    """What a failed call means. TLS 1.3 tells a client only after its request what is wrong with its certificate."""
    secured = _of_tls(error)
    if isinstance(secured, ssl.SSLCertVerificationError):
        return Unreachable(f"shows a certificate that is not trusted ({secured.verify_message})")
    reason = (secured.reason or "") if secured else ""
    if "ALERT" in reason and any(word in reason for word in ABOUT_US):
        return Denied(f"does not accept our certificate ({reason})")
    if isinstance(error, httpx.ConnectError | httpx.ConnectTimeout):
        return Unreachable(f"gives an answer that makes no sense ({reason})" if secured else "does not answer")
    if isinstance(error, httpx.RemoteProtocolError):
        return Unreachable("breaks off, or its answer makes no sense", in_doubt=True)
    return Unreachable(f"went silent ({type(error).__name__})", in_doubt=True)


def _of_tls(error: BaseException | None) -> ssl.SSLError | None:
    """The error of TLS behind that of the library."""
    while error is not None and not isinstance(error, ssl.SSLError):
        error = error.__cause__ or error.__context__
    return error


def _denied(answer: httpx.Response) -> Denied:
    return Denied(f"does not accept our certificate ({answer.status_code})")


def _nonsense(why: str) -> Unreachable:
    """It may have taken the message all the same."""
    return Unreachable(f"gives an answer that makes no sense ({why})", in_doubt=True)
