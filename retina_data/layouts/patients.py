"""Patients by the names of their images, and the signs that they are not those.

The key of a patient is the folder and what is left of the file's name without its endings. Folders of grades, of splits
and of images are no part of a name here. An image whose name tells neither eye nor visit is its own patient.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from statistics import median

from retina_data.errors import DataError
from retina_data.layouts.image_names import EYES, ImageName, read_names
from retina_data.layouts.label_files import some, stem_of

HANDFUL = 10
"""Images of one patient, copies not counted: two eyes at several visits and views have fewer."""

MANY_FOLDERS = 6
"""Fewer folders than this may be collections, cameras or clinics."""

PLACEHOLDER_PATIENTS = 5
"""One picture for so many patients is a placeholder; for two or three it may be one person, entered again."""

_NAME_THEM = (
    "name the patients in a column `patient` of the label file (--patient-column where it has another name), or tell "
    "them from the names by --patient-pattern REGEX"
)

_CORRECT_THEM = "correct the column of the patients, or the pattern"

_DELETE_THEM = "delete these images where they show no retina (a picture that stands for a missing one)"


@dataclass(frozen=True)
class ParsedNames:
    """What the names of N images tell: tuples of N.

    patient: equal for the images of one patient. eye: "left", "right" or "". visit, view: as named, "" where the name
    tells none. copy: whether the name says that the image is a copy of another one. folder: of the collection.
    """

    patient: tuple[str, ...]
    eye: tuple[str, ...]
    visit: tuple[str, ...]
    view: tuple[str, ...]
    copy: tuple[bool, ...]
    folder: tuple[str, ...]


class Cause(StrEnum):
    """Why patients are taken for wrongly recognised."""

    SAME_EYE_TWICE = "same eye twice"
    MANY_IMAGES = "many images of a patient"
    MANY_FOLDERS = "many folders"
    FEW_PATIENTS = "few patients"
    ONE_PATIENT = "one patient"
    PLACEHOLDER = "placeholder"


@dataclass(frozen=True)
class Sign:
    """A sign that patients are wrong.

    sentence, remedy, counts: name no image and no patient, so that a study may record them. examples: two patients or
    folders, for the owner's eyes only.
    """

    cause: Cause
    sentence: str
    remedy: str
    counts: Mapping[str, int]
    examples: tuple[str, ...] = ()


def parse(names: Sequence[str], pattern: str | None = None) -> ParsedNames:
    """Patient, eye, visit and view of each image's name, with the collection's folders before it (`eyepacs/1_left`).

    pattern: a regular expression with the group `patient`, and `eye` if it likes, that is searched in each name without
    extension; its patient is the key. Raises DataError for a pattern that is none, or that a name does not fit.
    """
    read = read_names(names)
    keys, eyes = _keys(read), [name.eye for name in read]
    if pattern is not None:
        keys, named = _by_pattern([stem_of(name) for name in names], pattern)
        eyes = [eye or name.eye for eye, name in zip(named, read, strict=True)]
    return ParsedNames(
        patient=tuple(keys),
        eye=tuple(eyes),
        visit=tuple(name.visit for name in read),
        view=tuple(name.view for name in read),
        copy=tuple(name.copy for name in read),
        folder=tuple(name.folder for name in read),
    )


def _keys(read: list[ImageName]) -> list[str]:
    """The key of each name's patient."""
    keys = []
    times: Counter[str] = Counter()
    for name in read:
        if not name.stem:  # P0001/visit1_left; left_001 in no folder; R in no folder, with L: one patient
            keys.append(name.folder or name.visit + name.view or " ")
            continue
        prefix = f"{name.folder}/" if name.folder else ""
        if name.eye or name.visit:
            keys.append(prefix + name.stem)
            continue
        # Its own patient: the blank keeps it apart from a patient of the same name, the number from its namesakes.
        key = f"{prefix} {name.stem}"
        times[key] += not name.copy
        keys.append(key if name.copy or times[key] == 1 else f"{key} {times[key]}")
    return keys


def _by_pattern(stems: list[str], pattern: str) -> tuple[list[str], list[str]]:
    """Patient and eye of each name by the user's pattern."""
    try:
        compiled = re.compile(pattern)
    except re.error as error:
        raise DataError(f"--patient-pattern must be a regular expression, but {pattern!r} is not: {error}") from None
    groups = set(compiled.groupindex)
    if "patient" not in groups or groups - {"patient", "eye"}:
        raise DataError(
            f"--patient-pattern must name the group `patient`, and at most `eye` beside it, but {pattern!r} names "
            f"{', '.join(sorted(groups)) or 'none'}; write (?P<patient>...)"
        )
    matches = [compiled.search(stem) for stem in stems]
    wrong = [stem for stem, match in zip(stems, matches, strict=True) if not (match and match["patient"])]
    if wrong:
        raise DataError(
            f"each image's name must fit --patient-pattern, but {len(wrong):,} of {len(stems):,} do not fit "
            f"{pattern!r}: {some(wrong)}; correct the pattern"
        )
    found = [match for match in matches if match]
    eyes = [(match["eye"] or "").lower() if "eye" in groups else "" for match in found]
    unknown = sorted({eye for eye in eyes if eye and eye not in EYES})
    if unknown:
        raise DataError(f"the group `eye` must be one of {', '.join(EYES)}, but got {some(unknown)}; correct it")
    return [match["patient"] for match in found], [EYES.get(eye, "") for eye in eyes]


