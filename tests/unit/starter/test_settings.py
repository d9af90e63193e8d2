"""Settings: what a home lets channels reach follows from who holds the approvers' keys, and from no file."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from starter.errors import BadInput, RefusedByRule
from starter.home import write_private
from starter.settings import load_settings

CLUSTER = {"BAKEN_TEMPORAL_ADDRESS": "temporal.example:7233"}
PARTNER = '[[channels.webhook]]\nname = "Own"\nsecret = "whsec_c2VjcmV0c2VjcmV0"\n'
HOOK = 'url = "http://127.0.0.1:9/hook"\n'
PORTS = {
    "smtp": 2525,
    "smtp_exercise": 2526,
    "mail": {"username": "baken", "password": "p", "authority": "ca.pem"},
    "partners": [],
    "partners_exercise": [],
    "app": {"url": "https://127.0.0.1:1/", "service_account": "app.json"},
    "app_exercise": {"url": "https://127.0.0.1:2/", "service_account": "drill.json"},
    "sms": {"host": "127.0.0.1", "port": 4, "system_id": "s", "password": "p"},
    "sms_exercise": {"host": "127.0.0.1", "port": 5, "system_id": "s", "password": "p"},
    "cellbroadcast": [{"name": "n", "a": "https://127.0.0.1:6/cap", "certificate": "c.pem", "key": "c.pem"}],
    "cellbroadcast_exercise": [{"name": "o", "a": "https://127.0.0.1:7/cap", "certificate": "c.pem", "key": "c.pem"}],
    "social": {"url": "http://127.0.0.1:6", "accounts": []},
    "social_exercise": {"url": "http://127.0.0.1:7", "accounts": []},
    "signage": {"host": "127.0.0.1", "port": 4, "authority": "ca.pem", "username": "u", "password": "p"},
    "signage_exercise": {"host": "127.0.0.1", "port": 5, "authority": "ca.pem", "username": "u", "password": "p"},
    "webpush": {"url": "https://127.0.0.1:3", "authority": "ca.pem"},
}


@pytest.mark.parametrize(
    ("environ", "demo", "loopback"),
    [({}, False, "only"), ({}, True, "only"), (CLUSTER, False, "never"), (CLUSTER, True, "too")],
)
def test_home_when_it_holds_the_keys_reaches_this_machine_only(
    tmp_path: Path, environ: dict[str, str], demo: bool, loopback: str
) -> None:
    settings = load_settings(environ, home=tmp_path)
    settings.paths.prepare()
    if demo:
        write_private(settings.paths.demo_ports, PORTS)
    config = settings.channels()
    assert config.loopback == loopback
    assert bool(config.channels.webpush) is bool(config.exercise.webpush) is demo


@pytest.mark.parametrize("name", ["sms", "sms.fallback"])
def test_embedded_home_when_an_sms_centre_is_elsewhere_refuses_it_by_name(tmp_path: Path, name: str) -> None:
    said = 'system_id = "s"\npassword = "p"\nport = 1\nhost = '
    here, there = f'{said}"127.0.0.1"', f'{said}"smsc.example"'
    first, second = (there, here) if name == "sms" else (here, there)
    (tmp_path / "config.toml").write_text(f"[channels.sms]\n{first}\n[channels.sms.fallback]\n{second}\n")
    with pytest.raises(RefusedByRule, match=rf"channels\.{name} points to smsc\.example"):
        load_settings({}, home=tmp_path).channels()


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ('loopback = "too"', "loopback"),
        ('[channels.webpush]\ncontact = "push@baken.example"', "channels.webpush.contact"),
        ("[channels.webpush]\n", "channels.webpush.contact"),
        ('[channels.sms]\nsystem_id = "s"\npassword = "p"\nhost = "h"\nport = 1\nsender = "Te lange naam"', "sender"),
        (f'{PARTNER}url = "https://127.0.0.1:abc/hook"', r"channels\.webhook\.0\.url.* give a whole address"),
        (f'{PARTNER}url = "https://127.0.0.1:99999/hook"', r"channels\.webhook\.0\.url"),
        (f'{PARTNER}url = "http://own.example/hook"', r"channels\.webhook\.0\.url.*leaves this machine unsecured"),
        (f'{PARTNER}{HOOK}mail = "desk@krant-é.example"', r"channels\.webhook\.0\.mail.*no mail address"),
        (f"{PARTNER}{HOOK}{PARTNER}{HOOK}", r"two partners are named 'Own'"),
        (f"{PARTNER}{HOOK}{PARTNER.replace('channels', 'exercise')}{HOOK}", r"two partners are named 'Own'"),
        ('[channels.app]\nservice_account = "a"\nurl = "https://fcm-é.example/send"', r"channels\.app\.url"),
        ('[[channels.cellbroadcast]]\nname = "n"\na = "http://h"\ncertificate = "c"\nkey = "k"', "cellbroadcast"),
    ],
)
def test_file_when_it_says_what_it_cannot_is_refused_by_name(tmp_path: Path, text: str, named: str) -> None:
    (tmp_path / "config.toml").write_text(text)
    with pytest.raises(BadInput, match=named):
        load_settings({}, home=tmp_path).channels()


@pytest.mark.parametrize(
    ("tiles", "said"),
    [
        ("https://tiles.example/{z}/{x}.png", "needs {z}, {x} and {y}"),
        ("http://tiles.example/{z}/{x}/{y}.png", "over https:// from everywhere but this machine"),
        ("https://{s}.tiles.example/{z}/{x}/{y}.png", "pattern"),
        ("https://a@tiles.example/{z}/{x}/{y}.png", "plain host"),
        ("https://tiles.example;/{z}/{x}/{y}.png", "plain host"),
    ],
)
def test_tiles_that_pages_cannot_name_as_one_host_are_refused(tmp_path: Path, tiles: str, said: str) -> None:
    (tmp_path / "config.toml").write_text(f'[map]\ntiles = "{tiles}"\nattribution = "them"\n')
    with pytest.raises(BadInput, match=re.escape(said)):
        load_settings({}, home=tmp_path).tile_server()


def test_tiles_when_none_are_named_are_none_and_else_come_from_one_origin(tmp_path: Path) -> None:
    settings = load_settings({}, home=tmp_path)
    assert settings.tile_server() is None
    (tmp_path / "config.toml").write_text(
        '[map]\ntiles = "https://tiles.example:8443/a/{z}/{x}/{y}.png"\nattribution = "them"\n'
    )
    server = settings.tile_server()
    assert server
    assert server.origin == "https://tiles.example:8443"
