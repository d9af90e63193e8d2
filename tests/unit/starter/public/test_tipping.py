"""The tip page and the child's door over HTTP: kept once, sealed, within limits, and over when the alert is."""

from __future__ import annotations

import io
import secrets
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from PIL import Image

from alerts.tip import CameBy
from alerts.vocabulary import Kind, Meaning
from starter.parts import Parts, open_parts
from starter.public.tipping import BODY_MAX, tip_router
from starter.tips import Tips
from store.tips import OpenTip
from tests.support.asking import Asking
from tests.support.editions import ShownAlert
from tests.support.homes import silent_home

TIP = {"id": "t1", "where": "Utrecht CS", "when": "now", "text": "Rode jas, met een man"}
SCRIPT = {"accept": "application/json"}


@pytest.fixture(scope="module")
def parts(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Parts]:
    opened = open_parts(silent_home(tmp_path_factory.mktemp("tips") / "home"))
    yield opened
    opened.close()


@pytest.fixture
def alert(parts: Parts) -> ShownAlert:
    return shown(parts, secrets.token_hex(5))


@pytest.fixture
def site(parts: Parts, alert: ShownAlert) -> TipLine:
    return TipLine(parts, alert.alert_id)


class TipLine(Asking):
    """The tip pages of one alert; nobody sent them anything yet."""

    def __init__(self, parts: Parts, alert_id: str) -> None:
        app = FastAPI()
        app.include_router(tip_router(parts, lambda: datetime.now(UTC)))
        super().__init__(app)
        self.alert_id = alert_id
        self._tips = Tips(parts)

    def tell(self, *, photo: bytes | None = None, **more: Any) -> httpx.Response:
        files = {"photo": ("p.jpg", photo, "image/jpeg")} if photo else None
        alert_id, fields = more.pop("alert_id", self.alert_id), {**TIP, **more.pop("fields", {})}
        return self.post(f"/tip/{alert_id}", data=fields, files=files, **more)

    def kept(self) -> list[OpenTip]:
        return self._tips.newest(self.alert_id)


def shown(parts: Parts, alert_id: str, kind: Kind = Kind.ACTUAL) -> ShownAlert:
    parts.keys.create(alert_id)
    alert = ShownAlert(parts.db, alert_id=alert_id, kind=kind, key=parts.keys.display_key(alert_id))
    alert.show()
    return alert


def picture(where_it_was: str = "52.15 N", size: tuple[int, int] = (400, 300)) -> bytes:
    """A photo as a telephone makes it, which says where it was made."""
    image, out = Image.new("RGB", size, (200, 30, 30)), io.BytesIO()
    exif = Image.Exif()
    exif[0x010E] = where_it_was
    image.save(out, "JPEG", exif=exif)
    return out.getvalue()


def test_tip_when_posted_as_a_form_is_thanked_for_and_kept(site: TipLine) -> None:
    more = {
        "direction": "naar het zuiden",
        "certainty": "sure",
        "call_back": "06-12345678",
        "lat": "52.1",
        "lon": "5.4",
    }
    answer = site.tell(fields={**more, "accuracy": "20"})
    assert answer.status_code == 200
    assert "Uw tip is bij ons" in answer.text
    assert answer.headers["cache-control"] == "no-store"
    (tip,) = site.kept()
    said = tip.told
    assert (said.where, said.text, said.direction, said.certainty, said.call_back) == (
        *(TIP["where"], TIP["text"], "naar het zuiden", "sure", "06-12345678"),
    )
    assert said.here is not None
    assert (said.here.lat, said.here.lon, said.here.accuracy_m) == (52.1, 5.4, 20)
    assert said.seen_at is not None
    assert abs((tip.received_at - said.seen_at).total_seconds()) < 5


def test_tip_when_sent_twice_has_one_effect_also_when_it_waited_longer(site: TipLine) -> None:
    photo = picture()
    states = [site.tell(photo=photo, headers=SCRIPT, fields={"age": age}).json() for age in ("0", "1200.5")]
    assert states == [{"state": "sent"}] * 2
    assert [(one.number, one.repeats) for one in site.kept()] == [(1, ())]


