"""Images to which a second source, a label file or folders of grades, gives another grade than the one that is read."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable, Mapping, Sequence

from retina_data.errors import DataError
from retina_data.layouts.advice.refusals import Refusal
from retina_data.layouts.folder_tree import Tree, counted, unread_table
from retina_data.layouts.grade_folders import read_grade_folders
from retina_data.layouts.image_search import find_images
from retina_data.layouts.label_files import Entry, ReadOptions, stems_of
from retina_data.layouts.tables.entries import table_entries
from retina_data.layouts.tables.lab import lab_entries, lab_files
from retina_data.layouts.tables.published import PLACEHOLDERS
from retina_data.layouts.tables.unread_patients import UNREAD_PATIENTS
from retina_data.layouts.tables.unread_table import look_into

KIND = "grades disagree"

Used = Mapping[str, Entry]
"""Files of the images that are read, and what is read of each."""

_WORDS = re.compile("mild|moderate|severe|proliferat|pdr|no[-_ ]?dr", re.IGNORECASE)


def contradictions(tree: Tree, layout: str, used: Used, unread: Sequence[str], options: ReadOptions) -> list[Refusal]:
    """What each second source contradicts. unread: label files that are not read.

    Refused where the second source is as good as the one that is read, and nobody chose; else a warning.
    """
    chosen = options.layout is not None or options.labels is not None or options.image_column is not None
    keep = "" if chosen else f": find out which is right, and take the first by --layout {layout}, or the second by "
    found = [] if layout == "folders" else _with_folders(tree, used, options, keep)
    if layout != "lab" and lab_files(tree):
        found += _with_lab(tree, used, options, keep)
    for file in unread:
        if not PLACEHOLDERS.search(file.rpartition("/")[2]) and not unread_table(file):
            found += _with_table(tree, file, used, options, keep)
    return found


def contradiction_line(found: list[Refusal], options: ReadOptions) -> str:
    """One line about those that are not refused, "" where there are none; it names no file."""
    texts = []
    for kind, text in ((KIND, "another grade"), (UNREAD_PATIENTS, "patients")):
        warned = [one.count for one in found if one.kind == kind and (one.only_warns or options.allow_unused)]
        texts += (
            [f"{text} in labels that are not read: {counted(max(warned), 'image')}; see data check"] if warned else []
        )
    return "; ".join(texts)


def _with_folders(tree: Tree, used: Used, options: ReadOptions, keep: str) -> list[Refusal]:
    """What folders of grades contradict. Numbers may be of patients or clinics, unless most agree with the grades."""
    listed = read_grade_folders(tree, options.grades).entries
    differ, both = _differ(used, ((entry, entry.file) for entry in listed))
    if differ and (2 * len(differ) <= both or any(_WORDS.search(other.place) for _, other in differ)):
        return [_refusal("folders of grades", differ, both, keep, "--layout folders")]
    return []


def _with_lab(tree: Tree, used: Used, options: ReadOptions, keep: str) -> list[Refusal]:
    try:
        listed, _ = lab_entries(tree, lab_files(tree), options.grades)
    except DataError:
        return []
    differ, both = _differ(used, zip(listed, find_images(tree, listed), strict=True))
    return [_refusal("the lab's label files", differ, both, keep, "--layout lab")] if differ else []


def _with_table(tree: Tree, file: str, used: Used, options: ReadOptions, keep: str) -> list[Refusal]:
    """What a label file contradicts: of a published form, or where its columns are a guess and most agree."""
    flags, guessed = f"--labels {shlex.quote(file)}", False
    try:
        listed = table_entries(tree, file, ReadOptions(grades=options.grades))
    except DataError:
        flags, listed = _by_guess(tree, file, used, options)
        guessed = True
    differ, both = _differ(used, zip(listed, find_images(tree, listed), strict=True))
    if not differ or (guessed and 2 * len(differ) > both):
        return []
    return [_refusal(f"`{file}`", differ, both, keep, flags, guessed)]


def _by_guess(tree: Tree, file: str, used: Used, options: ReadOptions) -> tuple[str, list[Entry]]:
    """Flags and entries of a label file whose columns of images and grades are known by their fields alone."""
    try:
        one = look_into(tree, file, stems_of(used))
        if not one.image or not one.grade:
            return "", []
        columns = ReadOptions(image_column=one.image, grade_column=one.grade, grades=options.grades)
        return one.flags, table_entries(tree, file, columns)
    except DataError:
        return "", []


def _differ(used: Used, others: Iterable[tuple[Entry, str]]) -> tuple[list[tuple[Entry, Entry]], int]:
    """Images with two grades, as they are read and as another source says; and how many both have."""
    both = [(used[file], other) for other, file in others if file in used and other.grade >= 0]
    return [(mine, other) for mine, other in both if mine.grade != other.grade], len(both)


def _refusal(
    source: str, differ: list[tuple[Entry, Entry]], both: int, keep: str, flags: str, guessed: bool = False
) -> Refusal:
    """keep: what takes the first of two grades, "" where the user chose; flags: those that take the second."""
    mine, other = differ[0]
    text = (
        f"{len(differ):,} of {both:,} images have another grade by {source}, such as "
        f"{mine.image} ({mine.grade} by {mine.place}, {other.grade} by {other.place})"
    )
    return Refusal(KIND, len(differ), f"{text}{keep}{flags * bool(keep)}", guessed or not keep)
