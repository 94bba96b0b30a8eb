"""Words and numbers that are no grades 0 to 4: which scale they are of, and the flags that say what they mean."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable, Mapping

from retina_data.errors import DataError
from retina_data.layouts.folder_tree import Tree
from retina_data.layouts.grade_folders import GradeFolders, grade_of, names_below, signed
from retina_data.layouts.label_files import UNGRADABLE, clipped, plain

_NUMBERED = re.compile(r"(?:grade|level|class|stage|label|dr)?(?P<number>\d)(?P<word>\D*)")

_UK = re.compile(r"r[0-46][as]?(m[01])?")  # R1M0, R3A; R6 is ungradable in Scotland

_DISEASED = frozenset((
    "dr", "rdr", "referable", "referabledr", "positive", "abnormal", "diseased", "disease", "symptoms", "retinopathy",
    "diabeticretinopathy", "withdr", "sick",
))  # fmt: skip

_HEALTHY = frozenset((
    "nodr", "nondr", "nrdr", "nonreferable", "notreferable", "nonreferabledr", "negative", "normal", "healthy",
    "nosymptoms", "withoutdr", "noretinopathy",
))  # fmt: skip

_MOST_WORDS = 10  # a column with more words is none of grades


def grade_said(text: str, words: Mapping[str, int | None]) -> int | None:
    """The grade of a field: a number, also as `2.0`, or a word; None where it is none."""
    return grade_of(without_point(text), words)


def without_point(text: str) -> str:
    """A number without the `.0` that a spreadsheet adds."""
    return re.sub(r"[.,]0*$", "", text)


def advice_on_words(texts: Iterable[str], words: Mapping[str, int | None], others: Iterable[str] = ()) -> str:
    """What would read the words of a scale, some of which say no grade; "" where they are too many for one.

    words: what the user says of some of them. others: words elsewhere, which a flag would change too.
    """
    names = sorted({text for text in texts if text and text not in words})
    unknown = [name for name in names if grade_said(name, words) is None]
    numbers = _numbers(names)
    if 0 not in numbers and max(numbers, default=0) == 5 and len(numbers) > 1 and not _contradicted(numbers):
        if 0 in _numbers(others):
            return "where these are grades counted from 1, as others are from 0, rename them 0 to 4"
        counted = {**dict.fromkeys(unknown, "?"), **{name: str(n - 1) for n, of in numbers.items() for name in of}}
        other = "; where 5 stands for images that cannot be graded, --grade 5=none leaves them out" * ("5" in names)
        return f"where these are grades counted from 1, {_flags(counted)} say so everywhere{other}"
    if unknown == ["5"]:
        return "where 5 stands for images that cannot be graded, --grade 5=none leaves them out"
    if not 0 < len(unknown) <= _MOST_WORDS:
        return ""
    flags = f"{_flags(dict.fromkeys(unknown, '?'))}, with a grade from 0 to 4, or none, for each ?"
    if sum(_UK.fullmatch(plain(name)) is not None for name in unknown) > 1:
        return (
            "these look like grades of the screening in the UK, which are another scale (R3 is proliferative in "
            f"England, R4 in Scotland): get the grades 0 to 4, or say what each is taken for, {flags}"
        )
    return f"say what each means, {flags}"


def is_scale(texts: Iterable[str]) -> bool:
    """Whether the words of a column are another scale of grades: 1 to 5, the UK's, or some of them are grades."""
    words = set(texts) - {""}
    return len(words) <= _MOST_WORDS and (
        words == {*"12345"}
        or sum(_UK.fullmatch(plain(word)) is not None for word in words) > 1
        or any(not word.isdigit() and grade_said(word, {}) is not None for word in words)
    )


def not_a_grade(
    text: str, place: str, texts: Iterable[str], words: Mapping[str, int | None], blank: int = 0
) -> DataError:
    """The error for a field that says no grade; texts: all fields of its column; blank: lines that have none."""
    advice = advice_on_words(texts, words)
    if not text and blank:
        return DataError(
            f"a grade must be 0, 1, 2, 3 or 4, but {blank:,} lines have none, the first at {place}: fill them in, or "
            "leave these images out with --grade =none"
        )
    return DataError(
        f"a grade must be 0, 1, 2, 3 or 4, but got {clipped(text)} ({place}); correct or delete the line"
        f"{f'; {advice}' if advice else ''}"
    )


