"""Reading a case file: everything that is wrong with it is said, with the field, before anything starts."""

from __future__ import annotations

import copy
import json
from collections.abc import Collection, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from activities.photos import NormalPhoto, PhotoError, load_photo, normalise
from alerts.area import AreaError
from alerts.case import Case, CaseProblem, check_times
from alerts.programme import Programme
from alerts.values import Value
from starter.errors import BadInput
from store.areas import resolve_case_area
from store.database import Database

MOST_BYTES = 1_000_000
"""Of a case file; photos are files of their own."""
MOST_LEVELS = 20

Location = tuple[int | str, ...]
Folder = Path | Mapping[str, bytes]
"""Where a case's photos are: beside its file, or as they were uploaded (then never on disk in the clear)."""


class PreparedCase(Value):
    """A case that can start, with its photos as they will be kept."""

    case: Case
    photos: tuple[NormalPhoto, ...]


def read_document(path: Path) -> dict[str, Any]:
    """The JSON object in a file; raises BadInput."""
    try:
        if path.stat().st_size > MOST_BYTES:
            raise BadInput(
                path.name, f"is larger than {MOST_BYTES // 1000} kB; photos are files of their own beside it"
            )
        text = path.read_text("utf-8-sig")
    except FileNotFoundError as error:
        raise BadInput(path.name, "there is no such file") from error
    except UnicodeDecodeError as error:
        raise BadInput(path.name, f"is not UTF-8 (byte {error.start}); save it as UTF-8") from error
    except OSError as error:
        raise BadInput(path.name, f"cannot be read: {error.strerror}") from error
    return parse_document(text, path.name)


def parse_document(text: str, name: str) -> dict[str, Any]:
    """The JSON object in a text; raises BadInput."""
    try:
        document = json.loads(text, object_pairs_hook=_once_each)
    except json.JSONDecodeError as error:
        raise BadInput(name, f"is not JSON: {error.msg} at line {error.lineno}, column {error.colno}") from error
    except RecursionError as error:
        raise BadInput(name, "is nested too deep to be a case") from error
    except ValueError as error:
        raise BadInput(name, "has a number with thousands of digits") from error
    if not isinstance(document, dict):
        raise BadInput(name, "is not a JSON object with the fields of a case")
    if _deeper_than(document, MOST_LEVELS):
        raise BadInput(name, "is nested too deep to be a case")
    return document


def prepare_case(
    document: dict[str, Any], folder: Folder, programmes: Mapping[str, Programme], db: Database, now: datetime
) -> PreparedCase:
    """Check a case whole and make its photos safe; raises BadInput naming every field that is wrong."""
    _refuse_filled_in(document)
    validate_case(document, now)  # first: nothing is decoded for a case that cannot start
    document = copy.deepcopy(document)
    stored = normalise_photos(document, folder)
    case = validate_case(document, now)
    programme = programmes.get(case.programme)
    if programme is None:
        raise BadInput("programme", f"{case.programme!r} does not exist; known: {', '.join(sorted(programmes))}")
    try:
        resolve_case_area(db, case, programme)
    except AreaError as error:
        raise BadInput(error.field, error.expected) from error
    return PreparedCase(case=case, photos=tuple(stored))


def validate_case(document: dict[str, Any], now: datetime) -> Case:
    try:
        case = Case.model_validate(document)
        check_times(case, now)
    except ValidationError as error:
        raise _explained(error) from error
    except CaseProblem as problem:
        raise BadInput(problem.field, problem.expected) from problem
    return case


def normalise_photos(
    document: dict[str, Any], folder: Folder, *, known: Collection[str] | None = None
) -> list[NormalPhoto]:
    """Load and clean every photo the document names; it then names them by their SHA-256. Changes `document`.

    A file among `known` that is not in the folder is left as it is: the alert has that photo already.
    """
    _refuse_filled_in(document)
    stored, problems = [], []
    for position, photo in _photos(document):
        file = photo.get("file")
        if not isinstance(file, str):
            continue  # the schema says what is wrong with it
        try:
            data = _bytes_of(folder, file)
            if data is None and file in (known or ()):
                continue
            normal = normalise(_there(data, file))
        except PhotoError as error:
            problems.append((f"{position}/file", str(error)))
            continue
        photo.update(sha256=normal.sha256, width=normal.width, height=normal.height)
        stored.append(normal)
    if problems:
        raise BadInput.of(problems)
    return stored


