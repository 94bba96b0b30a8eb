"""retina_data.layouts.tables.lab: line n of the names belongs to line n of the grades, in one folder."""

from __future__ import annotations

from pathlib import Path

import pytest

from retina_data.errors import DataError
from retina_data.layouts.folder_tree import scan
from retina_data.layouts.tables.lab import LAB_FILES, lab_entries, lab_files
from tests.retina_data.layouts.test_dataset import write_lab


def test_training_comes_first_and_each_entry_knows_its_line(tmp_path: Path) -> None:
    tree = scan(write_lab(tmp_path / "inner").parent)
    entries, read = lab_entries(tree, lab_files(tree))
    assert read == [f"inner/{name}" for name in LAB_FILES]
    assert [(one.image, one.grade, one.split) for one in entries] == [
        ("1_left", 0, "train"), ("1_right", 1, "train"), ("scan", 4, "train"), ("2_left", 3, "test"),
    ]  # fmt: skip
    assert (entries[1].place, entries[1].folder) == ("train_img.csv, line 2", "inner")


def test_several_data_sets_of_the_lab_are_refused(tmp_path: Path) -> None:
    write_lab(tmp_path / "a"), write_lab(tmp_path / "b")
    tree = scan(tmp_path)
    with pytest.raises(DataError, match="holds several: a, b; give the folder of one"):
        lab_entries(tree, lab_files(tree))
