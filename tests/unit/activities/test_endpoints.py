"""The wall between exercises and the public is a type: an endpoint of one never fits where the other belongs."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from activities.endpoints import (
    ChannelsConfig,
    EmailEndpoint,
    ExerciseChannels,
    ExerciseEmailEndpoint,
    ExercisePartner,
    ExerciseSocialEndpoint,
    ExerciseWebPushEndpoint,
    LiveChannels,
    SocialEndpoint,
    WebhookPartner,
    WebPushEndpoint,
)
from alerts.vocabulary import Kind

SERVER = {"host": "127.0.0.1", "port": 25}
SENDER = {"contact": "mailto:push@baken.example"}
PARTNER = {"name": "news", "url": "http://127.0.0.1/", "secret": "whsec_x"}


@pytest.mark.parametrize(
    ("group", "field", "other"),
    [
        (LiveChannels, "email", ExerciseEmailEndpoint(**SERVER)),
        (ExerciseChannels, "email", EmailEndpoint(**SERVER)),
        (LiveChannels, "webhook", [ExercisePartner(**PARTNER)]),
        (ExerciseChannels, "webhook", [WebhookPartner(**PARTNER)]),
        (LiveChannels, "social", ExerciseSocialEndpoint()),
        (ExerciseChannels, "social", SocialEndpoint()),
        (LiveChannels, "webpush", ExerciseWebPushEndpoint(**SENDER)),
        (ExerciseChannels, "webpush", WebPushEndpoint(**SENDER)),
    ],
)
def test_endpoint_of_the_other_side_does_not_fit(group: type, field: str, other: object) -> None:
    with pytest.raises(ValidationError):
        group(**{field: other})


@pytest.mark.parametrize("kind", list(Kind))
def test_only_exercises_get_exercise_counterparts(kind: Kind) -> None:
    config = ChannelsConfig(
        channels=LiveChannels(email=EmailEndpoint(**SERVER)),
        exercise=ExerciseChannels(email=ExerciseEmailEndpoint(**SERVER)),
    )
    expected = ExerciseEmailEndpoint if kind is Kind.EXERCISE else EmailEndpoint
    assert type(config.endpoints_for(kind).email) is expected


@pytest.mark.parametrize(
    ("said", "secured"),
    [
        ({"host": "127.0.0.1"}, False),
        ({"host": "localhost", "starttls": True}, True),
        ({"host": "mail.example"}, True),
        ({"host": "mail.example", "username": "baken", "password": "p"}, True),
    ],
)
def test_mail_server_when_elsewhere_is_reached_over_tls(said: dict[str, object], secured: bool) -> None:
    assert EmailEndpoint.model_validate({"port": 587, **said}).secured is secured


KEY = {"domain": "baken.example", "selector": "2026a", "key": "dkim.pem"}


@pytest.mark.parametrize(
    ("said", "why"),
    [
        ({"host": "mail.example", "starttls": False}, "over STARTTLS only"),
        ({"username": "baken", "password": "p"}, "a password goes over STARTTLS only"),
        ({"starttls": True, "username": "baken"}, "belong together"),
        ({"starttls": True, "password": "p"}, "belong together"),
        ({"dkim": KEY, "sender": "alert@other.example"}, "must be other.example"),
        ({"dkim": KEY, "sender": "alert@notbaken.example"}, "must be notbaken.example"),
    ],
)
def test_mail_server_when_it_would_tell_secrets_or_sign_for_others_is_refused(
    said: dict[str, object], why: str
) -> None:
    with pytest.raises(ValidationError, match=why):
        EmailEndpoint.model_validate({**SERVER, **said})


def test_mail_server_when_the_sender_is_below_the_domain_signs() -> None:
    server = EmailEndpoint.model_validate({**SERVER, "dkim": KEY, "sender": "alert@post.baken.example"})
    assert server.domain == "post.baken.example"


def test_mail_server_when_printed_keeps_its_password() -> None:
    server = EmailEndpoint.model_validate({**SERVER, "starttls": True, "username": "baken", "password": "secret"})
    assert "secret" not in repr(server)
