"""Programmes from their TOML files: the packaged ones, overridden whole by those of a directory."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

from alerts.criteria import RULES
from alerts.programme import Programme, ProgrammeError, parse_programme

PACKAGED = Path(__file__).resolve().parent.parent / "programmes"


def load_programmes(
    extra: Path | None, *, channels: Collection[str], personal: Collection[str]
) -> dict[str, Programme]:
    """All programmes by id; raises ProgrammeError that names file and field.

    `channels` are those that exist, `personal` those that reach a person's phone or mailbox.
    """
    found: dict[str, Programme] = {}
    for folder in (PACKAGED, extra):
        if folder is None:
            continue
        if not folder.is_dir():
            raise ProgrammeError(f"{folder}: is not a directory with programme files (*.toml)")
        for path in sorted(folder.glob("*.toml")):
            programme = load_programme(path, channels=channels, personal=personal)
            found[programme.id] = programme
    return found


def load_programme(path: Path, *, channels: Collection[str], personal: Collection[str]) -> Programme:
    """One file, checked against the channels and criteria that exist."""
    try:
        text = path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ProgrammeError(f"{path.name}: cannot be read: {error}") from error
    programme = parse_programme(text, source=path.name)
    for channel in programme.channels:
        if channel not in channels:
            raise ProgrammeError(f"{path.name}: channels: {channel!r} does not exist; known: {', '.join(channels)}")
    for criterion in programme.criteria:
        if criterion.id not in RULES:
            raise ProgrammeError(f"{path.name}: criteria: {criterion.id!r} does not exist; known: {', '.join(RULES)}")
    repeating = [channel for channel in programme.channels if channel in personal]
    if programme.refresh.mode == "repeat" and repeating:
        raise ProgrammeError(
            f"{path.name}: refresh/mode: 'repeat' is for broadcast media, never for a person's phone or mailbox "
            f"({', '.join(repeating)})"
        )
    return programme