def test_tip_when_it_says_more_under_the_same_id_is_not_lost(site: TipLine) -> None:
    site.tell()
    site.tell(fields={"text": "En een blauwe auto"})
    assert [one.told.text for one in site.kept()] == ["En een blauwe auto", TIP["text"]]


def test_tip_when_kept_on_a_telephone_tells_when_it_was_written(site: TipLine) -> None:
    site.tell(fields={"when": "ago", "minutes": "10", "age": "3600"})
    (tip,) = site.kept()
    assert tip.told.seen_at is not None
    assert 4190 < (tip.received_at - tip.told.seen_at).total_seconds() < 4210


def test_photo_when_it_came_in_says_no_more_where_it_was_made(site: TipLine, parts: Parts) -> None:
    sent = picture("Geheime plek 52.15 N", (3000, 2000))
    assert b"Geheime plek" in sent
    assert site.tell(photo=sent, headers=SCRIPT).json() == {"state": "sent"}
    jpeg = Tips(parts).photo(site.alert_id, 1)
    assert jpeg is not None
    assert b"Geheime plek" not in jpeg
    with Image.open(io.BytesIO(jpeg)) as image:
        assert (image.size, dict(image.getexif())) == ((1600, 1067), {})


@pytest.mark.parametrize("photo", [b"no picture at all", picture(size=(20, 20))], ids=["not-one", "too-small"])
def test_tip_when_its_photo_cannot_be_used_is_kept_without_it(site: TipLine, photo: bytes) -> None:
    assert "foto konden wij niet lezen" in site.tell(photo=photo).text
    (tip,) = site.kept()
    assert (tip.told.text, tip.has_photo) == (TIP["text"], False)


def test_tip_when_it_says_nothing_asks_again(site: TipLine) -> None:
    answer = site.tell(fields={"where": "", "text": "  ", "call_back": "0612345678"})
    assert answer.status_code == 422
    assert "Zeg in elk geval waar" in answer.text
    assert 'value="0612345678"' in answer.text
    assert site.kept() == []


@pytest.mark.parametrize(
    "fields",
    [{"when": "at", "clock": "99:99"}, {"text": "x" * 2001}, {"certainty": "very"}, {"lat": "900", "lon": "1"}],
)
def test_tip_when_a_field_is_wrong_keeps_what_was_typed(site: TipLine, fields: dict[str, str]) -> None:
    answer = site.tell(fields={"where": "Bij de <b>brug</b>", **fields})
    assert answer.status_code == 422
    assert 'value="Bij de &lt;b&gt;brug&lt;/b&gt;"' in answer.text
    assert site.kept() == []


def test_tip_when_another_site_sends_it_is_refused(site: TipLine) -> None:
    assert site.tell(headers={"sec-fetch-site": "cross-site"}).status_code == 403
    assert site.kept() == []


def test_tip_when_too_large_is_refused_before_it_is_read(site: TipLine) -> None:
    answer = site.post(f"/tip/{site.alert_id}", content=b"", headers={"content-length": str(BODY_MAX + 1)})
    assert answer.status_code == 413
    assert "0800-6070" in answer.text


def test_tip_when_it_is_no_form_of_ours_is_refused(site: TipLine) -> None:
    kind = {"content-type": "multipart/form-data; boundary=x"}
    assert site.post(f"/tip/{site.alert_id}", content=b"--x\r\nno header", headers=kind).status_code == 403
    fields = "&".join(f"f{n}=" for n in range(10_000))  # too many to be read where no file can be
    kind = {"content-type": "application/x-www-form-urlencoded"}
    assert site.post(f"/tip/{site.alert_id}", content=fields, headers=kind).status_code == 413
    assert site.kept() == []


