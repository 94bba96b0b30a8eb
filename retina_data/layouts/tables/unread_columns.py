"""Columns of label files that may say splits or patients, and are not read."""

from __future__ import annotations

import re
import shlex
from collections import Counter
from collections.abc import Sequence

from retina_data.errors import DataError
from retina_data.layouts.advice.refusals import Refusal
from retina_data.layouts.folder_tree import Tree
from retina_data.layouts.label_files import ReadOptions, clipped, plain, read_table
from retina_data.layouts.patients.signs import HANDFUL, MANY_FOLDERS
from retina_data.layouts.tables.columns import SPLIT_COLUMNS, columns_of, split_said

_MOST = 10
"""More values than this are no splits."""

_MAY_BE_PATIENTS = re.compile(
    "(?=.)(anon(ymi[sz]ed)?|case|client|encounter|exam(ination)?|hospital|individual|record|study)?"
    "(code|id|key|name|no|nr|num|number)?"
)
"""Names of columns, by their letters and digits."""


def unread_splits(tree: Tree, files: Sequence[str], options: ReadOptions) -> list[Refusal]:
    """What is warned of in label files that are read: a column that is called as one of splits, with other words."""
    found = []
    for file in files if options.split_column is None else ():
        try:
            table = read_table(tree.root / file, file)
            columns = [number for name in SPLIT_COLUMNS if (number := table.column(name)) is not None]
        except DataError:
            continue
        for number in columns:
            values = Counter(row[number] for _, row in table.rows if len(row) > number)
            unknown = [value for value in values if not split_said(value)]
            if unknown and 1 < len(values) <= _MOST:
                text = (
                    f"the column {clipped(table.columns[number])} of `{file}` may say splits, but is not read, as "
                    f"{clipped(unknown[0])} is none of train, val and test: write these words in it"
                )
                found.append(Refusal("split not understood", values.total(), text, only_warns=True))
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
