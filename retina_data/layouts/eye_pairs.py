"""Lists of pairs of eyes, such as Messidor-2's own (`left;right`): each line has the two images of a patient."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

from retina_data.errors import DataError
from retina_data.layouts.folder_tree import Tree
from retina_data.layouts.label_files import Entry, LabelTable, ReadOptions, read_table, stem_of
from retina_data.layouts.patients.eye_words import eye_of
from retina_data.layouts.tables.published import possible_tables


def with_pairs(
    tree: Tree, entries: list[Entry], files: Sequence[str], options: ReadOptions
) -> tuple[list[Entry], list[str]]:
    """Entries with the patients and eyes of a list of pairs, and that list; none is read where others say the patients.

    files: label files that are read.
    """
    stems = {stem_of(entry.image.rpartition("/")[2]) for entry in entries}
    if any(entry.patient for entry in entries) or len(stems) < len(entries) or options.patient_pattern is not None:
        return entries, []
    for file in possible_tables(tree):
        try:
            head = read_table(tree.root / file, file, head=True) if file not in files else None
            pairs = _pairs(read_table(tree.root / file, file)) if head and _eyes(head) else {}
        except DataError:
            continue
        if not stems.isdisjoint(pairs):
            return [_with_pair(entry, pairs) for entry in entries], [file]
    return entries, []


def _eyes(table: LabelTable) -> list[str]:
    """The eyes of a table's columns, where these are one for each eye and no others; else none."""
    eyes = [eye_of(name) for name in table.columns if name]
    return eyes if sorted(eyes) == ["left", "right"] and all(table.columns[:2]) else []


def _pairs(table: LabelTable) -> dict[str, tuple[str, str]]:
    """Stem of an image -> patient and eye; nothing where an image stands twice."""
    lines = [[stem_of(text) for text in row[:2]] for _, row in table.rows]
    times = Counter(stem for line in lines for stem in line if stem)
    if max(times.values(), default=0) > 1:
        return {}
    eyes = _eyes(table)
    return {
        stem: (next(filter(None, line)), eye)
        for line in lines
        for stem, eye in zip(line, eyes, strict=False)  # the second may be blank
        if stem
    }


def _with_pair(entry: Entry, pairs: dict[str, tuple[str, str]]) -> Entry:
    patient, eye = pairs.get(stem_of(entry.image.rpartition("/")[2]), ("", entry.eye))
    return replace(entry, patient=patient, eye=entry.eye or eye)
