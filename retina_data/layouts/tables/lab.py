"""The lab's files: names and grades of images in separate files of one column without header."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

from retina_data.errors import DataError
from retina_data.layouts.advice.scale import not_a_grade
from retina_data.layouts.folder_tree import Tree
from retina_data.layouts.grade_folders import grade_of
from retina_data.layouts.label_files import Entry, checked_name, clipped, read_lines

LAB_FILES = ("train_img.csv", "train_label.csv", "test_img.csv", "test_label.csv")

_HEADERS = frozenset({"image", "images", "img", "name", "id", "id_code", "filename", "file", "level", "label"})


def lab_files(tree: Tree) -> list[str]:
    """The lab's files, wherever they lie."""
    return [file for file in tree.files if file.rpartition("/")[2] in LAB_FILES]


def lab_entries(tree: Tree, files: list[str], words: Mapping[str, int | None]) -> tuple[list[Entry], list[str]]:
    """Entries of the lab's files in one folder, training first, and the files that were read.

    words: what the user says of some fields.
    """
    places = sorted({file.rpartition("/")[0] for file in files}, key=lambda folder: (folder.count("/"), folder))
    place = places[0]
    if len(places) > 1 and place:
        raise DataError(
            f"a data set of the lab's layout must be one, but {tree.root} holds several: {', '.join(places)}; give the "
            "folder of one of them"
        )
    folder = tree.root / place
    read = [name for name in LAB_FILES if f"{place}/{name}".lstrip("/") in files]
    entries: list[Entry] = []
    for split in ("train", "test") if set(read) & set(LAB_FILES[2:]) else ("train",):
        entries += _lab_split(folder, split, place, words)
    return entries, [f"{place}/{name}".lstrip("/") for name in read]


def _lab_split(folder: Path, split: str, place: str, words: Mapping[str, int | None]) -> list[Entry]:
    image_file, label_file = folder / f"{split}_img.csv", folder / f"{split}_label.csv"
    images, labels = read_lines(image_file), read_lines(label_file)
    if images and images[0].lower() in _HEADERS:
        raise DataError(
            f"{image_file.name} must have no header, but got {images[0]!r} ({image_file}, line 1); delete this line"
        )
    if labels and not re.fullmatch(r"[+-]?[0-9]+", labels[0]):
        raise DataError(
            f"{label_file.name} must have no header, only grades 0..4, but got {clipped(labels[0])} "
            f"({label_file}, line 1); delete this line"
        )
    if len(images) != len(labels):
        raise DataError(
            f"images and labels must have equal lengths, but {image_file} has {len(images):,} lines and "
            f"{label_file} has {len(labels):,}; line n of one belongs to line n of the other"
        )
    entries: list[Entry] = []
    for number, (image, label) in enumerate(zip(images, labels, strict=True), start=1):
        line = f"{image_file}, line {number}"
        if "," in image:
            raise DataError(
                f"a name file must have one column, but got {clipped(image)} ({line}); delete the other columns"
            )
        grade = grade_of(label, words) if label in words or re.fullmatch("[0-4]", label) else None
        if grade is None:
            raise not_a_grade(label, f"{label_file}, line {number}", labels, words)
        where = f"{image_file.name}, line {number}"
        entries.append(Entry(checked_name(image, line), grade, split, where, folder=place, word=label))
    return entries
