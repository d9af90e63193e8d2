"""Photos: limits before decoding, nothing of the camera left, always the same bytes."""

from __future__ import annotations

import io
import struct
import time
import zlib
from pathlib import Path

import pytest
from PIL import Image

from activities.photos import PhotoError, load_photo, normalise


def _jpeg(size: tuple[int, int] = (300, 200), exif: Image.Exif | None = None) -> bytes:
    out = io.BytesIO()
    Image.new("RGB", size, "#88aacc").save(out, "JPEG", exif=exif or Image.Exif())
    return out.getvalue()


def _png_that_claims(width: int, height: int) -> bytes:
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"")) + chunk(b"IEND", b"")


def test_gps_is_stripped() -> None:
    exif = Image.Exif()
    exif.get_ifd(0x8825)[2] = (52.0, 9.0, 21.0)
    exif[0x010F] = "Camera of the mother"
    normal = normalise(_jpeg(exif=exif))
    kept = Image.open(io.BytesIO(normal.jpeg))
    assert not kept.getexif()
    assert b"Camera" not in normal.jpeg


def test_photo_is_turned_as_the_camera_meant_it() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    assert (normalise(_jpeg((300, 200), exif)).width, normalise(_jpeg((300, 200), exif)).height) == (200, 300)


def test_large_photo_is_made_smaller_and_bytes_are_the_same_each_time() -> None:
    first, again = normalise(_jpeg((4000, 3000))), normalise(_jpeg((4000, 3000)))
    assert max(first.width, first.height) == 1600
    assert first == again


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"not a picture at all", "not an image"),
        (_jpeg((40, 40)), "nobody would recognise"),
        (_png_that_claims(60_000, 60_000), "pixels"),
        (b"\xff\xd8\xff" + bytes(60_000_000), "60 MB"),
        (_jpeg()[:200], "image"),
    ],
    ids=["text", "tiny", "bomb", "60 MB", "cut off"],
)
def test_unusable_photo_is_refused_quickly_with_a_way_out(data: bytes, said: str) -> None:
    began = time.monotonic()
    with pytest.raises(PhotoError, match=said):
        normalise(data)
    assert time.monotonic() - began < 2


@pytest.mark.parametrize("file", ["../secret.jpg", "/etc/passwd", "link.jpg", "missing.jpg"])
def test_photo_outside_the_folder_or_missing_is_refused(tmp_path: Path, file: str) -> None:
    (tmp_path / "secret.jpg").write_bytes(_jpeg())
    folder = tmp_path / "case"
    folder.mkdir()
    (folder / "link.jpg").symlink_to(tmp_path / "secret.jpg")
    with pytest.raises(PhotoError):
        load_photo(folder, file)
