"""What label files have beside the grades that are read: quality, grades of other readers, and those of a model."""

from __future__ import annotations

import re
import shlex
from collections.abc import Sequence

from retina_data.errors import DataError
from retina_data.layouts.advice.refusals import Refusal
from retina_data.layouts.advice.scale import grade_said, without_point
from retina_data.layouts.folder_tree import Tree, counted
from retina_data.layouts.label_files import LabelTable, ReadOptions, clipped, read_table
from retina_data.layouts.tables.columns import Columns, columns_of
from retina_data.layouts.tables.published import form_of, possible_tables, predictions
from retina_data.layouts.tables.unread_table import OF_SOMETHING_ELSE

_POOR = re.compile("inadequate|insufficient|ungrad|reject|bad|poor|unusable", re.IGNORECASE)

_LAST_WORD = re.compile("adjudicat|consensus|corrected|final", re.IGNORECASE)


def unheeded(tree: Tree, files: Sequence[str], options: ReadOptions) -> list[Refusal]:
    """Warnings of columns of label files that are read."""
    found = []
    for file in files:
        try:
            table = read_table(tree.root / file, file)
            if form_of(table) == "ddr":
                continue
            columns = columns_of(table, options)
        except DataError:
            continue
        table = LabelTable(table.name, table.columns, [row for row in table.rows if len(row[1]) >= len(table.columns)])
        found += _of_quality(table)
        found += _last_words(table, columns) if options.grade_column is None else []
        found += _messidor(table, columns, options)
    return found


def _of_quality(table: LabelTable) -> list[Refusal]:
    found = []
    for number, name in enumerate(table.columns):
        poor = [row[number] for _, row in table.rows if _POOR.search(row[number])]
        if "quality" in name.lower() and poor:
            text = (
                f"the column {clipped(name)} of `{table.name}` is not heeded: {counted(len(poor), 'image')} there "
                f"({clipped(poor[0])}) may be ungradable; call it `gradable`, with 1 and 0, so that they are left out"
            )
            found.append(Refusal("quality not heeded", len(poor), text, only_warns=True))
    return found


def _last_words(table: LabelTable, columns: Columns) -> list[Refusal]:
    """Columns of grades that are called adjudicated or final, where the one that is read is not."""
    read = columns.grades[0]
    found = []
    for number, name in enumerate(table.columns):
        if not _LAST_WORD.search(name) or OF_SOMETHING_ELSE.search(name) or _LAST_WORD.search(table.columns[read]):
            continue
        pairs = [(grade_said(row[read], {}), grade_said(row[number], {})) for _, row in table.rows if row[number]]
        differ = sum(one != other for one, other in pairs)
        if differ and all(other is not None for _, other in pairs):
            text = (
                f"the column {clipped(name)} of `{table.name}` has other grades than {clipped(table.columns[read])}, "
                f"which is read, for {counted(differ, 'image')}: choose it with --image-column "
                f"{shlex.quote(table.columns[columns.image])} --grade-column {shlex.quote(name)}"
            )
            found.append(Refusal("other grades not read", differ, text, only_warns=True))
    return found


def _messidor(table: LabelTable, columns: Columns, options: ReadOptions) -> list[Refusal]:
    """Messidor's own grades: severe and proliferative are one there."""
    grades = {without_point(row[columns.grades[0]]) for _, row in table.rows}
    if table.column("ophthalmologic department") is None or "3" not in grades - set(options.grades) or "4" in grades:
        return []
    text = (
        f"`{table.name}` looks like Messidor's own, whose grades are 0 to 3, and 3 includes proliferative retinopathy, "
        "which is 4 here: get adjudicated grades, or leave 3 out with --grade 3=none"
    )
    return [Refusal("doubtful scale of grades", len(table.rows), text, only_warns=True)]


def unread_predictions(tree: Tree, unread: Sequence[str]) -> list[Refusal]:
    """Warnings of label files whose grades are most likely a model's; Kaggle's example of an answer is known."""
    found = []
    graded = []
    for file in possible_tables(tree):
        try:
            graded += [file] if form_of(read_table(tree.root / file, file, head=True)) else []
        except DataError:
            continue
    for file in sorted(predictions(tree, graded) & set(unread)):
        if "submission" not in file.rpartition("/")[2].lower():
            text = (
                f"`{file}` is not read, as its grades look like a model's predictions, by its name or because `test` "
                "lists the same images without grades: where readers gave them, call it test_labels.csv"
            )
            found.append(Refusal("predictions not read", 1, text, only_warns=True))
    return found
