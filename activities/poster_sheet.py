"""Setting posters: what a sheet says, its photos and QR code, and the PDF and PNG made of them.

Typst sets a sheet in some 20 ms, in this process, from what it is handed and nothing else: it is given neither the
system's fonts nor a folder, and text is data to it, never markup.
"""

from __future__ import annotations

import base64
import io
import json
import re
import unicodedata
from collections.abc import Callable, Mapping, Sequence, Set
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from typing import Any

import segno
import typst
from PIL import Image, ImageOps

from alerts.compose import vehicles
from alerts.edition import Edition, EditionPhoto, Fact, LanguageText
from alerts.fitting import cut

SHEETS = {"a4": "pdf", "a3": "pdf", "square": "png"}
FIRST = {"a4": 0, "a3": 0, "square": 1}
"""Of the levels that `_levels` offers, the one each begins with: a picture goes with a post, which has the story."""
SIDE = 1080
"""Pixels of the square picture."""
FONTS = Path(__file__).resolve().parent.parent / "build" / "fonts"
FAMILIES = ("Noto Sans", "Noto Sans Arabic", "Noto Emoji")
TEMPLATE = Path(__file__).parent / "channels" / "templates" / "poster.typ"
OF_ONE_CHILD = 3
"""Photos on a sheet; of several children, one each."""
PHOTO_SIDE = 1000
"""Pixels: 150 to the inch on A3."""
LEFT_OUT = (
    "",
    "leaves out the story",
    "leaves out the story and shortens descriptions",
    "leaves out the story and what the children look like",
    "leaves out all about the children but the headline",
)
"""What is missing at each of the levels that `_levels` offers."""
AT_MOST = {"a4": 7000, "a3": 7000, "square": 2000}
"""Characters, of JSON: with more nobody need try."""
NO_ROOM = "no room"
"""As the template says it."""
UNKNOWN = "\ufffd"
_WORDS = {
    "nl": {
        "call": "Bel",
        "scan": "Scan: geldt deze poster nog?",
        "note": "Poster {number} van dit alert. Haal hem weg zodra het alert is beëindigd.",
    },
    "en": {
        "call": "Call",
        "scan": "Scan: is this poster still valid?",
        "note": "Poster {number} of this alert. Take it down once the alert has ended.",
    },
}


class CannotSet(Exception):
    """No poster can be made; the text says why, with nothing of the alert in it."""


@dataclass(frozen=True)
class Posters:
    """Every sheet of one edition, by names such as `a4.nl`, and what its approver should know of them."""

    files: dict[str, bytes]
    remarks: tuple[str, ...]


def make_posters(edition: Edition, photos: Mapping[str, bytes], address: str, fonts: Path = FONTS) -> Posters:
    """Every sheet in every language, photos by SHA-256; its QR code leads to `address`. Raises CannotSet."""
    readable = partial(_readable, _signs(fonts))
    pictures = {sha256: _printable(jpeg) for sha256, jpeg in photos.items()}
    shown = [(photo, pictures[photo.sha256]) for photo in _chosen(edition.photos) if photo.sha256 in pictures]
    inside = {"main.typ": TEMPLATE.read_bytes(), "code.svg": _code(address)}
    inside |= {f"photo{n}.svg": _as_svg(picture) for n, (_, picture) in enumerate(shown)}
    files: dict[str, bytes] = {}
    remarks: list[str] = []
    for language in edition.texts:
        said = _each_text(_said(edition, language, address, shown), readable)
        lost = json.dumps(said).count(json.dumps(UNKNOWN)[1:-1])
        if lost:
            remarks.append(f"the poster ({language}) has {UNKNOWN} for signs that its fonts do not have")
        for sheet in SHEETS:
            files[f"{sheet}.{language}"], level = _set(sheet, said, inside, fonts)
            if level > FIRST[sheet]:
                remarks.append(f"the poster {sheet} ({language}) {LEFT_OUT[level]}: there is no room for it")
    return Posters(files, tuple(remarks))


