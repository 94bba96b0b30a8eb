"""Image names -> eye, visit, view and what is left of the name: the endings that photographs of the retina have."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import lru_cache
from typing import NamedTuple

from retina_data.layouts.folder_names import COPY_WORDS
from retina_data.layouts.label_files import stem_of
from retina_data.layouts.patients.copies import AUGMENTED, COPY, ImageName, is_made, of_folders, originals, without_size
from retina_data.layouts.patients.eye_words import EYE_WORDS, eye_words
from retina_data.layouts.patients.folders import (
    CLOCK,
    LONG_VISIT,
    LONG_VISITS,
    SHORT_VISIT,
    VISIT,
    VISITS,
    Folder,
    read_folders,
)
from retina_data.layouts.patients.namesakes import one_tree

_VIEW = r"(?P<view>(?:view|field)[-_ ]?\d+)"


def _ending(*texts: str) -> re.Pattern[str]:
    return re.compile(rf"[-_ .(]+(?:{'|'.join(texts)})\)?$", re.IGNORECASE)


def _beginning(text: str) -> re.Pattern[str]:
    return re.compile(rf"(?:{text})[-_ .]+(?P<rest>.+)", re.IGNORECASE)


_WITHOUT_EYE = _ending(COPY, f"(?P<visit>{VISIT})")
_COPIES_FIRST = (
    _beginning(rf"(?:{AUGMENTED}|gen(?:erated)?)(?:[-_ ]?ima?ge?)?[-_ ]?\d+"),
    _beginning(rf"copy[-_ ]of|{COPY_WORDS}"),
)  # aug_0_12_left, aug_12_left
_NUMBERED = re.compile(r"[-_ ]?\(\d+\)$")  # a second download, or a thousand files renamed at once

_SURNAMES = frozenset(("gray", "grey", "green", "raw"))

_SHORT = re.compile(rf"(?:^|[-_ ./])(?:{SHORT_VISIT})(?:$|[-_ .])", re.IGNORECASE)


class _Patterns(NamedTuple):
    """Patterns with a data set's words of eyes and its visits."""

    ending: re.Pattern[str]
    beginning: re.Pattern[str]
    at_number: re.Pattern[str]  # 12left
    at_only_number: re.Pattern[str]  # 12L, P003OD
    first: re.Pattern[str]  # OD_12
    middle: re.Pattern[str]  # 12_OD_macula


@lru_cache(maxsize=4)
def _patterns(words: tuple[str, ...], visits: str) -> _Patterns:
    long, short = ("|".join(one for one in words if (len(one) > 2) == is_long) for is_long in (True, False))
    eye, visit = f"(?P<eye>{'|'.join(words)})", f"(?P<visit>{visits})"
    return _Patterns(
        _ending(COPY, visit, _VIEW, rf"{eye}(?:[-_ ]?eye)?[-_ .]?(?P<number>\d*)"),
        _beginning(f"{visit}(?:{CLOCK})?"),
        re.compile(rf"(?<=\d)(?P<eye>{long})[-_ .]?(?P<number>\d*)$", re.IGNORECASE),
        re.compile(rf"(?:[-_ .]|^)[a-z]{{0,3}}\d+(?P<eye>{short})$", re.IGNORECASE),
        _beginning(eye),
        re.compile(rf"(?P<rest>.+?)[-_ .(]+{eye}[-_ .)]+(?P<view>.+)", re.IGNORECASE),
    )


def read_names(names: Sequence[str]) -> list[ImageName]:
    """What each name tells; `/` parts folders of it, an extension is no part of it.

    Short visits (T1, 2019) are read where there are no more of them than of patients, and not in a few names alone.
    """
    stems = [stem_of(name) for name in names]
    paths = [stem.rpartition("/")[0] for stem in stems]
    words = eye_words(set(stems))
    folders, patterns = read_folders(set(paths), words), _patterns(words, LONG_VISITS)
    listed = frozenset(folders[path].name(stem.rpartition("/")[2]) for stem, path in zip(stems, paths, strict=True))
    read = [_read(stem, listed, folders, patterns) for stem in stems]
    all_visits = _patterns(words, VISITS)
    with_short = {n: _read(stem, listed, folders, all_visits) for n, stem in enumerate(stems) if _SHORT.search(stem)}
    short = {n: name for n, name in with_short.items() if name != read[n]}
    patients = {(name.folder, name.stem) for name in short.values()}
    if len({name.visit for name in short.values()}) <= len(patients) >= len(read) / 50:
        read, patterns = [short.get(n, name) for n, name in enumerate(read)], all_visits

    def reread(stem: str) -> ImageName:
        return _read(stem, listed, folders, patterns)

    unread = {stem for stem, name in zip(stems, read, strict=True) if stem.rpartition("/")[2] == name.stem}
    rests = {
        stem: folders[path].name(name.stem)
        for stem, path, name in zip(stems, paths, read, strict=True)
        if stem in unread or not name.eye
    }
    found = originals(list(dict.fromkeys(rests.values())), listed.union(rests.values()))
    copies = {stem: found[rest].rpartition("/")[2] for stem, rest in rests.items() if rest in found}
    copies = {stem: original for stem, original in copies.items() if not LONG_VISIT.fullmatch(original)}  # 2019-03-12_1
    eyes = _middle_eyes([stem for stem in unread if stem not in copies], patterns.middle, reread)
    for n, (stem, path, name) in enumerate(zip(stems, paths, read, strict=True)):
        if stem in copies:
            one = reread("/".join(filter(None, (path, copies[stem]))))
            read[n] = replace(one, visit=one.visit or name.visit, view=one.view or name.view, copy=True)
        else:
            read[n] = eyes.get(stem, name)
    made = [folders[path].copies for path in paths]
    read = without_size(of_folders(read, made))
    return one_tree(read, list(map(is_made, made)))


