"""Columns of label files, and files of patients, that may say whose images these are and are not read."""

from __future__ import annotations

import re
import shlex
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from statistics import median

from retina_data.errors import DataError
from retina_data.layouts.advice.refusals import Refusal
from retina_data.layouts.folder_tree import Tree, counted
from retina_data.layouts.label_files import (
    Entry,
    LabelTable,
    ReadOptions,
    clipped,
    plain,
    read_table,
    stem_of,
    stem_of_path,
)
from retina_data.layouts.patients.signs import HANDFUL, MANY_FOLDERS
from retina_data.layouts.tables.columns import PATIENT_COLUMNS, columns_of
from retina_data.layouts.tables.unread_table import UnreadTable, look_into

UNREAD_PATIENTS = "patients not read"

_WORD = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])|[^\W\d_A-Za-z]+")

_NUMBERS = "code|id|ids|identifier|key|no|nr|num|number|nummer|numer|numero|nro|uid|号|编号|番号|번호|номер"

_MAY_BE_PATIENTS = re.compile(
    "(?=.)(accession|anon(ymi[sz]ed)?|cas[eo]|chart|client|encounter|exam(ination)?|fall|famil(y|ie|ia)|folio|health|"
    "history|hn|hospital|household|individual|medical|mr|nhc|nhs|pedigree|prontuario|record|sibling|study|twin|uhid|"
    f"expediente)?(chart|history|record)?({_NUMBERS}|name)?"
)
"""Names of columns, by their letters and digits."""

_PERSON = re.compile(
    "pati?ent|pacient|pacjent|pazient|pasient|potilas|hasta(?!ne)|пациент|больн|карт|患者|病人|病[历歷歴案]|住院|就诊|"
    "门诊|身份证|カルテ|診察券|환자|등록번호|차트|مريض|ασθεν|रोगी"
)
"""In the name of a column: a patient, or a patient's file, in several languages."""

_OF_OTHERS = frozenset((
    "age", "alter", "edad", "idade", "sex", "gender", "geschlecht", "race", "ethnicity", "level", "grade", "stage",
    "diagnosis", "diagnose", "class", "label", "dr", "dme", "disease", "type", "status", "quality", "site", "clinic",
    "center", "centre", "country", "nationality", "language", "region", "postal", "zip", "icd", "snomed",
    "camera", "device", "scanner", "sensor",
    "lens", "model", "manufacturer", "doctor", "physician", "reader", "grader", "rater", "annotator", "operator",
    "staff", "nurse", "date", "datum", "fecha", "time", "year", "visit", "image", "img", "file", "filename", "photo",
    "picture", "frame", "series", "eye", "side", "laterality", "batch", "fold", "split", "dataset", "source", "page",
    "order", "row", "line", "index", "version", "software", "protocol", "drug", "treatment", "error",
))  # fmt: skip
"""Words in the name of a column that is of something else: `patient_age`, `camera_id`."""


def unread_patients(tree: Tree, files: Sequence[str], options: ReadOptions, owners: Mapping[str, str]) -> list[Refusal]:
    """What is warned of in label files that are read: a column whose values put images of several patients together.

    owners: place of a line -> its patient by the image's name, which is its own where the name tells none.
    """
    found = []
    for file in files:
        try:
            table = read_table(tree.root / file, Path(file).name if Path(file).is_absolute() else file)
            read = columns_of(table, options)
        except DataError:
            continue
        lines = [(row, owners[place]) for n, row in table.rows if (place := f"{table.name}, line {n}") in owners]
        for number, name in enumerate(table.columns):
            if number in (read.image, read.eye, read.split, *read.grades):
                continue
            values = [(row[number], owner) for row, owner in lines if len(row) > number and row[number]]
            if (may_be_patients(name) and groups_patients(values)) or (not _of_others(name) and in_pairs(values)):
                text = (
                    f"the column {clipped(name)} of `{table.name}` may be of patients, but is not read: it has "
                    f"{len({value for value, _ in values}):,} values for {len(values):,} images; where a value is a "
                    f"patient, add --patient-column {shlex.quote(name)}"
                )
                found.append(Refusal("column not read", len(values), text, only_warns=True))
    return found


def may_be_patients(name: str) -> bool:
    """Whether the name of a column may say a patient, a patient's file, or a number of something."""
    composed = re.sub("[\u0300-\u036f]", "", unicodedata.normalize("NFD", name))  # without accents
    composed = unicodedata.normalize("NFC", composed)
    words = [word.lower() for word in _WORD.findall(composed)]
    if not words or _of_others(composed):
        return False
    letters = plain(composed)
    numbered = re.fullmatch(_NUMBERS, words[-1]) or words[-1].endswith(("nummer", "number"))
    return bool(numbered or _MAY_BE_PATIENTS.fullmatch(letters) or _PERSON.search(letters))