def set_pages(template: bytes, said: Any, inside: Mapping[str, bytes], fonts: Path = FONTS) -> bytes:
    """A PDF of as many pages as it takes, from a template that reads `data.json`. Raises CannotSet.

    `said` is in the template's words, `fonts` in it those to set it in; signs that they lack are left out.
    """
    said = _each_text(said, partial(_readable, _signs(fonts)))
    for words in (said, _each_text(said, _bare)):
        files = {**inside, "main.typ": template, "data.json": json.dumps(words, ensure_ascii=False).encode()}
        try:
            return _compiled(typst.Compiler(files, font_paths=_fonts(fonts)), "pdf")  # type: ignore[type-var]  # its stub
        except typst.TypstError:
            continue
    raise CannotSet("the pages cannot be set")


def in_words(edition: Edition, language: str, address: str) -> str:
    """All that a sheet says where there is room for all of it, from top to bottom."""
    said = _said(edition, language, address, ())
    whole = said["levels"][0]
    lines = [said["event"], said["headline"], said["warning"]]
    for child in whole["children"]:
        lines += [child["title"] if said["named"] or not said["alone"] else None, *map(_line, child["facts"])]
    lines += [*map(_line, whole["more"]), whole["body"], said["ask"], said["call"], said["note"]]
    return "\n".join(line for line in [*lines, f"{said['scan']} {said['address']}"] if line)


def _line(fact: dict[str, Any]) -> str:
    return f"{fact['label']}: {fact['value']}"


def _call(tip_line: str, language: str) -> str:
    """A tip line that is no number stands as it is."""
    return f"{_WORDS[language]['call']} {tip_line}" if re.search(r"\d{3}", tip_line) else tip_line


def _chosen(photos: Sequence[EditionPhoto]) -> list[EditionPhoto]:
    first = {photo.child: photo for photo in reversed(photos)}
    return (
        list(photos[:OF_ONE_CHILD]) if len(first) == 1 else [photo for photo in photos if first[photo.child] is photo]
    )


def _printable(jpeg: bytes) -> Image.Image:
    """With the whole range from black to white, so that it stays legible in grey and copied."""
    picture = Image.open(io.BytesIO(jpeg), formats=("JPEG",)).convert("RGB")
    picture.thumbnail((PHOTO_SIDE, PHOTO_SIDE), Image.Resampling.LANCZOS)
    return ImageOps.autocontrast(picture, cutoff=0.5, preserve_tone=True)


def _as_svg(picture: Image.Image) -> bytes:
    """Typst takes files from memory only where they are text."""
    out = io.BytesIO()
    picture.save(out, "JPEG", quality=85)
    size = f'width="{picture.width}" height="{picture.height}"'
    jpeg = base64.b64encode(out.getvalue()).decode()
    image = f'<image {size} href="data:image/jpeg;base64,{jpeg}"/>'
    return f'<svg xmlns="http://www.w3.org/2000/svg" {size}>{image}</svg>'.encode()


def _code(address: str) -> bytes:
    out = io.BytesIO()
    segno.make_qr(address, error="m").save(out, kind="svg", border=4, xmldecl=False)
    return out.getvalue()


def _said(
    edition: Edition, language: str, address: str, photos: Sequence[tuple[EditionPhoto, Image.Image]]
) -> dict[str, Any]:
    """What the template reads."""
    text, words = edition.texts[language], _WORDS[language]
    return {
        "lang": language,
        "fonts": FAMILIES,
        "alone": len(text.children) <= 1,
        "named": any(child.title not in text.headline for child in text.children),
        "event": text.event,
        "headline": text.headline,
        "levels": _levels(text, language),
        "warning": text.warning,
        "ask": text.ask,
        "call": _call(edition.tip_line, language),
        "note": words["note"].format(number=edition.number),
        "scan": words["scan"],
        "address": address.removeprefix("https://"),
        "photos": [
            {
                "file": f"photo{n}.svg",
                "width": picture.width,
                "height": picture.height,
                "alt": photo.alt[language],
                "caption": cut(photo.alt[language], 60) if len(text.children) > 1 else "",
            }
            for n, (photo, picture) in enumerate(photos)
        ],
    }


