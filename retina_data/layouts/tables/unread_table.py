"""A label file that is not read: what its fields look like, and the flags that would read it."""

from __future__ import annotations

import re
import shlex
from typing import NamedTuple

from retina_data.layouts.folder_tree import Tree
from retina_data.layouts.grade_folders import grade_of
from retina_data.layouts.label_files import read_table, stem_of
from retina_data.layouts.tables.entries import grade_said
from retina_data.layouts.tables.published import PLACEHOLDERS

_USUAL = re.compile("grade$|level|diagn|label|class|dr", re.IGNORECASE)
"""Of the name of a column of grades."""


class UnreadTable(NamedTuple):
    """What a label file looks like that is not read.

    image: the column that names pictures. grades: columns whose fields may all be grades. grade: the one that is meant,
    "" where that is not clear. images: the pictures that it lists, by their stems.
    """

    file: str
    columns: tuple[str, ...]
    image: str
    grades: tuple[str, ...]
    grade: str
    images: frozenset[str]

    @property
    def flags(self) -> str:
        """Flags that would read it."""
        columns = (("--image-column", self.image or "NAME"), ("--grade-column", self.grade or "NAME"))
        return " ".join(f"{flag} {shlex.quote(value)}" for flag, value in (("--labels", self.file), *columns))


def look_into(tree: Tree, file: str, stems: frozenset[str]) -> UnreadTable:
    """What a table that is not read holds, by its fields: names of pictures, and grades beside them.

    stems: of the pictures in question. Raises DataError where it cannot be read.
    """
    table = read_table(tree.root / file, file)
    rows = [fields + [""] * (len(table.columns) - len(fields)) for _, fields in table.rows]
    columns = {column: {row[number] for row in rows} for number, column in enumerate(table.columns)}
    listed = {
        column: frozenset(stem_of(re.split(r"[/\\]", value)[-1]) for value in values) & stems
        for column, values in columns.items()
    }
    image = max(listed, key=lambda column: len(listed[column]), default="")
    images = listed.get(image, frozenset())
    grades = [column for column, values in columns.items() if column != image and _are_grades(values)]
    if PLACEHOLDERS.search(file.rpartition("/")[2]):
        grades = []
    # 0 and 1 alone are most often no grades, as in a column that is called as one.
    several = [column for column in grades if len(columns[column] - {""}) > 2 and grade_of(column, {}) is None]
    usual = [column for column in several if _USUAL.search(column)]
    grade = usual[0] if usual else several[0] if len(several) == len(grades) == 1 else ""
    return UnreadTable(file, table.columns, image if images else "", tuple(grades), grade, images)


def _are_grades(values: set[str]) -> bool:
    said = values - {""}
    return 0 < len(said) < 20 and all(grade_said(value, {}) is not None for value in said)
