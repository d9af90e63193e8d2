"""A mail that is built once, and the few places in which each recipient's differs, put in and signed."""

from __future__ import annotations

import hashlib
import re
from email.message import EmailMessage
from email.policy import SMTP

from activities.dkim import Signer, canonical_headers, simple_body

TO, ID = "recipient-placeholder@baken.invalid", "id-placeholder"
LEAVE = "leave-placeholder"
"""Where the word stands that ends this recipient's subscription."""
_LINK = "link-placeholder"
_BROKEN_LEAVE = re.compile("(?:=\n)?".join(LEAVE))
_POLICY = SMTP.clone(cte_type="7bit")
"""Nothing that a server on the way would encode anew, which would break the signature (RFC 6376 section 5.3)."""


def new_mail() -> EmailMessage:
    """With the headers by which one click ends the subscription (RFC 8058)."""
    mail = EmailMessage(policy=_POLICY)
    mail["List-Unsubscribe"] = _LINK  # the real one is so long that `email` would encode it
    mail["List-Unsubscribe-Post"] = "List-Unsubscribe=One-Click"
    return mail


def put_text(mail: EmailMessage, text: str) -> None:
    """The content. A word to leave by stands on an encoded line of its own, so that any fits in its place."""
    mail.set_content(text, cte="quoted-printable")
    _free_leave(mail)


def put_html(mail: EmailMessage, html: str) -> EmailMessage:
    """The same as HTML; the part, for pictures to be put beside."""
    mail.add_alternative(html, subtype="html", cte="quoted-printable")
    part = mail.get_body(("html",))
    assert isinstance(part, EmailMessage)
    _free_leave(part)
    return part


def _free_leave(part: EmailMessage) -> None:
    part.set_payload(_BROKEN_LEAVE.sub(f"=\n{LEAVE}=\n", str(part.get_payload())))


class Mould:
    """A mail with holes, and what of its signature is the same for all."""

    def __init__(self, mail: EmailMessage, leave_url: str, signer: Signer | None) -> None:
        """`leave_url` is what stands before a recipient's word in the link to leave by."""
        head, _, body = mail.as_bytes().partition(b"\r\n\r\n")
        self._head = head.replace(_LINK.encode(), f"<{leave_url}{LEAVE}>".encode()) + b"\r\n"
        self._signed = canonical_headers(self._head)
        self._signer = signer
        hole = LEAVE.encode()
        self._body = simple_body(body).split(hole)
        self._hashed = hashlib.sha256(self._body[0])
        """The rest differs: Gmail wants a link to leave by in the body as well (docs/channels/email.md)."""
        self._stuffed = (b"\r\n" + simple_body(body)).replace(b"\r\n.", b"\r\n..").split(hole)

    def mail(self, address: str, number: str, leave: str) -> bytes:
        """One recipient's, as it follows the go-ahead to DATA: lines that begin with a dot doubled, and the end."""
        word = leave.encode()

        def filled(head: bytes) -> bytes:
            head = head.replace(TO.encode(), address.encode()).replace(ID.encode(), number.encode())
            return head.replace(LEAVE.encode(), word)

        signature = self._signer.header(filled(self._signed), self._hash(word)) if self._signer else b""
        return b"".join((signature, filled(self._head), word.join(self._stuffed), b".\r\n"))

    def _hash(self, word: bytes) -> bytes:
        hashed = self._hashed.copy()
        for piece in self._body[1:]:
            hashed.update(word)
            hashed.update(piece)
        return hashed.digest()
