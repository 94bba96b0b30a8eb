"""A data set of any known layout -> one table with a row for each image, before any image is opened."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path
from typing import Literal

import pandas as pd

from retina_data.errors import DataError
from retina_data.gate import check_utf8
from retina_data.layouts import medmnist
from retina_data.layouts.advice.contradictions import contradiction_line, contradictions
from retina_data.layouts.advice.missing import advice_on_missing
from retina_data.layouts.advice.packed import not_unpacked
from retina_data.layouts.advice.refusals import FEW_LISTED, NONE_USED, TWO_VERSIONS, Refusal, refusals, scale_doubts
from retina_data.layouts.advice.second_words import (
    codes_of_words,
    folders_of_others,
    namesakes,
    splits_in_names,
    words_beside_grades,
)
from retina_data.layouts.folder_tree import Tree, all_pictures, counted, is_archive, scan
from retina_data.layouts.image_search import (
    distinct_names,
    folders_without_split,
    refuse_links_out,
    refuse_repeated,
    splits_by_folder,
)
from retina_data.layouts.inventory import Fate, Fates, Inventory, fates_of, inventory_of, unused_line
from retina_data.layouts.label_files import Entry, ReadOptions, some
from retina_data.layouts.layouts import Chosen, choose_layout
from retina_data.layouts.patients.assignment import patients_of
from retina_data.layouts.patients.keys import ParsedNames
from retina_data.layouts.patients.signs import Sign
from retina_data.layouts.tables.table_warnings import table_warnings
from retina_data.layouts.tables.unread_patients import unread_patient_files

__all__ = ["DataSet", "ReadOptions", "read_index", "some"]

_LOOKED_INTO = "data/, images/, beside"


@dataclass(frozen=True)
class DataSet:
    """What a data set consists of, before any image is opened.

    `folder` is where it is: a folder, or a MedMNIST file. `table` has the index 0..N-1 and the columns row (int64),
    image (name as in the label file), patient (group number 0.. by first appearance), eye ("left", "right" or ""),
    grade (int64, 0..4), split ("train", "val" or "test") and path (absolute; "" where there is no file, and a MedMNIST
    file for all its images). `notes` are lines for the reader about what was chosen or is missing; they name no path.
    `fates` names each file of the folder, and `refusals` some: both are for their owner, and never recorded.
    """

    folder: Path
    layout: str
    table: pd.DataFrame
    notes: tuple[str, ...]
    labels_only: bool
    patients_given: bool = False  # in a column of the label file or by a pattern, and not by the images' names
    unknown_patients: int = 0  # images whose patient nothing tells
    ambiguous_patients: int = 0  # images whose patient may be one with another
    signs: tuple[Sign, ...] = ()  # that the patients are wrong
    options: ReadOptions = ReadOptions()
    fates: Fates = field(default_factory=dict)
    refusals: tuple[Refusal, ...] = ()

    @property
    def inventory(self) -> Inventory:
        """How many files are used, and left out for which reason."""
        return inventory_of(self.fates)

    @property
    def warnings(self) -> list[str]:
        """Lines about pictures that may be left out, or taken, by mistake; they name files."""
        return [one.text for one in self.refusals if one.kind in (FEW_LISTED, TWO_VERSIONS)]


def read_index(
    data: Path, options: ReadOptions | str | None = None, *, missing: Literal["fail", "keep"] = "fail"
) -> DataSet:
    """The data set at `data`: its folder, one of its label files, or a MedMNIST file.

    `options` says how to read it where several layouts fit, or none; a text is a layout. Raises DataError when the
    folder is missing, no layout fits, a label file breaks its form, an image is listed twice, some images are missing,
    or labelled images would be left out (`missing="keep"` gives missing images an empty path, and names in `refusals`
    what would be left out). When no image is there at all the result has `labels_only`, which is no error.
    """
    options = options if isinstance(options, ReadOptions) else ReadOptions(layout=options)
    check_utf8(Path(data), "DATA")
    chosen = choose_layout(Path(data), options)
    absent: list[Entry] = []
    if chosen.layout == "medmnist":
        dataset = _arrays(chosen)
    else:
        refuse_links_out(chosen.tree, chosen.listed.entries, chosen.files)
        refuse_repeated(chosen.listed.entries, chosen.files)
        dataset, absent = _placed(chosen)
    if missing == "fail":
        _refuse_left_out(dataset, absent)
    return dataset


def holds_pictures(data: Path) -> bool:
    """Whether pictures lie in a data set's folder, or in the folder of its label file, whatever their format."""
    try:
        return data.exists() and bool(all_pictures(scan(data if data.is_dir() else data.parent)))
    except (DataError, OSError):  # it cannot be listed
        return False


def _arrays(chosen: Chosen) -> DataSet:
    """The data set of a MedMNIST file."""
    tree, entries, options = chosen.tree, chosen.listed.entries, chosen.options
    file = tree.root / chosen.listed.files[0]
    if options.patient_pattern is not None:
        raise DataError("--patient-pattern reads images' names, but a MedMNIST file has none; drop it")
    nothing, own = ("",) * len(entries), tuple(entry.image for entry in entries)  # its names are numbers of ours
    parsed = ParsedNames(own, nothing, nothing, nothing, (False,) * len(entries), nothing, (False,) * len(entries))
    fates = fates_of(tree, set(), set(), chosen.listed.files, ())
    line = unused_line(fates, set())
    of_files = refusals(tree, fates, {}, set(), options, "medmnist")
    return DataSet(
        file,
        chosen.layout,
        _table(entries, [str(file)] * len(entries), parsed),
        (*chosen.notes, medmnist.NOTE, *([line] if line else [])),
        False,
        unknown_patients=len(entries),
        options=options,
        fates=fates,
        refusals=(
            *(one for one in of_files if one.kind not in (NONE_USED, FEW_LISTED)),
            *scale_doubts(entries, options),
        ),
    )


