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
    entries, read = lab_entries(tree, lab_files(tree), {})
    assert read == [f"inner/{name}" for name in LAB_FILES]
    assert [(one.image, one.grade, one.split) for one in entries] == [
        ("1_left", 0, "train"), ("1_right", 1, "train"), ("scan", 4, "train"), ("2_left", 3, "test"),
    ]  # fmt: skip
    assert (entries[1].place, entries[1].folder) == ("train_img.csv, line 2", "inner")


def test_several_data_sets_of_the_lab_are_refused(tmp_path: Path) -> None:
    write_lab(tmp_path / "a"), write_lab(tmp_path / "b")
    tree = scan(tmp_path)
    with pytest.raises(DataError, match="holds several: a, b; give the folder of one"):
        lab_entries(tree, lab_files(tree), {})


@pytest.mark.parametrize("text", ["5", "-1", "1.0", "", "\u0661", "Mild"])
def test_a_grade_is_a_number_from_0_to_4_or_what_the_user_says(tmp_path: Path, text: str) -> None:
    (tmp_path / "train_img.csv").write_text("a\nb\n")
    (tmp_path / "train_label.csv").write_text(f"0\n{text or '.'}\n")
    tree = scan(tmp_path)
    with pytest.raises(DataError, match="must be 0, 1, 2, 3 or 4, but got .*train_label.csv, line 2"):
        lab_entries(tree, lab_files(tree), {})
    assert [one.grade for one in lab_entries(tree, lab_files(tree), {text or ".": 3})[0]] == [0, 3]
