"""Who may change the partner register, and what it does not take."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from sqlmodel import select

from activities.endpoints import ChannelsConfig, LiveChannels, WebhookPartner
from activities.partner_book import PartnerBook
from starter.duty import on_duty
from starter.errors import BadInput, CannotReach, RefusedByRule
from starter.partners import Partners
from starter.parts import Parts, open_parts
from store.people import Person
from store.subscribers import tallies
from store.tables.audit import AuditEntry
from tests.support.homes import silent_home

HOOK = "http://127.0.0.1:9/hook"
FILE = f'[[channels.webhook]]\nname = "Own"\nurl = "{HOOK}"\nsecret = "whsec_c2VjcmV0c2VjcmV0"\n'


@pytest.fixture(scope="module")
def parts(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Parts]:
    home = tmp_path_factory.mktemp("partners")
    (home / "config.toml").write_text(FILE)
    with closing(open_parts(silent_home(home))) as opened:
        yield opened


@pytest.fixture
def register(parts: Parts) -> Partners:
    return Partners(parts)


def who(parts: Parts, user: str) -> Person:
    return on_duty(parts.db, user)


@pytest.mark.parametrize(
    ("name", "url", "mail", "field"),
    [
        ("", HOOK, None, "NAME"),
        ("a/b", HOOK, None, "NAME"),
        ("x" * 61, HOOK, None, "NAME"),
        ("Own", HOOK, None, "NAME"),
        ("Krant", "newsroom.example", None, "URL"),
        ("Krant", "ftp://127.0.0.1/hook", None, "URL"),
        ("Krant", "https://[", None, "URL"),
        ("Krant", "https://127.0.0.1:abc/hook", None, "URL"),
        ("Krant", "https://127.0.0.1:99999/hook", None, "URL"),
        ("Krant", "https://user:word@127.0.0.1/hook", None, "URL"),
        ("Krant", "http://newsroom.example/hook", None, "URL"),
        ("Krant", HOOK, "desk", "--mail"),
        ("Krant", HOOK, "desk@krant-é.example", "--mail"),
    ],
)
def test_partner_when_it_is_told_wrong_is_not_added(
    parts: Parts, register: Partners, name: str, url: str, mail: str | None, field: str
) -> None:
    with pytest.raises(BadInput) as refused:
        register.add(who(parts, "supervisor1"), name, url, exercise=False, mail=mail)
    assert refused.value.field == field
    assert [row["name"] for row in register.list() if row["from"] == "register" and row["name"] == name] == []


def test_partner_elsewhere_when_the_home_holds_keys_is_refused(parts: Parts, register: Partners) -> None:
    with pytest.raises(RefusedByRule, match=r"newsroom\.example is not on this machine"):
        register.add(who(parts, "supervisor1"), "Krant", "https://newsroom.example/hook", exercise=True)


def test_partner_on_this_machine_when_the_home_holds_no_keys_is_refused(parts: Parts, register: Partners) -> None:
    cluster = parts.settings.model_copy(update={"temporal_address": "temporal.example:7233"})
    with pytest.raises(RefusedByRule, match=r"127\.0\.0\.1 is on this machine, where no partner is"):
        Partners(replace(parts, settings=cluster)).add(who(parts, "supervisor1"), "Krant", HOOK, exercise=True)


def test_partner_of_the_register_when_the_settings_file_names_another_is_none(
    parts: Parts, register: Partners
) -> None:
    """Whichever side of the wall each is on: they would be told apart by nobody."""
    register.add(who(parts, "supervisor1"), "Dubbel", HOOK, exercise=True)
    named = ChannelsConfig(channels=LiveChannels(webhook=(WebhookPartner(name="Dubbel", url=HOOK, secret="s"),)))
    book = PartnerBook(named, parts.db, lambda: parts.keys.system_key("partners"), lambda: datetime.now(UTC))
    assert book.find("Dubbel", exercise=True) is None
    assert "Dubbel" not in [known.partner.name for known in book.all(exercise=True)]
    assert [(known.partner.name, known.registered) for known in book.all(exercise=False)][-1] == ("Dubbel", None)


def test_partner_of_the_public_when_kept_needs_two_to_be_let_in_and_one_to_be_paused(
    parts: Parts, register: Partners
) -> None:
    operator, engineer, one, other = (
        who(parts, user) for user in ("operator1", "engineer1", "supervisor1", "supervisor2")
    )
    with pytest.raises(RefusedByRule, match="needs the role engineer or supervisor; operator1 is operator"):
        register.add(operator, "Station", HOOK, exercise=False)
    added = register.add(one, "Station", HOOK, exercise=False)
    assert added.paused
    assert gets(parts) == 1  # the one of the settings file
    for person, reason in ((engineer, "needs the role supervisor"), (one, "four eyes")):
        with pytest.raises(RefusedByRule, match=reason):
            register.resume(person, "Station")
    register.pause(operator, "Station")  # once more: it stays the pause of who added it
    with pytest.raises(RefusedByRule, match="four eyes"):
        register.resume(one, "Station")
    assert not register.resume(other, "Station").paused
    assert gets(parts) == 2
    assert register.pause(operator, "Station").paused
    assert gets(parts) == 1
    with parts.db.read() as session:
        actions = [(one.actor, one.action) for one in session.exec(select(AuditEntry))]
    assert actions[-4:] == [
        ("supervisor1", "add_partner"),
        ("operator1", "pause_partner"),
        ("supervisor2", "resume_partner"),
        ("operator1", "pause_partner"),
    ]


def gets(parts: Parts) -> int:
    """Partners that the next alert of the public goes to."""
    with parts.db.read() as session:
        found = tallies(session, exercise=False).get("webhook")
    return found.active if found else 0


def test_secret_when_it_is_in_wrong_hands_ends_at_once(parts: Parts, register: Partners) -> None:
    engineer = who(parts, "engineer1")
    first = register.add(engineer, "Oefenpartner", HOOK, exercise=True)
    assert not first.paused
    kept = register.rotate(engineer, "Oefenpartner")
    (row,) = [row for row in register.list() if row["name"] == "Oefenpartner"]
    assert (kept.former_secret, row["old_secret_until"] is None) == (first.secret, False)
    with pytest.raises(RefusedByRule, match="has a new secret already"):
        register.rotate(engineer, "Oefenpartner")
    assert register.rotate(engineer, "Oefenpartner", at_once=True).former_secret is None


async def test_partner_when_it_does_not_answer_its_test_is_named(parts: Parts, register: Partners) -> None:
    with pytest.raises(CannotReach, match="Own does not answer"):
        await register.test(who(parts, "supervisor1"), "Own")


def test_partner_of_the_settings_file_when_listed_is_changed_there(parts: Parts, register: Partners) -> None:
    (row,) = [row for row in register.list() if row["name"] == "Own"]
    assert (row["from"], row["state"], row["last_heartbeat"]) == ("file", "silent", None)
    with pytest.raises(RefusedByRule, match="stands in the settings file"):
        register.pause(who(parts, "operator1"), "Own")
    with pytest.raises(BadInput, match="there is no partner 'Nobody'"):
        register.pause(who(parts, "operator1"), "Nobody")