def doubt_of_scale(said: Mapping[str, int], words: Mapping[str, int | None]) -> str:
    """Why grades that are numbers may be of another scale, counted from 1 or two of them as one; "" where they are not.

    said: each word of the data set, and the grade that it is read as. words: what the user says of some of them. Raises
    DataError where the numbers go to 5.
    """
    for grade in set(said.values()) - {UNGRADABLE}:
        same = _numbers(word for word, one in said.items() if one == grade)
        if len(same) > 1:
            both = " and ".join(map(str, sorted(same)))
            return (
                f"the numbers {both} are all read as grade {grade}: correct --grade, unless they are one grade; where "
                "some count from 1 and others from 0, renumber them"
            )
    chosen = set(map(plain, words))
    numbers = _numbers(word for word in said if plain(word) not in chosen and re.fullmatch(r".*\d", plain(word)))
    if 0 in said.values() or 1 not in numbers:
        return ""
    if 5 in numbers:
        raise DataError(f"grades must be 0 to 4, but there are 1 to 5 and no 0; {advice_on_words(said, words)}")
    counted = {name: str(n - 1) for n, of in numbers.items() for name in of}
    stays = {name: "1" for name in numbers[1]}
    text = f"no image has grade 0: the grades are numbers from 1 to {max(numbers)}, and may be counted from 1"
    return f"{text} ({_flags(counted)} say so), or no healthy eye is there ({_flags(stays)} says so)"


def doubt_of_parts(sources: Mapping[str, Mapping[str, int]], words: Mapping[str, int | None]) -> str:
    """Why the numbers of one source of grades may be counted from 1 where others have 0; "" where none is.

    sources: a label file, or the folder around those of grades -> each of its words, and the grade that it is read as.
    """
    chosen = set(map(plain, words))
    if any(0 in said.values() for said in sources.values()):
        for source, said in sources.items():
            numbers = _numbers(word for word in said if plain(word) not in chosen)
            if 0 not in said.values() and numbers.keys() >= {1, 2, 3, 4}:
                return (
                    f"no image has grade 0 in {source}, but others have: the numbers from 1 to {max(numbers)} may be "
                    "counted from 1 there: renumber them from 0, unless no healthy eye is there"
                )
    return ""


def _contradicted(numbers: Mapping[int, list[str]]) -> bool:
    """Whether words beside numbers say that these are not counted from 1: `1 - Mild`."""
    words = [(number, re.sub(r"\d", "", plain(name))) for number, names in numbers.items() for name in names]
    return any(grade_of(word, {}) not in (None, number - 1) for number, word in words if word)


def _numbers(names: Iterable[str]) -> dict[int, list[str]]:
    """Number -> the names that have it: `1`, `Grade_1`, `1 - No DR`."""
    found: dict[int, list[str]] = {}
    for name in names:
        match = _NUMBERED.fullmatch(plain(name))
        if match and not signed(name):
            found.setdefault(int(match["number"]), []).append(name)
    return found


def _flags(meanings: Mapping[str, str]) -> str:
    return " ".join(f"--grade {shlex.quote(f'{name}={meaning}')}" for name, meaning in sorted(meanings.items()))


def two_classes(tree: Tree) -> str:
    """Names of two folders of pictures that look like not referable and referable; "" where there are none."""
    for below in names_below(tree).values():
        beside = {plain(name): name for name in below}
        diseased, healthy = sorted(_DISEASED & beside.keys()), sorted((_HEALTHY | {"0"}) & beside.keys())
        if diseased and healthy and len(beside) == 2:
            return f"`{beside[healthy[0]]}` and `{beside[diseased[0]]}`"
    return ""


def refuse_two_classes(folders: GradeFolders) -> None:
    """Raise DataError where folders 0 and 1 are all: these are most often two classes, and a grade is one of five."""
    if {plain(one.word) for one in folders.entries} == {"0", "1"}:
        raise DataError(
            "a data set must have a folder for each of the grades 0..4, but the folders 0 and 1 alone look like not "
            "referable / referable; get the grades themselves, or take these for grades with --layout folders"
        )
