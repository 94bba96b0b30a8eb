"""Patients by the names of their images.

The key of a patient is the folder and what is left of the file's name without its endings. Folders of grades, of splits
and of images are no part of a name here. An image whose name tells neither eye nor visit is its own patient.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from retina_data.errors import DataError
from retina_data.layouts.label_files import some, stem_of
from retina_data.layouts.patients.copies import ImageName
from retina_data.layouts.patients.eye_words import EYE_WORDS, EYES
from retina_data.layouts.patients.image_names import read_names


@dataclass(frozen=True)
class ParsedNames:
    """What the names of N images tell: tuples of N.

    patient: equal for the images of one patient. eye: "left", "right" or "". visit, view: as named, "" where the name
    tells none. copy: whether the name says that the image is a copy of another one. folder: of the collection. known:
    whether the name tells the patient; else the image is its own.
    """

    patient: tuple[str, ...]
    eye: tuple[str, ...]
    visit: tuple[str, ...]
    view: tuple[str, ...]
    copy: tuple[bool, ...]
    folder: tuple[str, ...]
    known: tuple[bool, ...]


def parse(names: Sequence[str], pattern: str | None = None) -> ParsedNames:
    """Patient, eye, visit and view of each image's name, with the collection's folders before it (`eyepacs/1_left`).

    pattern: a regular expression with the group `patient`, and `eye` if it likes, that is searched in each name without
    extension; its patient is the key. Raises DataError for a pattern that is none, or that a name does not fit.
    """
    read = read_names(names)
    keys, known, eyes = _keys(read), [_known(name) for name in read], [name.eye for name in read]
    if pattern is not None:
        keys, named = _by_pattern([stem_of(name) for name in names], pattern)
        known = [True] * len(keys)
        eyes = [eye or name.eye for eye, name in zip(named, read, strict=True)]
    return ParsedNames(
        patient=tuple(keys),
        eye=tuple(eyes),
        visit=tuple(name.visit for name in read),
        view=tuple(name.view for name in read),
        copy=tuple(name.copy for name in read),
        folder=tuple(name.folder for name in read),
        known=tuple(known),
    )


def _known(name: ImageName) -> bool:
    """Whether a name tells its patient."""
    return not name.stem or bool(name.eye or name.visit)


def _keys(read: list[ImageName]) -> list[str]:
    """The key of each name's patient."""
    keys = []
    times: Counter[str] = Counter()
    for name in read:
        if not name.stem:  # P0001/visit1_left; left_001 in no folder; R in no folder, with L: one patient
            keys.append(name.folder or name.visit + name.view or " ")
            continue
        prefix = f"{name.folder}/" if name.folder else ""
        if _known(name):
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
    unknown = sorted({eye for eye in eyes if eye and eye not in EYE_WORDS})
    if unknown:
        raise DataError(f"the group `eye` must be one of {', '.join(EYES)}, but got {some(unknown)}; correct it")
    return [match["patient"] for match in found], [EYE_WORDS.get(eye, "") for eye in eyes]
