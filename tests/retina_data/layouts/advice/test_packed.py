"""retina_data.layouts.advice.packed: archives that may have more of a data set, and are not unpacked, are named."""

from __future__ import annotations

from pathlib import Path

import pytest

from retina_data.layouts.advice.packed import not_unpacked
from retina_data.layouts.folder_tree import tree_of
from retina_data.layouts.label_files import Entry

PICTURES = ["train/a.png", "train/b.png"]
BY_GRADE = [f"{grade}/{grade}.png" for grade in (0, 1, 3, 4)]


@pytest.mark.parametrize(
    ("files", "archive", "named"),
    [
        (PICTURES, "test.zip", True), (PICTURES, "test.tar.gz", True), (PICTURES, "test.zip.001", True),
        (PICTURES, "validation.rar", True), (PICTURES, "test_labels.csv.zip", True), (PICTURES, "labels.zip", True),
        (PICTURES, "images.zip", True), (PICTURES, "train_part2.zip", True), (PICTURES, "imagesPart3.7z", True),
        (PICTURES, "train.zip", False), (PICTURES, "train_images.zip", False), (PICTURES, "archive.zip", False),
        (PICTURES, "aptos2019-blindness-detection.zip", False), (PICTURES, "code.tar.gz", False),
        ([*PICTURES, "test/c.png"], "test.zip", False), ([*PICTURES, "labels.csv"], "labels.csv.zip", False),
        ([*PICTURES, "trainLabels.csv"], "trainLabels.csv.zip", False), (["images/a.png"], "images.zip", False),
        (["part2/a.png"], "part2.zip", False),
        (BY_GRADE, "2.zip", True), (BY_GRADE, "Moderate.zip", True), (BY_GRADE, "zips/2.zip", True),
        (BY_GRADE, "3.zip", False), (BY_GRADE, "zips/3.zip", False), (PICTURES, "2.zip", False),
        ([f"{split}/{file}" for split in ("train", "test") for file in BY_GRADE], "test/2.zip", True),
    ],
)  # fmt: skip
def test_an_archive_whose_content_does_not_lie_there_is_named(files: list[str], archive: str, named: bool) -> None:
    used = {file: Entry(file, 0, "", "") for file in files if file.endswith(".png")}
    found = not_unpacked(tree_of(Path("data"), [*files, archive]), used, {})
    assert [(one.kind, one.only_warns, f"`{archive}`" in one.text) for one in found] == [
        ("archive not unpacked", True, True)
    ] * named


def test_archives_beside_no_picture_are_said_elsewhere() -> None:
    assert not not_unpacked(tree_of(Path("data"), ["labels.csv", "test.zip"]), {}, {})