def warning_signs(parsed: ParsedNames, patients_given: bool, digests: Sequence[str] | None = None) -> list[Sign]:
    """Signs that `parsed.patient` are not the patients; none where there is no reason to doubt.

    patients_given: by a column or a pattern. Such patients are doubted only where no true list looks so; those by names
    alone also where they may be torn apart or put together. digests: of each image's content, "" where unknown.
    """
    originals = [n for n, copy in enumerate(parsed.copy) if not copy]
    signs = _of_sizes(parsed, originals, patients_given)
    if not patients_given:
        signs += _same_eye_twice(parsed, originals) + _many_folders(parsed, originals)
    return signs + placeholders(parsed.patient, digests or ())


def _of_sizes(parsed: ParsedNames, originals: list[int], patients_given: bool) -> list[Sign]:
    """By the number of images of each patient: the first sign that holds, as the others follow from it."""
    images = Counter(parsed.patient[n] for n in originals)
    remedy = _CORRECT_THEM if patients_given else _NAME_THEM
    if len(parsed.patient) > 2 and len(set(parsed.patient)) == 1:
        text = f"images must be of several patients, but all {len(parsed.patient):,} are taken for images of one"
        return [Sign(Cause.ONE_PATIENT, text, remedy, {"images": len(parsed.patient), "patients": 1})]
    if 10 * len(images) < len(originals):
        text = (
            f"patients must be at least a tenth of the images, but {len(originals):,} images are taken for those of "
            f"{len(images):,} patients"
        )
        return [Sign(Cause.FEW_PATIENTS, text, remedy, {"images": len(originals), "patients": len(images)})]
    most = max(HANDFUL, 10 * median(images.values())) if patients_given and images else HANDFUL
    many = {patient: n for patient, n in images.items() if n > most}
    if not many:
        return []
    text = (
        f"a patient must have a handful of images, but {len(many):,} of {len(images):,} have more than {most:g} each, "
        f"{max(many.values()):,} at most"
    )
    return [Sign(Cause.MANY_IMAGES, text, remedy, {"images": sum(many.values()), "patients": len(many)}, _first(many))]


def _same_eye_twice(parsed: ParsedNames, originals: list[int]) -> list[Sign]:
    columns = (parsed.patient, parsed.eye, parsed.visit, parsed.view)
    times = Counter(tuple(column[n] for column in columns) for n in originals)
    twice = Counter[str]()
    for (patient, *_), n in times.items():
        twice[patient] += n if n > 1 else 0
    twice = +twice
    if not twice:
        return []
    text = (
        f"a patient must have one image of each eye, visit and view, but {len(twice):,} of "
        f"{len(set(parsed.patient)):,} have several of the same one: different people with equal names may be taken "
        "for one"
    )
    counts = {"images": twice.total(), "patients": len(twice)}
    return [Sign(Cause.SAME_EYE_TWICE, text, _NAME_THEM, counts, _first(twice))]


def _many_folders(parsed: ParsedNames, originals: list[int]) -> list[Sign]:
    """Folders that are as small as a patient's, and hold several patients by their names."""
    sizes = Counter(parsed.folder[n] for n in originals if parsed.folder[n])
    small = {folder: n for folder, n in sizes.items() if n <= HANDFUL}
    patients = {(parsed.folder[n], parsed.patient[n]) for n in originals if parsed.folder[n] in small}
    images = sum(small.values())
    if len(small) < MANY_FOLDERS or 2 * images < len(originals) or 2 * len(patients) < 3 * len(small):
        return []
    text = (
        f"a patient's images must have one patient's names, but {len(small):,} folders of at most {HANDFUL} images "
        f"each hold {len(patients):,} patients by the names: a folder may be a patient"
    )
    counts = {"images": images, "patients": len(patients), "folders": len(small)}
    return [Sign(Cause.MANY_FOLDERS, text, _NAME_THEM, counts, _first(small))]


def placeholders(patient: Iterable[str], digests: Sequence[str]) -> list[Sign]:
    """The sign that one picture stands for many patients: patient and digest of each image, "" where it is unknown."""
    owners: dict[str, set[str]] = {}
    for digest, owner in zip(digests, patient, strict=bool(digests)):
        if digest:
            owners.setdefault(digest, set()).add(owner)
    shared = {digest: found for digest, found in owners.items() if len(found) >= PLACEHOLDER_PATIENTS}
    if not shared:
        return []
    patients = set[str]().union(*shared.values())
    images = sum(digest in shared for digest in digests)
    text = (
        f"a photograph must be of one patient, but {images:,} images of {len(patients):,} patients are byte for byte "
        f"{len(shared):,} photograph{'s' * (len(shared) > 1)}; patients who share one are taken for one"
    )
    counts = {"images": images, "patients": len(patients), "photographs": len(shared)}
    return [Sign(Cause.PLACEHOLDER, text, _DELETE_THEM, counts, _first(sorted(patients)))]


def _first(patients: Iterable[str]) -> tuple[str, ...]:
    """Two examples without what keeps keys apart."""
    return tuple(" ".join(patient.split()) for patient in list(patients)[:2])
