"""Documents keep up with the code: what can be set is written down, what is written in HTML has a name."""

from __future__ import annotations

import ast
import re
import tomllib

import pytest

from activities.endpoints import ChannelsConfig
from tests.structure.files import ROOT, project_files

TEMPLATES = [path for path in project_files() if path.suffix == ".html" and "<html" in path.read_text("utf-8")]


def settings_names() -> list[str]:
    """What `starter.settings` looks up in the environment."""
    tree = ast.parse((ROOT / "starter" / "settings.py").read_text("utf-8"))
    return [
        ast.literal_eval(call.args[0])
        for call in ast.walk(tree)
        if isinstance(call, ast.Call) and ast.unparse(call.func) == "environ.get"
    ]


def test_settings_when_looked_up_are_documented() -> None:
    documented = (ROOT / "docs" / "settings.md").read_text("utf-8")
    names = settings_names()
    assert "BAKEN_HOME" in names
    assert [name for name in names if f"`{name}`" not in documented] == []


def test_example_of_endpoints_when_read_is_valid() -> None:
    document = (ROOT / "docs" / "settings.md").read_text("utf-8")
    example = re.search(r"```toml\n(.*?)```", document, re.DOTALL)
    assert example is not None
    config = ChannelsConfig.model_validate(tomllib.loads(example.group(1)))
    assert config.channels.webhook[0].name == "newsroom"


@pytest.mark.parametrize("template", TEMPLATES, ids=lambda path: str(path.relative_to(ROOT)))
def test_page_when_written_names_its_language_and_title(template: object) -> None:
    html = (ROOT / str(template)).read_text("utf-8")
    assert re.search(r"<html[^>]* lang=", html)
    assert re.search(r"<title>[^<]+</title>", html)
