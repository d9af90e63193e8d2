"""The console's words in two languages: English in the code and templates, Dutch in `locale/nl.po`.

The catalogue is read as it stands, without a compile step; a structure test finds what is missing or unused.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from pathlib import Path

from babel.messages.pofile import read_po
from fastapi import Request

CATALOGUE = Path(__file__).parent / "locale" / "nl.po"
LANGUAGES = {"nl": "Nederlands", "en": "English"}
COOKIE = "baken_language"

Translate = Callable[[str], str]


def N_(message: str) -> str:
    """Mark a text for translation where it stands; it is translated where it is shown."""
    return message


@cache
def dutch() -> dict[str, str]:
    with CATALOGUE.open("rb") as file:
        catalogue = read_po(file, locale="nl")
    return {str(message.id): str(message.string) for message in catalogue if message.id and message.string}


def translator(language: str) -> Translate:
    """Gives a message in that language; English is what the messages are written in."""
    if language == "en":
        return lambda message: message
    return lambda message: dutch().get(message, message)


def language_of(request: Request) -> str:
    """`?lang=`, else the cookie, else Dutch."""
    for asked in (request.query_params.get("lang"), request.cookies.get(COOKIE)):
        if asked in LANGUAGES:
            return str(asked)
    return "nl"