def test_tips_when_they_flood_are_told_to_wait_and_the_childs_door_stays_open(site: TipLine) -> None:
    states = [site.tell(headers=SCRIPT, fields={"id": str(n)}).status_code for n in range(32)]
    assert states == [200] * 30 + [429] * 2
    busy = site.tell()
    assert busy.headers["retry-after"] == "60"
    assert "0800-6070" in busy.text
    assert site.post(f"/i/{site.alert_id}", data={"id": "c", "text": "ik ben hier"}).status_code == 200
    assert site.kept()[0].told.came_by is CameBy.CHILD


def test_tips_when_alerts_are_over_unknown_or_a_test_are_not_taken(
    site: TipLine, parts: Parts, alert: ShownAlert
) -> None:
    shown(parts, "publictest", Kind.PUBLIC_TEST)
    assert site.tell(alert_id="publictest").status_code == 410
    assert "u hoeft niets te doen" in site.get("/tip/publictest").text
    assert site.tell(alert_id="nothere").status_code == 404
    assert site.get("/tip/nothere").status_code == 404
    alert.end(Meaning.HELD)
    assert site.tell(headers=SCRIPT).json() == {"state": "sent"}  # held: the child is still missing
    alert.end(Meaning.WITHDRAWN)
    parts.keys.destroy(site.alert_id, "display")
    over = site.get(f"/tip/{site.alert_id}", params={"lang": "en"})
    assert over.status_code == 200
    assert "This alert has ended" in over.text
    assert "tel:08006070" in over.text
    assert site.tell(headers=SCRIPT, fields={"id": "late"}).json() == {"state": "ended"}
    assert len(site.kept()) == 1


def test_tip_page_when_kept_by_a_telephone_has_nothing_about_the_child(site: TipLine) -> None:
    page = site.get(f"/tip/{site.alert_id}", params={"lang": "nl"}).text
    assert "Noor" not in page
    assert "Amersfoort" not in page
    assert "0800-6070" in page
    assert site.get(f"/t/{site.alert_id}").headers["location"] == f"/tip/{site.alert_id}"


def test_childs_door_when_opened_gives_the_numbers_and_gives_nothing_away(site: TipLine) -> None:
    for language, asks in (("nl", "Ben jij dit?"), ("en", "Is this you?")):
        answer = site.get(f"/i/{site.alert_id}", params={"lang": language})
        assert answer.headers["cache-control"] == "no-store"
        for said in ("tel:112", "tel:116000", asks, "<title>Baken</title>"):
            assert said in answer.text
        assert "Noor" not in answer.text


def test_childs_message_when_sent_goes_before_all_tips_and_once(site: TipLine, alert: ShownAlert) -> None:
    said = {"id": "c1", "text": "ik ben bij oma", "where": "in een flat"}
    answers = [site.post(f"/i/{site.alert_id}", params={"lang": "nl"}, data=said) for _ in range(2)]
    site.tell()
    assert all("Je bericht is bij ons" in one.text for one in answers)
    assert [(one.told.came_by, one.told.text) for one in site.kept()] == [
        (CameBy.CHILD, "ik ben bij oma"),
        (CameBy.PAGE, TIP["text"]),
    ]
    assert site.post(f"/i/{site.alert_id}", data={"id": "c2", "text": " "}).status_code == 422
    alert.end(Meaning.WITHDRAWN)
    over = site.post(f"/i/{site.alert_id}", data={"id": "c3", "text": "nog iets"})
    assert "tel:116000" in over.text
    assert len(site.kept()) == 2


def test_childs_message_when_it_did_not_reach_us_stands_in_the_form_again(site: TipLine, parts: Parts) -> None:
    parts.keys.destroy(site.alert_id, "record")
    answer = site.post(f"/i/{site.alert_id}", params={"lang": "nl"}, data={"text": "ik ben bij <oma>"})
    assert answer.status_code == 503
    assert "Je bericht is niet bij ons gekomen" in answer.text
    assert "ik ben bij &lt;oma&gt;</textarea>" in answer.text


def test_tip_when_the_keys_are_away_is_not_thanked_for(site: TipLine, parts: Parts) -> None:
    parts.keys.destroy(site.alert_id, "record")
    answer = site.tell(headers=SCRIPT)
    assert (answer.status_code, answer.json()) == (503, {"state": "away"})
