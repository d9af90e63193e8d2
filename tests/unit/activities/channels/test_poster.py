"""Posters: read as a printer, a phone and a decoder read them, with libraries that did not make them."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pypdfium2
import pytest
import zxingcpp
from PIL import Image, ImageStat
from pypdfium2 import raw

from activities import poster_sheet
from activities.channels.base import PhotoBytes, Rejected
from activities.channels.poster import PosterChannel
from activities.poster_sheet import SIDE, UNKNOWN, Posters, make_posters
from alerts.edition import Edition
from alerts.vocabulary import Kind, Meaning
from starter.demo_case import draw_portrait
from store import editions
from store.database import Database
from store.standing import Superseded
from tests.support.editions import BASE_URL, KEY, NOW, ShownAlert, case_document, make_edition
from tests.support.stores import new_store

ADDRESS = f"{BASE_URL}/a/a1/1-0a1b2c"
PLATE = "VX-1?3-B"
RELEASE = {"by": "x", "role": "officier van justitie", "at": "2026-11-24T11:30:00Z"}
CAR = {"plate": PLATE, "colour": "grijze", "make": "Opel", "certain": True, "release": RELEASE}
SUSPECT = {"description": "Een man van ongeveer 40 jaar.", "release": RELEASE}
FAMILY = "\U0001f468\u200d\U0001f469\u200d\U0001f467"
LONG = (f"\u0646\u0648\u0631\u064f {FAMILY} O'Brien-\u00c5 <b>#panic() $x$ " * 20)[:400].strip()
A4, A3 = (210, 297), (297, 420)
POINTS = 72 / 25.4
"""In a millimetre."""


def child(n: int = 1, **changes: Any) -> dict[str, Any]:
    photo = {"file": f"{n}.jpg", "alt": f"Kind {n}", "sha256": f"{n:02x}" * 32, "width": 600, "height": 720}
    looks = {"hair": "rood", "height_cm": 120, "clothing": "gele jas, blauwe spijkerbroek"}
    return {"name": "Noor Voorbeeld", "age": 7, "gender": "girl", "photos": [photo], **looks, **changes}


def made(edition: Edition, jpeg: bytes = b"") -> Posters:
    photos = {photo.sha256: jpeg for photo in edition.photos}
    return make_posters(edition, photos, ADDRESS)


@pytest.fixture(scope="module")
def portrait(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """As flat as a photo taken against the light: between two shades of grey."""
    path = tmp_path_factory.mktemp("portrait") / "noor.jpg"
    draw_portrait(path)
    out = io.BytesIO()
    Image.open(path).point(lambda value: 90 + value // 6).save(out, "JPEG")
    return out.getvalue()


@pytest.fixture(scope="module")
def edition() -> Edition:
    return make_edition(case_document(children=[child()], vehicles=[CAR], suspect=SUSPECT))


@pytest.fixture(scope="module")
def posters(edition: Edition, portrait: bytes) -> Posters:
    return made(edition, portrait)


@pytest.fixture(scope="module")
def crowded(portrait: bytes) -> Posters:
    """Eight children, and the longest texts there can be."""
    children = [child(n, name=LONG, hair=LONG, eyes=LONG, clothing=LONG, marks=LONG) for n in range(1, 9)]
    seen = {"at": "2026-11-24T11:00:00Z", "place": LONG}
    suspect = {**SUSPECT, "description": LONG * 9}
    document = case_document(
        children=children, last_seen=seen, vehicles=[CAR], suspect=suspect, public={"situation": (LONG * 10)[:4000]}
    )
    return made(make_edition(document), portrait)


def pages(pdf: bytes) -> list[pypdfium2.PdfPage]:
    return list(pypdfium2.PdfDocument(pdf))


def text_of(pdf: bytes) -> str:
    (page,) = pages(pdf)
    return str(page.get_textpage().get_text_range()).replace("\r\n", "\n")


def printed(pdf: bytes, dots_a_mm: float = 6) -> Image.Image:
    (page,) = pages(pdf)
    image: Image.Image = page.render(scale=dots_a_mm / POINTS, grayscale=True).to_pil().convert("L")
    return image


def codes(image: Image.Image) -> list[str]:
    return [code.text for code in zxingcpp.read_barcodes(image)]


def embedded(pdf: bytes) -> list[bool]:
    """Of the font of every text."""
    (page,) = pages(pdf)
    texts = page.get_objects(filter=[raw.FPDF_PAGEOBJ_TEXT], max_depth=9)
    return [bool(raw.FPDFFont_GetIsEmbedded(raw.FPDFTextObj_GetFont(text))) for text in texts]


@pytest.mark.parametrize("crowd", ["posters", "crowded"])
@pytest.mark.parametrize(("sheet", "size"), [("a4", A4), ("a3", A3)])
@pytest.mark.parametrize("language", ["nl", "en"])
def test_sheet_when_set_is_one_page_of_its_paper_with_all_that_may_not_be_missed(
    request: pytest.FixtureRequest, crowd: str, sheet: str, size: tuple[int, int], language: str
) -> None:
    posters: Posters = request.getfixturevalue(crowd)
    pdf = posters.files[f"{sheet}.{language}"]
    (page,) = pages(pdf)
    assert (round(page.get_width() / POINTS), round(page.get_height() / POINTS)) == size
    said = text_of(pdf)
    assert PLATE in said
    assert f"{'Bel' if language == 'nl' else 'Call'} 0800-6070" in said
    assert ADDRESS.removeprefix("https://") in said
    assert ("Benader deze persoon niet. Bel 112." if language == "nl" else "Do not approach this person.") in said
    assert UNKNOWN not in said


def test_sheet_when_there_is_room_says_it_all_and_in_the_words_of_the_preview(
    posters: Posters, edition: Edition
) -> None:
    said = " ".join(text_of(posters.files["a4.nl"]).split())
    for line in poster_sheet.in_words(edition, "nl", ADDRESS).splitlines():
        assert " ".join(line.split()) in said
    assert posters.remarks == ()


def test_sheet_when_the_headline_names_nobody_names_the_child() -> None:
    public = {"situation": "Verzonnen.", "headline": {"nl": "Wie zag dit meisje?", "en": "Who saw this girl?"}}
    document = case_document(children=[child(photos=[])], public=public)
    assert "Noor Voorbeeld" in text_of(made(make_edition(document)).files["a4.nl"])


def test_sheet_when_crowded_leaves_out_whole_parts_and_says_so(crowded: Posters) -> None:
    assert (
        "the poster a4 (nl) leaves out the story and what the children look like: there is no room for it"
        in crowded.remarks
    )
    said = text_of(crowded.files["a4.nl"])
    assert "O'Brien" in said
    assert "#panic()" in said


@pytest.mark.parametrize("crowd", ["posters", "crowded"])
def test_fonts_when_looked_at_are_all_embedded(request: pytest.FixtureRequest, crowd: str) -> None:
    posters: Posters = request.getfixturevalue(crowd)
    found = embedded(posters.files["a4.nl"])
    assert len(found) > 20
    assert all(found)


@pytest.mark.parametrize("name", ["a4.nl", "a3.en"])
def test_code_when_printed_is_read_back(posters: Posters, name: str) -> None:
    assert codes(printed(posters.files[name], 4)) == [ADDRESS]


@pytest.mark.parametrize("crowd", ["posters", "crowded"])
def test_picture_when_made_is_a_square_with_its_code_and_nothing_hidden(
    request: pytest.FixtureRequest, crowd: str
) -> None:
    picture = Image.open(io.BytesIO(request.getfixturevalue(crowd).files["square.nl"]))
    assert picture.format == "PNG"
    assert picture.size == (SIDE, SIDE)
    assert codes(picture.convert("L")) == [ADDRESS]
    assert set(picture.info) <= {"dpi"}


def test_sheet_when_printed_is_white_at_its_edges_and_has_no_plane_of_ink(portrait: bytes) -> None:
    document = case_document(children=[child(photos=[])], vehicles=[CAR], suspect=SUSPECT)
    image = printed(made(make_edition(document)).files["a4.nl"])
    edge = 10 * 6
    inside = image.crop((edge, edge, image.width - edge, image.height - edge))
    image.paste(255, (edge, edge, image.width - edge, image.height - edge))
    assert image.getextrema() == (255, 255)
    centimetres = inside.resize((inside.width // 60, inside.height // 60), Image.Resampling.BOX)
    darkest, _ = centimetres.getextrema()
    assert isinstance(darkest, int)
    assert darkest > 70
    assert ImageStat.Stat(centimetres).mean[0] > 220


def test_photo_when_flat_has_the_whole_range_of_greys_on_the_sheet(posters: Posters, portrait: bytes) -> None:
    def span(image: Image.Image) -> float:
        darkest, lightest = image.convert("L").getextrema()
        assert isinstance(lightest, int)
        assert isinstance(darkest, int)
        return lightest - darkest

    (page,) = pages(posters.files["a4.nl"])
    (photo,) = page.get_objects(filter=[raw.FPDF_PAGEOBJ_IMAGE], max_depth=9)
    assert span(Image.open(io.BytesIO(portrait))) < 60
    assert span(photo.get_bitmap().to_pil()) > 200


def test_metadata_when_read_has_nothing_but_the_headline(posters: Posters, edition: Edition) -> None:
    pdf = posters.files["a4.nl"]
    told = {name: said for name, said in pypdfium2.PdfDocument(pdf).get_metadata_dict().items() if said}
    assert told.pop("Title") == edition.texts["nl"].headline
    assert set(told) <= {"Creator", "Producer"}
    assert not any(word in pdf for word in (b"/Author", b"/CreationDate", b"/Subject", b"xmp:CreateDate"))


def test_signs_when_no_font_has_them_are_said_to_be_unknown_and_the_approver_is_told() -> None:
    document = case_document(children=[child(name="\u4f60\u597d Noor n\u064f e\u0301 \u1e9e", photos=[])])
    posters = made(make_edition(document))
    said = text_of(posters.files["a4.nl"])
    assert f"{UNKNOWN}{UNKNOWN} Noor" in said
    assert "\u00e9" in said
    assert posters.remarks == tuple(
        f"the poster ({language}) has {UNKNOWN} for signs that its fonts do not have" for language in ("nl", "en")
    )


@pytest.mark.parametrize("kind", [Kind.EXERCISE, Kind.PUBLIC_TEST])
def test_sheet_when_not_real_begins_with_the_word(kind: Kind) -> None:
    said = text_of(made(make_edition(case_document(children=[child(photos=[])]), kind=kind)).files["a4.nl"])
    assert said.startswith({Kind.EXERCISE: "OEFENING: ", Kind.PUBLIC_TEST: "TEST: "}[kind])


# What the channel does with them


@pytest.fixture
def db(tmp_path: Path) -> Iterator[Database]:
    """On SQLite alone: what it asks of a store is what the page asks, which is put to both."""
    opened = new_store(tmp_path / "baken.db")
    yield opened
    opened.close()


def wordy(alert: ShownAlert, number: int, **changes: Any) -> Edition:
    """Without a photo: those of `ShownAlert` are none."""
    return alert.make(case_document(children=[child(photos=[], **changes)]), number=number)


def served(alert: ShownAlert, name: str = "a4.nl") -> bytes | None:
    with alert.db.read() as session:
        row = editions.published(session, alert.alert_id, "poster", name)
        return editions.open_publication(row, KEY) if row else None


def poster(alert: ShownAlert) -> PosterChannel:
    channel = alert.channels["poster"]
    assert isinstance(channel, PosterChannel)
    return channel


def test_publication_when_prepared_shown_changed_and_taken_down_follows(db: Database) -> None:
    alert = ShownAlert(db)
    first = alert.show(wordy(alert, 1))
    assert poster(alert).prepare(alert.edition, ()) == ()
    alert.publish("poster")
    assert "Noor Voorbeeld" in text_of(served(alert) or b"")
    assert {name for name in ("a4.en", "a3.nl", "a3.en", "square.nl", "square.en") if served(alert, name)} != set()
    alert.show(wordy(alert, 2, clothing="groene trui"))
    alert.publish("poster")
    said = text_of(served(alert) or b"")
    assert "groene trui" in said
    assert f"{BASE_URL.removeprefix('https://')}/a/a1/2-{alert.edition.digest[:6]}" in said
    with pytest.raises(Superseded):
        alert.publish("poster", first)
    alert.take_down("poster", alert.end(Meaning.WITHDRAWN))
    assert served(alert) is None


def test_fonts_when_missing_are_told_to_the_approver_and_to_whoever_watches(db: Database, tmp_path: Path) -> None:
    alert = ShownAlert(
        db, channels={"poster": PosterChannel(db, lambda _: KEY, lambda: NOW, BASE_URL, fonts=tmp_path)}
    )
    alert.show(wordy(alert, 1))
    missing = "the poster's fonts are missing on this machine: run make install"
    assert poster(alert).prepare(alert.edition, ()) == (missing,)
    with pytest.raises(Rejected, match="fonts are missing"):
        alert.publish("poster")
    assert served(alert) is None


def test_outcome_when_prepared_makes_no_poster(db: Database) -> None:
    alert = ShownAlert(db)
    edition = wordy(alert, 2).model_copy(update={"purpose": "outcome"})
    assert poster(alert).prepare(edition, (PhotoBytes(token="t", sha256="00", jpeg=b""),)) == ()
    with db.read() as session:
        assert not editions.has_rendition(session, alert.alert_id, edition.digest, "poster/sheets")
