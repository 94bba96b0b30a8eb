"""The forms in which data sets come, each recognised by looking: the files that it reads, and what these list."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import NamedTuple

from retina_data.errors import DataError, check_exists
from retina_data.layouts import medmnist
from retina_data.layouts.advice.scale import refuse_two_classes
from retina_data.layouts.advice.unrecognised import unrecognised
from retina_data.layouts.eye_pairs import with_pairs
from retina_data.layouts.folder_tree import Tree, scan, tree_of
from retina_data.layouts.grade_folders import GradeFolders, read_grade_folders
from retina_data.layouts.image_search import find_images
from retina_data.layouts.label_files import Entry, ReadOptions
from retina_data.layouts.tables.entries import read_label_tables, table_entries
from retina_data.layouts.tables.lab import LAB_FILES, lab_entries, lab_files
from retina_data.layouts.tables.published import FORMS, published, split_of_file, tables_with

LAYOUTS: dict[str, str] = {  # in the order of preference
    "lab": f"{', '.join(LAB_FILES)} (no header)",
    **{layout: known.wanted for layout, known in FORMS.items()},
    "folders": "a folder for each grade (0..4, or No_DR, Mild, Moderate, Severe, Proliferate_DR), also below train/, "
    "val/ and test/",
    "medmnist": "one .npz file with train_images and train_labels",
    "labels": "the file of --labels",
}
"""Layout -> what is looked for, in words."""


class Fit(NamedTuple):
    """A layout that fits. files: label files that it would read, relative to the data set's folder."""

    files: list[str]
    names_test: bool
    read: Callable[[], Listed]


class Listed(NamedTuple):
    """What a layout lists. unknown: folders beside folders of grades that say no grade, with their pictures."""

    entries: list[Entry]
    files: list[str]
    unknown: dict[str, list[str]]


@dataclass(frozen=True)
class Chosen:
    """A layout that is read.

    files: of each entry that it lists, relative to the tree; "" where there is none, and none for arrays.
    files_of_others: label files of layouts that fit too.
    """

    tree: Tree
    options: ReadOptions
    layout: str
    listed: Listed
    files: list[str]
    notes: list[str]
    files_of_others: set[str]


def choose_layout(data: Path, options: ReadOptions) -> Chosen:
    """The layout of `data` that is read, and what it lists.

    Raises DataError where none fits, the chosen one lists nothing, or a label file breaks its form.
    """
    tree, options, fits = _found(data, options)
    layout, listed, files = _best(tree, fits)
    if data.is_file():  # the file that is given says which layout is meant
        options = replace(options, layout=layout)
    if not any(entry.grade >= 0 for entry in listed.entries):
        raise DataError(f"a data set must list at least one image, but the {layout} layout in {tree.root} lists none")
    _refuse_columns(layout, options)
    others = {file for name, fit in fits.items() if name != layout for file in fit.files}
    return Chosen(tree, options, layout, listed, files, _notes_on(layout, fits), others)


def _found(data: Path, options: ReadOptions) -> tuple[Tree, ReadOptions, dict[str, Fit]]:
    """The files, the options with what `data` says, and the layouts that fit."""
    if options.layout is not None and options.layout not in LAYOUTS:
        raise DataError(f"layout must be one of {', '.join(LAYOUTS)}, but got {options.layout!r}")
    if options.labels is not None and options.layout not in (None, "labels"):
        raise DataError(f"one of --labels and --layout must choose, but both are given; drop --layout {options.layout}")
    check_exists(data)
    data = data.resolve()
    if data.is_dir():
        tree = scan(data)
    else:
        tree = tree_of(data.parent, [data.name]) if data.suffix.lower() == ".npz" else scan(data.parent)
        if options.labels is None and options.image_column is not None:
            options = replace(options, labels=data.name)
    labels = Path(options.labels or "")
    if labels.is_absolute() and labels.resolve().is_relative_to(tree.root):
        options = replace(options, labels=str(labels.resolve().relative_to(tree.root)))
    fits = _fitting(tree, options)
    if data.is_file():
        fits = {name: fit for name, fit in fits.items() if data.name in fit.files or name == "labels"}
    wanted = {name: fit for name, fit in fits.items() if options.layout in (None, name)}
    if not wanted:
        looked_for = "; ".join(f"{name}: {text}" for name, text in LAYOUTS.items() if options.layout in (None, name))
        raise DataError(
            f"{data} must hold a known layout, but none was recognised: {unrecognised(tree)}; looked for {looked_for}"
        )
    return tree, options, wanted


