"""A label file that is not read: what its fields look like, and the flags that would read it."""

from __future__ import annotations

import re
import shlex
from typing import NamedTuple

from retina_data.layouts.advice.scale import grade_said
from retina_data.layouts.folder_names import words_of
from retina_data.layouts.folder_tree import Tree
from retina_data.layouts.grade_folders import grade_of
from retina_data.layouts.label_files import LabelTable, read_table, stem_of_path
from retina_data.layouts.patients.eye_words import EYE_WORDS
from retina_data.layouts.tables.published import PLACEHOLDERS

_USUAL = re.compile(
    "grad[eo]?$|level|diagn|label|clas[es]|stage|grau|stufe|stadi|n[ií]vel|niveau|etapa|est[aá]gio|klass|severi|schwere|"
    "befund|retinopat",
    re.IGNORECASE,
)
"""Of the name of a column of grades, in several languages."""

OF_SOMETHING_ELSE = re.compile("dme|edema|macula|sdrg|gradable", re.IGNORECASE)
"""Of the name of a column whose numbers are of another disease, or on another scale."""


_LEADS_OUT = re.compile(r"\s*(\.\.[/\\]|/|\\|[A-Za-z]:[/\\])")
"""A path that cannot be read below the data set's folder."""


class UnreadTable(NamedTuple):
    """What a label file looks like that is not read.

    image: the column that names pictures. grades: columns whose fields may all be grades. choices: those that may be
    meant. few: the only column of few words. images: the pictures that it lists, by their stems.
    header: what is to be put above its first line, with IMAGE and GRADE for these columns, "" where that is one.
    second: the column of other pictures. delimiter: what stands between its fields.
    """

    file: str
    columns: tuple[str, ...]
    image: str
    grades: tuple[str, ...]
    choices: tuple[str, ...]
    few: str
    images: frozenset[str]
    header: str
    second: str
    delimiter: str = ","

    @property
    def grade(self) -> str:
        """The column of grades, "" where that is not clear."""
        return self.choices[0] if len(self.choices) == 1 else ""

    @property
    def flags(self) -> str:
        """Flags that would read it; of several columns of grades each is named."""
        start = f"--labels {shlex.quote(self.file)} --image-column {shlex.quote(self.image or 'NAME')}"
        each = [f"--grade-column {shlex.quote(name)}" for name in self.choices or (self.few or "NAME",)]
        return f"{start} {each[0]}" if len(each) == 1 else f"{start} and one of {', '.join(each)}"

    def mending(self, image: str = "image", grade: str = "level") -> str:
        """What must be done before it can be read, "" where flags do. image, grade: what to call its columns."""
        if self.header:
            header = self.header.replace("IMAGE", image).replace("GRADE", grade)
            return f"add the header `{header}` above its first line"
        if self.second:
            return (
                f"it has two pictures in a line ({self.image!r}, {self.second!r}): write a line for each, in a label "
                f"file with the header `{image},{grade},patient`"
            )
        eyes = [name for name in self.grades if _eye_in(name)]
        if not self.image and sorted(map(_eye_in, eyes)) == ["left", "right"]:
            return (
                f"it has a grade for each eye in a line ({eyes[0]!r}, {eyes[1]!r}): write a line for each eye, in a "
                f"label file with the header `{image},{grade},patient`"
            )
        if len(each := [name for name in self.grades if grade_of(name, {}) is not None]) > 2:
            return f"it has a column for each grade ({', '.join(each)}): write them as one, `{grade}`, of 0 to 4"
        return ""


def called_grades(name: str) -> bool:
    """Whether a column is called as one of grades."""
    return _USUAL.search(name) is not None or not {"dr", "icdr"}.isdisjoint(words_of(name))


def _eye_in(name: str) -> str:
    """The eye that one of a column's words says (`left_grade`, `OD level`); "" where none or both do."""
    eyes = {EYE_WORDS[word] for word in words_of(name) if word in EYE_WORDS}
    return eyes.pop() if len(eyes) == 1 else ""


def look_into(tree: Tree, file: str, stems: frozenset[str]) -> UnreadTable:
    """What a table that is not read holds, by its fields: names of pictures, and grades beside them.

    stems: of the pictures in question. Raises DataError where it cannot be read.
    """
    table = read_table(tree.root / file, file)
    rows = [fields + [""] * (len(table.columns) - len(fields)) for _, fields in table.rows]
    columns = {column: {row[number] for row in rows} for number, column in enumerate(table.columns)}
    listed = {column: frozenset(map(stem_of_path, values)) & stems for column, values in columns.items()}
    plainly = {column: not any(map(_LEADS_OUT.match, values)) for column, values in columns.items()}
    image = max(listed, key=lambda column: (len(listed[column]), plainly[column]), default="")
    images = listed.get(image, frozenset())
    other = next((column for column, found in listed.items() if len(found - images) > len(images) / 2), "")
    grades = [column for column, values in columns.items() if column != image and _are_grades(values)]
    if PLACEHOLDERS.search(file.rpartition("/")[2]):
        grades = []
    # 0 and 1 alone are most often no grades, as in a column that is called as one.
    several = [column for column in grades if len(columns[column] - {""}) > 2 and grade_of(column, {}) is None]
    several = [column for column in several if not OF_SOMETHING_ELSE.search(column)]
    usual = [column for column in several if called_grades(column)]
    choices = usual or (several if len(several) == len(grades) == 1 else [])
    few = [name for name, values in columns.items() if name != image and 2 < len(values - {""}) < 9]
    few = [name for name in few if len(columns[name]) <= len(rows) / 2 or called_grades(name)]
    few = [name for name in few if not OF_SOMETHING_ELSE.search(name)]
    return UnreadTable(
        file, table.columns, image if images else "", tuple(grades), tuple(choices),
        few[0] if len(few) == 1 else "", images, _header(table, stems), other,
        table.delimiter,
    )  # fmt: skip


def _header(table: LabelTable, stems: frozenset[str]) -> str:
    """A header for a table whose first line is a picture and a grade; "" for others."""
    images = [number for number, text in enumerate(table.columns) if stem_of_path(text) in stems]
    grades = [number for number, text in enumerate(table.columns) if number not in images and _are_grades({text})]
    if len(table.columns) == 2 and table.columns[1] in {*"01234"}:
        images = [0]
    if len(table.columns) == 2 and len(images) == 1 and not grades:  # a word of another language
        grades = [1 - images[0]]
    if not images or not grades:
        return ""
    names = {images[0]: "IMAGE", grades[0]: "GRADE"}
    return table.delimiter.join(names.get(number, f"column{number}") for number in range(len(table.columns)))


def _are_grades(values: set[str]) -> bool:
    said = values - {""}
    return 0 < len(said) < 20 and all(grade_said(value, {}) is not None for value in said)
