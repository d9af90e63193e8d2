"""Case files as people get them wrong: each ends with the field and what is expected (issue 3, row 7)."""

from __future__ import annotations

import copy
import io
import json
import struct
import zlib
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from activities.channels import NAMES, PERSONAL
from starter.cases import PreparedCase, normalise_photos, parse_document, photo_files, prepare_case, read_document
from starter.errors import BadInput
from store.database import Database
from store.programmes import load_programmes
from tests.support.stores import new_store

FIXTURE = Path(__file__).parents[2] / "fixtures/cases/noor.json"
NOW = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
PROGRAMMES = load_programmes(None, channels=NAMES, personal=PERSONAL)
Document = dict[str, Any]
Change = Callable[[Document], object]


@pytest.fixture
def db(tmp_path: Path) -> Iterator[Database]:
    database = new_store(tmp_path / "baken.db")
    yield database
    database.close()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Where the case file and its photo lie."""
    here = tmp_path / "case"
    here.mkdir()
    (here / "noor.jpg").write_bytes(_jpeg())
    (here / "case.json").write_bytes(FIXTURE.read_bytes())
    return here


@pytest.fixture
def prepare(db: Database, folder: Path) -> Callable[[Document], PreparedCase]:
    return lambda document: prepare_case(document, folder, PROGRAMMES, db, NOW)


def test_prepare_case_when_right_names_its_photo_by_hash(prepare: Callable[[Document], PreparedCase]) -> None:
    prepared = prepare(_document())
    photo = prepared.case.children[0].photos[0]
    assert photo.sha256 == prepared.photos[0].sha256
    assert (photo.width, photo.height) == (300, 400)


def test_prepare_case_when_photo_has_gps_accepts_and_strips_it(
    prepare: Callable[[Document], PreparedCase], folder: Path
) -> None:
    exif = Image.Exif()
    exif[0x8825] = {1: "N", 2: (52.0, 9.0, 21.9), 3: "E", 4: (5.0, 23.0, 16.0)}
    (folder / "noor.jpg").write_bytes(_jpeg(exif=exif))
    jpeg = prepare(_document()).photos[0].jpeg
    assert not Image.open(io.BytesIO(jpeg)).getexif()
    assert b"Exif" not in jpeg


def test_prepare_case_when_photos_are_uploaded_reads_no_folder(db: Database) -> None:
    prepared = prepare_case(_document(), {"noor.jpg": _jpeg()}, PROGRAMMES, db, NOW)
    assert len(prepared.photos) == 1


def test_prepare_case_leaves_the_given_document_alone(prepare: Callable[[Document], PreparedCase]) -> None:
    document = _document()
    prepare(document)
    assert document == _document()


def _child(name: str, value: Any) -> Change:
    return lambda document: document["children"][0].update({name: value})


def _seen(**values: Any) -> Change:
    return lambda document: document.update(last_seen=values)


def _area(value: Any) -> Change:
    return lambda document: document.update(area=value)


def _photo(**values: Any) -> Change:
    return lambda document: document["children"][0]["photos"][0].update(values)


CROSSED = [[4.9, 52.3], [5.3, 52.1], [5.3, 52.3], [4.9, 52.1]]
WRONG: dict[str, tuple[Change, str]] = {
    "unknown field": (lambda d: d.update(colour="red"), "colour"),
    "unknown field of a child": (_child("nickname", "No"), "children/0/nickname"),
    "negative age": (_child("age", -1), "children/0/age"),
    "textual age": (_child("age", "seven"), "children/0/age"),
    "age as a digit in a text": (_child("age", "7"), "children/0/age"),
    "age of true": (_child("age", True), "children/0/age"),
    "age of a fraction": (_child("age", 7.5), "children/0/age"),
    "no age": (lambda d: d["children"][0].pop("age"), "children/0"),
    "two kinds of age": (_child("age_range", [6, 8]), "children/0"),
    "age range upside down": (
        lambda d: (d["children"][0].pop("age"), _child("age_range", [9, 8])(d)),
        "children/0",
    ),
    "no name and no description": (lambda d: d["children"][0].pop("name"), "children/0"),
    "no children": (lambda d: d.update(children=[]), "children"),
    "nine children": (lambda d: d.update(children=d["children"] * 9), "children"),
    "children as an object": (lambda d: d.update(children={"name": "Noor"}), "children"),
    "naive time": (_seen(at="2026-11-24T14:10:00"), "last_seen/at"),
    "time as a number": (_seen(at=1790000000), "last_seen/at"),
    "future time": (_seen(at="2026-11-24T15:10:00+01:00"), "last_seen/at"),
    "ancient time": (_seen(at="1926-11-24T14:10:00+01:00"), "last_seen/at"),
    "future end of a span": (_seen(between=["2026-11-24T09:00:00Z", "2026-11-25T09:00:00Z"]), "last_seen/between"),
    "span backwards": (_seen(between=["2026-11-24T10:00:00Z", "2026-11-24T09:00:00Z"]), "last_seen"),
    "no time": (_seen(place="Amersfoort"), "last_seen"),
    "latitude off the globe": (_seen(at="2026-11-24T09:00:00Z", lat=152.0, lon=5.0), "last_seen/lat"),
    "no circumstances": (lambda d: d.pop("circumstances"), "circumstances"),
    "no situation": (lambda d: d["public"].pop("situation"), "public/situation"),
    "headline that does not fit": (lambda d: d["public"].update(headline={"nl": "x" * 161}), "public/headline/nl"),
    "headline in another language": (
        lambda d: d["public"].update(headline={"fr": "Disparue"}),
        "public/headline/fr",
    ),
    "unknown programme": (lambda d: d.update(programme="ambre"), "programme"),
    "photo missing": (_photo(file="nora.jpg"), "children/0/photos/0/file"),
    "photo outside the folder": (_photo(file="../other.jpg"), "children/0/photos/0/file"),
    "photo by absolute path": (_photo(file="/etc/hostname"), "children/0/photos/0/file"),
    "photo with a zero byte in its name": (_photo(file="noor\0.jpg"), "children/0/photos/0/file"),
    "photo with a name no disk takes": (_photo(file="n" * 300), "children/0/photos/0/file"),
    "photo that is the folder": (_photo(file="."), "children/0/photos/0/file"),
    "hash typed by hand": (_photo(sha256="0" * 64), "children/0/photos/0"),
    "six photos": (lambda d: d["children"][0].update(photos=d["children"][0]["photos"] * 6), "children/0/photos"),
    "self-crossing polygon": (_area({"polygon": CROSSED}), "area/polygon"),
    "polygon of two points": (_area({"polygon": CROSSED[:2]}), "area"),
    "area wholly outside": (_area({"circle": {"lat": 41.9, "lon": 12.5, "radius_m": 900}}), "area/circle"),
    "two kinds of area": (_area({"nation": "NL", "municipalities": ["GM0307"]}), "area"),
    "no kind of area": (_area({}), "area"),
    "municipality that was not imported": (_area({"municipalities": ["GM0307"]}), "area/municipalities"),
}


@pytest.mark.parametrize("name", WRONG)
def test_prepare_case_when_wrong_names_the_field(name: str, prepare: Callable[[Document], PreparedCase]) -> None:
    change, field = WRONG[name]
    document = _document()
    change(document)
    with pytest.raises(BadInput) as refused:
        prepare(document)
    assert refused.value.field == field
    assert str(refused.value).count("\n") == 0
    assert "Verzonnen" not in str(refused.value)


def test_prepare_case_when_several_are_wrong_names_all(prepare: Callable[[Document], PreparedCase]) -> None:
    document = _document()
    _child("age", -1)(document)
    document["public"]["situatie"] = "?"
    with pytest.raises(BadInput, match=r"^children/0/age: .*; public/situatie: ") as refused:
        prepare(document)
    assert [field for field, _ in refused.value.problems] == ["children/0/age", "public/situatie"]


def _bomb() -> bytes:
    """A PNG of a few kB that says it is 30,000 pixels wide and high."""
    header = struct.pack(">IIBBBBB", 30_000, 30_000, 8, 2, 0, 0, 0)
    chunks = [(b"IHDR", header), (b"IDAT", zlib.compress(b"\0" * 100_000)), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
        for name, data in chunks
    )


@pytest.mark.parametrize(
    "make",
    [lambda: b"no image at all", lambda: b"", lambda: _jpeg()[:900], _bomb, lambda: _jpeg(size=(40, 40))],
    ids=["not an image", "empty", "cut off", "decompression bomb", "too small"],
)
def test_prepare_case_when_the_photo_is_no_good_names_it(
    make: Callable[[], bytes], prepare: Callable[[Document], PreparedCase], folder: Path
) -> None:
    (folder / "noor.jpg").write_bytes(make())
    with pytest.raises(BadInput, match=r"^children/0/photos/0/file: "):
        prepare(_document())


def test_prepare_case_when_the_photo_is_60_mb_does_not_read_it(
    prepare: Callable[[Document], PreparedCase], folder: Path
) -> None:
    with (folder / "noor.jpg").open("wb") as file:
        file.truncate(60_000_000)
    with pytest.raises(BadInput, match=r"^children/0/photos/0/file: is 60 MB; at most 20 MB"):
        prepare(_document())


def test_prepare_case_when_the_photo_links_outside_refuses_it(
    prepare: Callable[[Document], PreparedCase], folder: Path
) -> None:
    (folder.parent / "elsewhere.jpg").write_bytes(_jpeg())
    (folder / "noor.jpg").unlink()
    (folder / "noor.jpg").symlink_to(folder.parent / "elsewhere.jpg")
    with pytest.raises(BadInput, match="outside the folder"):
        prepare(_document())


UNREADABLE = {
    "not JSON": b'{"programme": "amber",}',
    "not UTF-8": '{"programme": "ambér"}'.encode("latin-1"),
    "empty": b"",
    "a list": b"[]",
    "a field twice": b'{"programme": "amber", "programme": "burgernet"}',
    "nested too deep for the parser": b"[" * 100_000,
    "nested too deep for a case": b'{"a":' * 60 + b"1" + b"}" * 60,
    "an endless number": b'{"age": ' + b"9" * 5_000 + b"}",
    "too large": b'{"circumstances": "' + b"x" * 1_000_000 + b'"}',
}


@pytest.mark.parametrize("name", UNREADABLE)
def test_read_document_when_unreadable_says_why(name: str, tmp_path: Path) -> None:
    path = tmp_path / "case.json"
    path.write_bytes(UNREADABLE[name])
    with pytest.raises(BadInput, match=r"^(case\.json|programme): "):
        read_document(path)


def test_read_document_when_missing_or_a_folder_says_so(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="there is no such file"):
        read_document(tmp_path / "case.json")
    with pytest.raises(BadInput, match="cannot be read"):
        read_document(tmp_path)


def test_read_document_when_it_has_a_byte_order_mark_reads_it(folder: Path) -> None:
    (folder / "case.json").write_bytes(b"\xef\xbb\xbf" + FIXTURE.read_bytes())
    assert read_document(folder / "case.json") == _document()


def test_normalise_photos_when_amending_leaves_known_ones(folder: Path) -> None:
    patch = {"children": [{"photos": [{"file": "known.jpg"}, {"file": "noor.jpg"}]}]}
    stored = normalise_photos(patch, folder, known={"known.jpg"})
    assert len(stored) == 1
    assert "sha256" not in patch["children"][0]["photos"][0]
    assert patch["children"][0]["photos"][1]["sha256"] == stored[0].sha256


def test_normalise_photos_when_amending_with_an_unknown_file_refuses(folder: Path) -> None:
    patch = {"children": [{"photos": [{"file": "typo.jpg"}]}]}
    with pytest.raises(BadInput, match=r"^children/0/photos/0/file: 'typo.jpg' is not there"):
        normalise_photos(patch, folder, known={"known.jpg"})


def test_photo_files_of_a_view_are_those_shown_and_drafted() -> None:
    draft = copy.deepcopy(_document())
    draft["children"][0]["photos"][0]["file"] = "new.jpg"
    assert photo_files({"case": _document(), "draft": {"case": draft}}) == {"noor.jpg", "new.jpg"}
    assert photo_files({"case": None, "draft": None}) == set()


def _document() -> Document:
    return parse_document(FIXTURE.read_text("utf-8"), FIXTURE.name)


def _jpeg(size: tuple[int, int] = (300, 400), exif: Image.Exif | None = None) -> bytes:
    out = io.BytesIO()
    Image.effect_noise(size, 60).convert("RGB").save(out, "JPEG", **({"exif": exif} if exif else {}))
    return out.getvalue()


def test_the_fixture_is_plain_json() -> None:
    assert json.loads(FIXTURE.read_text("utf-8"))["children"][0]["age"] == 7