def _middle_eyes(names: list[str], middle: re.Pattern[str], reread: Callable[[str], ImageName]) -> dict[str, ImageName]:
    """Names with an eye in the middle, where both eyes are there: a view follows it, or the patient's number."""
    matches = {name: match for name in names if (match := middle.fullmatch(name)) and "/" not in match["view"]}
    if len({EYE_WORDS[match["eye"].lower()] for match in matches.values()}) < 2:
        return {}
    if 10 * len({match["rest"] for match in matches.values()}) < len(matches):  # Color_OD_00001
        return {name: reread(f"{match['rest']}_{match['view']}_{match['eye']}") for name, match in matches.items()}
    read = {name: reread(f"{match['rest']}_{match['eye']}") for name, match in matches.items()}
    return {name: replace(one, view=f"{one.view}{matches[name]['view']}") for name, one in read.items()}


def _read(name: str, listed: frozenset[str], folders: Mapping[str, Folder], patterns: _Patterns) -> ImageName:
    """One name without extension; `listed` are all of them, as `Folder.name` has them."""
    path, slash, stem = name.rpartition("/")
    folder = folders[path]
    numbered = _NUMBERED.search(stem) if stem.endswith(")") else None
    bare = stem[: numbered.start()] if numbered else stem
    rest, found = _without_endings(bare, patterns)
    if found.get("eye", "").lower() in ("l", "r") and folder.name(rest) in listed:  # x_r15 beside x
        original = _read(f"{path}{slash}{rest}", listed, folders, patterns)
        if len(found.get("number", "")) > 1 or original.eye:
            return replace(original, copy=True)
    if "eye" not in found:
        if numbered and folder.name(bare) not in listed:  # "DR (1)" is a copy only where there is a "DR"
            numbered, bare = None, stem
        rest, found = _without_endings(bare) if rest != stem else (rest, found)
        if first := patterns.first.fullmatch(rest):
            rest, found["eye"] = first["rest"], first["eye"]
    elif first := patterns.beginning.fullmatch(rest):
        rest, found["visit"] = first["rest"], "_".join(filter(None, (first["visit"], found.get("visit"))))
    originals = [first["rest"] for beginning in _COPIES_FIRST if (first := beginning.fullmatch(rest))]
    known = [one for one in originals if folder.name(f"{one}{bare[len(rest) :]}") in listed]
    if known or (originals and "eye" in found):
        rest, found["copy"] = (known or originals)[0], "copy"
    return ImageName(
        folder.rest,
        rest,
        EYE_WORDS[found["eye"].lower()] if "eye" in found else folder.eye,
        "_".join(filter(None, (folder.visit, found.get("visit")))),
        found.get("view", "") + found.get("number", ""),
        "copy" in found or numbered is not None,
    )


def _is_surname(word: str, before: str, patterns: _Patterns | None) -> bool:
    """Whether a word of copies is a name after another one: `John_Green_left`; `12_green`, `x_left_gray` are copies."""
    eye = patterns and (match := patterns.ending.search(before)) and match.groupdict().get("eye")
    return word.lower() in _SURNAMES and before[-1:].isalpha() and not eye


def _without_endings(stem: str, patterns: _Patterns | None = None) -> tuple[str, dict[str, str]]:
    """The stem without endings, in whatever order they stand; and what they say, by field."""
    found: dict[str, str] = {}
    rest = f"_{stem}"  # as each ending follows a separator
    while True:
        match = (patterns.ending if patterns else _WITHOUT_EYE).search(rest)
        if match is None and patterns:
            match = patterns.at_number.search(rest) or patterns.at_only_number.search(rest)
        if match is None or (match.groupdict().get("eye") and "eye" in found):
            return rest[1:], found
        copy, before = match.groupdict().get("copy") or "", rest[: match.start()]
        if copy and (not before or _is_surname(copy, before, patterns)):  # aug_1 is no copy of nothing
            return rest[1:], found
        if not before and found.get("visit") and match.groupdict().get("number"):  # OD_12_20190312
            return match["number"], {**found, "eye": match["eye"]}
        for field, text in match.groupdict().items():
            if text:
                found[field] = f"{text}_{found[field]}" if field in found else text
        rest = rest[: match.start("eye") if patterns and match.re is patterns.at_only_number else match.start()]
