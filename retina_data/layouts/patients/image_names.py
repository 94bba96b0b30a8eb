"""Image names -> eye, visit, view and what is left of the name: the endings that photographs of the retina have."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from retina_data.layouts.folder_names import COPY_WORDS, without_copies
from retina_data.layouts.label_files import stem_of

EYES = {
    **dict.fromkeys(("left", "l", "os", "oi", "oe", "og"), "left"),
    **dict.fromkeys(("right", "r", "od"), "right"),
}
_EYE = r"(?P<eye>left|right|od|os|l|r)"
_AUGMENTED = r"FA|aug|augment[a-z]*|copy|[hv]?flip(?:ped)?|mirror(?:ed)?|rot(?:ated?)?"  # these are numbered
_COPY = rf"(?P<copy>(?:jpe?g|png)\.rf\.[0-9a-f]+|(?:{_AUGMENTED})(?:[-_ ]?\d+)?|{COPY_WORDS})"
_VISIT = r"(?:visit|exam|session|follow[-_ ]?up)[-_ ]?\d+|baseline|follow[-_ ]?up"
_TIME = r"(?:v|(?:day|week|month|year)s?)[-_ ]?\d+|\d+[-_ ]?(?:day|week|month|year)s?"
_DATE = (
    r"(?:19|20)\d\d(?P<dash>[-._]?)(?:0[1-9]|1[0-2])(?P=dash)(?:0[1-9]|[12]\d|3[01])|"
    r"(?:0[1-9]|[12]\d|3[01])(?P<dot>[-._])(?:0[1-9]|[12]\d|3[01])(?P=dot)(?:19|20)\d\d"
)
_CLOCK = r"[-_T ]?(?:[01]\d|2[0-3])[0-5]\d[0-5]\d"
_DATE_AND_CLOCK = rf"(?<=[^-_ .][-_ .])(?:19|20)\d\d-?[01]\d-?[0-3]\d{_CLOCK}"  # else six digits may be a patient
SHORT_VISIT = r"[tmyw][-_ ]?\d{1,3}|(?:19|20)\d\d"
"""A visit, or a number of something else: T1, M12, 2019."""

_VIEW = r"(?P<view>(?:view|field)[-_ ]?\d+)"
_EYE_AND_NUMBER = rf"{_EYE}(?:[-_ ]?eye)?[-_ .]?(?P<number>\d*)"


def _ending(*texts: str) -> re.Pattern[str]:
    return re.compile(rf"[-_ .]+(?:{'|'.join(texts)})$", re.IGNORECASE)


def _beginning(text: str) -> re.Pattern[str]:
    return re.compile(rf"(?:{text})[-_ .]+(?P<rest>.+)", re.IGNORECASE)


_WITHOUT_EYE = _ending(_COPY, f"(?P<visit>{_VISIT})")
_AT_NUMBER = re.compile(r"(?<=\d)(?P<eye>left|right)[-_ .]?(?P<number>\d*)$", re.IGNORECASE)  # 12left
_AT_ONLY_NUMBER = re.compile(r"(?:[-_ .]|^)[a-z]{0,3}\d+(?P<eye>od|os|l|r)$", re.IGNORECASE)  # 12L, P003OD
_FIRST = _beginning(_EYE)
_COPIES_FIRST = (
    _beginning(rf"(?:{_AUGMENTED})[-_ ]?\d+"),
    _beginning(rf"copy[-_ ]of|{COPY_WORDS}"),
)  # aug_0_12_left, aug_12_left
_NUMBERED = re.compile(r"[-_ ]?\(\d+\)$")  # a second download, or a thousand files renamed at once
_SIZE = re.compile(r"-\d{3,4}$")

_SHORT = re.compile(rf"(?:^|[-_ ./])(?:{SHORT_VISIT})(?:$|[-_ .])", re.IGNORECASE)


class _Visits(NamedTuple):
    """Patterns of visits, with short ones or without: at the end and the beginning of a name, and of a folder."""

    ending: re.Pattern[str]
    beginning: re.Pattern[str]
    folder: re.Pattern[str]


def _visits(*patterns: str) -> _Visits:
    visit = f"(?P<visit>{'|'.join(patterns)})"
    return _Visits(
        _ending(_COPY, visit, _VIEW, _EYE_AND_NUMBER),
        _beginning(f"{visit}(?:{_CLOCK})?"),
        re.compile("|".join(patterns), re.IGNORECASE),
    )


_LONG, _ALL = (
    _visits(_VISIT, _TIME, _DATE_AND_CLOCK, _DATE),
    _visits(_VISIT, _TIME, _DATE_AND_CLOCK, _DATE, SHORT_VISIT),
)


class ImageName(NamedTuple):
    """What one name tells; "" and False where it tells nothing."""

    folder: str
    stem: str  # without endings
    eye: str
    visit: str
    view: str
    copy: bool


class _Folder(NamedTuple):
    """What the folders of a name tell. rest: those that are no eye and no visit, without words of copies."""

    rest: str
    eye: str
    visit: str
    copies: str


def read_names(names: Sequence[str]) -> list[ImageName]:
    """What each name tells; `/` parts folders of it, an extension is no part of it.

    Short visits (T1, 2019) are read where there are no more of them than of patients, and not in a few names alone.
    """
    stems = [stem_of(name) for name in names]
    paths = [stem.rpartition("/")[0] for stem in stems]
    folders, listed = _read_folders(set(paths)), frozenset(stems)
    read = [_read(stem, listed, folders, _LONG) for stem in stems]
    with_short = {n: _read(stem, listed, folders, _ALL) for n, stem in enumerate(stems) if _SHORT.search(stem)}
    short = {n: name for n, name in with_short.items() if name != read[n]}
    patients = {(name.folder, name.stem) for name in short.values()}
    if len({name.visit for name in short.values()}) <= len(patients) >= len(read) / 50:
        read = [short.get(n, name) for n, name in enumerate(read)]
    return _without_size(_with_copies(read, [folders[path].copies for path in paths]))


def _read(name: str, listed: frozenset[str], folders: Mapping[str, _Folder], visits: _Visits) -> ImageName:
    """One name without extension; `listed` are all of them."""
    path, slash, stem = name.rpartition("/")
    folder = folders[path]
    numbered = _NUMBERED.search(stem) if stem.endswith(")") else None
    bare = stem[: numbered.start()] if numbered else stem
    rest, found = _without_endings(bare, visits.ending)
    if "eye" not in found:
        if numbered and path + slash + bare not in listed:  # "DR (1)" is a copy only where there is a "DR"
            numbered, bare = None, stem
        rest, found = _without_endings(bare, _WITHOUT_EYE) if rest != stem else (rest, found)
        if first := _FIRST.fullmatch(rest):
            rest, found["eye"] = first["rest"], first["eye"]
    elif first := visits.beginning.fullmatch(rest):
        rest, found["visit"] = first["rest"], "_".join(filter(None, (first["visit"], found.get("visit"))))
    originals = [first["rest"] for beginning in _COPIES_FIRST if (first := beginning.fullmatch(rest))]
    known = [one for one in originals if f"{path}{slash}{one}{bare[len(rest) :]}" in listed]
    if known or (originals and "eye" in found):
        rest, found["copy"] = (known or originals)[0], "copy"
    return ImageName(
        folder.rest,
        rest,
        EYES[found["eye"].lower()] if "eye" in found else folder.eye,
        "_".join(filter(None, (folder.visit, found.get("visit")))),
        found.get("view", "") + found.get("number", ""),
        "copy" in found or numbered is not None,
    )


def _read_folders(paths: Iterable[str]) -> dict[str, _Folder]:
    """What the folders of each path tell; short visits are read where all folders beside them are visits."""
    beside = defaultdict(set)
    for path in paths:
        folders = path.split("/")
        for number, folder in enumerate(folders):
            beside["/".join(folders[:number])].add(folder)
    visits = {place for place, names in beside.items() if all(map(_ALL.folder.fullmatch, names))}
    found = {}
    for path in paths:
        kept, copies, eye, visit = [], [], "", []
        folders = path.split("/")
        for number, folder in enumerate(folders):
            if folder.lower() in EYES:
                eye = EYES[folder.lower()]
            elif _LONG.folder.fullmatch(folder) or "/".join(folders[:number]) in visits:
                visit.append(folder)
            else:
                rest, copy = without_copies(folder)
                kept.append(rest)
                copies.append(copy)
        found[path] = _Folder(*("/".join(filter(None, one)) for one in (kept, [eye], visit, copies)))
    return found


def _with_copies(read: list[ImageName], copies: list[str]) -> list[ImageName]:
    """Of a patient's images in folders of several copies all are copies but those of the first; of originals first."""
    first: dict[tuple[str, str], tuple[bool, str]] = {}
    ranks = [(bool(copy) and not re.match("orig|raw", copy), copy) for copy in copies]
    for name, rank in zip(read, ranks, strict=True):
        first[name[:2]] = min(rank, first.get(name[:2], rank))
    return [ImageName(*one[:5], one.copy or rank != first[one[:2]]) for one, rank in zip(read, ranks, strict=True)]


def _without_endings(stem: str, ending: re.Pattern[str]) -> tuple[str, dict[str, str]]:
    """The stem without endings, in whatever order they stand; and what they say, by field."""
    found: dict[str, str] = {}
    rest = f"_{stem}"  # as each ending follows a separator
    while True:
        match = ending.search(rest)
        if match is None and ending is not _WITHOUT_EYE:
            match = _AT_NUMBER.search(rest) or _AT_ONLY_NUMBER.search(rest)
        if match is None or (match.groupdict().get("eye") and "eye" in found):
            return rest[1:], found
        if match.start() == 0 and match.groupdict().get("copy"):  # aug_1 is no copy of nothing
            return rest[1:], found
        for field, text in match.groupdict().items():
            if text:
                found[field] = f"{text}_{found[field]}" if field in found else text
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
