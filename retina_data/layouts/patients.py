"""Image names -> patient, eye, visit and view, and the signs that patients were not recognised.

The key of a patient is the folder and what is left of the file's name without its endings. Folders of grades, of splits
and of images are no part of a name here. What a name does not tell is left empty: the image is its own patient.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from statistics import median
from typing import NamedTuple

from retina_data.errors import DataError
from retina_data.layouts.label_files import some, stem_of

HANDFUL = 10
"""More images of one patient than this, without copies, are taken for a wrong key: two eyes in several visits are fewer."""

MANY_FOLDERS = 6
"""Fewer folders than this may be collections, cameras or clinics."""

PLACEHOLDER_PATIENTS = 3
"""One picture under the names of so many patients is a placeholder; two may be one person entered twice."""

_EYES = {"left": "left", "l": "left", "os": "left", "right": "right", "r": "right", "od": "right"}
_EYE = r"(?P<eye>left|right|od|os|l|r)"
_EYE_ENDING = re.compile(rf"(?:^|[-_ .]){_EYE}[-_ .]?(?P<view>\d*)$", re.IGNORECASE)
_EYE_AT_NUMBER = re.compile(rf"(?:^|[-_ .])[a-z]{{0,3}}\d+(?P<ending>{_EYE}(?P<view>))$", re.IGNORECASE)
_EYE_FIRST = re.compile(rf"{_EYE}[-_ .](?P<rest>.+)", re.IGNORECASE)

_DATE = r"(?:19|20)\d\d(?P<dash>[-._]?)(?:0[1-9]|1[0-2])(?P=dash)(?:0[1-9]|[12]\d|3[01])"
_VISIT = re.compile(r"(?:^|[-_ .])(?P<visit>(?:visit|exam|session|follow[-_ ]?up)[-_ ]?\d+)$", re.IGNORECASE)
_VISIT_OF_EYE = re.compile(rf"(?:^|[-_ .])(?P<visit>(?:v|day|week|month|year)[-_ ]?\d+|{_DATE})$", re.IGNORECASE)
_VIEW = re.compile(r"(?:^|[-_ .])(?P<view>(?:view|field)[-_ ]?\d+)$", re.IGNORECASE)

_NUMBERED = re.compile(r"[-_ ]?\(\d+\)$")  # of a second download, or of a thousand files renamed at once
_COPY = re.compile(
    r"(?:_(?:jpe?g|png)\.rf\.[0-9a-f]+|[-_ ]+copy(?:[-_ ]?\d+)?|[-_ .](?:FA|aug|augmented|h?flip|vflip|flipped|"
    r"mirror|mirrored|rot|rotate|rotated)[-_ ]?\d*)$",
    re.IGNORECASE,
)
_SIZE = re.compile(r"-\d{3,4}$")


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
    """A sign that patients are wrong. `sentence`, `remedy` and `counts` name no image; `examples` are patients' keys."""

    cause: Cause
    sentence: str
    remedy: str
    counts: Mapping[str, int]
    examples: tuple[str, ...] = ()


def parse(names: Sequence[str], pattern: str | None = None) -> ParsedNames:
    """Patient, eye, visit and view of each image's name, with the collection's folders before it (`eyepacs/1_left`).

    pattern: a regular expression with the group `patient`, and `eye` if it likes, which is searched in each name without
    extension; its patient is the key. Raises DataError for a pattern that is none, or that a name lacks.
    """
    raise NotImplementedError


def warning_signs(
    parsed: ParsedNames, patients_given: bool, digests: Sequence[str] | None = None
) -> list[Sign]:
    """Signs that `parsed.patient` does not tell the patients; none where there is no reason to doubt.

    patients_given: by a column or a pattern; then only signs count that no true list of patients has. digests: of each
    image's content, "" where unknown.
    """
    raise NotImplementedError
