"""retina_data.cache.partial: what is noted is on the disk, and counts while its file is what it was."""

from __future__ import annotations

import os
import time
from pathlib import Path

import numpy as np
import pytest

from retina_data.cache.partial import Done, Unfinished, remove_abandoned
from retina_data.files import file_lock

STATS = ["1-1", "2-2", "3-3"]


def started(folder: Path) -> Unfinished:
    cache = Unfinished(folder, 3, 16, STATS)
    for row in (0, 2):
        cache.write(row, np.full((16, 16, 3), row + 5, np.uint8))
        cache.add(row, Done(STATS[row], "f" * 64, True, ""))
    return cache


def test_pixels_are_an_array_and_rows_are_found_again(tmp_path: Path) -> None:
    started(tmp_path / "x").close()
    again = Unfinished(tmp_path / "x", 3, 16, STATS)
    assert again.done == {0: Done("1-1", "f" * 64, True, ""), 2: Done("3-3", "f" * 64, True, "")}
    again.close()
    images = np.load(tmp_path / "x" / "images.npy")
    assert images.shape == (3, 16, 16, 3) and images[:, 3, 3, 0].tolist() == [5, 0, 7]
    again.forget()
    assert [path.name for path in (tmp_path / "x").iterdir()] == ["images.npy"]


def test_rows_of_changed_files_and_torn_lines_do_not_count(tmp_path: Path) -> None:
    started(tmp_path / "x").close()
    changed = Unfinished(tmp_path / "x", 3, 16, ["1-1", "2-2", "3-4"])
    assert list(changed.done) == [0]
    changed.close()
    journal = tmp_path / "x" / "journal.jsonl"
    assert len(journal.read_text().splitlines()) == 1
    journal.write_text(journal.read_text() + '[2, "3-3", "fff')
    torn = Unfinished(tmp_path / "x", 3, 16, STATS)
    assert list(torn.done) == [0]
    torn.close()


@pytest.mark.parametrize("damage", ["truncated", "gone", "another size"])
def test_without_its_pixels_nothing_is_done(tmp_path: Path, damage: str) -> None:
    started(tmp_path / "x").close()
    pixels = tmp_path / "x" / "images.npy"
    if damage == "truncated":
        pixels.write_bytes(pixels.read_bytes()[:-1])
    elif damage == "gone":
        pixels.unlink()
    again = Unfinished(tmp_path / "x", 3, 32 if damage == "another size" else 16, STATS)
    assert not again.done and np.load(pixels).shape[0] == 3
    again.close()


def old(folder: Path) -> Path:
    started(folder).close()
    for path in (*folder.iterdir(), folder):
        os.utime(path, (time.time() - 8 * 86_400,) * 2)
    return folder


def test_only_what_is_old_and_nobodys_is_removed(tmp_path: Path) -> None:
    abandoned, held, empty = old(tmp_path / ".a.partial"), old(tmp_path / ".b.partial"), tmp_path / ".e.partial"
    empty.mkdir()
    os.utime(empty, (0, 0))
    started(tmp_path / ".c.partial").close()
    gone_on = old(tmp_path / ".d.partial")
    Unfinished(gone_on, 3, 16, STATS).close()
    finished = old(tmp_path / "finished")
    with file_lock(held.with_suffix(".lock")):
        remove_abandoned(tmp_path)
    left = sorted(path.name for path in tmp_path.iterdir() if path.is_dir())
    assert left == [".b.partial", ".c.partial", ".d.partial", "finished"] and finished.exists()
    assert not abandoned.exists()
