"""Columns of label files that are read which may say splits, and are not read as such."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence

from retina_data.errors import DataError
from retina_data.layouts.advice.refusals import Refusal
from retina_data.layouts.advice.scale import without_point
from retina_data.layouts.folder_names import split_named, words_of
from retina_data.layouts.folder_tree import Tree, counted
from retina_data.layouts.label_files import LabelTable, ReadOptions, clipped, plain, read_table
from retina_data.layouts.tables.columns import SPLIT_COLUMNS, columns_of, split_columns, split_said, split_word

KIND = "split not understood"

REMEDY = "say train, val or test in a column `split`"

_MOST = 10
"""More values than this are no splits."""

_FEW = 4
"""So many values, of which one is a split's word, may be splits."""

_OTHER_WORDS = re.compile(
    r"deriv\w*|develop\w*|discover\w*|internal|external|replicat\w*|learn\w*|hold[-_ ]?out", re.IGNORECASE
)
"""Words for splits which do not say whether that is for training or a test."""

_BESIDE_SPLITS = frozenset((
    "is", "in", "for", "as", "or", "vs", "to", "the", "used", "use", "set", "subset", "split", "sample", "data", "flag",
    "image", "images",
))  # fmt: skip
"""Words beside a split's: `is_valid`, `used_for_training`, `Test set`."""

_YES_OR_NO = frozenset(
    ("", "0", "1", "2", "y", "n", "yes", "no", "t", "f", "true", "false", "x", "si", "sí", "ja", "nein")
)


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
        for number in columns_not_read(table, options):
            found += doubtful_column(table, number)
    return found


def columns_not_read(table: LabelTable, options: ReadOptions) -> list[int]:
    """Numbers of the columns that are read neither as images and grades nor as splits."""
    splits = set(map(plain, split_columns(table)))
    try:
        columns = columns_of(table, options)
        read = {columns.image, columns.patient, columns.eye, columns.gradable, *columns.grades}
    except DataError:
        read = set()
    return [n for n, name in enumerate(table.columns) if n not in read and plain(name) not in splits]


def doubtful_column(table: LabelTable, number: int) -> list[Refusal]:
    """What is said of a column that may say splits, and is not read."""
    name, where = table.columns[number], f"the column {clipped(table.columns[number])} of `{table.name}`"
    values = Counter(row[number] for _, row in table.rows if len(row) > number)
    if not 1 < len(values) <= _MOST:
        return []
    usual = plain(name) in set(map(plain, SPLIT_COLUMNS))
    said = split_said if usual else split_word
    unknown = [value for value in values if not said(value)]
    splits = {said(value) for value in values} - {""}
    if unknown and (usual or len(splits) > 1):
        text = (
            f"{where} may say splits, but is not read, as {clipped(unknown[0])} is none of train, val and test: write "
            f"these words in {sum(values[one] for one in unknown):,} of {counted(values.total(), 'field')}"
        )
        return [Refusal(KIND, values.total(), text, only_warns=len(splits) < 2)]
    words = all(_only_splits(value) or _OTHER_WORDS.fullmatch(value) for value in values)
    if len(splits) > 1 or words or (splits and len(values) <= _FEW) or _asks(name, values):
        held = ", ".join(clipped(value) for value, _ in values.most_common(_FEW))
        text = f"{where} may say splits, but is not read: {REMEDY} (it has {held})"
        return [Refusal(KIND, values.total(), text, only_warns=True)]
    return []


def _asks(name: str, values: Iterable[str]) -> bool:
    """Whether a column asks for each image whether it is of a split: `is_valid`, `test`, `train_test`."""
    return _only_splits(name) and _YES_OR_NO.issuperset(without_point(value).lower() for value in values)


def _only_splits(text: str) -> bool:
    """Whether a text has words of splits, and no others: not `aptos_train`."""
    words = [word for word in words_of(text) if word not in _BESIDE_SPLITS]
    return bool(words) and all(map(split_named, words))
