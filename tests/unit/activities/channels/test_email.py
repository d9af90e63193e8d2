"""Mail on the wire: what a real SMTP server is given, when it is given nothing, and what its answers mean."""

from __future__ import annotations

import email
import re
from collections import Counter
from collections.abc import Sequence
from email.message import EmailMessage
from email.policy import default

import pytest

from activities.channels.base import Busy, ChannelError, Denied, Gone, NotSent, Outcome, Rejected, Unreachable
from activities.channels.email import CONNECTIONS, SUSPECT
from activities.endpoints import EmailEndpoint
from alerts.vocabulary import MessageKind
from store.subscribers import Subscribers
from tests.support.editions import BASE_URL, KEY, case_document, make_edition
from tests.support.mail import MailServer, send, serving

NOBODY = "550 5.1.1 nobody of that name"


def at(server: MailServer) -> EmailEndpoint:
    return EmailEndpoint(host="127.0.0.1", port=server.port)


def opened(content: bytes) -> EmailMessage:
    mail = email.message_from_bytes(content, policy=default)
    assert isinstance(mail, EmailMessage)
    return mail


async def sent(kind: MessageKind = MessageKind.ALERT) -> EmailMessage:
    """One mail as its receiver has it."""
    async with serving() as server:
        assert await send(at(server), kind=kind) == [None]
    return opened(server.contents[0])


async def test_mails_when_accepted_are_each_recipients_own() -> None:
    async with serving() as server:
        assert await send(at(server), 25) == [None] * 25
    assert len(server.taken) == 25
    for mail, content in zip(server.taken, server.contents, strict=True):
        (address,) = mail.rcpt_tos
        number = int(address.removeprefix("r").split("@")[0])
        assert f"To: {address}\r\n".encode() in content
        assert f"Baken-Id: {number:032x}\r\n".encode() in content
        assert b"placeholder" not in content


async def test_lines_that_begin_with_a_dot_arrive_whole() -> None:
    async with serving() as server:
        said = "Eerste regel.\n.punt aan het begin\n.\nLaatste regel."
        assert await send(at(server), situation=said) == [None]
    assert b"\r\n.punt aan het begin\r\n" in server.contents[0]


async def test_mail_when_read_is_plain_ascii_with_short_lines() -> None:
    """Servers on the way have nothing to encode anew, which would break a signature."""
    async with serving() as server:
        await send(at(server), situation="Beëindigd: één café, " * 20)
    assert server.contents[0].isascii()
    assert max(map(len, server.contents[0].split(b"\r\n"))) <= 200
    text = opened(server.contents[0]).get_body(("plain",))
    assert text is not None
    assert "Beëindigd: één café, Beëindigd" in text.get_content()


async def test_end_mail_when_read_stands_under_the_alert_it_ends() -> None:
    alert, end = await sent(), await sent(MessageKind.CANCEL)
    assert end["In-Reply-To"] == end["References"] == alert["References"]
    assert alert["In-Reply-To"] is None
    assert alert["Message-ID"].endswith("@baken.example>")


