"""Columns of label files, and lists, that may say splits and are not read."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence

from retina_data.errors import DataError
from retina_data.layouts.advice.refusals import Refusal
from retina_data.layouts.folder_names import split_named
from retina_data.layouts.folder_tree import Tree, counted
from retina_data.layouts.label_files import Entry, LabelTable, ReadOptions, clipped, plain, read_table, stems_of
from retina_data.layouts.tables.columns import (
    PATIENT_COLUMNS,
    SPLIT_COLUMNS,
    split_columns,
    split_said,
    split_word,
)
from retina_data.layouts.tables.published import split_of_file
from retina_data.layouts.tables.unread_table import look_into

KIND = "split not understood"

_MOST = 10
"""More values than this are no splits."""


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
