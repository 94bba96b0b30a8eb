"""Image names -> eye, visit, view and what is left of the name: the endings that photographs of the retina have."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

from retina_data.layouts.label_files import stem_of

EYES = {"left": "left", "l": "left", "os": "left", "right": "right", "r": "right", "od": "right"}
_EYE = r"(?P<eye>left|right|od|os|l|r)"
_COPY = (
    r"(?P<copy>(?:jpe?g|png)\.rf\.[0-9a-f]+|copy(?:[-_ ]?\d+)?|"
    r"(?:FA|aug|augmented|[hv]?flip|flipped|mirror|mirrored|rot|rotate|rotated)[-_ ]?\d*)"
)
_VISIT = r"(?:visit|exam|session|follow[-_ ]?up)[-_ ]?\d+"
_DATE = r"(?:19|20)\d\d(?P<dash>[-._]?)(?:0[1-9]|1[0-2])(?P=dash)(?:0[1-9]|[12]\d|3[01])"
_VISIT_OF_EYE = rf"(?P<visit>{_VISIT}|(?:v|day|week|month|year)[-_ ]?\d+|{_DATE})"
_VIEW = r"(?P<view>(?:view|field)[-_ ]?\d+)"
_EYE_AND_NUMBER = rf"{_EYE}(?:[-_ ]?eye)?[-_ .]?(?P<number>\d*)"


def _ending(*texts: str) -> re.Pattern[str]:
    return re.compile(rf"[-_ .]+(?:{'|'.join(texts)})$", re.IGNORECASE)


_WITH_EYE = _ending(_COPY, _VISIT_OF_EYE, _VIEW, _EYE_AND_NUMBER)
_WITHOUT_EYE = _ending(_COPY, f"(?P<visit>{_VISIT})")
_AT_NUMBER = re.compile(r"(?<=\d)(?P<eye>left|right)[-_ .]?(?P<number>\d*)$", re.IGNORECASE)  # 12left
_AT_ONLY_NUMBER = re.compile(r"(?:[-_ .]|^)[a-z]{0,3}\d+(?P<eye>od|os|l|r)$", re.IGNORECASE)  # 12L, P003OD
_FIRST = re.compile(rf"{_EYE}[-_ .](?P<rest>.+)", re.IGNORECASE)
_VISIT_FOLDER = re.compile(_VISIT, re.IGNORECASE)
_NUMBERED = re.compile(r"[-_ ]?\(\d+\)$")  # a second download, or a thousand files renamed at once
_SIZE = re.compile(r"-\d{3,4}$")


class ImageName(NamedTuple):
    """What one name tells; "" and False where it tells nothing."""

    folder: str
    stem: str  # without endings
    eye: str
    visit: str
    view: str
    copy: bool


def read_names(names: Sequence[str]) -> list[ImageName]:
    """What each name tells; `/` parts folders of it, an extension is no part of it."""
    stems = [stem_of(name) for name in names]
    listed = frozenset(stems)
    return _without_size([_read(stem, listed) for stem in stems])


def _read(name: str, listed: frozenset[str]) -> ImageName:
    """One name without extension; `listed` are all of them."""
    path, slash, stem = name.rpartition("/")
    folder, eye, visit = _read_folders(path) if path else ("", "", "")
    numbered = _NUMBERED.search(stem) if stem.endswith(")") else None
    bare = stem[: numbered.start()] if numbered else stem
    rest, found = _without_endings(bare, _WITH_EYE)
    if "eye" not in found:
        if numbered and path + slash + bare not in listed:  # "DR (1)" is a copy only where there is a "DR"
            numbered, bare = None, stem
        rest, found = _without_endings(bare, _WITHOUT_EYE) if rest != stem else (rest, found)
        if first := _FIRST.fullmatch(rest):
            rest, found["eye"] = first["rest"], first["eye"]
    return ImageName(
        folder,
        rest,
        EYES[found["eye"].lower()] if "eye" in found else eye,
        found.get("visit", visit),
        found.get("view", "") + found.get("number", ""),
        "copy" in found or numbered is not None,
    )


def _read_folders(path: str) -> tuple[str, str, str]:
    """The folders without those that are an eye or a visit; this eye; this visit."""
    kept, eye, visit = [], "", ""
    for folder in path.split("/"):
        if folder.lower() in EYES:
            eye = EYES[folder.lower()]
        elif _VISIT_FOLDER.fullmatch(folder):
            visit = folder
        else:
            kept.append(folder)
    return "/".join(kept), eye, visit


def _without_endings(stem: str, ending: re.Pattern[str]) -> tuple[str, dict[str, str]]:
    """The stem without endings, in whatever order they stand; and what they say, by field."""
    found: dict[str, str] = {}
    rest = f"_{stem}"  # as each ending follows a separator
    while True:
        match = ending.search(rest)
        if match is None and ending is _WITH_EYE:
            match = _AT_NUMBER.search(rest) or _AT_ONLY_NUMBER.search(rest)
        if match is None or (match.groupdict().get("eye") and "eye" in found):
            return rest[1:], found
        found |= {field: text for field, text in match.groupdict().items() if text}
        rest = rest[: match.start("eye") if match.re is _AT_ONLY_NUMBER else match.start()]


def _without_size(read: list[ImageName]) -> list[ImageName]:
    """`x-600`, its copies and `x` are one: a number that is the same in all names that end in one is a size."""
    sized = {n: match for n, name in enumerate(read) if not name.eye and (match := _SIZE.search(name.stem))}
    if len({match[0] for match in sized.values()}) != 1:
        return read
    stems = {(name.folder, name.stem) for name in read}
    bare = {n: read[n].stem[: match.start()] for n, match in sized.items()}
    copies = {n: read[n].copy or (read[n].folder, stem) in stems for n, stem in bare.items()}
    if not any(copies.values()):
        return read
    return [
        ImageName(name.folder, bare[n], "", name.visit, name.view, copies[n]) if n in bare else name
        for n, name in enumerate(read)
    ]
