"""A parent adds photos and words to a draft by a link, on a phone, during the call."""

from __future__ import annotations

import re
from collections.abc import Iterator
from http.client import HTTPConnection
from pathlib import Path

import httpx
import pytest
from PIL import Image
from playwright.sync_api import Browser, Page, expect

from activities.photos import MOST_BYTES as MOST_OF_A_PHOTO
from starter.demo_case import draw_portrait
from starter.parts import Parts
from starter.public.intake import MOST_BYTES
from tests.browser.looking import Watched, aside, watched
from tests.browser.test_drafts import FORM, field, fill, kept, state

LINK = re.compile(r"/intake/[\w-]{22}$")


@pytest.fixture
def operator(browser: Browser, web: str) -> Iterator[Watched]:
    with watched(browser, web) as watch:
        yield watch.sign_in("operator1")


def make_link(page: Page) -> str:
    """Its path; the home that was made for tests gives it a host where nobody listens."""
    page.get_by_role("button", name="Link voor de ouder maken").click()
    found = LINK.search(page.locator("#intake-link").input_value())
    assert found
    return found[0]


def draw(folder: Path) -> Path:
    """A portrait that says where it was taken."""
    draw_portrait(folder / "plain.jpg")
    exif = Image.Exif()
    exif[0x010F] = "Camera of the mother"
    exif.get_ifd(0x8825)[2] = (52.0, 9.0, 21.0)
    Image.open(folder / "plain.jpg").save(folder / "noor.jpg", exif=exif)
    return folder / "noor.jpg"


def test_parent_when_texted_a_link_adds_to_the_draft_and_the_operator_takes_over(
    operator: Watched, browser: Browser, web: str, parts: Parts, tmp_path: Path
) -> None:
    page = operator.open(FORM).page
    fill(page, children__0__name="Noor", children__0__hair="blond")
    link = make_link(page)
    assert field(page, "children/0/name") == "Noor"
    with watched(browser, web, 360) as reader:
        assert reader.open(f"{link}?lang=en").problems() == []
    with watched(browser, web, 360, script=False) as parent:
        phone = parent.open(link).page
        phone.locator("#photos").set_input_files(draw(tmp_path))
        fill(phone, children__0__hair="rood", children__0__clothing="gele jas", publicity__given_by="Mama")
        phone.get_by_label("Ja, ik ben de ouder").check()
        phone.get_by_role("button", name="Verstuur naar de politie").click()
        expect(phone.locator("h1")).to_have_text("Dank u, het is aangekomen")
        assert parent.faults == []
        answer = phone.goto(f"{web}{link}?lang=en")
        assert answer is not None
        assert answer.status == 410
        expect(phone.locator("h1")).to_have_text("This was sent already")
    with watched(browser, web, 360) as reader:
        reader.page.goto(f"{web}{link}")
        assert [fault for fault in reader.problems() if "410" not in fault] == []
    panel = page.locator("#intake")
    expect(panel).to_contain_text("gele jas")
    expect(panel.locator("img")).to_have_count(1)
    assert field(page, "children/0/hair") == "blond"
    panel.get_by_role("button", name="Overnemen Kind 1, Haar").click()
    assert field(page, "children/0/hair") == "rood"
    state(page, "saved")
    (values,) = aside(lambda: kept(parts))
    assert values["children/0/hair"] == "rood"
    assert "children/0/clothing" not in values or not values["children/0/clothing"]
    panel.get_by_role("button", name="Alles overnemen").click()
    expect(page.locator(".drop .drafted img")).to_have_count(1)
    assert field(page, "children/0/clothing") == "gele jas"
    assert field(page, "publicity/basis") == "parent"
    expect(page.locator("#intake .govuk-tag")).to_have_count(4)
    assert operator.problems() == []


def test_link_when_withdrawn_works_no_more_and_says_so_kindly(operator: Watched, web: str) -> None:
    link = make_link(operator.open(FORM).page)
    operator.page.get_by_role("button", name="Intrekken").click()
    expect(operator.page.get_by_role("button", name="Intrekken")).to_have_count(0)
    for answer in (ask(web, link), ask(web, link, data={"children/0/hair": "rood"})):
        assert answer.status_code == 410
        assert "Bel 112" in answer.text
        assert answer.headers["cache-control"] == "no-store"
    assert ask(web, "/intake/none").status_code == 404


def test_form_when_it_cannot_be_taken_says_why_and_the_link_still_works(
    operator: Watched, web: str, tmp_path: Path
) -> None:
    link, photo = make_link(operator.open(FORM).page), draw(tmp_path).read_bytes()
    said = {"children/0/hair": "rood"}
    assert ask(web, link, files={"photos": ("a.jpg", b"no photo")}, data=said).status_code == 422
    assert 'value="rood"' in ask(web, link, files={"photos": ("a.jpg", b"no photo")}, data=said).text
    assert ask(web, link, files=[("photos", (f"{n}.jpg", photo)) for n in range(5)]).status_code == 422
    assert ask(web, link, data={}).status_code == 422
    assert ask(web, link, data={"publicity/basis": "parent"}).status_code == 422
    assert MOST_BYTES > 2 * MOST_OF_A_PHOTO
    assert announce(web, link, MOST_BYTES + 1) == 413
    assert ask(web, link, files={"photos": ("a.jpg", photo)}, data=said).status_code == 200
    assert ask(web, link, data=said).status_code == 410


def ask(web: str, path: str, **sent: object) -> httpx.Response:
    method = "POST" if sent else "GET"
    return aside(lambda: httpx.request(method, f"{web}{path}", trust_env=False, timeout=30, **sent))  # type: ignore[arg-type]


def announce(web: str, path: str, length: int) -> int:
    """The answer to a form that says how long it is and sends nothing of it yet."""
    connection = HTTPConnection(web.removeprefix("http://"), timeout=10)
    connection.putrequest("POST", path)
    connection.putheader("content-length", str(length))
    connection.endheaders()
    status = connection.getresponse().status
    connection.close()
    return status
