"""Label files -> entries: the columns that are read, and each line checked."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from functools import cache, partial
from pathlib import Path
from typing import NamedTuple

from retina_data.errors import DataError
from retina_data.layouts.folder_tree import Tree, split_named
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
from retina_data.layouts.patients.image_names import EYES
from retina_data.layouts.tables.published import FORMS, form_of, split_of_file

PATIENT_COLUMNS = (
    "patient", "patient_id", "patient_no", "patient_nr", "patient_number", "patient_code", "id_patient", "pid",
    "pat_id", "subject", "subject_id", "subject_no", "subject_number", "participant", "participant_id", "person",
    "person_id", "paciente", "id_paciente", "mrn",
)  # fmt: skip
"""Usual names of a column of patients, compared by their letters and digits."""

SPLIT_COLUMNS = ("split", "usage", "set", "subset", "partition", "phase", "dataset_split", "data_split")

_EYE_COLUMNS = (
    "eye",
    "laterality",
    "side",
    "eye_side",
    "eye_laterality",
    "image_laterality",
    "exam_eye",
    "lateralidad",
)

_EYES = {**EYES, "le": "left", "left eye": "left", "re": "right", "right eye": "right"}

_SIDE = re.compile(r"_(?:(?P<right>r|right|od)|l|left|os)\d*$", re.IGNORECASE)

_USAGE = {"public": "test", "private": "test"}  # of Kaggle's test grades


Said = Callable[[str], int | None]
"""Text of a label file -> its grade, or None where it says none."""


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
        columns = _Columns(0, (1,), None, None, None, None)
        options = ReadOptions(grades={"5": None, **options.grades})
    else:
        columns = _columns(table, options)
    folder = "" if Path(file).is_absolute() else file.rpartition("/")[0]
    split = split_of_file(name)
    said = cache(lambda text: grade_said(text, options.grades))
    return [_entry(table, columns, said, number, fields, split, folder) for number, fields in table.rows]


def split_said(text: str) -> str:
    """The split that a field says; "" where it says none, or more than its name."""
    return _USAGE.get(text.lower(), "") or (split_named(text) if re.fullmatch(r"\w+", text) else "")


def _eye_said(text: str) -> bool:
    return not text or text.lower() in _EYES


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
        missing = "image" if image is None else "grade"
        raise DataError(
            f"a label file must have a column for the {missing}, but the header of {table.name} is "
            f"{', '.join(map(clipped, table.columns[:20]))} ({table.name}, line 1); name it with --{missing}-column"
        )
    return _Columns(
        image,
        tuple(one for one in grades if one is not None),
        number("--patient-column", options.patient_column, *PATIENT_COLUMNS),
        number("--eye-column", options.eye_column, *filter(partial(_all_in, table, known=_eye_said), _EYE_COLUMNS)),
        number(
            "--split-column", options.split_column, *filter(partial(_all_in, table, known=split_said), SPLIT_COLUMNS)
        ),
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
    return Entry(image, grade, split, place, patient, _EYES.get(eye, ""), folder)


def _grade(columns: _Columns, said: Said, fields: list[str], image: str, place: str) -> int:
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
