"""Mail addresses we send to: which are good, and the one way to write each, so that the same is found again.

Stricter than RFC 5321 where it costs nobody a mailbox: no quoted part before the @, no address without a dotted
domain. What passes is ASCII without spaces or control characters, so it cannot end a header or an SMTP command.
"""

from __future__ import annotations

import re
from functools import lru_cache

import idna

ADDRESS_MAX = 254
LOCAL_MAX = 64
DOMAIN_MAX = 253
_ATOM = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+"
_LOCAL = re.compile(rf"{_ATOM}(?:\.{_ATOM})*")
_LABEL = r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
_DOMAIN = re.compile(rf"(?:{_LABEL}\.)+(?!\d+\Z){_LABEL}")
_PLAIN = re.compile(r"[!-~]+")
_FORMULA = ("=", "+", "-")


def mail_address_problem(address: str) -> str | None:
    """What is wrong with an address, or None; quotes nothing of it."""
    local, at, domain = address.rpartition("@")
    if not at or not local or not domain:
        return "is no mail address: it needs a name, an @ and a domain"
    ascii_domain = _ascii_domain(domain)
    if ascii_domain is None:
        return "has a domain that is none: letters, digits and - with dots between"
    if len(local) > LOCAL_MAX or len(local) + 1 + len(ascii_domain) > ADDRESS_MAX:
        return f"is longer than {LOCAL_MAX} characters before the @, or than {ADDRESS_MAX} in all"
    return _local_problem(local)


def normal_mail_address(address: str) -> str:
    """A good address as it is kept: its domain in lower case and ASCII. Before the @ case may matter, and stays."""
    local, _, domain = address.rpartition("@")
    return f"{local}@{_ascii_domain(domain) or domain}"


def _local_problem(local: str) -> str | None:
    if _LOCAL.fullmatch(local):
        return "begins with a sign that spreadsheets take for a formula" if local.startswith(_FORMULA) else None
    if local.startswith('"') and local.endswith('"'):
        return "has a quoted part before the @, which we do not send to"
    if "@" in local:
        return "has more than one @"
    if not _PLAIN.fullmatch(local):
        return "has a space, an accent or a control character before the @"
    return "has a sign before the @ that cannot stand there, or a dot at an end or beside a dot"


@lru_cache(maxsize=1_000)
def _ascii_domain(domain: str) -> str | None:
    """In lower case, an internationalised one by its `xn--` name (IDNA 2008); None for no domain."""
    if not domain.isascii():
        try:
            domain = idna.encode(domain, uts46=True).decode()
        except idna.IDNAError:
            return None
    domain = domain.lower()
    return domain if len(domain) <= DOMAIN_MAX and _DOMAIN.fullmatch(domain) else None
