"""The forms in which data sets come, each recognised by looking: what must be there, and the entries that it lists."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from retina_data.errors import DataError
from retina_data.layouts import medmnist
from retina_data.layouts.label_files import (
    EXTENSIONS,
    Entry,
    checked_grade,
    checked_name,
    read_lines,
    stem_of,
    two_columns,
)

_LAB_FILES = ("train_img.csv", "train_label.csv", "test_img.csv", "test_label.csv")

_KAGGLE_FILE, _APTOS_FILE = "trainLabels.csv", "train.csv"

_KAGGLE_HEADER, _APTOS_HEADER = ("image", "level"), ("id_code", "diagnosis")

_HEADERS = frozenset({"image", "images", "img", "name", "id", "id_code", "filename", "file", "level", "label"})

_GRADE_FOLDERS = {
    **{str(grade): grade for grade in range(5)},
    "no_dr": 0, "mild": 1, "moderate": 2, "severe": 3, "proliferate_dr": 4, "proliferative_dr": 4,
}  # fmt: skip


class Layout(NamedTuple):
    """A layout of data set. `find` gives the place that `entries` reads, None where the layout does not fit."""

    wanted: str  # what is looked for, in words
    find: Callable[[Path], Path | None]
    entries: Callable[[Path], list[Entry]]
    image_folders: tuple[str, ...]  # looked into in this order; none: the images are in the file itself
    names_test: bool


def _beside(*files: str) -> Callable[[Path], Path | None]:
    """The folder that has one of these files; `data` is the folder, or one of the files."""

    def find(data: Path) -> Path | None:
        if not data.is_dir():
            return data.parent if data.name in files else None
        return data if any((data / file).is_file() for file in files) else None

    return find


def _lab_entries(folder: Path) -> list[Entry]:
    """The lab's files: names and grades in separate files of one column without header."""
    entries: list[Entry] = []
    has_test = any((folder / file).is_file() for file in _LAB_FILES[2:])
    for split in ("train", "test") if has_test else ("train",):
        image_file, label_file = folder / f"{split}_img.csv", folder / f"{split}_label.csv"
        images, labels = read_lines(image_file), read_lines(label_file)
        if images and images[0].lower() in _HEADERS:
            raise DataError(
                f"{image_file.name} must have no header, but got {images[0]!r} ({image_file}, line 1); delete this line"
            )
        if labels and not re.fullmatch(r"[+-]?[0-9]+", labels[0]):
            raise DataError(
                f"{label_file.name} must have no header, only grades 0..4, but got {labels[0]!r} "
                f"({label_file}, line 1); delete this line"
            )
        if len(images) != len(labels):
            raise DataError(
                f"images and labels must have equal lengths, but {image_file} has {len(images):,} lines and "
                f"{label_file} has {len(labels):,}; line n of one belongs to line n of the other"
            )
        for number, (image, label) in enumerate(zip(images, labels, strict=True), start=1):
            place = f"{image_file}, line {number}"
            if "," in image:
                raise DataError(
                    f"a name file must have one column, but got {image!r} ({place}); delete the other columns"
                )
            name, grade = checked_name(image, place), checked_grade(label, f"{label_file}, line {number}")
            entries.append(Entry(name, grade, split, f"{image_file.name}, line {number}"))
    return entries


def _kaggle_entries(folder: Path) -> list[Entry]:
    """Kaggle's EyePACS: `image,level`; all of it is the training split."""
    return list(two_columns(folder / _KAGGLE_FILE, _KAGGLE_HEADER))


def _aptos_place(data: Path) -> Path | None:
    """`train.csv` is a common name: its header decides."""
    folder = _beside(_APTOS_FILE)(data)
    if folder is None or not (folder / _APTOS_FILE).is_file():
        return None
    with open(folder / _APTOS_FILE, encoding="utf-8-sig", errors="replace") as file:
        first = file.readline(1000).lower()
    return folder if _APTOS_HEADER[0] in first or _APTOS_HEADER[1] in first else None


def _aptos_entries(folder: Path) -> list[Entry]:
    """APTOS 2019: `id_code,diagnosis`; its test.csv has no grades, so all of it is the training split."""
    return list(two_columns(folder / _APTOS_FILE, _APTOS_HEADER))


def _grade_folders(folder: Path) -> list[tuple[str, int]]:
    """Folders that are named by a grade, in the order of the grades."""
    with os.scandir(folder) as found:
        named = [(e.name, _GRADE_FOLDERS[e.name.lower()]) for e in found if e.name.lower() in _GRADE_FOLDERS]
    return sorted(((n, g) for n, g in named if (folder / n).is_dir()), key=lambda pair: (pair[1], pair[0]))


def _folders_place(data: Path) -> Path | None:
    return data if data.is_dir() and len(_grade_folders(data)) > 1 else None


def _folder_entries(folder: Path) -> list[Entry]:
    """One folder for each grade. Of files that differ in their extension alone, one is listed."""
    entries: list[Entry] = []
    for name, grade in _grade_folders(folder):
        files = [f for f in os.listdir(folder / name) if os.path.splitext(f)[1].lower() in EXTENSIONS]
        stems = {stem_of(file) for file in files}
        for stem in sorted(stems):
            entries.append(Entry(checked_name(f"{name}/{stem}", str(folder / name)), grade, "train", f"folder {name}"))
    return entries


LAYOUTS: dict[str, Layout] = {  # in the order of preference
    "lab": Layout(
        f"{', '.join(_LAB_FILES)} (no header)", _beside(*_LAB_FILES), _lab_entries, ("data", "images", "."), True
    ),
    "kaggle": Layout(
        f"{_KAGGLE_FILE} (header {','.join(_KAGGLE_HEADER)})",
        _beside(_KAGGLE_FILE), _kaggle_entries, ("train", "images", "."), False,
    ),
    "aptos": Layout(
        f"{_APTOS_FILE} (header {','.join(_APTOS_HEADER)})",
        _aptos_place, _aptos_entries, ("train_images", "images", "."), False,
    ),
    "folders": Layout(
        "a folder for each grade (0..4, or No_DR, Mild, Moderate, Severe, Proliferate_DR)",
        _folders_place, _folder_entries, (".",), False,
    ),
    "medmnist": Layout(
        "one .npz file with train_images and train_labels", medmnist.find, medmnist.entries, (), True
    ),
}  # fmt: skip
