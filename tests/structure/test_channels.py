"""Adding a channel is a file, a line, a test and a page: none of them can be forgotten."""

from __future__ import annotations

import ast

import pytest

from activities.channels import CAPABILITIES, CHANNELS, NAMES, PERSONAL, SUBSCRIBED
from alerts.vocabulary import LANGUAGES
from tests.integration.channels import table
from tests.structure.files import ROOT, sources

NOT_A_CHANNEL = {"__init__", "base"}


def test_channel_files_when_listed_are_all_registered() -> None:
    files = {path.stem for path in (ROOT / "activities" / "channels").glob("*.py")} - NOT_A_CHANNEL
    assert files == {channel.__module__.rsplit(".", 1)[1] for channel in CHANNELS}


def test_personal_channels_when_listed_all_have_a_simulator() -> None:
    words = {
        node.value for _, tree in sources("simulators") for node in ast.walk(tree) if isinstance(node, ast.Constant)
    }
    assert set(PERSONAL) <= words


def test_personal_channels_when_listed_are_subscribed_to_or_have_partners() -> None:
    assert {name: channel.name for name, channel in SUBSCRIBED.items()} == {
        name: name for name in PERSONAL if not CAPABILITIES[name].partners
    }


def test_channels_with_a_counterpart_when_declared_name_what_they_prove_themselves_with() -> None:
    assert {name: bool(can.credentials) for name, can in CAPABILITIES.items()} == {
        name: can.counterpart for name, can in CAPABILITIES.items()
    }


@pytest.mark.parametrize("channel", CHANNELS, ids=lambda channel: channel.name)
def test_channel_when_shown_has_a_label_in_each_language(channel: type) -> None:
    assert set(channel.capabilities.label) == set(LANGUAGES)  # type: ignore[attr-defined]


@pytest.mark.parametrize("name", NAMES)
def test_channel_when_looked_up_has_a_page_of_its_own(name: str) -> None:
    assert (ROOT / "docs" / "channels" / f"{name}.md").is_file()


def test_tables_of_channels_when_written_are_what_capabilities_and_suite_say() -> None:
    assert table.PATH.read_text("utf-8") == table.written(), "run: make channels"
