"""retina_data.layouts.tables.unread_splits: columns that may say splits are read, or named."""

from __future__ import annotations

from pathlib import Path

import pytest

from retina_data.layouts.folder_tree import scan
from retina_data.layouts.label_files import ReadOptions
from retina_data.layouts.tables.unread_splits import unread_splits


@pytest.mark.parametrize(
    ("column", "values", "warned"),
    [
        ("split", "train test", False), ("Set", "entrenamiento validación prueba", False), ("split", "a b", True),
        ("partition", "train xunlian", True), ("split", "a a", False), ("fold", "1 2", False),
        ("split", " ".join(map(str, range(11))), False),
        ("cohort", "derivation validation", True), ("test", "yes no", True), ("train_test", "1 0", True),
        ("used_for_training", "1 0", True), ("source", "Training-set Test-set", True),
        ("source", "my_train my_test", False), ("arm", "internal external", True),
        ("camera", "topcon canon", False), ("smoker", "yes no", False), ("camera", "topcon canon zeiss nidek test",
        False),
    ],
)  # fmt: skip
def test_a_column_of_splits_with_other_words_is_named(tmp_path: Path, column: str, values: str, warned: bool) -> None:
    lines = [f"x{number},{value}" for number, value in enumerate(values.split())]
    (tmp_path / "a.csv").write_text("\n".join([f"id,{column}", *lines]))
    found = unread_splits(scan(tmp_path), ["a.csv"], ReadOptions())
    assert [(one.count, one.only_warns) for one in found] == [(len(lines), True)] * warned
    assert not unread_splits(scan(tmp_path), ["a.csv"], ReadOptions(split_column="x"))
