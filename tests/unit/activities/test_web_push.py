"""Web Push: the RFC's own example, what an independent receiver reads, what a push service checks, what is refused."""

from __future__ import annotations

import base64
import contextlib
import json
import string
import traceback
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import http_ece  # type: ignore[import-untyped]
import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import given
from hypothesis import strategies as st

from activities import web_push
from activities.endpoints import Loopback
from activities.web_push import (
    PLAINTEXT_MAX,
    Subscription,
    Vapid,
    check_endpoint,
    encrypt,
    headers,
    parse_subscription,
    store_subscription,
    stored_subscription,
    vapid_key,
)
from alerts.vocabulary import MessageKind

NOW = datetime(2026, 11, 24, 13, 10, tzinfo=UTC)
ENDPOINT = "https://push.example/send/Zm9vYmFy?token=a%2bb"
CONTACT = "mailto:push@baken.example"
CURVE = ec.SECP256R1()
BROWSER = ec.generate_private_key(CURVE)
AUTH = bytes(range(16))


def point(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)


def pack(value: bytes) -> str:
    return base64.urlsafe_b64encode(value).rstrip(b"=").decode()


def unpack(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "==")


def private(text: str) -> ec.EllipticCurvePrivateKey:
    return ec.derive_private_key(int.from_bytes(unpack(text), "big"), CURVE)


SUBSCRIPTION = Subscription(ENDPOINT, point(BROWSER), AUTH)


def as_given(**changes: Any) -> str:
    """What a browser gives, with members changed; `p256dh` and `auth` are those of `keys`."""
    keys = {"p256dh": pack(SUBSCRIPTION.p256dh), "auth": pack(AUTH)}
    keys |= {name: changes.pop(name) for name in ("p256dh", "auth") if name in changes}
    return json.dumps({"endpoint": ENDPOINT, "expirationTime": None, "keys": keys} | changes)


# What a browser gives


def test_subscription_when_given_by_a_browser_is_read_whole() -> None:
    assert parse_subscription(as_given()) == SUBSCRIPTION


@pytest.mark.parametrize("padding", ["", "=", "=="])
def test_keys_when_padded_or_not_are_read_alike(padding: str) -> None:
    text = as_given(p256dh=pack(SUBSCRIPTION.p256dh) + padding, auth=pack(AUTH) + padding)
    assert parse_subscription(text) == SUBSCRIPTION


@pytest.mark.parametrize(
    "endpoint",
    [
        "https://push.example",
        "https://push.example:443/x",
        "https://a-1.b_2.Push.Example./x",
        "https://localhost:8443/x",
        "http://localhost:9000/x",
        "http://127.0.0.1/x",
        "http://[::1]:9000/x",
    ],
)
def test_endpoint_when_secure_or_on_this_machine_is_taken(endpoint: str) -> None:
    assert parse_subscription(as_given(endpoint=endpoint)).endpoint == endpoint