def _of_others(name: str) -> bool:
    """Whether the name of a column says something else than a patient."""
    return not _OF_OTHERS.isdisjoint(word.lower() for word in _WORD.findall(name))


def in_pairs(values: Sequence[tuple[str, str]]) -> bool:
    """Whether each value of a column stands at two images, as a patient's eyes do, whose names tell no patient.

    values: of each image, with its patient by the name.
    """
    images, named = Counter(value for value, _ in values), Counter(patient for _, patient in values)
    return len(images) >= MANY_FOLDERS - 1 and set(images.values()) == {2} and set(named.values()) == {1}


def groups_patients(values: Iterable[tuple[str, str]]) -> bool:
    """Whether values of a column put images together as patients do, and more of them than their names.

    values: of each image, with its patient by the name.
    """
    images = Counter[str]()
    patients: dict[str, set[str]] = defaultdict(set)
    of_patient: dict[str, set[str]] = defaultdict(set)
    for value, patient in values:
        images[value] += 1
        patients[value].add(patient)
        of_patient[patient].add(value)
    if len(images) < MANY_FOLDERS - 1 or median(images.values()) > HANDFUL:
        return False
    several = sum(len(found) > 1 for found in patients.values())
    divided = sum(len(found) > 1 for found in of_patient.values())
    by_names = 4 * len(of_patient) <= 3 * images.total()  # most are known
    return 10 * divided <= len(of_patient) and (several > 0 if by_names else 2 * several >= len(images))


def unread_patient_files(
    tree: Tree, used: Mapping[str, Entry], unread: Sequence[str], owners: Mapping[str, str]
) -> list[Refusal]:
    """Label files that are not read and say patients of the images, of which no file that is read has.

    owners: file of an image -> its patient by the name.
    """
    found, of_stem = [], _of_stems(owners)
    for file in unread if not any(entry.patient for entry in used.values()) else ():
        try:
            one = look_into(tree, file, frozenset(of_stem))
            if not one.images:
                continue
            table = read_table(tree.root / file, file)
            count, text = len(one.images), _of_column(table, one, of_stem)
            if not text:
                count, text = _of_pairs(table, one, of_stem)
        except DataError:
            continue
        found += [Refusal(UNREAD_PATIENTS, count, text, only_warns=True)] if text else []
    return found


def _of_stems(owners: Mapping[str, str]) -> dict[str, str]:
    """Stem of a picture -> its patient; none where two pictures of one name are of two."""
    found: dict[str, set[str]] = defaultdict(set)
    for file, patient in owners.items():
        found[stem_of(file.rpartition("/")[2])].add(patient)
    return {stem: patients.pop() for stem, patients in found.items() if len(patients) == 1}


def _of_column(table: LabelTable, one: UnreadTable, of_stem: Mapping[str, str]) -> str:
    """What is said of a column of patients; "" where there is none."""
    usual = LabelTable(one.file, one.columns, []).column(*PATIENT_COLUMNS)
    image = one.columns.index(one.image)
    column, what = usual, "has a column of patients"
    for number, name in enumerate(one.columns) if usual is None else ():
        lines = [row for _, row in table.rows if len(row) > max(number, image) and row[number]]
        pairs = [(row[number], of_stem.get(stem_of_path(row[image]), "")) for row in lines]
        if number != image and may_be_patients(name) and groups_patients(pair for pair in pairs if pair[1]):
            column, what = number, "has a column that may be of patients"
            break
    if column is None or column == image:
        return ""
    remedy = f", or read this one with {one.flags}" if one.grade else ""
    called = "" if usual is not None else " as `patient`"
    return (
        f"`{one.file}` {what}, {clipped(one.columns[column])}, for {counted(len(one.images), 'image')}, but is not "
        f"read: copy it{called} into the label file that is{remedy}"
    )


def _of_pairs(table: LabelTable, one: UnreadTable, of_stem: Mapping[str, str]) -> tuple[int, str]:
    """Images of a file of pairs, as of a patient's eyes, and what is said of it; 0 where their patients are known."""
    if not one.second:
        return 0, ""
    numbers = [one.columns.index(name) for name in (one.image, one.second)]
    lines = [[of_stem.get(stem_of_path(row[n])) for n in numbers] for _, row in table.rows if len(row) > max(numbers)]
    apart = sum(None not in pair and pair[0] != pair[1] for pair in lines)
    return 2 * apart, "" if not apart else (
        f"`{one.file}` pairs images ({clipped(one.image)}, {clipped(one.second)}), perhaps a patient's eyes, but is "
        f"not read: {counted(apart, 'pair')} of it are taken for two patients each; where a line is a patient, give "
        "its images one value in a column `patient` of the label file that is read"
    )
