"""One mail to one person: to a partner, to a supervisor. What goes to many is `activities.channels.email`."""

from __future__ import annotations

import hashlib
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import formataddr, localtime

import aiosmtplib

from activities.dkim import BadKey, Signer, canonical_headers, simple_body
from activities.endpoints import MailServer
from activities.smtp import MailLine, NoLine, hang_up


def letter(server: MailServer, to: str, subject: str, message_id: str) -> EmailMessage:
    """A mail of Baken's own, still without words; `message_id` is what stands before the `@`."""
    mail = EmailMessage(policy=SMTP.clone(cte_type="7bit"))
    mail["From"], mail["To"] = formataddr(("Baken", server.sender)), to
    mail["Subject"], mail["Date"] = subject, localtime()
    mail["Message-ID"] = f"<{message_id}@{server.domain}>"
    mail["Auto-Submitted"] = "auto-generated"
    return mail


async def bring(server: MailServer, to: str, mail: EmailMessage) -> bool:
    """Send it; False when the server refuses it for good. Raises NoLine when it may go another time."""
    try:
        content = _signed(mail.as_bytes(), Signer(server.dkim) if server.dkim else None)
        connection = await MailLine(server).connect()
    except (BadKey, OSError) as error:
        raise NoLine(str(error)) from error
    try:
        await connection.sendmail(server.sender, [to], content)
    except ValueError:  # an address in letters that SMTP has not
        return False
    except aiosmtplib.SMTPRecipientsRefused as error:
        if any(one.code < 500 for one in error.recipients):
            raise NoLine("the mail server does not take it now") from error
        return False
    except aiosmtplib.SMTPResponseException as error:
        if error.code < 500:
            raise NoLine(f"the mail server does not take it now ({error.code})") from error
        return False
    except (aiosmtplib.SMTPException, OSError) as error:
        raise NoLine(f"the mail server went away ({type(error).__name__})") from error
    finally:
        await hang_up(connection)
    return True


def _signed(mail: bytes, signer: Signer | None) -> bytes:
    head, _, body = mail.partition(b"\r\n\r\n")
    head, body = head + b"\r\n", simple_body(body)
    signature = signer.header(canonical_headers(head), hashlib.sha256(body).digest()) if signer else b""
    return signature + head + b"\r\n" + body
