"""retina_data.cache.finished: the same data is one cache, an older version gives way."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

from retina_data.layouts.dataset import read_index
from tests.retina_data.cache.photographs import make_data, ready, squash


def test_a_changed_grade_is_other_data(tmp_path: Path) -> None:
    data = make_data(tmp_path / "data")
    first = ready(data, tmp_path / "home")
    (data.folder / "train_label.csv").write_text("0\n" * 8)
    second = ready(read_index(data.folder), tmp_path / "home")
    assert second.digest != first.digest and second.table["grade"].tolist() == [0] * 8


def test_moved_data_is_the_same_data(tmp_path: Path) -> None:
    first = ready(make_data(tmp_path / "data"), tmp_path / "home")
    shutil.move(tmp_path / "data", tmp_path / "elsewhere")
    moved = ready(read_index(tmp_path / "elsewhere"), tmp_path / "home")
    assert (moved.digest, moved.folder) == (first.digest, first.folder)
    assert all(Path(path).is_file() for path in moved.table["path"])


def test_byte_equal_images_are_one_group(tmp_path: Path) -> None:
    data = make_data(tmp_path / "data")
    shutil.copy(data.table["path"][1], data.table["path"][6])  # patients 0 and 3
    groups = ready(data, tmp_path / "home").table["group"]
    assert groups.tolist() == [0, 0, 1, 1, 2, 2, 0, 0]


def test_a_cache_of_an_older_version_gives_way_whatever_its_shape(tmp_path: Path) -> None:
    data = make_data(tmp_path / "data", patients=2)
    squash(data, range(4))
    data = read_index(data.folder)
    cache = ready(data, tmp_path / "home")
    older = cache.folder.with_name(cache.folder.name.removesuffix("-ellipse"))
    shutil.copytree(cache.folder, older)
    for folder in (cache.folder, older):
        manifest = json.loads((folder / "manifest.json").read_text())
        (folder / "manifest.json").write_text(json.dumps(manifest | {"version": manifest["version"] - 1}))
    assert ready(data, tmp_path / "home").folder == cache.folder
    assert cache.folder.is_dir() and not older.exists()