def _levels(text: LanguageText, language: str) -> list[dict[str, Any]]:
    """All, and ever less, for the sheet to take the first that fits; plates are whole in each."""
    cars = vehicles(text, language)

    def said(body: str, *, title: int = 400, most: int = 5000, facts: int = 20, more: int = 5000) -> dict[str, Any]:
        children = [
            {"title": cut(child.title, title), "facts": [_fact(fact, most) for fact in child.facts[:facts]]}
            for child in text.children
        ]
        known = [
            _fact(fact, 5000, whole=True) if f"{fact.label}: {fact.value}" in cars else _fact(fact, more)
            for fact in text.more
        ]
        return {"body": body, "children": children, "more": known}

    return [
        said(text.body),
        said(""),
        said("", title=80, most=120, more=160),
        said("", title=60, most=60, facts=2, more=80),
        {**said("", more=80), "children": []},
    ]


def _fact(fact: Fact, most: int, *, whole: bool = False) -> dict[str, Any]:
    return {"label": fact.label, "value": cut(fact.value, most), "whole": whole}


def _set(sheet: str, said: dict[str, Any], inside: dict[str, bytes], fonts: Path) -> tuple[bytes, int]:
    """The file, and the first level for which there is room; raises CannotSet."""
    # A sign and a mark may each be in a font, but not in the same one: then without marks.
    for words in (said, _each_text(said, _bare)):
        files = {**inside, "data.json": json.dumps(words, ensure_ascii=False).encode()}
        for level, some in enumerate(words["levels"]):
            if level < FIRST[sheet]:
                continue
            if level < len(words["levels"]) - 1 and len(json.dumps(some, ensure_ascii=False)) > AT_MOST[sheet]:
                continue
            inputs = {"shape": sheet, "level": str(level)}
            compiler = typst.Compiler(files, font_paths=_fonts(fonts), sys_inputs=inputs)  # type: ignore[type-var]  # its stub
            try:
                made = _compiled(compiler, SHEETS[sheet])
            except typst.TypstError as error:
                if NO_ROOM in error.message:
                    continue
                break
            return made, level
    raise CannotSet("the poster cannot be set")


def _compiled(compiler: typst.Compiler, form: str) -> bytes:
    # PDF/UA is for those who hear a sheet, and refuses a sign that would stand as an empty box.
    made = compiler.compile(format="png", ppi=72) if form == "png" else compiler.compile(pdf_standards="ua-1")
    assert isinstance(made, bytes), "it has one page"
    return made


@cache
def _fonts(folder: Path) -> typst.Fonts:
    return typst.Fonts(include_system_fonts=False, include_embedded_fonts=False, font_paths=[str(folder)])


@cache
def _signs(folder: Path) -> frozenset[int]:
    """Every sign that a font of ours has."""
    from uharfbuzz import Blob, Face  # noqa: PLC0415  20 ms, and nobody needs it to start

    paths = sorted(folder.glob("*Regular.ttf"))
    if len(paths) != len(FAMILIES):
        raise CannotSet("the poster's fonts are missing on this machine: run make install")
    return frozenset[int]().union(*(Face(Blob.from_file_path(str(path))).unicodes for path in paths))


def _readable(signs: Set[int], text: str) -> str:
    """Without signs that our fonts lack: marks and joiners go, everything else is said to be unknown."""

    def sign(one: str) -> str:
        if one.isspace() or ord(one) in signs:
            return one
        return "" if unicodedata.category(one)[0] in "MC" else UNKNOWN

    return "".join(map(sign, unicodedata.normalize("NFC", text)))


def _bare(text: str) -> str:
    return "".join(one for one in text if one.isspace() or unicodedata.category(one)[0] not in "MC")


def _each_text(value: Any, change: Callable[[str], str]) -> Any:
    if isinstance(value, str):
        return change(value)
    if isinstance(value, dict):
        return {name: _each_text(one, change) for name, one in value.items()}
    return [_each_text(one, change) for one in value] if isinstance(value, (list, tuple)) else value
