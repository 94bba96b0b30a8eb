"""Label files -> entries: the columns that are read, and each line checked."""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import NamedTuple

from retina_data.errors import DataError
from retina_data.layouts.advice.scale import grade_said, not_a_grade, without_point
from retina_data.layouts.folder_tree import Tree, split_named
from retina_data.layouts.label_files import (
    UNGRADABLE,
    Entry,
    LabelTable,
    ReadOptions,
    checked_name,
    clipped,
    read_table,
    some,
    stem_of,
)
from retina_data.layouts.tables.published import FORMS, form_of, split_of_file

_EYES = {"left": "left", "l": "left", "os": "left", "right": "right", "r": "right", "od": "right"}

_SIDE = re.compile(r"_(?:(?P<right>r|right|od)|l|left|os)\d*$", re.IGNORECASE)

_USAGE = {"public": "test", "private": "test"}  # of Kaggle's test grades


Said = Callable[[str, str], int]
"""Text of a label file and its place -> its grade. Raises DataError where it says none."""


class _Columns(NamedTuple):
    """Numbers of the columns that are read."""

    image: int
    grades: tuple[int, ...]
    patient: int | None
    eye: int | None
    split: int | None
    gradable: int | None


def read_label_tables(tree: Tree, files: list[str], options: ReadOptions) -> tuple[list[Entry], list[str]]:
    """Entries of the label files of one form, training first, and the files that were read.

    A file that lists only what others list with the same grades is not read. Raises DataError for a line that breaks
    the form, and where two files of a split list the same images with other grades.
    """
    tables = [(file, table_entries(tree, file, options)) for file in files]
    order = ("train", "val", "test", "")
    tables.sort(key=lambda one: (order.index(split_of_file(one[0])), -len(one[1])))
    entries: list[Entry] = []
    read: list[str] = []
    for file, listed in tables:
        split = split_of_file(file)
        earlier = {
            (entry.folder, stem_of(entry.image)): entry for entry in entries if not split or entry.split == split
        }
        common = [(one, earlier[key]) for one in listed if (key := (one.folder, stem_of(one.image))) in earlier]
        differ = [(one, other) for one, other in common if one.grade != other.grade]
        if len(common) == len(listed) and listed and not differ:
            continue
        if common:
            one, other = (differ or common)[0]
            raise DataError(
                f"an image must be listed by one label file, but {len(common):,} of {file} are in another one too, "
                f"{len(differ):,} with another grade, such as {one.image} ({one.place} and {other.place}); choose one "
                f"with --labels {shlex.quote(file)}, or move the other away"
            )
        entries += listed
        read.append(file)
    return entries, read


def table_entries(tree: Tree, file: str, options: ReadOptions) -> list[Entry]:
    """Entries of one label file, in its order; the named columns, else those of its published form."""
    path = Path(file) if Path(file).is_absolute() else tree.root / file
    name = path.name if Path(file).is_absolute() else file
    table = read_table(path, name)
    if form_of(table) == "ddr":
        table = LabelTable(table.name, ("image", "grade"), [(1, list(table.columns)), *table.rows])
        columns = _Columns(0, (1,), None, None, None, None)
        options = ReadOptions(grades={"5": None, **options.grades})
    else:
        columns = _columns(table, options)
    folder = "" if Path(file).is_absolute() else file.rpartition("/")[0]
    usage = "test" if columns.split is None and _all_in(table, "usage", lambda text: text.lower() in _USAGE) else ""
    split = usage or split_of_file(name)
    known = cache(lambda text: grade_said(text, options.grades))

    def said(text: str, place: str) -> int:
        grade = known(text)
        if grade is None:
            texts = {without_point(fields[n]) for _, fields in table.rows for n in columns.grades if n < len(fields)}
            raise not_a_grade(text, place, texts, options.grades)
        return grade

    return [_entry(table, columns, said, number, fields, split, folder) for number, fields in table.rows]