INSECURE = "the endpoint must begin with https://; http is for this machine only"
ELSEWHERE = "the endpoint must name a host of the internet"
NO_ADDRESS = "the endpoint is not an address: https://, host, path, at most 2048 ASCII characters"
OFF_CURVE = bytes([4]) + bytes(63) + bytes([1])


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "the subscription is not JSON; send what PushSubscription.toJSON() gives"),
        ("[" * 100_000, "the subscription is not JSON; send what PushSubscription.toJSON() gives"),
        ("[]", "the subscription has no endpoint that is text"),
        (as_given(endpoint=None), "the subscription has no endpoint that is text"),
        (as_given(endpoint="ftp://push.example/x"), "the endpoint must begin with https://"),
        (as_given(endpoint="http://push.example/x"), INSECURE),
        (as_given(endpoint="http://localhost.push.example/x"), INSECURE),
        (as_given(endpoint="http://127.0.0.1.push.example/x"), INSECURE),
        (
            as_given(endpoint="https://push.example:8443/x"),
            "the endpoint must be on port 443; others are for this machine only",
        ),
        (as_given(endpoint="https://10.0.0.1/x"), ELSEWHERE),
        (as_given(endpoint="https://[2001:db8::1]/x"), ELSEWHERE),
        (as_given(endpoint="https://2130706433/x"), ELSEWHERE),
        (as_given(endpoint="https://0x7f.1/x"), ELSEWHERE),
        (as_given(endpoint="https://127.1/x"), ELSEWHERE),
        (as_given(endpoint="https://10.0.0.0x1/x"), ELSEWHERE),
        (as_given(endpoint="https://intranet/x"), ELSEWHERE),
        (as_given(endpoint="https://a.localhost/x"), ELSEWHERE),
        (as_given(endpoint="https://a.LOCALHOST./x"), ELSEWHERE),
        (as_given(endpoint="https://router.home.arpa/x"), ELSEWHERE),
        (as_given(endpoint="https:///x"), NO_ADDRESS),
        (as_given(endpoint="https://me:secret@push.example/x"), NO_ADDRESS),
        (as_given(endpoint="https://push.example:99999/x"), NO_ADDRESS),
        (as_given(endpoint="https://push.example:port/x"), NO_ADDRESS),
        (as_given(endpoint="https://push.example/x#y"), NO_ADDRESS),
        (as_given(endpoint="https://push.example/x\r\nhost: other"), NO_ADDRESS),
        (as_given(endpoint="https://push.example\n"), NO_ADDRESS),
        (as_given(endpoint="https://push.example/\u00e9"), NO_ADDRESS),
        (as_given(endpoint="https://push.example/" + "x" * 2048), NO_ADDRESS),
        (as_given(keys="p256dh"), "the subscription has no p256dh that is text"),
        (as_given(p256dh=4), "the subscription has no p256dh that is text"),
        (as_given(p256dh="+/" * 43), "p256dh is not base64url"),
        (as_given(p256dh="A" * 85), "p256dh is not base64url"),
        (as_given(p256dh=pack(SUBSCRIPTION.p256dh[:64])), "p256dh has 64 bytes and must have 65"),
        (as_given(p256dh=pack(b"\x06" + bytes(64))), "p256dh is not an uncompressed point: its first byte is not 4"),
        (as_given(p256dh=pack(OFF_CURVE)), "p256dh is not a point on the curve P-256"),
        (as_given(auth=None), "the subscription has no auth that is text"),
        (as_given(auth="not base64url"), "auth is not base64url"),
        (as_given(auth=pack(AUTH + b"\0")), "auth has 17 bytes and must have 16"),
    ],
)
def test_subscription_when_malformed_is_refused_in_a_sentence(text: str, sentence: str) -> None:
    with pytest.raises(ValueError) as refused:  # noqa: PT011 - the whole sentence is compared
        parse_subscription(text)
    assert str(refused.value) == sentence
    assert "push.example" not in "".join(traceback.format_exception(refused.value))


TEXT = st.text(string.printable + "\0\x7f\u00e9\u2028\ud800\U0001f476", max_size=40)
ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=5,
)


@given(
    changes=st.fixed_dictionaries(
        {}, optional=dict.fromkeys(("endpoint", "keys", "p256dh", "auth", "junk"), ANYTHING)
    ),
    cut=st.integers(0, 400),
)
def test_subscription_when_anything_is_given_is_whole_or_a_value_error(changes: dict[str, Any], cut: int) -> None:
    for text in (as_given(**changes), as_given(**changes)[:cut]):
        try:
            read = parse_subscription(text)
        except ValueError:
            continue
        assert (len(read.p256dh), len(read.auth)) == (65, 16)


@given(tail=TEXT)
def test_endpoint_when_taken_holds_nothing_that_breaks_a_request(tail: str) -> None:
    try:
        endpoint = parse_subscription(as_given(endpoint=f"https://push.example{tail}")).endpoint
    except ValueError:
        return
    assert endpoint.isprintable()
    assert not set(endpoint) & set(" #")
    assert "@" not in endpoint.split("/")[2].split("?")[0]


HERE, OUTSIDE = "https://127.0.0.1:8443/x", "https://push.example/x"


@pytest.mark.parametrize(
    ("loopback", "endpoint", "sentence"),
    [
        ("only", HERE, ""),
        ("only", OUTSIDE, "is not on this machine; a home that holds the approvers' keys reaches no other"),
        ("too", HERE, ""),
        ("too", OUTSIDE, ""),
        ("never", HERE, "is on this machine, which no browser's push service is"),
        ("never", "http://localhost/x", "is on this machine, which no browser's push service is"),
        ("never", OUTSIDE, ""),
    ],
)
def test_endpoint_when_looked_at_lies_where_this_home_may_ask(
    loopback: Loopback, endpoint: str, sentence: str
) -> None:
    refused = pytest.raises(ValueError, match=f"^the endpoint {sentence}$") if sentence else contextlib.nullcontext()
    with refused:
        check_endpoint(endpoint, loopback)
    with refused:
        parse_subscription(as_given(endpoint=endpoint), loopback)


