"""What a form sent, kept in memory: case fields and photos never reach the disk in the clear."""

from __future__ import annotations

import secrets
import time
from collections.abc import Mapping

from fastapi import Request
from starlette.datastructures import FormData, UploadFile
from starlette.formparsers import FormParser, MultiPartException, MultiPartParser
from starlette.requests import ClientDisconnect

from starter.errors import BadInput
from starter.web.session import Visitor, check_origin, check_token

MOST_BYTES = 60_000_000
MOST_FILES = 60
KEEP_FOR = 1800.0
"""Seconds that photos of a refused form are kept, so that nobody has to choose them again."""
KEEP_AT_MOST = 20


class Posted:
    """The fields and files of one form."""

    def __init__(self, form: FormData) -> None:
        self._form = form
        self._files: list[tuple[str, str, bytes]] | None = None

    def text(self, name: str) -> str:
        value = self._form.get(name)
        return value if isinstance(value, str) else ""

    @property
    def fields(self) -> dict[str, str]:
        return {name: value for name, value in self._form.multi_items() if isinstance(value, str)}

    async def files(self) -> list[tuple[str, str, bytes]]:
        """Field, file name and bytes of every file that was chosen."""
        if self._files is None:
            chosen = [(name, one) for name, one in self._form.multi_items() if isinstance(one, UploadFile)]
            self._files = [(name, _plain_name(one.filename), await one.read()) for name, one in chosen if one.filename]
            await self._form.close()
        return self._files


async def read_form(request: Request, visitor: Visitor | None, most: int = MOST_BYTES) -> Posted:
    """Read a form of ours of at most so many bytes, checked for where it comes from; raises Forbidden or BadInput."""
    check_origin(request)
    posted = await read_body(request, most)
    if visitor is not None:
        check_token(visitor, posted.text("token"))
    return posted


async def read_body(request: Request, most: int) -> Posted:
    """Read a form of at most so many bytes, whoever sent it; raises BadInput."""
    if int(request.headers.get("content-length") or most + 1) > most:
        raise BadInput("form", f"is larger than {most // 1_000_000} MB; send fewer or smaller photos")
    try:
        if request.headers.get("content-type", "").startswith("multipart/form-data"):
            parser = MultiPartParser(request.headers, request.stream(), max_files=MOST_FILES, max_fields=2000)
            parser.spool_max_size = most + 1  # never rolled over to a file on disk
            posted = Posted(await parser.parse())
        else:
            posted = Posted(await FormParser(request.headers, request.stream()).parse())
    except MultiPartException as error:
        raise BadInput("form", str(error.message)) from error
    except ClientDisconnect as error:
        raise BadInput("form", "was not sent whole; send it again") from error
    await posted.files()  # and closed, whatever becomes of them
    return posted


def _plain_name(name: str | None) -> str:
    return (name or "").replace("\\", "/").rsplit("/", 1)[-1][-200:]


class Uploads:
    """Photos of forms that were refused, until they are sent again; the oldest go first."""

    def __init__(self) -> None:
        self._kept: dict[str, tuple[float, str, dict[str, bytes]]] = {}

    def keep(self, user: str, files: Mapping[str, bytes]) -> str:
        """A word under which the same person finds them again; empty when there is nothing to keep."""
        self._forget()
        if not files:
            return ""
        word = secrets.token_urlsafe(12)
        self._kept[word] = (time.monotonic(), user, dict(files))
        return word

    def find(self, user: str, word: str) -> dict[str, bytes]:
        self._forget()
        _, owner, files = self._kept.get(word, (0.0, "", {}))
        return dict(files) if owner == user else {}

    def _forget(self) -> None:
        now = time.monotonic()
        fresh = [(word, one) for word, one in self._kept.items() if now - one[0] < KEEP_FOR]
        self._kept = dict(fresh[-KEEP_AT_MOST:])
