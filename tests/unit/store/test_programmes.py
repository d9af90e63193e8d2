"""Programme files: the packaged ones, overridden whole, and what is wrong with others."""

from __future__ import annotations

from pathlib import Path

import pytest

from activities.channels import NAMES, PERSONAL
from alerts.programme import Programme, ProgrammeError
from store.programmes import load_programme, load_programmes

SHORT = 'id = "amber"\nchannels = ["web"]\n[refresh]\nplan = [{every = "2s", for = "24s"}]\n'


def _load(extra: Path | None) -> dict[str, Programme]:
    return load_programmes(extra, channels=NAMES, personal=PERSONAL)


def test_load_programmes_has_the_three_of_the_package() -> None:
    found = _load(None)
    assert set(found) == {"amber", "vermist-kind", "burgernet"}
    assert found["amber"].channels == NAMES


def test_load_programmes_with_a_folder_overrides_whole(tmp_path: Path) -> None:
    (tmp_path / "mine.toml").write_text(SHORT)
    found = _load(tmp_path)
    assert set(found) == {"amber", "vermist-kind", "burgernet"}
    assert found["amber"].channels == ("web",)
    assert found["amber"].names == {}


def test_load_programmes_without_the_folder_says_so(tmp_path: Path) -> None:
    with pytest.raises(ProgrammeError, match="is not a directory"):
        _load(tmp_path / "nowhere")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            SHORT.replace("web", "fax"),
            f"'fax' does not exist; known: {', '.join(NAMES)}",
        ),
        (SHORT + 'mode = "repeat"\n', ""),
        (SHORT.replace('["web"]', '["web", "email"]') + 'mode = "repeat"\n', "'repeat' is for broadcast media"),
        (SHORT.replace("2s", "2 seconds"), "is not a duration"),
        (SHORT.replace("2s", "0s"), "refresh.plan"),
        (SHORT + "lese = 1\n", "refresh.lese"),
        (SHORT + '[names]\nfr = "Alerte"\n', "'fr' is no language of Baken; use nl or en"),
        (SHORT + '[[criteria]]\nid = "rich"\n', "'rich' does not exist; known: "),
        ("id = amber", "not TOML"),
        ('id = "amber"', "channels"),
    ],
)
def test_load_programme_names_file_and_field(text: str, said: str, tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(text)
    if not said:
        assert load_programme(path, channels=NAMES, personal=PERSONAL).refresh.mode == "repeat"
        return
    with pytest.raises(ProgrammeError) as refused:
        load_programme(path, channels=NAMES, personal=PERSONAL)
    assert str(refused.value).startswith("mine.toml: ")
    assert said in str(refused.value)


def test_load_programme_when_not_utf8_says_so(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_bytes(b'id = "amb\xe9r"')
    with pytest.raises(ProgrammeError, match=r"^mine.toml: cannot be read"):
        load_programme(path, channels=NAMES, personal=PERSONAL)
