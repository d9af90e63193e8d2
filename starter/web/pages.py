"""Pages of the console: one place that renders them, with the visitor's language, words and times."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

from babel.numbers import format_currency, format_decimal
from fastapi import Request
from fastapi.responses import HTMLResponse

from activities.templating import templates
from alerts.places import console_path
from starter.web.i18n import LANGUAGES, translator
from starter.web.rules_say import said
from starter.web.session import Visitor
from starter.web.times import field_value, lasts, time_tag
from starter.web.words import GROUPS

TEMPLATES = Path(__file__).parent / "templates"

environment = templates(TEMPLATES)


class Pages:
    """Renders templates of the console for a visitor."""

    def __init__(self, *, embedded: bool, programmes: Mapping[str, Mapping[str, str]]) -> None:
        """`programmes` has the names of each by language; one that is not there any more goes by its id."""
        self._embedded = embedded
        self._programmes = programmes

    def programme_name(self, id_: str, language: str) -> str:
        return self._programmes.get(id_, {}).get(language, id_)

    def text(self, template: str, visitor: Visitor, **values: Any) -> str:
        return environment.get_template(template).render(**self._words(visitor), **values)

    def html(
        self, request: Request, template: str, visitor: Visitor, status: int = 200, **values: Any
    ) -> HTMLResponse:
        """A whole page; `kind` colours it, and pages about no alert have none."""
        other = next(code for code in LANGUAGES if code != visitor.language)
        page = {"kind": None, "status_live": None, "path": request.url.path, "other": (other, LANGUAGES[other])}
        html = self.text(template, visitor, **{**page, **values})
        return HTMLResponse(html, status, {"cache-control": "no-store"})

    def _words(self, visitor: Visitor) -> dict[str, Any]:
        language = visitor.language
        translate = translator(language)
        return {
            "_": translate,
            "language": language,
            "visitor": visitor,
            "embedded": self._embedded,
            "word": lambda group, name: translate(GROUPS[group].get(name) or name) if name else "\u2013",
            "words": lambda group: {name: translate(word) for name, word in GROUPS[group].items()},
            "said": partial(said, language),
            "time": lambda value, seconds=False: time_tag(value, language, seconds=seconds),
            "programme_name": lambda id: self.programme_name(id, language),
            "lasts": lasts,
            "field_time": field_value,
            "number": lambda value: format_decimal(value, locale=language) if value is not None else "\u2013",
            "euros": lambda value: format_currency(value, "EUR", locale=language),
            "place": lambda view: console_path(view["kind"], view["alert_id"]),
            "new_id": lambda: uuid.uuid4().hex,
        }
