"""The house: nothing in the files that ties it to one machine, one registry or one moment."""

from __future__ import annotations

import json
import re
import tomllib
from pathlib import Path

import pytest

from tests.structure.files import PACKAGES, ROOT, project_files, texts

REGISTRIES = ("py" + "pi.org", "python" + "hosted.org", "npm" + "js.org", "npm" + "js.com", "proxy.golang" + ".org")
MACHINE_PATH = re.compile(r"(?<![\w.:/}])/(?:work|root|home|Users)/\w")
ADDRESS = re.compile(r"https?://")
CONTRACT_TARGETS = ("demo", "test", "install", "bench", "test-areas")


def test_files_when_searched_name_no_registry() -> None:
    found = [(name, host) for name, text in texts() for host in REGISTRIES if host in text]
    assert found == []


def test_files_when_searched_name_no_path_of_a_machine() -> None:
    found = [(name, match.group()) for name, text in texts() for match in MACHINE_PATH.finditer(text)]
    assert found == []


def test_files_when_looked_at_have_an_ending_or_are_known_without() -> None:
    """What a measurement left behind has none, and goes in with all that is new."""
    bare = {str(path.relative_to(ROOT)) for path in project_files() if "." not in path.name}
    assert bare == {"LICENSE", "Makefile", ".ci/run"}


@pytest.mark.parametrize("lock", ["requirements.lock", "package-lock.json", ".npmrc", "apt.txt"])
def test_lock_files_when_read_carry_no_address(lock: str) -> None:
    assert ADDRESS.search((ROOT / lock).read_text("utf-8")) is None


def test_requirements_when_locked_all_have_hashes() -> None:
    blocks = re.split(r"\n(?=[a-z0-9])", (ROOT / "requirements.lock").read_text("utf-8"))
    assert [block.split()[0] for block in blocks if "==" in block and "--hash=sha256:" not in block] == []


def test_npm_packages_when_locked_all_have_an_integrity_hash() -> None:
    packages = json.loads((ROOT / "package-lock.json").read_text("utf-8"))["packages"]
    assert [name for name, package in packages.items() if name and "integrity" not in package] == []


def test_lock_files_with_addresses_when_made_stay_out() -> None:
    names = {path.name for path in project_files()}
    assert names.isdisjoint({"uv.lock", "pylock.toml", "yarn.lock"})


def test_third_party_assets_when_needed_come_from_npm() -> None:
    known = ("htmx", "govuk-frontend", "axe", "leaflet", "sse.min", "idiomorph")
    copies = [path.name for path in project_files() if path.suffix in (".js", ".css") and path.name.startswith(known)]
    assert copies == []


def test_changelog_when_read_has_an_unreleased_section() -> None:
    assert "\n## Unreleased\n" in (ROOT / "CHANGELOG.md").read_text("utf-8")


@pytest.mark.parametrize("command", ["make demo", "make test"])
def test_readme_when_read_gives_the_two_commands(command: str) -> None:
    assert command in (ROOT / "README.md").read_text("utf-8")


def test_makefile_when_listed_has_every_target_others_rely_on() -> None:
    makefile = (ROOT / "Makefile").read_text("utf-8")
    assert [target for target in CONTRACT_TARGETS if not re.search(rf"^{target}:.*## ", makefile, re.MULTILINE)] == []


@pytest.mark.parametrize("mark", ["quiet", "alone"])
def test_tests_when_marked_to_run_apart_are_in_the_files_that_make_test_runs_so(mark: str) -> None:
    """Elsewhere they would never run."""
    marked = {name for name, text in texts() if name.endswith(".py") and re.search(rf"pytest\.mark\.{mark}\b", text)}
    lines = re.findall(rf"-m {mark} (.*)", (ROOT / "Makefile").read_text("utf-8"))
    assert marked == set(" ".join(lines).split())


def test_layers_when_checked_cover_every_package() -> None:
    linter = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]["importlinter"]
    packages = {path.parent.name for path in ROOT.glob("*/__init__.py")} - {"tests", "benchmarks"}
    assert packages == set(linter["root_packages"]) == set(PACKAGES)
    assert "lint-imports" in (ROOT / "Makefile").read_text("utf-8")


def test_local_links_in_documents_when_followed_lead_to_files() -> None:
    link = re.compile(r"\]\((?!https?:|mailto:|#)([^)#\s]+)[^)]*\)")
    dead = [
        (name, target)
        for name, text in texts()
        if name.endswith(".md")
        for target in link.findall(text)
        if not ((ROOT / name).parent / Path(target)).exists()
    ]
    assert dead == []
