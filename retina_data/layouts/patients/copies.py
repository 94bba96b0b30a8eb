"""Images whose names say that they are copies of others: by folders, by sizes, by words and numbers after a name."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Container, Sequence
from dataclasses import dataclass, replace

from retina_data.layouts.folder_names import COPY_WORDS

AUGMENTED = r"FA|aug|augment[a-z]*|copy|[hv]?flip(?:ped)?|mirror(?:ed)?|rot(?:at(?:ed?|ion))?"  # these are numbered
_TURNED = (  # x_r90, x_ccw180, x_fh, x_flip_lr; in no name that is a turn alone
    r"(?<=[^-_ .][-_ .])(?:(?:[lr]|c?cw[-_ ]?)(?:90|180|270)|f[hv]|[hv]f|"
    r"flip[-_ ]?(?:[hv]|lr|ud|horizontal(?:ly)?|vertical(?:ly)?)|(?:horizontal|vertical)[-_ ]?flip)"
)
COPY = rf"(?P<copy>(?:jpe?g|png)\.rf\.[0-9a-f]+|(?:{AUGMENTED})(?:[-_ ]{{0,2}}\d+)?|{_TURNED}|{COPY_WORDS})"
"""Regular expressions of copies' endings."""

MANY = 3
"""Originals: a word after so many of them is what was made of each."""

_SIZE = re.compile(r"-\d{3,4}$")
_BEFORE_WORD = re.compile(r"[-_ .]+(?=[^\W\d_][^/]*$)")
_NUMBER = re.compile(r"(?P<original>.*[^-_ ./])[-_ .]+\d{1,3}(?:[-_ ]?deg(?:rees?)?)?")
_KERAS = re.compile(r"(?P<original>.+_(?:0|[1-9]\d{0,4}))_(?P<number>0|[1-9]\d{0,7})")


@dataclass(frozen=True)
class ImageName:
    """What one name tells; "" and False where it tells nothing."""

    folder: str
    stem: str  # without endings
    eye: str
    visit: str
    view: str
    copy: bool


def is_made(copies: str) -> bool:
    """Whether a folder's words of copies say that its images are made of others, and no originals."""
    return bool(copies) and not re.match("orig|raw", copies)


def of_folders(read: list[ImageName], copies: list[str]) -> list[ImageName]:
    """Of a patient's images in folders of several copies all are copies but those of the first; of originals first."""
    first: dict[tuple[str, str], tuple[bool, str]] = {}
    ranks = [(is_made(copy), copy) for copy in copies]
    for one, rank in zip(read, ranks, strict=True):
        original = (one.folder, one.stem)
        first[original] = min(rank, first.get(original, rank))
    copied = [rank != first[one.folder, one.stem] for one, rank in zip(read, ranks, strict=True)]
    return [replace(one, copy=True) if copy else one for one, copy in zip(read, copied, strict=True)]


def without_size(read: list[ImageName]) -> list[ImageName]:
    """`x-600`, its copies and `x` are one: a number that is the same in all names that end in one is a size."""
    sized = {n: match for n, name in enumerate(read) if not name.eye and (match := _SIZE.search(name.stem))}
    if len({match[0] for match in sized.values()}) != 1:
        return read
    stems = {(name.folder, name.stem) for name in read}
    bare = {n: read[n].stem[: match.start()] for n, match in sized.items()}
    elsewhere = {name.stem for name in read}.intersection(bare.values())
    copies = {n: read[n].copy or (read[n].folder, stem) in stems for n, stem in bare.items()}
    if not any(copies.values()) and 2 * len(elsewhere) < len(bare):
        return read
    return [replace(name, stem=bare[n], eye="", copy=copies[n]) if n in bare else name for n, name in enumerate(read)]


def before_words(name: str, listed: Container[str]) -> str:
    """The longest of the listed names that, with words after it, is this one (`x` of `x_bright`); "" for none."""
    starts = [match.start() for match in _BEFORE_WORD.finditer(name)]
    return next((name[:start] for start in reversed(starts) if name[:start] in listed), "")


def before_number(name: str, listed: Container[str]) -> str:
    """The listed name that, with a number after it, is this one (`x` of `x_0`); "" for none."""
    match = _NUMBER.fullmatch(name)
    return match["original"] if match and match["original"] in listed else ""


def originals(names: Sequence[str], listed: Container[str]) -> dict[str, str]:
    """Copy -> its original, of names whose endings are unknown: the same word or number follows many, or Keras's."""
    found = {name: original for name in names if (original := before_words(name, listed))}
    words = {name: re.sub(r"\d+", "", name[len(original) :]).lower() for name, original in found.items()}
    of_word = defaultdict(set)
    for name, word in words.items():
        of_word[word].add(found[name])
    found = {name: original for name, original in found.items() if len(of_word[words[name]]) >= MANY}
    found |= _numbered([name for name in names if name not in found], listed)
    found |= _of_keras([name for name in names if name not in found])
    for name, original in found.items():
        while original in found:  # x, x_zoom, x_zoom_bright
            original = found[original]
        found[name] = original
    return found


def _numbered(names: Sequence[str], listed: Container[str]) -> dict[str, str]:
    """`x_0` and `x_1` of `x`, where the same few numbers follow many names."""
    found = {name: original for name in names if (original := before_number(name, listed))}
    followed = set(found.values())
    numbers = {name[len(original) :].strip("-_ .").lstrip("0") for name, original in found.items()}
    return found if MANY <= len(followed) >= len(numbers) else {}


def _of_keras(names: Sequence[str]) -> dict[str, str]:
    """Names that `save_to_dir` gives, PREFIX_INDEX_NUMBER, without the number: it is drawn, and so not near others."""
    groups: dict[str, dict[str, int]] = defaultdict(dict)
    for name in names:
        if match := _KERAS.fullmatch(name):
            groups[match["original"]][name] = int(match["number"])
    drawn = {
        original: group
        for original, group in groups.items()
        if len(group) > 1 and max(group.values()) - min(group.values()) > 50 * len(group)
    }
    # Else the first number may be that of a clinic, and the second one that of a patient.
    if len(drawn) < MANY or sum(map(len, drawn.values())) > len(drawn) ** 2:
        return {}
    return {name: original for original, group in drawn.items() for name in group}
