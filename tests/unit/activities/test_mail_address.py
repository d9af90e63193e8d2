"""Mail addresses: what passes can be sent to and cannot break out of a header; what does not is told why."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from activities.mail_address import mail_address_problem, normal_mail_address

LABEL = "a" * 63
DOMAIN_252 = ".".join([LABEL, LABEL, LABEL, "a" * 60])


@pytest.mark.parametrize(
    "address",
    [
        "noor@example.org",
        "noor+alerts@mail.example.org",
        "o'neil.van_dam@example.co",
        "n@xn--bcher-kva.example",
        "n@bücher.example",
        f"{'a' * 64}@example.org",
        f"a@{DOMAIN_252}",
    ],
)
def test_address_when_good_has_no_problem(address: str) -> None:
    assert mail_address_problem(address) is None


@pytest.mark.parametrize(
    ("address", "said"),
    [
        ("", "is no mail address"),
        ("noor", "is no mail address"),
        ("@example.org", "is no mail address"),
        ("noor@", "is no mail address"),
        ("a@b@example.org", "more than one @"),
        ("no or@example.org", "a space"),
        ("no\tor@example.org", "a control character"),
        ("noor\r\nBcc: all@example.org", "a control character"),
        ("zoë@example.org", "an accent"),
        (".noor@example.org", "a dot at an end"),
        ("noor..x@example.org", "beside a dot"),
        ("noor(x)@example.org", "a sign before the @"),
        ('"no or"@example.org', "a quoted part"),
        ("=1+1@example.org", "formula"),
        (f"{'a' * 65}@example.org", "longer than 64"),
        (f"ab@{DOMAIN_252}", "254 in all"),
        ("noor@localhost", "has a domain that is none"),
        ("noor@example.org\r\nBcc: x", "has a domain that is none"),
        ("noor@-example.org", "has a domain that is none"),
        ("noor@example..org", "has a domain that is none"),
        ("noor@example.org.", "has a domain that is none"),
        ("noor@192.0.2.1", "has a domain that is none"),
        ("noor@[192.0.2.1]", "has a domain that is none"),
        ("noor@\udce9.example", "has a domain that is none"),
        ("noor@exa mple.org", "has a domain that is none"),
    ],
)
def test_address_when_malformed_is_told_why(address: str, said: str) -> None:
    assert said in (mail_address_problem(address) or "")


def test_address_when_made_normal_has_its_domain_in_lower_case_ascii() -> None:
    assert normal_mail_address("Noor@EXAMPLE.Org") == "Noor@example.org"
    assert normal_mail_address("n@BÜCHER.example") == "n@xn--bcher-kva.example"


@given(st.text('aZ9.+-=_"@ \r\n\té', max_size=6), st.from_regex(r"[a-zé-]{1,8}(\.[a-z0-9]{1,4}){0,2}", fullmatch=True))
def test_address_when_it_passes_is_visible_ascii_and_normal_once(local: str, domain: str) -> None:
    address = f"{local}@{domain}"
    if mail_address_problem(address) is None:
        normal = normal_mail_address(address)
        assert normal.isascii()
        assert normal.isprintable()
        assert " " not in normal
        assert (mail_address_problem(normal), normal_mail_address(normal)) == (None, normal)
