"""retina_data.layouts.tables.unread_columns: columns that may say splits or patients are read, or named."""

from __future__ import annotations

from pathlib import Path

import pytest

from retina_data.layouts.folder_tree import scan
from retina_data.layouts.label_files import ReadOptions
from retina_data.layouts.tables.unread_columns import unread_patients, unread_splits


@pytest.mark.parametrize(
    ("column", "values", "warned"),
    [
        ("split", "train test", False), ("Set", "entrenamiento validación prueba", False), ("split", "a b", True),
        ("partition", "train xunlian", True), ("split", "a a", False), ("fold", "1 2", False),
        ("split", " ".join(map(str, range(11))), False),
    ],
)  # fmt: skip
def test_a_column_of_splits_with_other_words_is_named(tmp_path: Path, column: str, values: str, warned: bool) -> None:
    lines = [f"x{number},{value}" for number, value in enumerate(values.split())]
    (tmp_path / "a.csv").write_text("\n".join([f"id,{column}", *lines]))
    found = unread_splits(scan(tmp_path), ["a.csv"], ReadOptions())
    assert [(one.count, one.only_warns) for one in found] == [(len(lines), True)] * warned
    assert not unread_splits(scan(tmp_path), ["a.csv"], ReadOptions(split_column="x"))


@pytest.mark.parametrize(
    ("column", "each", "named"),
    [("case_id", 2, True), ("study_id", 1, False), ("ID", 12, False), ("grader_id", 2, False)],
)
def test_a_column_that_repeats_as_patients_do_is_named(tmp_path: Path, column: str, each: int, named: bool) -> None:
    rows = "".join(f"x{n},0,v{n // each}\n" for n in range(60))
    (tmp_path / "train.csv").write_text(f"id_code,diagnosis,{column}\n{rows}")
    found = unread_patients(scan(tmp_path), ["train.csv"])
    assert [one.text.endswith(f"--patient-column {column}") for one in found] == [True] * named
