"""Label files that are published: what their headers are called, and where they lie below a data set's folder."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

from retina_data.errors import DataError
from retina_data.layouts.folder_names import says_labels, split_named, split_of_path
from retina_data.layouts.folder_tree import COPIES_OF_TABLES, Tree, as_csv, extension, unread_table
from retina_data.layouts.grade_folders import grade_of
from retina_data.layouts.label_files import LabelTable, ReadOptions, read_table, stem_of, stem_of_path, stems_of

MOST_TABLES = 200  # that are looked into; one file for each image is no label file

_MOST_OPENED = 20
"""More text files than this, whose names do not say labels, are none; one file for each image is no label file."""

_BEGINNING = 65_536  # characters

PLACEHOLDERS = re.compile(
    r"submission|(?<![^\W\d_])(sub|preds?|predict\w*|pseudo\w*|outputs?|inference|results?)(?![^\W\d_])", re.IGNORECASE
)
"""Of the name of a file whose grades are none: a model's, or Kaggle's example of an answer."""


class TableForm(NamedTuple):
    """A published label file: its columns, and what is looked for, in words."""

    image: str
    grades: tuple[str, ...]
    wanted: str


FORMS = {
    "kaggle": TableForm("image", ("level",), "trainLabels.csv (header image,level), and retinopathy_solution.csv"),
    "aptos": TableForm("id_code", ("diagnosis",), "train.csv (header id_code,diagnosis), and valid.csv, test.csv"),
    "idrid": TableForm("image name", ("retinopathy grade",), "two csv files with Image name,Retinopathy grade"),
    "messidor2": TableForm("image_id", ("adjudicated_dr_grade",), "a csv file with image_id,adjudicated_dr_grade"),
    "deepdrid": TableForm(
        "image_id", ("left_eye_dr_level", "right_eye_dr_level", "dr_levels"),
        "csv files with image_id,left_eye_DR_Level,right_eye_DR_Level",
    ),
    "metadata": TableForm(
        "file_name", ("label", "labels", "grade", "dr_grade", "level", "diagnosis"), "metadata.csv with file_name,label"
    ),
    "ddr": TableForm("", (), "train.txt, valid.txt, test.txt with lines `name.jpg grade`"),
}  # fmt: skip


def published(tree: Tree) -> dict[str, list[str]]:
    """Layout -> the label files below the tree's root that have its form, the first lines of each looked at."""
    found: dict[str, list[str]] = {}
    for file in possible_tables(tree):
        try:
            table = read_table(tree.root / file, file, head=True)
        except DataError:
            continue  # it is named as a label file that is not read
        layout = form_of(table)
        if layout:
            found.setdefault(layout, []).append(file)
    guessed = predictions(tree, [file for files in found.values() for file in files])
    found = {layout: [file for file in files if file not in guessed] for layout, files in found.items()}
    return {layout: found[layout] for layout in FORMS if found.get(layout)}


def predictions(tree: Tree, files: Sequence[str]) -> set[str]:
    """Those of label files whose grades are most likely a model's: by their names, or of the images of a list `test`.

    The list has no grades, and the other file is called by no split and no labels.
    """
    called = {file for file in files if PLACEHOLDERS.search(file.rpartition("/")[2])}
    lists = [file for file in possible_tables(tree) if file not in files and split_of_file(file) == "test"]
    tests = [listed for file in lists if (listed := _images_listed(tree, file))]
    unclear = [file for file in files if not split_of_file(file) and not says_labels(file.rpartition("/")[2])]
    if len(called) + len(unclear) < len(files) and tests:  # another one has the grades of training images
        called.update(file for file in unclear if _images_listed(tree, file) in tests)
    return called


def _images_listed(tree: Tree, file: str) -> set[str]:
    """Stems in the first column of images that a table has; else in its first column."""
    try:
        table = read_table(tree.root / file, file)
        number = table.column(*(known.image for known in FORMS.values() if known.image)) or 0
    except DataError:
        return set()
    return {stem_of(fields[number]) for _, fields in table.rows if len(fields) > number}


