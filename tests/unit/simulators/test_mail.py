"""What the simulated mailbox keeps: one mail of an edition however many got it, and every call."""

from __future__ import annotations

import asyncio
from email.message import EmailMessage
from pathlib import Path

from aiosmtpd.smtp import Envelope

from simulators.faults import Faults
from simulators.mail import Inbox
from simulators.received import Record


def come_in(inbox: Inbox, **headers: str) -> None:
    mail = EmailMessage()
    for name, value in headers.items():
        mail[name.replace("_", "-")] = value
    mail.set_content("text")
    envelope = Envelope()
    envelope.rcpt_tos, envelope.content = ["one@demo.baken.example"], mail.as_bytes()
    said = asyncio.run(inbox.handle_DATA(None, None, envelope))  # type: ignore[arg-type]  # it asks neither of them
    assert said.startswith("250")


def test_inbox_when_hundreds_get_one_edition_keeps_one_and_every_call(tmp_path: Path) -> None:
    inbox = Inbox(Record(tmp_path / "received.jsonl"), Faults(), exercise=False)
    for _ in range(3):
        come_in(inbox, Baken_Alert="a1", Baken_Edition="1", Baken_Kind="alert", Subject="Gezocht")
    for call in ("<call.1@x>", "<call.2@x>", "<call.2@x>"):
        come_in(inbox, Message_ID=call, Subject="een alert wacht op akkoord")
    assert [mail.mail["Subject"] for mail in inbox.mails()] == ["Gezocht", *["een alert wacht op akkoord"] * 2]