def _placed(chosen: Chosen) -> tuple[DataSet, list[Entry]]:
    """The data set with the files that were found, and what becomes of each file; and the images that are not there."""
    tree, options, unknown, notes = chosen.tree, chosen.options, chosen.listed.unknown, list(chosen.notes)
    pairs = list(zip(splits_by_folder(chosen.listed.entries, chosen.files), chosen.files, strict=True))
    used = {file for entry, file in pairs if file and entry.grade >= 0}
    ungradable = {file for entry, file in pairs if file and entry.grade < 0}
    fates = fates_of(tree, used, ungradable, chosen.listed.files, chain.from_iterable(unknown.values()))
    pairs = [(entry, file) for entry, file in pairs if entry.grade >= 0]
    if chosen.layout == "kaggle" and Fate.NOT_LISTED not in fates and used:
        pairs, notes = _without_test(pairs, notes)
    entries, files = distinct_names([entry for entry, _ in pairs]), [file for _, file in pairs]
    labels_only = not all_pictures(tree)
    if labels_only:
        notes.append(_labels_only(tree, len(entries)))
    used_entries = {file: entry for entry, file in pairs if file}
    patients = patients_of(entries, options)
    owners = list(zip(entries, files, patients.parsed.patient, strict=True))
    of_files = {file: patient for _, file, patient in owners if file}
    of_lines = {} if any(patients.by_column) else {entry.place: patient for entry, _, patient in owners}
    doubts, others = _doubted(chosen, fates, used_entries, of_files, of_lines)
    others += [*splits_in_names(entries), *codes_of_words(tree, entries), *folders_of_others(used_entries)]
    others += [] if unknown and not options.allow_unused else scale_doubts(chosen.listed.entries, options)
    lines = (unused_line(fates, chosen.files_of_others), contradiction_line(doubts, options))
    notes += filter(None, (*lines, folders_without_split(used_entries, options.grades)))
    notes += [f"{kind}; see data check" for kind in dict.fromkeys(one.kind for one in others)]
    dataset = DataSet(
        tree.root,
        chosen.layout,
        _table(entries, [os.path.join(tree.root, file) if file else "" for file in files], patients.parsed),
        (*notes, *patients.notes),
        labels_only,
        any(patients.by_column),
        patients.unknown,
        patients.ambiguous,
        patients.signs,
        options,
        fates,
        (
            *refusals(tree, fates, unknown, {one.split for one in entries}, options, chosen.layout),
            *(*namesakes(fates), *doubts, *others),
        ),
    )
    return dataset, [entry for entry, file in zip(entries, files, strict=True) if not file]


def _labels_only(tree: Tree, images: int) -> str:
    packed = sum(is_archive(file) for file in tree.files)
    unpack = f"; to unpack: {counted(packed, 'archive')}" if packed else ""
    return f"labels only: none of the {images:,} images is beside the label files ({_LOOKED_INTO}){unpack}"


def _doubted(
    chosen: Chosen, fates: Fates, used: dict[str, Entry], of_files: dict[str, str], of_lines: dict[str, str]
) -> tuple[list[Refusal], list[Refusal]]:
    """What the label files contradict, and what else in them is not heeded. of_files, of_lines: patients."""
    tree, options, unread = chosen.tree, chosen.options, fates.get(Fate.UNREAD_LABELS, ())
    doubts = contradictions(tree, chosen.layout, used, unread, options)
    doubts += unread_patient_files(tree, used, unread, of_files)
    doubts += words_beside_grades(tree, chosen.listed.files, options)
    others = table_warnings(tree, chosen.listed.files, unread, used, of_lines, options)
    return doubts, others + not_unpacked(tree, used, options.grades)


def _without_test(pairs: list[tuple[Entry, str]], notes: list[str]) -> tuple[list[tuple[Entry, str]], list[str]]:
    """Kaggle's test grades are often there without their photographs: then there is no test split."""
    test = [file for entry, file in pairs if entry.split == "test"]
    if not test or any(test):
        return pairs, notes
    line = f"no test split: the grades of {len(test):,} test images are there, but none of the images"
    return [pair for pair in pairs if pair[0].split != "test"], [*notes, line]


def _refuse_left_out(dataset: DataSet, absent: list[Entry]) -> None:
    """Raise DataError where listed images are not there, or labelled ones would not be used."""
    if absent and not dataset.labels_only:
        named = some([f"{entry.image} ({entry.place})" for entry in absent])
        advice = advice_on_missing(dataset.fates, [entry.image for entry in absent])
        raise DataError(
            f"every listed image must be in {dataset.folder}, but {len(absent):,} of {len(dataset.table):,} are not "
            f"there: {named}; {advice}"
        )
    refused = [one.text for one in dataset.refusals if not one.only_warns]
    if refused and not dataset.options.allow_unused:
        raise DataError(
            f"labels and labelled pictures of {dataset.folder} must not be left out in silence, but "
            f"{'; '.join(refused)}; --allow-unused goes on without them"
        )


def _table(entries: list[Entry], paths: list[str], parsed: ParsedNames) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "row": pd.RangeIndex(len(entries)).to_numpy("int64"),
            "image": [entry.image for entry in entries],
            "patient": pd.factorize(pd.Series(parsed.patient))[0].astype("int64"),
            "eye": list(parsed.eye),
            "grade": pd.Series([entry.grade for entry in entries], dtype="int64"),
            "split": [entry.split or "train" for entry in entries],
            "path": paths,
        }
    )
