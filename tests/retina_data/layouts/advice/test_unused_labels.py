"""retina_data.layouts.advice.unused_labels: label files that are not read, and have grades of pictures not used."""

from __future__ import annotations

from pathlib import Path

import pytest

from retina_data.layouts.advice.unused_labels import unused_labels
from retina_data.layouts.folder_tree import scan
from retina_data.layouts.inventory import fates_of
from tests.retina_data.as_people_have_them.builder import Content, build

FILES: dict[str, Content] = {"labels.csv": "image,level\na,0\n", "p/a.png": b"", "p/b.png": b"", "q/c.png": b""}


@pytest.mark.parametrize(("file", "content", "count"), [
    ("more.csv", "picture,dr\nb,0\nc,1\na,2\n", 2), ("more.csv", "picture,stufe\nb,leicht\nc,mittel\na,schwer\n", 2),
    ("more.csv", "picture,camera\nb,x\nc,y\na,z\n", None), ("more.csv", "b,0\nc,0\n", 2),
    ("more.csv", "b,0\na,0\n", None),
    ("predictions.csv", "picture,dr\nb,0\nc,1\na,2\n", None), ("labels.xlsx", "", None), ("q/labels.xlsx", "", 2),
    ("q/figures.xlsx", "", 2), ("p/labels.xlsx", "", None), ("test/labels.xlsx", "", 2),
    ("test.csv", b"PK\x03\x04", 2),
    ("test.csv", "picture\nb\nc\n", None),
])  # fmt: skip
def test_files_with_grades_of_unused_pictures_are_named(
    file: str, content: Content, count: int | None, tmp_path: Path
) -> None:
    tree = scan(build(tmp_path, {**FILES, file: content}))
    fates = fates_of(tree, {"p/a.png"}, set(), ["labels.csv"], ())
    found = unused_labels(tree, fates, {"", "train"}, "kaggle")
    assert [number for number, _ in found] == [count] * (count is not None)
    assert all(f"{file}" in text and "leave it out with --layout kaggle" in text for _, text in found)
