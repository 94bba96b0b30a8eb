"""Label files -> entries: the columns that are read, and each line checked."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path

from retina_data.errors import DataError
from retina_data.layouts.folder_tree import Tree
from retina_data.layouts.grade_folders import grade_of
from retina_data.layouts.label_files import (
    FROM_ONE,
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
from retina_data.layouts.tables.columns import EYE_WORDS, Columns, columns_of, split_said
from retina_data.layouts.tables.published import form_of, split_of_file

_SIDE = re.compile(r"_(?:(?P<right>r|right|od)|l|left|os)\d*$", re.IGNORECASE)


Said = Callable[[str], int | None]
"""Text of a label file -> its grade, or None where it says none."""


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
            more = _with_patients(entries, {id(other): one for one, other in common})
            read += [file] if more != entries else []
            entries = more
            continue
        if common:
            one, other = (differ or common)[0]
            raise DataError(
                f"an image must be listed by one label file, but {len(common):,} of {file} are in another one too, "
                f"{len(differ):,} with another grade, such as {one.image} ({one.place} and {other.place}); choose one "
                f"with --labels {file}, or move the other away"
            )
        entries += listed
        read.append(file)
    return entries, read


def _with_patients(entries: list[Entry], repeated: Mapping[int, Entry]) -> list[Entry]:
    """Entries with the patient and the eye that a file that repeats them adds; repeated: by the entries' identity."""
    twins = ((entry, repeated.get(id(entry), entry)) for entry in entries)
    return [Entry(*one[:4], one.patient or twin.patient, one.eye or twin.eye, *one[6:]) for one, twin in twins]


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
    folder = "" if Path(file).is_absolute() else file.rpartition("/")[0]
    split = split_of_file(name)
    said = cache(lambda text: grade_said(text, options.grades))
    return [_entry(table, columns, said, number, fields, split, folder) for number, fields in table.rows]


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
    eye = fields[columns.eye].lower() if columns.eye is not None else ""
    if eye and eye not in EYE_WORDS:
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
    grade = _grade(columns, said, fields, image, place)
    return Entry(image, grade, split, place, patient, EYE_WORDS.get(eye, ""), folder)


def _grade(columns: Columns, said: Said, fields: list[str], image: str, place: str) -> int:
    """The grade of a line; of two eyes' columns that of its eye, and UNGRADABLE where the file says so."""
    texts = [fields[column] for column in columns.grades]
    if len(texts) > 1 and (side := _SIDE.search(stem_of(image))):
        del texts[0 if side["right"] else 1]  # the other eye's
    text = next(filter(None, texts), "")
    if columns.gradable is not None and (_says_no(fields[columns.gradable]) or not text):
        return UNGRADABLE
    grade = said(text)
    if grade is None:
        remedy = "" if re.fullmatch(r"[-+.,\d]*", text) else f"; --grade {clipped(text)}=N says what it means"
        if _whole(text) == "5":
            remedy = (
                "; where 5 stands for images that cannot be graded, --grade 5=none leaves them out; where 1 to 5 are "
                f"grades counted from 1, {FROM_ONE} say so"
            )
        raise DataError(
            f"a grade must be 0, 1, 2, 3 or 4, but got {clipped(text)} ({place}); correct or delete the line{remedy}"
        )
    return grade


def _whole(text: str) -> str:
    """A number without the `.0` that a spreadsheet adds."""
    return re.sub(r"[.,]0*$", "", text)


def _says_no(text: str) -> bool:
    return _whole(text).lower() in ("0", "no", "n", "false", "f")


def grade_said(text: str, words: Mapping[str, int | None]) -> int | None:
    """The grade of a field: a number, also as `2.0`, or a word; None where it is none."""
    number = _whole(text)
    if number in words:
        return grade_of(number, words)
    said = re.fullmatch("[^-+.,]+", number) or not re.fullmatch(r"[-+.,\d]*", number)
    return grade_of(number, words) if said and not re.search("[?<>*~]", number) else None
