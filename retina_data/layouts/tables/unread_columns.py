"""Columns of label files, and lists, that may say splits or patients, and are not read."""

from __future__ import annotations

import re
import shlex
from collections import Counter
from collections.abc import Mapping, Sequence

from retina_data.errors import DataError
from retina_data.layouts.advice.refusals import Refusal
from retina_data.layouts.folder_names import split_named
from retina_data.layouts.folder_tree import Tree, counted
from retina_data.layouts.label_files import Entry, LabelTable, ReadOptions, clipped, plain, read_table, stems_of
from retina_data.layouts.patients.signs import HANDFUL, MANY_FOLDERS
from retina_data.layouts.tables.columns import (
    PATIENT_COLUMNS,
    SPLIT_COLUMNS,
    columns_of,
    split_columns,
    split_said,
    split_word,
)
from retina_data.layouts.tables.published import split_of_file
from retina_data.layouts.tables.unread_table import look_into

KIND = "split not understood"

UNREAD_PATIENTS = "patients not read"

_MOST = 10
"""More values than this are no splits."""

_MAY_BE_PATIENTS = re.compile(
    "(?=.)(anon(ymi[sz]ed)?|case|client|encounter|exam(ination)?|hospital|individual|record|study)?"
    "(code|id|key|name|no|nr|num|number)?"
)
"""Names of columns, by their letters and digits."""


def unread_splits(tree: Tree, files: Sequence[str], options: ReadOptions) -> list[Refusal]:
    """Columns of label files that are read which may say splits, and are not read as such.

    Refused where some fields say two splits and others none; else a warning.
    """
    found = []
    for file in files if options.split_column is None else ():
        try:
            table = read_table(tree.root / file, file)
        except DataError:
            continue
        read = set(map(plain, split_columns(table)))
        for number, name in enumerate(table.columns):
            values = Counter(row[number] for _, row in table.rows if len(row) > number)
            if plain(name) not in read and 1 < len(values) <= _MOST:
                found += _doubt(f"the column {clipped(name)} of `{file}`", name, values)
    return found


def _doubt(where: str, name: str, values: Counter[str]) -> list[Refusal]:
    usual = plain(name) in set(map(plain, SPLIT_COLUMNS))
    said = split_said if usual else split_word
    unknown = [value for value in values if not said(value)]
    splits = {said(value) for value in values} - {""}
    asked = re.fullmatch(r"is[\W_]*(\w+)", name, re.IGNORECASE)
    if unknown and (usual or len(splits) > 1):
        text = (
            f"{where} may say splits, but is not read, as {clipped(unknown[0])} is none of train, val and test: write "
            f"these words in {sum(values[one] for one in unknown):,} of {counted(values.total(), 'field')}"
        )
        return [Refusal(KIND, values.total(), text, only_warns=len(splits) < 2)]
    if len(splits) > 1 or (asked and split_named(asked[1]) and len(values) == 2):
        text = f"{where} may say splits, but is not read: say train, val or test in a column `split`"
        return [Refusal(KIND, values.total(), text, only_warns=True)]
    return []


def unread_lists(tree: Tree, used: Mapping[str, Entry], unread: Sequence[str]) -> list[Refusal]:
    """Label files that are not read, and by their names list a validation or test split, of images that are used."""
    stems = stems_of(used)
    found = []
    for file in unread:
        split = split_of_file(file)
        if split not in ("val", "test") or any(entry.split == split for entry in used.values()):
            continue
        try:
            one = look_into(tree, file, stems)
            patients = LabelTable(file, one.columns, []).column(*PATIENT_COLUMNS) is not None
        except DataError:
            continue
        if (one.images or patients) and (len(one.columns) == 1 or not any(entry.split for entry in used.values())):
            what = counted(len(one.images), "image") if one.images else "patients"
            text = (
                f"`{file}` may list the {split} split ({what}), but is not read, and these are for training: say "
                "train, val or test in a column `split` of the label file"
            )
            found.append(Refusal(KIND, len(one.images), text, only_warns=True))
    return found


def unread_patients(tree: Tree, files: Sequence[str]) -> list[Refusal]:
    """What is warned of in label files that are read: a column whose values repeat as patients do, and may be these."""
    found = []
    for file in files:
        try:
            table = read_table(tree.root / file, file)
            read = columns_of(table, ReadOptions())
        except DataError:
            continue
        for number, name in enumerate(table.columns):
            if number in (read.image, *read.grades) or not _MAY_BE_PATIENTS.fullmatch(plain(name)):
                continue
            images = Counter(row[number] for _, row in table.rows if len(row) > number and row[number])
            repeated = sum(count > 1 for count in images.values())
            if 2 * repeated >= len(images) >= MANY_FOLDERS - 1 and max(images.values()) <= HANDFUL:
                text = (
                    f"the column {clipped(name)} of `{file}` may be of patients, but is not read: it has "
                    f"{len(images):,} values for {images.total():,} images; where a value is a patient, add "
                    f"--patient-column {shlex.quote(name)}"
                )
                found.append(Refusal("column not read", images.total(), text, only_warns=True))
    return found


def unread_patient_files(tree: Tree, used: Mapping[str, Entry], unread: Sequence[str]) -> list[Refusal]:
    """Label files that are not read and have a column of patients of the images, of which no file that is read has."""
    found, stems = [], stems_of(used)
    for file in unread if not any(entry.patient for entry in used.values()) else ():
        try:
            one = look_into(tree, file, stems)
            column = LabelTable(file, one.columns, []).column(*PATIENT_COLUMNS)
        except DataError:
            continue
        if one.images and column is not None and one.columns[column] != one.image:
            remedy = f", or read this one with {one.flags}" if one.grade else ""
            text = (
                f"`{file}` has a column of patients, {clipped(one.columns[column])}, for "
                f"{counted(len(one.images), 'image')}, but is not read: copy it into the label file that is{remedy}"
            )
            found.append(Refusal(UNREAD_PATIENTS, len(one.images), text, only_warns=True))
    return found