def test_subscription_when_kept_is_read_back_and_the_same_for_all_that_a_browser_adds() -> None:
    padded = as_given(p256dh=pack(SUBSCRIPTION.p256dh) + "=", auth=pack(AUTH) + "==", junk={"a": [1]})
    kept = {store_subscription(parse_subscription(text)) for text in (as_given(), padded)}
    assert [stored_subscription(text) for text in kept] == [SUBSCRIPTION]


@given(kept=st.text(max_size=40) | ANYTHING.map(json.dumps) | st.integers(0, 200).map(lambda end: as_given()[:end]))
def test_subscription_when_kept_badly_is_a_value_error(kept: str) -> None:
    with pytest.raises(ValueError, match=r"^the subscription cannot be read$"):
        stored_subscription(kept)


@given(changes=st.fixed_dictionaries({}, optional=dict.fromkeys(("endpoint", "keys", "p256dh", "auth"), ANYTHING)))
def test_subscription_when_kept_with_anything_is_read_or_a_value_error(changes: dict[str, Any]) -> None:
    with contextlib.suppress(ValueError):
        assert isinstance(stored_subscription(as_given(**changes)).endpoint, str)


def test_subscription_when_shown_shows_nothing_of_a_person() -> None:
    assert f"{SUBSCRIPTION} {SUBSCRIPTION!r}" == "Subscription(...) Subscription(...)"


# What only that browser can read

RFC = {
    "as_private": "yfWPiYE-n46HLnH0KqZOF1fJJU3MYrct3AELtAQ-oRw",
    "ua_private": "q1dXpw3UpT5VOmu_cf_v6ih07Aems3njxI-JWgLcM94",
    "ua_public": "BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4",
    "as_public": "BP4z9KsN6nGRTbVYI_c7VJSPQTBtkgcy27mlmlMoZIIgDll6e3vCYLocInmYWAmS6TlzAC8wEqKK6PBru3jl7A8",
    "salt": "DGv6ra1nlYgDCS1FRnbzlw",
    "auth_secret": "BTBZMqHH6r4Tts7J_aSIgg",
    "ecdh_secret": "kyrL1jIIOHEzg3sM2ZWRHDRB62YACZhhSlknJ672kSs",
    "ikm": "S4lYMb_L0FxCeq0WhDx813KgSYqU26kOyzWUdsXYyrg",
    "cek": "oIhVW04MRdy2XN9CiKLxTg",
    "nonce": "4h_95klXJ5E_qnoN",
    "message": "DGv6ra1nlYgDCS1FRnbzlwAAEABBBP4z9KsN6nGRTbVYI_c7VJSPQTBtkgcy27mlmlMoZIIgDll6e3vCYLocInmYWAmS6TlzAC8w"
    "EqKK6PBru3jl7A_yl95bQpu6cVPTpK4Mqgkf1CXztLVBSt2Ks3oZwbuwXPXLWyouBWLVWGNWQexSgSxsj_Qulcy4a-fN",
}
"""RFC 8291 section 5 and appendix A, by the names used there."""
RFC_PLAINTEXT = b"When I grow up, I want to be a watermelon"
RFC_SUBSCRIPTION = Subscription(
    "https://push.example.net/push/J", unpack(RFC["ua_public"]), unpack(RFC["auth_secret"])
)


def test_keys_when_derived_as_in_the_rfc_are_those_of_its_appendix() -> None:
    public, agreed = unpack(RFC["as_public"]), unpack(RFC["ecdh_secret"])
    assert point(private(RFC["as_private"])) == public
    assert private(RFC["ua_private"]).exchange(ec.ECDH(), private(RFC["as_private"]).public_key()) == agreed
    material = web_push._key_material(RFC_SUBSCRIPTION, public, agreed)
    assert pack(material) == RFC["ikm"]
    key, nonce = web_push._key_and_nonce(material, unpack(RFC["salt"]))
    assert (pack(key), pack(nonce)) == (RFC["cek"], RFC["nonce"])


def test_message_when_made_as_in_the_rfc_is_the_same_byte_for_byte() -> None:
    sealed = web_push._encrypt(RFC_SUBSCRIPTION, RFC_PLAINTEXT, private(RFC["as_private"]), unpack(RFC["salt"]))
    assert pack(sealed) == RFC["message"]


@given(plaintext=st.binary(max_size=64) | st.integers(0, PLAINTEXT_MAX).map(bytes))
def test_message_when_opened_by_an_independent_receiver_is_the_plaintext(plaintext: bytes) -> None:
    sealed = encrypt(SUBSCRIPTION, plaintext)
    assert len(sealed) == len(plaintext) + 103
    assert http_ece.decrypt(sealed, private_key=BROWSER, auth_secret=AUTH, version="aes128gcm") == plaintext


