"""Photos as they come in, made safe to show: limits before decoding, metadata gone, encoded again."""

from __future__ import annotations

import hashlib
import io
import warnings
from pathlib import Path

from PIL import Image, ImageOps, UnidentifiedImageError

from alerts.values import Value

MOST_BYTES = 20_000_000
MOST_PIXELS = 50_000_000
SMALLEST_SIDE = 100
LARGEST_SIDE = 1600
FORMATS = ("JPEG", "PNG", "WEBP")


class PhotoError(ValueError):
    """A photo that cannot be used; the text says what to do."""


class NormalPhoto(Value):
    """A photo as Baken keeps it: JPEG, upright, without metadata."""

    jpeg: bytes
    width: int
    height: int
    sha256: str


def normalise(data: bytes) -> NormalPhoto:
    """Make a photo safe to show; the same bytes in give the same bytes out. Raises PhotoError."""
    if len(data) > MOST_BYTES:
        raise PhotoError(f"is {len(data) / 1e6:.0f} MB; at most {MOST_BYTES // 1_000_000} MB, please make it smaller")
    upright = _upright(data)
    if min(upright.size) < SMALLEST_SIDE:
        width, height = upright.size
        raise PhotoError(f"is only {width} x {height} pixels; nobody would recognise a child on it")
    upright.thumbnail((LARGEST_SIDE, LARGEST_SIDE), Image.Resampling.LANCZOS)
    out = io.BytesIO()
    upright.save(out, "JPEG", quality=85, optimize=True)
    jpeg = out.getvalue()
    return NormalPhoto(jpeg=jpeg, width=upright.width, height=upright.height, sha256=hashlib.sha256(jpeg).hexdigest())


def square(jpeg: bytes, crop: tuple[int, int, int] | None) -> bytes:
    """The square of a photo of ours that begins `left`, `top` and is `side` wide, in pixels; without one all of it."""
    if crop is None:
        return jpeg
    left, top, side = crop
    out = io.BytesIO()
    # Finer than it is kept in the end, for it is encoded once more.
    Image.open(io.BytesIO(jpeg)).crop((left, top, left + side, top + side)).save(out, "JPEG", quality=95)
    return out.getvalue()


def _upright(data: bytes) -> Image.Image:
    """Decoded within limits, turned as its camera meant it, and copied without any metadata."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            image = Image.open(io.BytesIO(data), formats=FORMATS)
            if image.width * image.height > MOST_PIXELS:
                raise PhotoError(f"has {image.width} x {image.height} pixels; at most {MOST_PIXELS:,} altogether")
            turned = ImageOps.exif_transpose(image).convert("RGB")
    except UnidentifiedImageError as error:
        raise PhotoError(f"is not an image of a known kind; use {', '.join(FORMATS)}") from error
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise PhotoError(f"would unpack to more than {MOST_PIXELS:,} pixels") from error
    except (OSError, SyntaxError, ValueError) as error:
        if isinstance(error, PhotoError):
            raise
        raise PhotoError("is damaged and cannot be read as an image") from error
    clean = Image.new("RGB", turned.size)
    clean.paste(turned)
    return clean


def load_photo(folder: Path, file: str) -> bytes:
    """The bytes of a photo beside a case file; raises PhotoError when it is not inside that folder."""
    root = folder.resolve()
    path = (root / file).resolve()
    if not path.is_relative_to(root) or Path(file).is_absolute():
        raise PhotoError(f"{file!r} lies outside the folder of the case file; put it beside the case")
    if not path.is_file():
        raise PhotoError(f"{file!r} is not there; put it in the folder of the case file")
    if path.stat().st_size > MOST_BYTES:
        raise PhotoError(f"is {path.stat().st_size / 1e6:.0f} MB; at most {MOST_BYTES // 1_000_000} MB")
    return path.read_bytes()