def _best(tree: Tree, fits: dict[str, Fit]) -> tuple[str, Listed, list[str]]:
    """The first that names a test split, or the first; one without pictures only where no other has any.

    With what it lists, and the file of each entry.
    """
    without: tuple[str, Listed, list[str]] | None = None
    for layout in _in_order(fits):
        try:
            listed = fits[layout].read()
        except DataError:
            if without is None:
                raise
            continue
        files = [] if layout == "medmnist" else find_images(tree, listed.entries)
        if layout == "medmnist" or any(files) or not tree.pictures:
            return layout, listed, files
        without = without or (layout, listed, files)
    assert without is not None  # there is one layout at least
    return without


def _in_order(fits: dict[str, Fit]) -> list[str]:
    """Layouts that name a test split first; else as they stand."""
    return sorted(fits, key=lambda name: not fits[name].names_test)


def _notes_on(layout: str, fits: dict[str, Fit]) -> list[str]:
    """Why this layout was taken, where others fit too."""
    others = [name for name in fits if name != layout]
    if not others:
        return []
    why = ", which names a test split," if fits[layout].names_test else ""
    if layout != _in_order(fits)[0]:
        why = ", whose pictures are there,"
    return [f"layout {layout} is read{why} although {', '.join(others)} fits too (--layout chooses)"]


def _refuse_columns(layout: str, options: ReadOptions) -> None:
    """Raise DataError where a column is named and no label file has any."""
    named = [flag for flag in replace(options, layout=None).flags() if "-column=" in flag]
    if named and layout in ("lab", "ddr", "folders", "medmnist"):
        raise DataError(
            f"{named[0].partition('=')[0]} must name a column of a label file with a header, but the layout {layout} "
            "has none; drop it, or name the label file with --labels"
        )


def _fitting(tree: Tree, options: ReadOptions) -> dict[str, Fit]:
    """Layout -> how it would be read, of those that fit, in the order of LAYOUTS."""
    if options.labels is not None:
        files = [options.labels]
        return {"labels": Fit(files, False, lambda: Listed(table_entries(tree, files[0], options), files, {}))}
    fits: dict[str, Fit] = {}
    if options.image_column is not None or options.grade_column is not None:
        files = tables_with(tree, options)
        return {"labels": Fit(files, _name_test(files), partial(_from_tables, tree, files, options))}
    if lab := lab_files(tree):
        fits["lab"] = Fit(lab, True, partial(_from_lab, tree, lab, options))
    for layout, files in published(tree).items():
        fits[layout] = Fit(files, _name_test(files), partial(_from_tables, tree, files, options))
    folders = read_grade_folders(tree, options.grades)
    if len({entry.grade for entry in folders.entries if entry.grade >= 0}) > 1:
        tests = any(entry.split == "test" for entry in folders.entries)
        fits["folders"] = Fit([], tests, partial(_from_folders, folders, options.layout == "folders"))
    arrays = medmnist.find(tree)
    if arrays is not None:
        fits["medmnist"] = Fit([arrays], True, partial(_from_arrays, tree, arrays, options.layout is not None))
    return fits


def _name_test(files: list[str]) -> bool:
    return any(split_of_file(file) == "test" for file in files)


def _from_tables(tree: Tree, files: list[str], options: ReadOptions) -> Listed:
    entries, read = read_label_tables(tree, files, options)
    entries, lists = with_pairs(tree, entries, files, options)
    return Listed(entries, read + lists, {})


def _from_lab(tree: Tree, files: list[str], options: ReadOptions) -> Listed:
    return Listed(*lab_entries(tree, files, options.grades), {})


def _from_folders(folders: GradeFolders, wanted: bool) -> Listed:
    if not wanted:
        refuse_two_classes(folders)
    return Listed(folders.entries, [], folders.unknown)


def _from_arrays(tree: Tree, file: str, wanted: bool) -> Listed:
    return Listed(medmnist.entries(tree.root / file, wanted), [file], {})