def test_message_when_as_long_as_can_be_is_what_every_push_service_takes() -> None:
    sealed = encrypt(SUBSCRIPTION, b"x" * PLAINTEXT_MAX)
    assert len(sealed) == 4096
    assert http_ece.decrypt(sealed, private_key=BROWSER, auth_secret=AUTH, version="aes128gcm") == b"x" * PLAINTEXT_MAX


def test_message_when_too_long_is_refused() -> None:
    with pytest.raises(ValueError, match=r"^the message has 3994 bytes; Web Push carries at most 3993$"):
        encrypt(SUBSCRIPTION, b"x" * (PLAINTEXT_MAX + 1))


def test_message_when_its_key_is_no_point_is_refused() -> None:
    with pytest.raises(ValueError, match=r"^p256dh is not a point on the curve P-256$"):
        encrypt(SUBSCRIPTION._replace(p256dh=OFF_CURVE), b"x")


def test_messages_when_equal_share_neither_salt_nor_key() -> None:
    sealed = [encrypt(SUBSCRIPTION, b"the same") for _ in range(50)]
    assert len({one[:16] for one in sealed}) == len({one[21:86] for one in sealed}) == 50


@pytest.mark.parametrize("other", [{"auth_secret": bytes(16)}, {"private_key": ec.generate_private_key(CURVE)}])
def test_message_when_opened_by_another_stays_shut(other: dict[str, Any]) -> None:
    sealed = encrypt(SUBSCRIPTION, b"for one browser")
    with pytest.raises(http_ece.ECEException):
        http_ece.decrypt(sealed, **({"private_key": BROWSER, "auth_secret": AUTH, "version": "aes128gcm"} | other))


# Who sends


@pytest.fixture
def vapid() -> Vapid:
    return Vapid(ec.generate_private_key(CURVE), CONTACT)


def claims_of(authorization: str) -> dict[str, Any]:
    """Verify a header as a push service does, by the key it carries, and give the claims of its token."""
    scheme, token, key = authorization.replace(",", "").split(" ")
    assert scheme == "vapid"
    assert "=" not in token[2:] + key[2:], "base64url without padding"
    signed, _, signature = token.removeprefix("t=").rpartition(".")
    raw = unpack(signature)
    assert len(raw) == 64
    public = ec.EllipticCurvePublicKey.from_encoded_point(CURVE, unpack(key.removeprefix("k=")))
    der = encode_dss_signature(int.from_bytes(raw[:32], "big"), int.from_bytes(raw[32:], "big"))
    public.verify(der, signed.encode(), ec.ECDSA(SHA256()))
    head, _, claims = signed.partition(".")
    assert json.loads(unpack(head)) == {"typ": "JWT", "alg": "ES256"}
    return dict(json.loads(unpack(claims)))


def test_token_when_verified_says_who_sends_where_and_until_when(vapid: Vapid) -> None:
    authorization = vapid.authorization(ENDPOINT, NOW)
    assert claims_of(authorization) == {
        "aud": "https://push.example",
        "exp": int((NOW + timedelta(hours=12)).timestamp()),
        "sub": CONTACT,
    }
    assert authorization.endswith(f", k={vapid.public_key}")


def test_token_when_signed_by_another_key_does_not_verify(vapid: Vapid) -> None:
    other = Vapid(ec.generate_private_key(CURVE), CONTACT)
    forged = other.authorization(ENDPOINT, NOW).replace(other.public_key, vapid.public_key)
    with pytest.raises(InvalidSignature):
        claims_of(forged)


@given(secret=st.binary(min_size=32, max_size=32))
def test_key_when_made_of_a_secret_is_always_the_same_and_of_another_another(secret: bytes) -> None:
    assert point(vapid_key(secret)) == point(vapid_key(secret)) != point(vapid_key(secret[::-1] + b"x"))


def test_public_key_when_given_to_browsers_is_the_uncompressed_point() -> None:
    assert Vapid(private(RFC["as_private"]), CONTACT).public_key == RFC["as_public"]


@pytest.mark.parametrize(
    ("endpoint", "origin"),
    [
        ("https://push.example", "https://push.example"),
        ("https://push.example?x=/", "https://push.example"),
        ("https://Push.Example:443/x", "https://push.example"),
        ("https://push.example:8443/x", "https://push.example:8443"),
        ("http://127.0.0.1:80/x", "http://127.0.0.1"),
        ("http://[::1]:9000/x", "http://[::1]:9000"),
    ],
)
def test_token_when_made_is_for_the_origin_of_the_endpoint(vapid: Vapid, endpoint: str, origin: str) -> None:
    assert claims_of(vapid.authorization(endpoint, NOW))["aud"] == origin


