"""publiccode.yml as its standard asks (version 0.5), so that catalogues of public code can read it."""

from __future__ import annotations

import tomllib
from typing import Any

import pytest
import yaml

from tests.structure.files import ROOT

MANDATORY = (
    ("publiccodeYmlVersion",),
    ("name",),
    ("url",),
    ("platforms",),
    ("developmentStatus",),
    ("softwareType",),
    ("description",),
    ("legal", "license"),
    ("maintenance", "type"),
    ("localisation", "localisationReady"),
    ("localisation", "availableLanguages"),
)


@pytest.fixture(scope="module")
def publiccode() -> dict[str, Any]:
    document: dict[str, Any] = yaml.safe_load((ROOT / "publiccode.yml").read_text("utf-8"))
    return document


@pytest.mark.parametrize("path", MANDATORY, ids="/".join)
def test_publiccode_when_read_has_each_mandatory_key(publiccode: dict[str, Any], path: tuple[str, ...]) -> None:
    at: Any = publiccode
    for key in path:
        at = at[key]
    assert at not in ("", [], {}, None)


def test_publiccode_when_it_chooses_a_word_keeps_to_the_standard(publiccode: dict[str, Any]) -> None:
    assert publiccode["publiccodeYmlVersion"] in ("0.5", "0.5.0")
    assert publiccode["developmentStatus"] in ("concept", "development", "beta", "stable", "obsolete")
    assert publiccode["softwareType"] == "standalone/web"
    assert publiccode["maintenance"]["type"] in ("internal", "contract", "community", "none")
    assert publiccode["url"].startswith("https://")


def test_publiccode_when_somebody_maintains_it_names_people(publiccode: dict[str, Any]) -> None:
    maintenance = publiccode["maintenance"]
    needed = {"internal": "contacts", "community": "contacts", "contract": "contractors"}.get(maintenance["type"])
    assert needed is None or all(one["name"] for one in maintenance[needed])


@pytest.mark.parametrize("language", ["nl", "en"])
def test_publiccode_when_it_describes_keeps_to_the_lengths(publiccode: dict[str, Any], language: str) -> None:
    words = publiccode["description"][language]
    assert len(words["genericName"]) <= 35
    assert len(words["shortDescription"]) <= 150
    assert 150 <= len(words["longDescription"]) <= 10_000
    assert all(isinstance(feature, str) for feature in words["features"])


def test_licence_when_named_is_the_same_everywhere(publiccode: dict[str, Any]) -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    assert publiccode["legal"]["license"] == project["license"] == "EUPL-1.2"
    assert "EUROPEAN UNION PUBLIC LICENCE v. 1.2" in (ROOT / "LICENSE").read_text("utf-8").splitlines()[0]
