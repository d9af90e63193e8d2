"""No internal field reaches any channel: every text of a case is a word of its own, and the internal ones never show.

The case is filled by its own schema, so a field that is added tomorrow is tested tomorrow.
"""

from __future__ import annotations

import itertools
import types
from datetime import date, datetime
from typing import Annotated, Any, Literal, Union, get_args, get_origin

import pytest
from pydantic.fields import FieldInfo

from activities.channels import CAPABILITIES, NAMES
from alerts.case import Case
from alerts.values import Value
from alerts.vocabulary import Kind
from store.database import Database
from tests.support.editions import BASE_URL, ShownAlert, amber, make_edition

FIXED: dict[str, Any] = {
    "language": "nl",
    "sha256": "ab" * 32,
    "role": amber().release.roles[0],
    "area": {"nation": "NL"},
}
"""Words that must be what they are for the case to be shown at all."""
NOT_SHOWN = {"programme", "situation", "taken_at"}
"""Public by rights, but today's texts do not repeat them, or `headline` and `body` stand in their place."""


class Filler:
    """Fills models with words, and remembers which of them are public."""

    def __init__(self) -> None:
        self.words: dict[str, tuple[str, bool]] = {}
        self._numbers = itertools.count(100)

    def model(self, model: type[Value], path: str = "", *, public: bool = True) -> dict[str, Any]:
        filled = {}
        for name, field in model.model_fields.items():
            here = public and audience(field) == "public"
            filled[name] = self.value(field.annotation, f"{path}/{name}", name, public=here)
        return filled

    def value(self, kind: Any, path: str, name: str, *, public: bool) -> Any:
        """Something for a field of that type."""
        if name in FIXED:
            return FIXED[name]
        origin, arguments = get_origin(kind), get_args(kind)
        if origin in (Annotated, Union, types.UnionType):
            return self.value(arguments[0], path, name, public=public)
        if origin is tuple:
            return [self.value(arguments[0], path, name, public=public)]
        if origin is dict:
            languages = get_args(arguments[0])
            return {key: self.value(arguments[1], f"{path}/{key}", name, public=public) for key in languages}
        return arguments[0] if origin is Literal else self.plain(kind, path, public=public)

    def plain(self, kind: type, path: str, *, public: bool) -> Any:
        if kind is str:
            return self.word(path, public=public)
        return self.model(kind, path, public=public) if issubclass(kind, Value) else PLAIN[kind]

    def word(self, path: str, *, public: bool) -> str:
        word = f"zz{next(self._numbers)}qq"
        self.words[word] = (path, public)
        return word


PLAIN: dict[Any, Any] = {
    int: 77,
    float: 52.0,
    bool: True,
    datetime: "2026-11-24T11:00:00Z",
    date: "2026-08-01",
}


def audience(field: FieldInfo) -> str:
    """What the schema says of a field; each must say something."""
    extra = field.json_schema_extra
    assert isinstance(extra, dict), f"{field} is declared neither internal nor public"
    return str(extra["audience"])


@pytest.fixture
def filled() -> tuple[dict[str, Any], dict[str, tuple[str, bool]]]:
    filler = Filler()
    document = filler.model(Case)
    for child in document["children"]:
        del child["age_range"]
    del document["last_seen"]["between"]
    return document, filler.words


@pytest.fixture
def alert(db: Database) -> ShownAlert:
    return ShownAlert(db)


def test_filled_case_when_counted_has_words_in_every_corner(
    filled: tuple[dict[str, Any], dict[str, tuple[str, bool]]],
) -> None:
    internal = {path for path, public in filled[1].values() if not public}
    assert {"/circumstances", "/reference", "/children/communication", "/publicity/given_by"} <= internal
    assert {"/suspect/name", "/suspect/release/by", "/vehicles/release/reference"} <= internal
    assert "/children/photos/identity_confirmed_by" in internal


@pytest.mark.parametrize("kind", list(Kind))
@pytest.mark.parametrize("channel", NAMES)
def test_internal_field_when_rendered_never_shows(
    alert: ShownAlert, filled: tuple[dict[str, Any], dict[str, tuple[str, bool]]], channel: str, kind: Kind
) -> None:
    document, words = filled
    rendition = alert.channels[channel].render(make_edition(document, kind=kind), BASE_URL)
    said = rendition.model_dump_json()
    assert [path for word, (path, public) in words.items() if word in said and not public] == []
    assert FIXED["role"] not in said


@pytest.mark.parametrize("channel", [name for name in NAMES if CAPABILITIES[name].text_max is None])
def test_public_field_when_rendered_shows(
    alert: ShownAlert, filled: tuple[dict[str, Any], dict[str, tuple[str, bool]]], channel: str
) -> None:
    document, words = filled
    said = alert.channels[channel].render(make_edition(document), BASE_URL).model_dump_json()
    missing = {path for word, (path, public) in words.items() if public and word not in said}
    assert {path for path in missing if path.rsplit("/", 1)[1] not in NOT_SHOWN} <= {"/children/photos/alt"}
