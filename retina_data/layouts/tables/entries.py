"""Label files -> entries: the columns that are read, and each line checked."""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import cache
from pathlib import Path

from retina_data.errors import DataError
from retina_data.layouts.advice.scale import grade_said, not_a_grade, without_point
from retina_data.layouts.folder_tree import Tree, counted
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
    stems_of,
)
from retina_data.layouts.patients.eye_words import EYE_WORDS, eye_of
from retina_data.layouts.tables.columns import NO, YES, Columns, columns_of, split_said
from retina_data.layouts.tables.published import form_of, split_of_file

_REWRITTEN = re.compile(r"[-+]?\d([.,]\d+)?E\+\d{1,3}", re.IGNORECASE)
"""A long number as a spreadsheet writes it: its last digits are lost."""

_SIDE = re.compile(r"_(?:(?P<right>r|right|od)|l|left|os)\d*$", re.IGNORECASE)

_GOOD = YES | {"good", "ok", "gradable", "gradeable"}

_BAD = NO | {"bad", "not ok", "ungradable", "ungradeable"}

Said = Callable[[str, str], int]
"""Text of a label file and its place -> its grade. Raises DataError where it says none."""


def read_label_tables(tree: Tree, files: list[str], options: ReadOptions) -> tuple[list[Entry], list[str]]:
    """Entries of the label files of one form, training first, and the files that were read.

    A file that lists only what others list with the same grades is not read. Raises DataError for a line that breaks
    the form, and where two files of a split list the same images with other grades.
    """
    graded = [file for file in files if not _all_blank(tree, file, options)] or files
    tables = [(file, table_entries(tree, file, options)) for file in graded]
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
            more = _with_patients(entries, {id(other): one for one, other in common})
            read += [file] if more != entries else []
            entries = more
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


def _all_blank(tree: Tree, file: str, options: ReadOptions) -> bool:
    """Whether a label file has columns as for grades, but no grade: a list of images."""
    table = read_table(tree.root / file, file)
    if not table.rows or form_of(table) == "ddr" or "" in options.grades:
        return False
    numbers = columns_of(table, options).grades
    return not any(fields[n] for _, fields in table.rows for n in numbers if n < len(fields))


def _with_patients(entries: list[Entry], repeated: Mapping[int, Entry]) -> list[Entry]:
    """Entries with the patient and the eye that a file that repeats them adds; repeated: by the entries' identity."""
    twins = ((entry, repeated.get(id(entry), entry)) for entry in entries)
    return [replace(one, patient=one.patient or twin.patient, eye=one.eye or twin.eye) for one, twin in twins]


def table_entries(tree: Tree, file: str, options: ReadOptions) -> list[Entry]:
    """Entries of one label file, in its order; the named columns, else those of its published form."""
    path = Path(file) if Path(file).is_absolute() else tree.root / file
    name = path.name if Path(file).is_absolute() else file
    table = read_table(path, name)
    if form_of(table) == "ddr":
        table = LabelTable(table.name, ("image", "grade"), [(1, list(table.columns)), *table.rows])
        columns = Columns(0, (1,), None, None, None, None)
        options = ReadOptions(grades={"5": None, **options.grades})
    else:
        columns = columns_of(table, options)
    _refuse_rewritten(tree, table, columns)
    folder = "" if Path(file).is_absolute() else file.rpartition("/")[0]
    split = split_of_file(name)
    known = cache(lambda text: grade_said(text, options.grades))

    def said(text: str, place: str) -> int:
        grade = known(text)
        if grade is None:
            texts = {without_point(fields[n]) for _, fields in table.rows for n in columns.grades if n < len(fields)}
            blank = sum(not any(fields[n] for n in columns.grades if n < len(fields)) for _, fields in table.rows)
            raise not_a_grade(text, place, texts, options.grades, blank)
        return grade

    return [_entry(table, columns, said, number, fields, split, folder) for number, fields in table.rows]


def _refuse_rewritten(tree: Tree, table: LabelTable, columns: Columns) -> None:
    """Raise DataError where a spreadsheet has rewritten names of images or patients as `2.017E+11`."""
    for what, column in (("a name", columns.image), ("a patient", columns.patient)):
        texts = [(line, row[column]) for line, row in table.rows if column is not None and len(row) > column]
        found = [(line, text) for line, text in texts if _REWRITTEN.fullmatch(stem_of(text))]
        if found and column == columns.image:
            stems = stems_of(tree.pictures)
            found = [(line, text) for line, text in found if stem_of(text) not in stems]
        if found:
            line, text = found[0]
            raise DataError(
                f"{what} must have all its digits, but got {clipped(text)} ({table.name}, line {line}) in "
                f"{counted(len(found), 'line')}: a spreadsheet has rewritten long numbers and lost their ends, so that "
                f"these cannot be told apart; export the column {clipped(table.columns[column or 0])} again as text"
            )


def _entry(
    table: LabelTable, columns: Columns, said: Said, number: int, fields: list[str], split: str, folder: str
) -> Entry:
    place = f"{table.name}, line {number}"
    wide = len(table.columns)
    if len(fields) < 1 + max(columns.image, *columns.grades) or any(fields[wide:]):
        raise DataError(
            f"a line must be `{','.join(table.columns)[:80]}`, but got {clipped(','.join(fields))} ({place}); correct "
            "the line"
        )
    fields = fields + [""] * (wide - len(fields))
    eye = fields[columns.eye] if columns.eye is not None else ""
    if eye and not eye_of(eye):
        raise DataError(f"an eye must be {some(list(EYE_WORDS))}, but got {clipped(eye)} ({place}); correct the line")
    if columns.split is not None:
        text = fields[columns.split]
        split = split_said(text)
        if not split:
            raise DataError(
                f"a split must be train, val or test, but got {clipped(text)} ({place}); correct the line, or drop "
                "--split-column"
            )
    # A blank is said to be one, so that it is counted beside other values that name nobody.
    patient = fields[columns.patient] or "-" if columns.patient is not None else ""
    image = checked_name(fields[columns.image], place)
    grade, word = _grade(columns, said, fields, image, place)
    return Entry(image, grade, split, place, patient, eye_of(eye), folder, word=word)


def _grade(columns: Columns, said: Said, fields: list[str], image: str, place: str) -> tuple[int, str]:
    """The grade of a line and its word; of two eyes' columns that of its eye, and UNGRADABLE where the file says so."""
    texts = [fields[column] for column in columns.grades]
    if len(texts) > 1 and (side := _SIDE.search(stem_of(image))):
        del texts[0 if side["right"] else 1]  # the other eye's
    text = next(filter(None, texts), "")
    if columns.gradable is not None and (not _gradable(fields[columns.gradable], place) or not text):
        return UNGRADABLE, ""
    return said(text, place), without_point(text)


def _gradable(text: str, place: str) -> bool:
    """Whether a field of the column `gradable` says so; raises DataError where it says neither yes nor no."""
    said = without_point(text).casefold()
    if said not in _GOOD | _BAD:
        raise DataError(
            f"a field of the column `gradable` must be 1 or 0, but got {clipped(text)} ({place}); write 0 for what "
            "cannot be graded and 1 for the others, or give the column another name"
        )
    return said in _GOOD
