"""Columns of label files that may say splits, in words that are not understood."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from retina_data.errors import DataError
from retina_data.layouts.advice.refusals import Refusal
from retina_data.layouts.folder_tree import Tree
from retina_data.layouts.label_files import ReadOptions, clipped, read_table
from retina_data.layouts.tables.columns import SPLIT_COLUMNS, split_said

_MOST = 10
"""More values than this are no splits."""


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
