"""What label files have beside the grades that are read: quality, grades of other readers, and those of a model."""

from __future__ import annotations

import re
import shlex
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence

from retina_data.errors import DataError
from retina_data.layouts.advice.refusals import Refusal
from retina_data.layouts.advice.scale import grade_said, without_point
from retina_data.layouts.folder_tree import Tree, counted
from retina_data.layouts.label_files import LabelTable, ReadOptions, clipped, read_table, stem_of_path, stems_of
from retina_data.layouts.tables.columns import NO, YES, Columns, columns_of
from retina_data.layouts.tables.published import form_of, possible_tables, predictions
from retina_data.layouts.tables.unread_table import OF_SOMETHING_ELSE, called_grades, look_into

QUALITY = "quality not heeded"

_GRADABLE = "write a column `gradable`, with 0 for those that are and 1 for the others"

_QUALITY = re.compile("qualit|calidad|qualidad|kwalit|качеств|质量|質量|品質|gradab|gradeab|usab|readab", re.IGNORECASE)
"""In the name of a column: how good a photograph is."""

_BAD = re.compile(r"(un|non|not)[-_ ]?(grad|us|read)|reject|exclude", re.IGNORECASE)
"""The same, where yes says that it is not good."""

_POOR = re.compile(
    "inadequa|inadecua|insuffi|insufi|ungrad|reject|bad|poor|unusable|schlecht|unzureich|mauvais", re.IGNORECASE
)

_NO = NO - {"0"} | {"mala", "malo", "ruim"}  # numbers may be qualities

_YES = YES | {"x"}

_MOST_QUALITIES = 10
"""More numbers than this are a measure, such as sharpness, and do not say what is ungradable."""

_LAST_WORD = re.compile("adjudicat|consensus|corrected|final|re-?grad|reread|review|revis", re.IGNORECASE)


_READER = re.compile(
    r"(dr[_ ]?)?(grader|reader|rater|annotator|doctor|expert|observer|physician|ophthalmologist|reading)s?[-_ ]?\d",
    re.IGNORECASE,
)
"""Of a second grader's column."""

_SITE = re.compile("site|cent(re|er)|hospital|clinic|institut|source|dataset|collection|country|city", re.IGNORECASE)
"""Of a column that may say where a photograph was taken."""

_OTHER_DISEASE = re.compile("amd|armd|catar|glauc|hyperten|myop|kl[- _]?grade|quality", re.IGNORECASE)


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
        found += _of_quality(table, columns)
        found += _last_words(table, columns) if options.grade_column is None else []
        found += [*_messidor(table, columns, options), *_of_sites(table, columns)]
    return found


def _of_sites(table: LabelTable, columns: Columns) -> list[Refusal]:
    """That most patients stand at several sites, as where each site counts its own from 1."""
    found, patient = [], columns.patient
    for number, name in enumerate(table.columns) if patient is not None else ():
        if number in (columns.image, patient, columns.split, *columns.grades) or not _SITE.search(name):
            continue
        sites: dict[str, set[str]] = defaultdict(set)
        for _, row in table.rows:
            if patient is not None and row[patient] and row[number]:
                sites[row[patient]].add(row[number])
        several = [one for one, at in sites.items() if len(at) > 1]
        if 2 * len(several) > len(sites):
            text = (
                f"{len(several):,} of {len(sites):,} patients of `{table.name}` stand at more than one "
                f"{clipped(name)}, such as {clipped(several[0])}: where each counts its own, write both into the "
                f"column of patients, such as {clipped(f'{min(sites[several[0]])}_{several[0]}')}"
            )
            found.append(Refusal("patients of several sites", len(several), text, only_warns=True))
    return found


def _of_quality(table: LabelTable, columns: Columns) -> list[Refusal]:
    found = []
    for number, name in enumerate(table.columns):
        if number not in (columns.image, columns.gradable, *columns.grades):
            count, said = _poor_quality(name, [row[number] for _, row in table.rows])
            text = (
                f"the column {clipped(name)} of `{table.name}` is not heeded: {said}; {_GRADABLE}, so that they are "
                "left out"
            )
            found += [Refusal(QUALITY, count, text, only_warns=True)] if count else []
    return found


def unread_quality(tree: Tree, used: Iterable[str], unread: Sequence[str]) -> list[Refusal]:
    """Warnings of label files that are not read and have a column of the quality of images that are used."""
    found, stems = [], stems_of(used)
    for file in unread:
        try:
            one = look_into(tree, file, stems)
            table = read_table(tree.root / file, file)
        except DataError:
            continue
        image = one.columns.index(one.image) if one.image else 0
        rows = [row for _, row in table.rows if one.image and len(row) > image and stem_of_path(row[image]) in stems]
        for number, name in enumerate(one.columns):
            count, said = _poor_quality(name, [row[number] for row in rows if len(row) > number])
            if count and number != image:
                text = (
                    f"`{file}` has a column of quality, {clipped(name)}, but is not read: {said}; {_GRADABLE}, in the "
                    "label file that is read"
                )
                found.append(Refusal(QUALITY, count, text, only_warns=True))
    return found


def _poor_quality(name: str, values: Sequence[str]) -> tuple[int, str]:
    """Images that may be ungradable by a column of quality, and what it says of them; 0 where it calls all alike."""
    bad = _BAD.search(name) is not None
    if not bad and not _QUALITY.search(name):
        return 0, ""
    counts = Counter(map(without_point, values))
    said = _YES if bad else _NO
    poor = {one: count for one, count in counts.items() if one.lower() in said or (not bad and _POOR.search(one))}
    if poor:
        count = sum(poor.values())
        return count, f"{counted(count, 'image')} there ({clipped(next(iter(poor)))}) may be ungradable"
    numbers = sorted(filter(None, counts))
    if not bad and 1 < len(numbers) <= _MOST_QUALITIES and all(re.fullmatch(r"-?\d+", number) for number in numbers):
        held = ", ".join(f"{counted(counts[number], 'image')} with {number}" for number in numbers)
        return len(values), f"some images there may be ungradable ({held})"
    return 0, ""


def _last_words(table: LabelTable, columns: Columns) -> list[Refusal]:
    """Other columns of grades, called so or final; none where the one that is read is called final."""
    read = columns.grades[0]
    found = []
    for number, name in enumerate(table.columns) if len(columns.grades) == 1 else ():
        called = bool(_LAST_WORD.search(name) or _READER.fullmatch(name))
        called = called or (called_grades(name) and not _OTHER_DISEASE.search(name))
        if number == read or not called or OF_SOMETHING_ELSE.search(name) or _LAST_WORD.search(table.columns[read]):
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
