"""What is warned of in the label files of a data set, those that are read and those that are not."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from retina_data.layouts.advice.refusals import Refusal
from retina_data.layouts.folder_tree import Tree
from retina_data.layouts.label_files import Entry, ReadOptions
from retina_data.layouts.tables.split_files import unread_lists, unread_split_files
from retina_data.layouts.tables.unheeded import unheeded, unread_predictions, unread_quality
from retina_data.layouts.tables.unread_patients import unread_patients
from retina_data.layouts.tables.unread_splits import unread_splits


def table_warnings(
    tree: Tree,
    files: Sequence[str],
    unread: Sequence[str],
    used: Mapping[str, Entry],
    owners: Mapping[str, str],
    options: ReadOptions,
) -> list[Refusal]:
    """Warnings of columns and files that are not heeded, and refusals of some. files: label files that are read.

    used: of each picture that is used its entry. owners: place of a line -> its patient by the image's name; none where
    a column or a pattern gives the patients.
    """
    found = [*unread_splits(tree, files, options), *unheeded(tree, files, options)]
    found += unread_quality(tree, used, unread)
    found += unread_split_files(tree, used, unread) if options.split_column is None else []
    if options.layout is None and options.labels is None:
        found += [*unread_lists(tree, used, unread), *unread_predictions(tree, unread)]
    return found + (unread_patients(tree, files, options, owners) if owners else [])