@pytest.mark.parametrize(
    ("after", "same"),
    [
        (timedelta(seconds=-1), True),
        (timedelta(hours=11) - timedelta(seconds=1), True),
        (timedelta(hours=11), False),
        (timedelta(hours=-12, seconds=-1), False),
    ],
)
def test_token_when_asked_again_is_kept_until_an_hour_from_its_end(vapid: Vapid, after: timedelta, same: bool) -> None:
    first = vapid.authorization(ENDPOINT, NOW)
    again = vapid.authorization("https://push.example/send/to-another", NOW + after)
    assert (again == first) is same
    assert timedelta(hours=1).total_seconds() < claims_of(again)["exp"] - (NOW + after).timestamp() <= 24 * 3600


def test_token_when_for_another_origin_is_another(vapid: Vapid) -> None:
    first = vapid.authorization(ENDPOINT, NOW)
    assert vapid.authorization("https://other.example/x", NOW) != first
    assert vapid.authorization(ENDPOINT, NOW) == first


def test_tokens_when_origins_are_made_up_without_end_stay_few(vapid: Vapid) -> None:
    for number in range(web_push.TOKENS_MAX + 1):
        vapid.authorization(f"https://{number}.example/", NOW)
    assert len(vapid._tokens) <= web_push.TOKENS_MAX


@pytest.mark.parametrize(
    ("make", "sentence"),
    [
        (
            lambda: Vapid(ec.generate_private_key(ec.SECP384R1()), CONTACT),
            "the key of Web Push must be on the curve P-256, not secp384r1",
        ),
        (
            lambda: Vapid(BROWSER, "push@baken.example"),
            "the contact of Web Push must be a mailto: or https:// address",
        ),
        (lambda: Vapid(BROWSER, "mailto:<x@y>"), "the contact of Web Push must be a mailto: or https:// address"),
        (
            lambda: Vapid(BROWSER, CONTACT).authorization("push.example", NOW),
            "the endpoint is not an address that begins with https:// and a host",
        ),
    ],
)
def test_sender_when_malformed_is_refused_in_a_sentence(make: Callable[[], object], sentence: str) -> None:
    with pytest.raises(ValueError) as refused:  # noqa: PT011 - the whole sentence is compared
        make()
    assert str(refused.value) == sentence


def test_contact_when_a_page_is_taken() -> None:
    authorization = Vapid(BROWSER, "https://baken.example/contact").authorization(ENDPOINT, NOW)
    assert claims_of(authorization)["sub"] == "https://baken.example/contact"


# What a push service is told beside


def test_headers_when_made_say_what_the_body_is_and_how_long_it_holds() -> None:
    told = headers(MessageKind.ALERT, "alert-amber-1", NOW + timedelta(minutes=90), NOW)
    topic = told.pop("topic")
    assert told == {
        "ttl": "5400",
        "urgency": "high",
        "content-encoding": "aes128gcm",
        "content-type": "application/octet-stream",
    }
    assert len(topic) == 32
    assert set(topic) <= set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_")


@pytest.mark.parametrize(
    ("left", "ttl"),
    [
        (timedelta(seconds=1.999), "1"),
        (timedelta(seconds=0.5), "0"),
        (timedelta(0), "0"),
        (timedelta(seconds=-0.5), "0"),
        (timedelta(days=-1), "0"),
        (timedelta(days=400), "2419200"),
        (None, "2419200"),
    ],
)
def test_ttl_when_counted_is_whole_and_ends_no_later_than_the_lease(left: timedelta | None, ttl: str) -> None:
    lease_until = None if left is None else NOW + left
    assert headers(MessageKind.UPDATE, "alert-1", lease_until, NOW)["ttl"] == ttl


@pytest.mark.parametrize("kind", list(MessageKind))
def test_urgency_when_a_refresh_is_normal_and_else_high(kind: MessageKind) -> None:
    expected = "normal" if kind is MessageKind.REFRESH else "high"
    assert headers(kind, "alert-1", NOW, NOW)["urgency"] == expected


def test_topic_when_of_one_alert_is_one_and_of_another_another() -> None:
    topics = {(alert, headers(kind, alert, NOW, NOW)["topic"]) for kind in MessageKind for alert in ("a-1", "a-2")}
    assert len(topics) == len({topic for _, topic in topics}) == 2