def photo_files(view: Mapping[str, Any]) -> set[str]:
    """The files of the photos that an alert has already."""
    cases = [view.get("case"), (view.get("draft") or {}).get("case")]
    return {photo["file"] for case in cases if case for _, photo in _photos(case)}


def _refuse_filled_in(document: dict[str, Any]) -> None:
    for position, photo in _photos(document):
        if photo.keys() & {"sha256", "width", "height"}:
            raise BadInput(position, "sha256, width and height are filled in by Baken; leave them out")


def _bytes_of(folder: Folder, file: str) -> bytes | None:
    """A photo's bytes; None when the folder has no such file. Raises PhotoError."""
    if isinstance(folder, Mapping):
        return folder.get(file)
    try:
        inside = (folder / file).resolve().is_relative_to(folder.resolve())
        return load_photo(folder, file) if not inside or (folder / file).exists() else None
    except (OSError, ValueError) as error:
        if isinstance(error, PhotoError):
            raise
        raise PhotoError(f"{file[:60]!r} is not the name of a file that can be read") from error


def _there(data: bytes | None, file: str) -> bytes:
    if data is None:
        raise PhotoError(f"{file!r} is not there; put it in the folder of the case file")
    return data


def _photos(document: dict[str, Any]) -> list[tuple[str, dict[str, Any]]]:
    found = []
    children = document.get("children")
    for child_at, child in enumerate(children if isinstance(children, list) else []):
        photos = child.get("photos") if isinstance(child, dict) else None
        for photo_at, photo in enumerate(photos if isinstance(photos, list) else []):
            if isinstance(photo, dict):
                found.append((f"children/{child_at}/photos/{photo_at}", photo))
    return found


def _deeper_than(document: Any, levels: int) -> bool:
    level = [document]
    for _ in range(levels):
        level = [
            inner
            for outer in level
            if isinstance(outer, dict | list)
            for inner in (outer.values() if isinstance(outer, dict) else outer)
        ]
    return bool(level)


def _once_each(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    document: dict[str, Any] = {}
    for name, value in pairs:
        if name in document:
            raise BadInput(name, "stands twice in the same object; which one is meant?")
        document[name] = value
    return document


_PLAIN = {
    "missing": "is required",
    "extra_forbidden": "is not a field of a case; see 'baken alert schema'",
    "int_type": "must be a whole number",
    "float_type": "must be a number",
    "string_type": "must be a text",
    "bool_type": "must be true or false",
    "tuple_type": "must be a list",
    "dict_type": "must be an object",
    "model_type": "must be an object",
    "greater_than_equal": "must be {ge} or more",
    "less_than_equal": "must be {le} or less",
    "too_short": "needs at least {min_length}",
    "too_long": "takes at most {max_length}, not {actual_length}",
    "string_too_long": "is longer than {max_length} characters",
    "string_too_short": "is empty",
    "literal_error": "must be {expected}",
}


def _explained(error: ValidationError) -> BadInput:
    """Every problem as the field and what is expected there."""
    found = error.errors(include_url=False, include_input=False)
    places = [one["loc"] for one in found]
    inner = [one for one in found if not any(_inside(place, one["loc"]) for place in places)]
    return BadInput.of((_field(one["loc"]), _plain(one)) for one in inner)


def _inside(place: Location, outer: Location) -> bool:
    """Whether what is wrong at `place` explains what is wrong around it."""
    return len(place) > len(outer) and place[: len(outer)] == outer


def _field(place: Location) -> str:
    return "/".join(str(part) for part in place if part != "[key]") or "case"


def _plain(found: ErrorDetails) -> str:
    said = found["msg"].removeprefix("Value error, ")
    return _PLAIN[found["type"]].format(**found.get("ctx", {})) if found["type"] in _PLAIN else said
