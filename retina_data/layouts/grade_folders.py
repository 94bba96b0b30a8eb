"""Folders that are named by a grade, at any depth, perhaps below folders that are named by a split."""

from __future__ import annotations

import re
import unicodedata
from collections import defaultdict
from collections.abc import Container, Iterable, Mapping, Sequence
from typing import NamedTuple

from retina_data.errors import DataError
from retina_data.layouts.folder_names import (
    is_made_of,
    made_from_photographs,
    names_images,
    split_of_path,
    without_copies,
    without_split,
)
from retina_data.layouts.folder_tree import Tree, extension
from retina_data.layouts.label_files import EXTENSIONS, UNGRADABLE, Entry, checked_name, plain, stem_of

_DISEASE = "(dr|retinopathy|diabeticretinopathy)"

_SPELLINGS = (
    (0, rf"no(apparent)?{_DISEASE}(signs?)?|normal|healthy"),
    *((grade, rf"(npdr)?{word}(npdr|nonproliferative{_DISEASE}?|{_DISEASE})?") for grade, word in
      ((1, "mild"), (2, "moderate"), (3, "severe"))),
    (4, rf"proliferat(e|ive){_DISEASE}?|pdr"),
    (UNGRADABLE, r"(un|non|not)grade?able"),
)  # fmt: skip

_NUMBERED = re.compile(r"(?:grade|level|class|stage|label|dr)?([0-4])?(.*?)([0-4])?")

_SIGN = re.compile(
    r"[?!*^%$&¿¡]|\.\.|(?<![^\W\d_])[.,]\d|^\W*-|-\W*$|^(grade|level|class|stage|label|dr)[\W_]+-\d", re.IGNORECASE
)
"""What makes a number or a word another one, or a doubtful one; a dash between two words does not."""

_HIGHER = re.compile(r"0?[6-9]|\d{2,}")


class GradeFolders(NamedTuple):
    """The images in folders of grades, and the pictures of folders beside these whose names say no grade."""

    entries: list[Entry]
    unknown: dict[str, list[str]]  # folder -> its pictures


def signed(text: str) -> bool:
    """Whether signs make a text another grade than its letters and digits, or a doubtful one: `-1`, `2?`, `≥3`."""
    letters = unicodedata.normalize("NFKC", text)  # of full width too
    kinds = {letter: unicodedata.category(letter) for letter in letters}
    dashed = "".join("-" if kinds[letter] == "Pd" or letter == "\u2212" else letter for letter in letters)
    symbols = any(kinds[letter] in ("Sm", "So") for letter in set(dashed) & kinds.keys() - {*"=|°"})
    return symbols or _SIGN.search(dashed) is not None


def same_word(word: str, other: str) -> bool:
    """Whether two words for grades are one: without case, blanks, `_`, `-`; to the letter where one is signed."""
    if signed(word) or signed(other):
        return unicodedata.normalize("NFKC", word).strip() == unicodedata.normalize("NFKC", other).strip()
    return plain(word) == plain(other)


def grade_of(name: str, words: Mapping[str, int | None]) -> int | None:
    """The grade that a word says, a folder's or a label file's; UNGRADABLE; or None where it says none.

    words: what the user says of some of them; they come first.
    """
    for word, grade in words.items():
        if same_word(word, name):
            return UNGRADABLE if grade is None else grade
    if signed(name):
        return None
    match = _NUMBERED.fullmatch(plain(re.sub(r"\(\d{2,}\)$", "", name)))  # `Mild (370)`
    assert match is not None  # it takes every text
    before, word, after = match.groups()
    if after and not word:  # two digits are the number of something else
        return None
    numbers = {int(number) for number in (before, after) if number}
    if word:
        numbers |= {grade for grade, pattern in _SPELLINGS if re.fullmatch(pattern, word)} or {9}
    return numbers.pop() if len(numbers) == 1 and 9 not in numbers else None


def grade_folder(folder: str, words: Mapping[str, int | None], numbered: Container[str] = ()) -> tuple[str, int] | None:
    """The outermost folder of a path that is named by a grade, and that grade. numbered: `numbered_folders`."""
    components = folder.split("/") if folder else []
    for number, name in enumerate(components, start=1):
        if "/".join(components[:number]) in numbered:
            continue
        grade = grade_of(name, words)
        if grade is None and (rest := without_split(name)) not in ("", name):  # `PDR train`
            grade = grade_of(rest, words)
        if grade is not None:
            return "/".join(components[:number]), grade
    return None


def numbered_folders(folders: Iterable[str], words: Mapping[str, int | None]) -> frozenset[str]:
    """Folders of numbers that are sites, folds, months or patients, as folders of grades lie in each of them.

    The numbers beside one another are such where one of them is no grade, or where the grades in them are words.
    """
    below: dict[str, dict[str, list[str]]] = defaultdict(lambda: defaultdict(list))
    for folder in folders:
        components = folder.split("/")
        for number, name in enumerate(components):
            if plain(name).isdigit():
                below["/".join(components[:number])][name].append("/".join(components[number + 1 :]))
    found = set[str]()
    for parent, numbers in below.items():
        graded = [grade_folder(rest, words) for inner in numbers.values() for rest in inner]
        if all(graded) and (
            any(grade_of(name, words) is None for name in numbers)
            or not any(plain(one[0].rpartition("/")[2]).isdigit() for one in graded if one)
        ):
            found |= {f"{parent}/{name}".lstrip("/") for name in numbers}
    return frozenset(found)