def _split_said(text: str) -> str:
    """The split that a field says; "" where it says none, or more than its name."""
    return _USAGE.get(text.lower(), "") or (split_named(text) if re.fullmatch(r"\w+", text) else "")


def _all_in(table: LabelTable, column: str, known: Callable[[str], object]) -> bool:
    """Whether a table has a column of this name, and something known in each of its fields."""
    number = table.column(column)
    return number is not None and all(len(row) > number and known(row[number]) for _, row in table.rows)


def _columns(table: LabelTable, options: ReadOptions) -> _Columns:
    known = FORMS.get(form_of(table) or "")

    def number(flag: str, named: str | None, *usual: str) -> int | None:
        found = table.column(*([named] if named is not None else usual))
        if found is None and named is not None:
            raise DataError(
                f"{flag} must name a column of {table.name} ({', '.join(map(clipped, table.columns[:20]))}), but got "
                f"{named!r}; correct it"
            )
        return found

    image = number("--image-column", options.image_column, *([known.image] if known else []))
    grade = number("--grade-column", options.grade_column)
    grades = [table.column(name) for name in (known.grades if known else ())] if grade is None else [grade]
    if image is None or not any(one is not None for one in grades):
        missing = ["--image-column"] * (image is None) + ["--grade-column"] * (
            not any(one is not None for one in grades)
        )
        raise DataError(
            "a label file must have a column of images and one of grades, but the header of "
            f"{table.name} is {', '.join(map(clipped, table.columns[:20]))}; name {' and '.join(missing)}"
        )
    return _Columns(
        image,
        tuple(one for one in grades if one is not None),
        number("--patient-column", options.patient_column, "patient", "patient_id"),
        number("--eye-column", options.eye_column),
        number("--split-column", options.split_column, *(["split"] if _all_in(table, "split", _split_said) else [])),
        table.column("adjudicated_gradable"),
    )


def _entry(
    table: LabelTable, columns: _Columns, said: Said, number: int, fields: list[str], split: str, folder: str
) -> Entry:
    place = f"{table.name}, line {number}"
    wide = len(table.columns)
    if len(fields) < 1 + max(columns.image, *columns.grades) or any(fields[wide:]):
        raise DataError(
            f"a line must be `{','.join(table.columns)[:80]}`, but got {clipped(','.join(fields))} ({place}); correct "
            "the line"
        )
    fields = fields + [""] * (wide - len(fields))
    eye = fields[columns.eye].lower() if columns.eye is not None else ""
    if eye and eye not in _EYES:
        raise DataError(f"an eye must be {some(list(_EYES))}, but got {clipped(eye)} ({place}); correct the line")
    if columns.split is not None:
        text = fields[columns.split]
        split = _split_said(text)
        if not split:
            raise DataError(
                f"a split must be train, val or test, but got {clipped(text)} ({place}); correct the line, or drop "
                "--split-column"
            )
    patient = fields[columns.patient] if columns.patient is not None else ""
    if columns.patient is not None and not patient:
        raise DataError(
            f"a line must name its patient where one does, but {clipped(','.join(fields))} does not ({place}); fill it "
            "in"
        )
    image = checked_name(fields[columns.image], place)
    grade, word = _grade(columns, said, fields, image, place)
    return Entry(image, grade, split, place, patient, _EYES.get(eye, ""), folder, word=word)


def _grade(columns: _Columns, said: Said, fields: list[str], image: str, place: str) -> tuple[int, str]:
    """The grade of a line and its word; of two eyes' columns that of its eye, and UNGRADABLE where the file says so."""
    texts = [fields[column] for column in columns.grades]
    if len(texts) > 1 and (side := _SIDE.search(stem_of(image))):
        del texts[0 if side["right"] else 1]  # the other eye's
    text = next(filter(None, texts), "")
    if columns.gradable is not None and (_says_no(fields[columns.gradable]) or not text):
        return UNGRADABLE, ""
    return said(text, place), without_point(text)


def _says_no(text: str) -> bool:
    return without_point(text).lower() in ("0", "no", "n", "false", "f")
