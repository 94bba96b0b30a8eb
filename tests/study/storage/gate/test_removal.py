"""What is removed is what was opened: no link is followed, whenever it is put there."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from study.errors import ConfigError
from study.storage.gate import removal


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A home with a study, and a folder of somebody else's beside it."""
    home = tmp_path / "home"
    for path in ("eyes/checkpoints/0000/x", "eyes/report/report.html", "cache/c/images.npy"):
        (home / path).parent.mkdir(parents=True, exist_ok=True)
        (home / path).write_text("ours")
    for name in ("ledger.jsonl", "lock", "study.yaml", ".study.yaml.7.tmp"):
        (home / "eyes" / name).write_text("ours")
    (tmp_path / "theirs").mkdir()
    (tmp_path / "theirs" / "kept").write_text("theirs")
    return home


def test_a_study_goes_and_what_is_not_its_own_stays(home: Path) -> None:
    (home / "eyes" / "notes").mkdir()
    (home / "eyes" / "notes" / "mine.txt").write_text("mine")
    assert removal.foreign(home / "eyes") == [home / "eyes" / "notes"]
    removal.remove_study(home, home / "eyes")
    assert [path.name for path in (home / "eyes").rglob("*")] == ["notes", "mine.txt"]
    (home / "eyes" / "notes" / "mine.txt").unlink()
    (home / "eyes" / "notes").rmdir()
    removal.remove_study(home, home / "eyes")
    assert not (home / "eyes").exists()


def test_the_ledger_goes_last(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    gone: list[str] = []
    before = removal._remove
    monkeypatch.setattr(removal, "_remove", lambda name, above: (gone.append(name), before(name, above)))
    removal.remove_study(home, home / "eyes")
    assert gone[-2:] == ["ledger.jsonl", "lock"] and len(gone) == 6


@pytest.mark.parametrize("link", ["eyes", "eyes/checkpoints", "eyes/checkpoints/0000", "cache", "cache/c"])
def test_a_folder_that_became_a_link_is_not_followed(home: Path, link: str) -> None:
    theirs = home.parent / "theirs"
    moved = home.parent / "moved"
    (home / link).rename(moved)
    (home / link).symlink_to(theirs)
    remove = {"eyes": removal.remove_study, "cache": removal.remove_tree}[link.partition("/")[0]]
    try:
        remove(home, home / ("eyes" if link.startswith("eyes") else "cache/c"))
    except (ConfigError, OSError) as error:
        assert "link" in str(error) or "irectory" in str(error)
    assert (theirs / "kept").read_text() == "theirs" and moved.exists()


def test_a_folder_that_becomes_a_link_while_it_is_removed_is_not_followed(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    theirs, before = home.parent / "theirs", os.listdir

    def swapped(handle: int) -> list[str]:
        """Between the look into the study's folder and the removal somebody puts a link in its place."""
        names = before(handle)
        if (home / "eyes").is_dir() and not (home / "eyes").is_symlink():
            (home / "eyes").rename(home.parent / "moved")
            (home / "eyes").symlink_to(theirs)
        return names

    monkeypatch.setattr(removal.os, "listdir", swapped)
    with pytest.raises(OSError):
        removal.remove_study(home, home / "eyes")  # what was opened is removed, then the name is no folder
    assert (theirs / "kept").read_text() == "theirs"
    assert not (home.parent / "moved" / "ledger.jsonl").exists()
