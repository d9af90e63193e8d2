"""A form of a case as somebody filled it in: the fields, photos that came with it, and the case they stand for."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from activities.photos import square
from starter.cases import parse_document
from starter.errors import BadInput, RefusedByRule
from starter.web.area_values import require_choice
from starter.web.case_form import FILLED_IN, Document, bare, document_of, merge_patch_between
from starter.web.posted import Posted
from store.drafts import Photo

FILE_FIELD = re.compile(r"case|photos|children/\d/photos")
CHILD_PHOTOS = re.compile(r"children/(\d)/photos")
CONTROLS = frozenset({"token", "id", "upload", "door", "draft", "page", "version", "more", "set", "take"})
"""Fields of the page, not of the case."""
_PHOTO_SAYS = ("alt", "taken_at", "identity_confirmed_by")


def typed(posted: Posted) -> dict[str, str]:
    """What was typed, without what the page itself sends along."""
    return {
        name: value
        for name, value in posted.fields.items()
        if name not in CONTROLS and not FILE_FIELD.fullmatch(name) and not name.startswith("crop/")
    }


class Filled:
    """`files` by `FIELD|NAME`: those of a case file, and new photos of an amendment; `photos`: those of a draft."""

    def __init__(
        self,
        values: Mapping[str, str],
        files: Mapping[str, bytes] | None = None,
        upload: str = "",
        base: Document | None = None,
        photos: Sequence[Photo] = (),
    ) -> None:
        self.values = dict(values)
        self.files = dict(files or {})
        self.upload = upload
        self.base = base
        self.photos = tuple(photos)

    def case(self) -> tuple[Document, dict[str, bytes]]:
        """The case document and its photos: of the file that was chosen, else of the fields."""
        text = self._chosen("case")
        if text is not None:
            return text, {name.split("|", 1)[1]: data for name, data in self.files.items() if "|" in name}
        require_choice(self.values)
        return self.document(), self._folder()

    def document(self) -> Document:
        """What the fields alone say."""
        return document_of(self.values, self._photos(), self.base)

    def patch(self) -> tuple[Document, dict[str, bytes]]:
        """What an amendment changes; raises RefusedByRule when that is nothing."""
        document, folder = self.case()
        if self._chosen("case") is not None:
            return document, folder
        patch = merge_patch_between(self.base or {}, document)
        if not patch:
            raise RefusedByRule("it changes nothing")
        return patch, folder

    @property
    def received(self) -> list[tuple[str, str]]:
        """Field and name of every photo that was sent."""
        return [(name.split("|", 1)[0], name.split("|", 1)[1]) for name in self.files]

    def _chosen(self, field: str) -> Document | None:
        found = [(name, data) for name, data in self.files.items() if name.startswith(f"{field}|")]
        if not found:
            return None
        name, data = found[-1]
        try:
            return parse_document(data.decode("utf-8-sig"), name.split("|", 1)[1])
        except UnicodeDecodeError as error:
            raise BadInput(name.split("|", 1)[1], "is not UTF-8; save it as UTF-8") from error

    def _folder(self) -> dict[str, bytes]:
        sent = {_file(name): data for name, data in self.files.items() if name.startswith("children/")}
        return sent | {drafted_file(one): square(one.jpeg, one.crop) for one in self.photos}

    def _photos(self) -> dict[int, list[Document]]:
        """Photos by child: those kept, then those sent now."""
        photos: dict[int, list[Document]] = {}
        for n, child in enumerate((self.base or {}).get("children", ())):
            kept = [one for m, one in enumerate(child["photos"]) if self.values.get(f"children/{n}/photos/{m}")]
            photos[n] = [{name: one[name] for name in one if name not in FILLED_IN} for one in bare(kept)]
        sent = [(int(name.split("/")[1]), _file(name)) for name in self.files if name.startswith("children/")]
        for n, file in [*sent, *((one.child, drafted_file(one)) for one in self.photos)]:
            said = {key: self.values.get(f"children/{n}/photo/{key}", "").strip() for key in _PHOTO_SAYS}
            photos.setdefault(n, []).append({"file": file, **{k: v for k, v in said.items() if v}})
        return photos


def drafted_file(photo: Photo) -> str:
    """The name by which a case calls a photo of a draft."""
    return f"child{photo.child + 1}-{photo.id}.jpg"


def _file(name: str) -> str:
    field, file = name.split("|", 1)
    return f"child{int(field.split('/')[1]) + 1}-{file}"