def possible_tables(tree: Tree) -> list[str]:
    """Text files that may be label files, the outermost first; a .txt where its name or its first lines say so."""
    listing = _naming_pictures(tree, [file for file in tree.texts if extension(file) == ".txt"])
    named = [file for file in tree.texts if extension(file) != ".txt" or file in listing]
    return sorted(named, key=lambda file: file.count("/"))[:MOST_TABLES]


def unread_tables(tree: Tree) -> dict[str, str]:
    """Files that may hold labels in a format that is not read, and what each is.

    JSON where its name says labels, or its beginning names pictures; what is packed where its table does not lie there.
    """
    kinds = {file: kind for file in tree.files if (kind := unread_table(file))}
    json = [file for file in kinds if extension(file) in (".json", ".jsonl")]
    others = set(json) - _naming_pictures(tree, json)
    there = {file.casefold() for file in tree.texts}
    others |= {file for file, kind in kinds.items() if kind in COPIES_OF_TABLES and as_csv(file).casefold() in there}
    return {file: kind for file, kind in kinds.items() if file not in others}


def _naming_pictures(tree: Tree, files: Sequence[str]) -> set[str]:
    """Those of text files whose names say labels, or whose first lines name pictures; many others are not opened."""
    found = {file for file in files if says_labels(file.rpartition("/")[2])}
    stems = _stems(tree.pictures)
    others = [file for file in files if file not in found and stem_of_path(file.rpartition(".")[0]) not in stems]
    if len(others) <= _MOST_OPENED:
        found.update(file for file in others if _names_pictures(tree.root / file, stems))
    return found


def _names_pictures(path: Path, stems: frozenset[str]) -> bool:
    """Whether each of the first lines of a text has the name of a picture, or JSON has one at its beginning."""
    try:
        with path.open(encoding="utf-8", errors="replace") as opened:
            text = opened.read(_BEGINNING)
    except OSError:
        return False
    lines = [text] if path.suffix.lower() == ".json" else [line for line in text.splitlines() if line.strip()][:3]
    return bool(lines) and all(
        any(stem_of_path(one) in stems for one in re.split(r"[\s,;|\"']+", line)) for line in lines
    )


@lru_cache(maxsize=2)  # it is asked of the same pictures again and again
def _stems(pictures: tuple[str, ...]) -> frozenset[str]:
    return stems_of(pictures)


def form_of(table: LabelTable) -> str | None:
    """The layout of FORMS whose columns a label file has."""
    if extension(table.name) == ".txt":
        rows = [list(table.columns), *(fields for _, fields in table.rows[:20])]
        if all(len(row) == 2 and stem_of(row[0]) != row[0] and _says_grade(row[1]) for row in rows):
            return "ddr"
    for layout, known in FORMS.items():
        if layout == "metadata" and table.name.rpartition("/")[2].lower() != "metadata.csv":
            continue
        if known.image and table.column(known.image) is not None and table.column(*known.grades) is not None:
            return layout
    return None


def _says_grade(text: str) -> bool:
    """Whether a text is a digit, or a word for a grade."""
    return re.fullmatch("[0-9]", text) is not None or grade_of(text, {}) is not None


def tables_with(tree: Tree, options: ReadOptions) -> list[str]:
    """The label files that have the columns which the user names for images and grades."""
    wanted = [column for column in (options.image_column, options.grade_column) if column is not None]
    if len(wanted) < 2:
        raise DataError(f"--image-column and --grade-column must be given together, but got {wanted[0]!r} alone")
    found = []
    for file in possible_tables(tree):
        try:
            table = read_table(tree.root / file, file, head=True)
        except DataError:
            continue
        if all(table.column(column) is not None for column in wanted):
            found.append(file)
    guessed = predictions(tree, found)
    found = [file for file in found if file not in guessed] or found
    if not found:
        columns = " and ".join(map(repr, wanted))
        raise DataError(f"a label file must have the columns {columns}, but none in {tree.root} has; correct the names")
    return found


def split_of_file(file: str) -> str:
    """The split that a label file's name says, else its folder's."""
    folder, _, name = file.rpartition("/")
    return split_named(name.rpartition(".")[0]) or split_of_path(folder)


def split_of_labels(file: str) -> str:
    """The same of a file that may hold labels: a folder's where the name itself says labels."""
    name = file.rpartition("/")[2]
    return split_of_file(file if says_labels(name) else name)
