"""Files that say splits, by their columns or names, and are not read."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace

from retina_data.errors import DataError
from retina_data.layouts.advice.refusals import Refusal
from retina_data.layouts.folder_names import split_named, words_of
from retina_data.layouts.folder_tree import Tree, counted, extension, unread_table
from retina_data.layouts.label_files import Entry, LabelTable, clipped, read_table, stem_of, stem_of_path, stems_of
from retina_data.layouts.tables.columns import PATIENT_COLUMNS, split_columns, split_said
from retina_data.layouts.tables.published import split_of_file
from retina_data.layouts.tables.unread_splits import KIND, REMEDY, doubtful_column
from retina_data.layouts.tables.unread_table import UnreadTable, look_into

_SUCH_AS = "such as `image,level,split`"

_SAYS_SPLITS = frozenset(("split", "splits", "partition", "partitions", "traintest", "trainval"))
"""Words in the name of a file."""

_NO_TABLES = frozenset((".txt", ".json", ".jsonl", ".yaml", ".yml", ".xml", ".toml", ".lst", ".list", ".npy", ".npz"))


def unread_split_files(tree: Tree, used: Mapping[str, Entry], unread: Sequence[str]) -> list[Refusal]:
    """Files that are not read and say splits of images that are used: in a column, or by their names."""
    splits: dict[str, set[str]] = defaultdict(set)
    for file, entry in used.items():
        splits[stem_of(file.rpartition("/")[2])].add(entry.split or "train")
    tests = {entry.split for entry in used.values()} - {"", "train"}
    found, named = [], set()
    for file in unread:
        try:
            one = look_into(tree, file, frozenset(splits))
            table = read_table(tree.root / file, file)
            of_patients = table.column(*PATIENT_COLUMNS) is not None
        except DataError:
            continue
        if one.images or (of_patients and not tests):
            of_file = _of_images(table, one, splits) or ([] if tests else _doubtful(table))
            named |= {file} if of_file else set()
            found += of_file
    for file in tree.files if used and not tests else ():
        if file not in named and _says_splits(file):
            text = f"`{file}` may say splits by its name, but is not read: {REMEDY} of the label file ({_SUCH_AS})"
            found.append(Refusal(KIND, 1, text, only_warns=True))
    return found


def _says_splits(file: str) -> bool:
    """Whether the name of a file that is no text table says that it has splits, or is a validation or test split."""
    name = file.rpartition("/")[2].rpartition(".")[0]
    if unread_table(file) and split_named(name) in ("val", "test"):
        return True
    words = set(words_of(name))
    return (extension(file) in _NO_TABLES or bool(unread_table(file))) and not _SAYS_SPLITS.isdisjoint(words)


def _of_images(table: LabelTable, one: UnreadTable, splits: Mapping[str, set[str]]) -> list[Refusal]:
    """What is said of a column of splits that are others than those that are read. splits: of each stem."""
    image = one.columns.index(one.image) if one.image else -1
    for name in split_columns(table):
        number = table.columns.index(name) if name in table.columns else table.column(name)
        assert number is not None  # it has this column once
        rows = [row for _, row in table.rows if len(row) > max(image, number)]
        said = [(splits.get(stem_of_path(row[image]), set()), split_said(row[number])) for row in rows]
        differ = sum(split not in read for read, split in said if read or not one.image)
        if differ:
            lines = (
                f"{counted(differ, 'line')} of it {'is' if differ == 1 else 'are'} of another split"
                if image >= 0
                else ""
            )
            text = (
                f"the column {clipped(table.columns[number])} of `{one.file}` says splits, but is not read: "
                f"{lines or 'it has those of patients'}: {REMEDY} of the label file ({_SUCH_AS})"
            )
            return [Refusal(KIND, differ, text, only_warns=True)]
    return []


def _doubtful(table: LabelTable) -> list[Refusal]:
    """What is said of columns that may say splits in other words."""
    numbers = range(len(table.columns))
    return [replace(one, only_warns=True) for n in numbers for one in doubtful_column(table, n)]


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
