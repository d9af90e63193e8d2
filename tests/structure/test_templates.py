"""Templates of the console: small, titled, with one first heading and nothing that its policy forbids."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from starter.web.pages import TEMPLATES

CONSOLE = sorted((TEMPLATES / "console").rglob("*.html"))
PAGES = [path for path in CONSOLE if "{% extends" in path.read_text("utf-8")]
INLINE = re.compile(r"<style|<script(?![^>]*\bsrc=)|\sstyle=|\son[a-z]+=", re.IGNORECASE)


@pytest.mark.parametrize("path", CONSOLE, ids=lambda path: path.stem)
def test_template_when_measured_is_at_most_120_lines(path: Path) -> None:
    assert len(path.read_text("utf-8").splitlines()) <= 120


@pytest.mark.parametrize("path", CONSOLE, ids=lambda path: path.stem)
def test_template_when_read_has_no_inline_style_or_script(path: Path) -> None:
    assert INLINE.findall(path.read_text("utf-8")) == []


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.stem)
def test_page_when_read_has_a_title_and_one_first_heading(path: Path) -> None:
    text = path.read_text("utf-8")
    assert "{% block title %}" in text
    assert text.count("<h1") == 1


@pytest.mark.parametrize("path", CONSOLE, ids=lambda path: path.stem)
def test_forms_when_they_post_carry_the_token_of_the_session(path: Path) -> None:
    text = path.read_text("utf-8")
    forms = re.findall(r'<form method="post".*?(?:</form>|{% endmacro %})', text, re.DOTALL)
    assert [form for form in forms if 'name="token"' not in form and "/console/login" not in form] == []
