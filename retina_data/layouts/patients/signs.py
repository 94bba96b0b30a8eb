"""Signs that patients are wrong: divided, put together, or one picture for many."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from statistics import median

from retina_data.layouts.patients.keys import ParsedNames

HANDFUL = 10
"""Images of one patient, copies not counted: two eyes at several visits and views have fewer."""

MANY_FOLDERS = 6
"""Fewer folders than this may be collections, cameras or clinics."""

PLACEHOLDER_PATIENTS = 5
"""One picture for so many patients is a placeholder; for two or three it may be one person, entered again."""

_SECOND_NUMBER = re.compile(r"(?P<first>.*\d[^\W_]*)[-_ .](?:0?\d|10)")

_NAME_THEM = (
    "name the patients in a column `patient` of the label file (--patient-column where it has another name), or tell "
    "them from the names by --patient-pattern REGEX"
)

_CORRECT_THEM = "correct the column of the patients, or the pattern"

_DELETE_THEM = "delete these images and their lines where they show no retina (a picture that stands for a missing one)"


class Cause(StrEnum):
    """Why patients are taken for wrongly recognised."""

    SAME_EYE_TWICE = "same eye twice"
    MANY_IMAGES = "many images of a patient"
    MANY_FOLDERS = "many folders"
    TWO_NUMBERS = "two numbers"
    FEW_PATIENTS = "few patients"
    ONE_PATIENT = "one patient"
    DIVIDED = "patients divided"
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


def warning_signs(parsed: ParsedNames, patients_given: bool, digests: Sequence[str] | None = None) -> list[Sign]:
    """Signs that `parsed.patient` are not the patients; none where there is no reason to doubt.

    patients_given: by a column or a pattern. Such patients are doubted only where no true list looks so; those by names
    alone also where they may be apart apart or put together. digests: of each image's content, "" where unknown.
    """
    originals = _originals(parsed)
    signs = _of_sizes(parsed, originals, patients_given)
    if not patients_given:
        signs += _same_eye_twice(parsed, originals) + _many_folders(parsed, originals)
        signs += _two_numbers(parsed, originals)
    return signs + placeholders(parsed.patient, digests or ())


def _originals(parsed: ParsedNames) -> list[int]:
    """Images that are no copies, and the first of copies without one."""
    eyes = list(zip(parsed.patient, parsed.eye, parsed.visit, parsed.view, strict=True))
    there = {eye for eye, copy in zip(eyes, parsed.copy, strict=True) if not copy}
    first = {eye: n for n, eye in reversed(list(enumerate(eyes)))}
    return [n for n, copy in enumerate(parsed.copy) if not copy or (eyes[n] not in there and first[eyes[n]] == n)]


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
    """Folders that are as small as a patient's, and hold several patients by the names; or the folders around these."""
    return _of_folders(parsed, originals, parsed.folder) or _of_folders(
        parsed, originals, [folder.rpartition("/")[0] for folder in parsed.folder]
    )


def _of_folders(parsed: ParsedNames, originals: list[int], folder_of: Sequence[str]) -> list[Sign]:
    sizes = Counter(folder_of[n] for n in originals if folder_of[n])
    small = {folder: n for folder, n in sizes.items() if n <= HANDFUL}
    patients = {(folder_of[n], parsed.patient[n]) for n in originals if folder_of[n] in small}
    images = sum(small.values())
    if len(small) < MANY_FOLDERS or 2 * images < len(originals) or 2 * len(patients) < 3 * len(small):
        return []
    text = (
        f"a patient's images must have one patient's names, but {len(small):,} folders of at most {HANDFUL} images "
        f"each hold {len(patients):,} patients by the names: a folder may be a patient"
    )
    counts = {"images": images, "patients": len(patients), "folders": len(small)}
    return [Sign(Cause.MANY_FOLDERS, text, _NAME_THEM, counts, _first(small))]


def _two_numbers(parsed: ParsedNames, originals: list[int]) -> list[Sign]:
    """Names such as P1_1 and P1_2, whose second number may be that of a visit or of an image, and not of a patient."""
    images = Counter(parsed.patient[n] for n in originals)
    alike: dict[str, list[str]] = {}
    for patient in images:
        if match := _SECOND_NUMBER.fullmatch(patient):
            alike.setdefault(match["first"], []).append(patient)
    several = {first: found for first, found in alike.items() if len(found) > 1}
    apart = [patient for found in several.values() for patient in found]
    count = sum(images[patient] for patient in apart)
    most = max((sum(images[patient] for patient in found) for found in several.values()), default=0)
    if len(several) < MANY_FOLDERS or 2 * count < len(originals) or most > HANDFUL:
        return []
    text = (
        f"a patient's images must have one patient's names, but those of {count:,} images of {len(apart):,} patients "
        f"begin alike {len(several):,} times and differ in a second number: it may be that of a visit or an image"
    )
    counts = {"images": count, "patients": len(apart)}
    return [Sign(Cause.TWO_NUMBERS, text, _NAME_THEM, counts, _first(apart))]


def shared_photographs(patient: Iterable[str], digests: Sequence[str]) -> dict[str, set[str]]:
    """Digests of photographs that stand for many patients, and these; digests: "" where unknown."""
    owners: dict[str, set[str]] = {}
    for digest, owner in zip(digests, patient, strict=bool(digests)):
        if digest:
            owners.setdefault(digest, set()).add(owner)
    return {digest: found for digest, found in owners.items() if len(found) >= PLACEHOLDER_PATIENTS}


def placeholders(patient: Iterable[str], digests: Sequence[str]) -> list[Sign]:
    """The sign that one picture stands for many patients: patient and digest of each image, "" where it is unknown."""
    shared = shared_photographs(patient, digests)
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