def read_grade_folders(tree: Tree, words: Mapping[str, int | None]) -> GradeFolders:
    """All pictures below folders of grades, but masks. Of files that differ in their extension alone, one is listed."""
    made = made_from_photographs(tree.pictures)
    folders = {file.rpartition("/")[0] for file in made}
    if any(names >= {*"012345"} and "6" not in names for names in names_below(tree).values()):
        words = {"5": None, **words}  # DDR's ungradable ones
    numbered = numbered_folders(folders, words)
    graded = {folder: found for folder in folders if (found := grade_folder(folder, words, numbered))}
    if not graded:
        return GradeFolders([], {})
    least = min(number for file, number in made.items() if file.rpartition("/")[0] in graded)
    photographs = [file for file in tree.pictures if made[file] <= least]
    graded = {folder: graded[folder] for file in photographs if (folder := file.rpartition("/")[0]) in graded}
    files: dict[str, str] = {}
    for file in sorted(photographs, key=lambda file: EXTENSIONS.index(extension(file))):
        if file.rpartition("/")[0] in graded:
            files.setdefault(stem_of(file), file)
    _refuse_two_grades(graded, words)
    parents = {folder.rpartition("/")[0] for folder, _ in graded.values()}
    unknown: dict[str, list[str]] = defaultdict(list)
    for file in photographs:
        components = file.split("/")
        paths = ["/".join(components[:number]) for number in range(1, len(components))]
        if "/".join(components[:-1]) not in graded:
            beside = [path for path in paths if path.rpartition("/")[0] in parents]
            if beside and not names_images(beside[0].rpartition("/")[2]):
                unknown[beside[0]].append(file)
    entries = [_entry(stem, file, *graded[file.rpartition("/")[0]]) for stem, file in files.items()]
    order = ("train", "", "val", "test")
    entries.sort(key=lambda one: (order.index(one.split), one.grade, one.image.rpartition("/")[::2]))
    return GradeFolders(entries, dict(unknown))


def _refuse_two_grades(graded: Mapping[str, tuple[str, int]], words: Mapping[str, int | None]) -> None:
    """Raise DataError where all pictures lie in two folders of grades that differ: folds or databases with numbers.

    Where some lie in one alone, the numbers below are of patients.
    """
    inner = {folder: grade_folder(folder[len(outer) :].strip("/"), words) for folder, (outer, _) in graded.items()}
    differ = [folder for folder, found in inner.items() if found and found[1] != graded[folder][1]]
    if differ and all(inner.values()):
        raise DataError(
            f"a picture must lie below one folder of a grade, but {differ[0]!r} names two; rename the outer folders "
            "(such as `fold1`), or give one of them"
        )


def _entry(stem: str, file: str, graded: str, grade: int) -> Entry:
    folder, word = file.rpartition("/")[0], graded.rpartition("/")[2]
    return Entry(checked_name(stem, folder), grade, split_of_path(folder), f"folder {folder}", file=file, word=word)


def collection(folder: str) -> str:
    """A folder without its parts that say a split or images; words of copies stay."""
    return "/".join(name for name in folder.split("/") if name and (without_copies(name)[1] or not names_images(name)))


def names_in_collection(entries: list[Entry], words: Mapping[str, int | None]) -> list[str]:
    """The images' names with their collection's folders; those of grades, splits and images are taken off."""
    folders = [collection(f"{entry.folder}/{entry.image.rpartition('/')[0]}").split("/") for entry in entries]
    graded = {name: grade_of(name, words) is not None for name in {name for folder in folders for name in folder}}
    listed_by_grade = all(graded[folder[0]] for folder in folders)  # else numbers are of patients
    names = []
    for entry, folder in zip(entries, folders, strict=True):
        by_grade = (number for number, name in enumerate(folder) if graded[name])
        first = folder.index(entry.word) if entry.file and entry.word in folder else next(by_grade, None)
        if first is not None and (entry.file or listed_by_grade):
            folder = folder[:first] + folder[first + 1 :]
        names.append("/".join([*filter(None, folder), entry.image.rpartition("/")[2]]))
    return names


def names_below(tree: Tree) -> dict[str, set[str]]:
    """Folder -> the names of the folders in it that hold pictures, or have some below, but for splits and images."""
    names: dict[str, set[str]] = defaultdict(set)
    for folder in {file.rpartition("/")[0] for file in tree.pictures} - {""}:
        components = folder.split("/")
        for number, name in enumerate(components):
            if not names_images(name):
                names["/".join(components[:number])].add(name)
    return names


def unused_graded(
    tree: Tree, unused: Sequence[str], used: Container[str], words: Mapping[str, int | None]
) -> list[str]:
    """Of pictures that are not used those in folders of grades that are not made of the ones that are.

    used: stems of these. Below a folder that says no split, one or two grades, or higher numbers, may be of patients.
    """
    found: dict[str, list[str]] = defaultdict(list)
    grades: dict[str, set[int]] = defaultdict(set)
    numbered = numbered_folders({file.rpartition("/")[0] for file in tree.pictures}, words) if unused else ()
    for file in unused:
        folder, _, name = file.rpartition("/")
        if (graded := grade_folder(folder, words, numbered)) and not is_made_of(stem_of(name), used):
            parent = graded[0].rpartition("/")[0]
            found[parent].append(file)
            grades[parent].add(graded[1])
    below = names_below(tree) if found else {}
    sure = {
        parent
        for parent in found
        if split_of_path(parent) or (len(grades[parent]) > 2 and not any(map(_HIGHER.fullmatch, below[parent])))
    }
    return [file for parent, files in found.items() if parent in sure for file in files]