@pytest.mark.parametrize("kind", [MessageKind.ALERT, MessageKind.UPDATE, MessageKind.CANCEL])
async def test_mail_when_read_has_its_recipients_own_link_to_leave_by(kind: MessageKind) -> None:
    mail = await sent(kind)
    word = Subscribers(KEY, "email").leave_word("r0@demo.baken.example")
    link = f"{BASE_URL}/unsubscribe/{word}"
    assert mail["List-Unsubscribe"] == f"<{link}>"
    assert mail["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    bodies = [part.get_content() for part in mail.walk() if part.get_content_maintype() == "text"]
    assert [link in body for body in bodies] == [True] * (1 if kind is MessageKind.CANCEL else 2)


async def test_mail_without_its_pictures_says_all_the_same() -> None:
    """Many programs show none until asked; nothing is fetched from elsewhere, and each picture says what it shows."""
    html = (await sent()).get_body(("html",))
    assert html is not None
    shown = html.get_content()
    pictures = re.findall(r"<img[^>]*>", shown)
    assert len(pictures) == 1
    assert all('src="cid:' in one and 'alt="Getekend portret"' in one for one in pictures)
    edition = make_edition(case_document(public={"situation": "Kijk uit."}))
    words = re.sub(r"<img[^>]*>", "", shown)
    text = edition.texts["nl"]
    facts = [fact.value for child in text.children for fact in child.facts]
    assert [one for one in (text.headline, edition.tip_line, *facts) if one not in words] == []
    assert re.findall(r"(?:src|background|url\()=?[\"\']?https?:", shown) == []


async def test_withdrawal_while_the_server_was_answering_hands_nothing_over() -> None:
    """It comes while the first connections wait for the answer to RCPT: no mail was begun over them since."""
    heard: list[str] = []

    def hears(command: str) -> str:
        heard.append(command)
        return ""

    async with serving(hears) as server:
        outcomes = await send(at(server), 3 * CONNECTIONS, still=lambda: "RCPT" not in heard)
    assert {type(outcome) for outcome in outcomes} == {NotSent}
    assert Counter(heard) == {"MAIL": CONNECTIONS, "RCPT": CONNECTIONS}
    assert server.taken == []


@pytest.mark.parametrize(
    ("command", "answer", "means"),
    [
        ("RCPT", NOBODY, Gone),
        ("RCPT", "551 5.1.6 moved", Gone),
        ("RCPT", "556 5.1.10 takes no mail", Gone),
        ("DATA", NOBODY, Gone),
        ("RCPT", "550 no such user here", Rejected),
        ("RCPT", "550 5.1.2 no such domain", Rejected),
        ("RCPT", "550 5.2.1 disabled", Rejected),
        ("RCPT", "550 5.7.1 we do not like you", Rejected),
        ("RCPT", "450 4.1.1 not just now", Busy),
        ("RCPT", "452 4.2.2 full", Busy),
        ("DATA", "554 5.7.1 refused", Rejected),
        ("DATA", "451 4.3.0 later", Busy),
        ("MAIL", "530 5.7.0 log in first", Denied),
        ("MAIL", "553 5.7.1 not from there", Unreachable),
        ("DATA", "99999999", Unreachable),
        ("MAIL", "451 4.7.0 later", Busy),
    ],
)
async def test_answers_when_not_yes_are_classified_and_the_next_mail_goes_on(
    command: str, answer: str, means: type[ChannelError]
) -> None:
    said = iter([answer])

    async with serving(lambda at: next(said, "") if at == command else "") as server:
        outcomes = await send(at(server), 12)
    assert [type(outcome) for outcome in outcomes if outcome] == [means]
    assert len(server.taken) == 11


@pytest.mark.parametrize(("unknown", "dropped"), [(SUSPECT, SUSPECT), (SUSPECT + 1, 0)])
async def test_mailboxes_that_most_of_a_chunk_lacks_are_not_dropped(unknown: int, dropped: int) -> None:
    """Rather the server lost its list of them."""
    said = iter([NOBODY] * unknown)
    async with serving(lambda at: next(said, "") if at == "RCPT" else "") as server:
        outcomes = await send(at(server), 2 * SUSPECT)
    assert types_of(outcomes) == {Gone: dropped, Rejected: unknown - dropped}


def types_of(outcomes: Sequence[Outcome]) -> dict[type, int]:
    return {means: sum(isinstance(outcome, means) for outcome in outcomes) for means in (Gone, Rejected)}


async def test_answer_when_it_names_somebody_is_not_repeated() -> None:
    async with serving(lambda at: "550 5.1.1 <r0@demo.baken.example> unknown" if at == "RCPT" else "") as server:
        (outcome,) = await send(at(server))
    assert str(outcome) == "the mail server says that there is no such mailbox (550 5.1.1)"


async def test_connection_lost_when_the_mail_was_handed_over_is_in_doubt() -> None:
    async with serving(lambda at: "hang up" if at == "DATA" else "") as server:
        (outcome,) = await send(at(server))
    assert isinstance(outcome, Unreachable)
    assert outcome.in_doubt


@pytest.mark.parametrize(("command", "in_doubt"), [("RCPT", False), ("DATA", True)])
async def test_answer_that_makes_no_sense_is_in_doubt_once_the_mail_was_handed_over(
    command: str, in_doubt: bool
) -> None:
    async with serving(lambda at: "what?" if at == command else "") as server:
        (outcome,) = await send(at(server))
    assert isinstance(outcome, Unreachable)
    assert outcome.in_doubt is in_doubt


async def test_server_that_is_away_when_connecting_is_not_in_doubt() -> None:
    async with serving() as server:
        pass
    outcomes = await send(at(server), 12)
    assert {type(outcome) for outcome in outcomes} == {Unreachable}
    assert not any(outcome.in_doubt for outcome in outcomes if isinstance(outcome, Unreachable))
