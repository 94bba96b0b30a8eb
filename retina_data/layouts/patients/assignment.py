"""Whose each image is: by the label files' column of patients, by the user's pattern, or by the image's name."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import astuple, dataclass, replace

from retina_data.errors import DataError
from retina_data.layouts.folder_tree import counted
from retina_data.layouts.grade_folders import collection, names_in_collection
from retina_data.layouts.label_files import Entry, ReadOptions
from retina_data.layouts.patients.eye_words import EYE_WORDS
from retina_data.layouts.patients.image_names import read_names
from retina_data.layouts.patients.keys import ParsedNames, parse
from retina_data.layouts.patients.signs import Sign, warning_signs
from retina_data.layouts.patients.spellings import YEAR, alike, divided, one_spelling

_NOBODY = re.compile(
    r"\W*|unk|unknown|n/?a|nan|none|null|nil|missing|undefined|unidentified|anonymous|not[-_ ]?(available|known|given)",
    re.IGNORECASE,
)
"""Of a column of patients: values that name none."""

_NUMBER_OF_NOBODY = re.compile(r"0+|-1|9{3,}")
"""The same, where it has more than twice the images of any other."""

_NO_WIDTH = re.compile("[\u200b-\u200f\u2060\ufeff]")

_SPELLED = frozenset(word for word in EYE_WORDS if len(word) > 1)

_DATED = re.compile(r"(?:19|20)\d\d.*|.*[-._](?:19|20)\d\d")


@dataclass(frozen=True)
class Patients:
    """Whose N images are.

    parsed: what names and label files tell. by_column: of each image, whether a column or a pattern gives its patient.
    unknown: images whose patient nothing tells. ambiguous: images whose patient may be one with another. signs: that
    patients are wrong. notes: lines for the reader, which name nobody.
    """

    parsed: ParsedNames
    by_column: tuple[bool, ...]
    unknown: int
    ambiguous: int
    signs: tuple[Sign, ...]
    notes: tuple[str, ...]


def patients_of(entries: Sequence[Entry], options: ReadOptions) -> Patients:
    """Patients of the entries; raises DataError where a column and a pattern give them."""
    parsed = parse(names_in_collection(list(entries), options.grades), options.patient_pattern)
    parsed = replace(parsed, eye=tuple(entry.eye or eye for entry, eye in zip(entries, parsed.eye, strict=True)))
    ids = _ids([entry.patient for entry in entries])
    if options.patient_pattern is not None:
        if any(ids):
            raise DataError(
                "patients must be told in one way, but the label file has a column of them and --patient-pattern is "
                "given; drop one of the two"
            )
        return Patients(parsed, (True,) * len(ids), 0, 0, tuple(warning_signs(parsed, True)), ())
    places = _collections({entry.folder for entry in entries})
    keys = [f"{places[entry.folder]}/{one}" if one else "" for entry, one in zip(entries, ids, strict=True)]
    apart_by_column = divided(parsed, keys) if any(keys) else []
    owners = _owners(parsed, keys)
    patients = [key or owners.get(name, name) for key, name in zip(keys, parsed.patient, strict=True)]
    known = tuple(bool(key) or known for key, known in zip(keys, parsed.known, strict=True))
    patients, merged, apart = one_spelling(replace(parsed, patient=tuple(patients), known=known))
    parsed, by_column = replace(parsed, patient=tuple(patients), known=known), tuple(map(bool, keys))
    signs = warning_signs(parsed, any(keys)) + apart_by_column
    if any(keys) and not all(keys):
        signs += warning_signs(_subset(parsed, [n for n, key in enumerate(keys) if not key]), False)
    similar = set() if signs else alike(parsed, by_column)
    notes = [_sources(entries, keys)] if any(entry.patient for entry in entries) and not all(keys) else []
    if merged:
        notes.append(
            f"{counted(merged, 'patient')} spelled in several ways (letters' case, zeros before a number, P-1, "
            "folders such as part1) are each taken for one"
        )
    if ambiguous := len(apart | similar):
        notes.append(f"{counted(ambiguous, 'image')} may be of a patient who is taken for another one; see data check")
    notes += _same_eye(entries, parsed, by_column) + _years(parsed, by_column)
    return Patients(
        parsed,
        by_column,
        known.count(False) + _hardly_named(entries, parsed, by_column),
        ambiguous,
        tuple(signs),
        tuple(notes),
    )


def _ids(values: Sequence[str]) -> list[str]:
    """The column's values, "" where one names nobody; composed, with plain blanks, without a spreadsheet's `.0`."""
    values = [" ".join(unicodedata.normalize("NFKC", _NO_WIDTH.sub("", value)).split()) for value in values]
    if not any(re.fullmatch(r"\d+[.,]\d*[1-9]\d*", value) for value in set(values)):
        values = [re.sub(r"(?<=\d)[.,]0+$", "", value) for value in values]
    images = Counter(value for value in values if not _NOBODY.fullmatch(value))
    most = [count for _, count in images.most_common(2)] + [0, 0]
    nobody = {value for value in images if _NUMBER_OF_NOBODY.fullmatch(value) and images[value] > 2 * most[1]}
    return [value if value in images and value not in nobody else "" for value in values]


def _collections(folders: Iterable[str]) -> dict[str, str]:
    """Folder of a label file -> its collection: without folders of splits, images, copies and visits."""
    names = {folder: f"{collection(folder)}/name" for folder in folders}
    return dict(zip(names, (name.folder for name in read_names(list(names.values()))), strict=True))


def _owners(parsed: ParsedNames, keys: list[str]) -> Mapping[str, str]:
    """Patient by the name -> the one patient that the column gives images of that name, for images without a value."""
    owners: dict[str, set[str]] = defaultdict(set)
    for name, known, key in zip(parsed.patient, parsed.known, keys, strict=True):
        if known and key:
            owners[name].add(key)
    return {name: found.pop() for name, found in owners.items() if len(found) == 1}


def _subset(parsed: ParsedNames, rows: list[int]) -> ParsedNames:
    return ParsedNames(*(tuple(column[n] for n in rows) for column in astuple(parsed)))


def _hardly_named(entries: Sequence[Entry], parsed: ParsedNames, by_column: Sequence[bool]) -> int:
    """Images whose names seem to tell a patient, and do not: a visit alone (a day's folder), or an R that all have.

    Each is the only one of its patient; copies are not counted beside visits. An eye that is spelled out is one.
    """
    originals = Counter(patient for patient, copy in zip(parsed.patient, parsed.copy, strict=True) if not copy)
    images = Counter(parsed.patient)
    in_column = {patient for patient, column in zip(parsed.patient, by_column, strict=True) if column}
    rows = zip(parsed.patient, parsed.eye, parsed.folder, parsed.known, strict=True)
    named = [(patient, eye, folder) for patient, eye, folder, known in rows if known and patient not in in_column]
    same_eye = len({*parsed.eye} - {""}) == 1 and all(images[patient] < 2 for patient, *_ in named)
    same_eye = same_eye and not any(entry.eye or _SPELLED & _words_of(entry.image) for entry in entries)
    return sum(same_eye if eye else originals[patient] < 2 and patient != folder for patient, eye, folder in named)


def _words_of(name: str) -> set[str]:
    return set(re.findall(r"[^\W\d_]+", name.lower()))


def _sources(entries: Sequence[Entry], keys: list[str]) -> str:
    """The line about images whose patients are known by names alone, beside a column of patients."""
    nobody = sum(bool(entry.patient) and not key for entry, key in zip(entries, keys, strict=True))
    values = f"; {nobody:,} of these have a value that names nobody" if nobody else ""
    return (
        f"patients: by a column for {len(keys) - keys.count(''):,} images, by the names alone for {keys.count(''):,}"
        f"{values}"
    )


def _same_eye(entries: Sequence[Entry], parsed: ParsedNames, by_column: Sequence[bool]) -> list[str]:
    """The line about patients of a column who have one eye several times by the column of eyes."""
    rows = zip(entries, by_column, parsed.copy, parsed.patient, parsed.eye, parsed.visit, parsed.view, strict=True)
    times = Counter(row[3:] for row in rows if row[0].eye and row[1] and not row[2])
    patients = len({key[0] for key, count in times.items() if count > 1})
    return [f"{counted(patients, 'patient')} of the column have several images of one eye"] if patients else []


def _years(parsed: ParsedNames, by_column: Sequence[bool]) -> list[str]:
    """The line about patients whose visits are years alone, or dates without an eye: these may part their numbers."""
    rows = zip(parsed.patient, parsed.visit, parsed.eye, by_column, strict=True)
    dates = {
        (patient, visit)
        for patient, visit, eye, column in rows
        if not column and (YEAR.fullmatch(visit) or (not eye and _DATED.fullmatch(visit)))
    }
    patients = sum(count > 1 for count in Counter(patient for patient, _ in dates).values())
    if not patients:
        return []
    only_years = all(YEAR.fullmatch(visit) for _, visit in dates)
    several, each = ("years", "year") if only_years else ("years or days", "year or day")
    return [
        f"{counted(patients, 'patient')} with images of several {several}, by the names, are each taken for one; where "
        f"numbers begin anew each {each} they are different people: tell them by --patient-pattern REGEX"
    ]
