"""What words beside the grades, and names, say otherwise than what is read: grades, splits, other photographs."""

from __future__ import annotations

import json
import re
import shlex
from collections import defaultdict
from collections.abc import Iterable, Sequence

import yaml

from retina_data.errors import DataError
from retina_data.layouts.advice.refusals import TWO_VERSIONS, Refusal, stems_of_folders
from retina_data.layouts.advice.scale import grade_said
from retina_data.layouts.folder_names import names_images, split_named, without_copies, words_of
from retina_data.layouts.folder_tree import Tree, counted, examples, extension
from retina_data.layouts.grade_folders import grade_of
from retina_data.layouts.inventory import Fate, Fates
from retina_data.layouts.label_files import Entry, LabelTable, ReadOptions, clipped, read_table, stem_of
from retina_data.layouts.tables.columns import Columns, columns_of
from retina_data.layouts.tables.published import form_of
from retina_data.layouts.tables.unread_splits import KIND
from retina_data.layouts.tables.unread_table import OF_SOMETHING_ELSE

_CODES = re.compile(r"_?(class|label|target|data|obj)[\w-]*\.(json|ya?ml|txt|names|csv|tsv)", re.IGNORECASE)
"""Files in which training programs note the numbers that they gave to words."""

_CODE = re.compile(r"(\d+|[^\d,;:\t=]+?)\s*[,;:\t= ]\s*(\d+|[^\d,;:\t=]+)")

_MOST_CODES = 20
"""Lines; a longer file is none of codes."""

_MOST_BYTES = 100_000

_SET_ASIDE = re.compile(
    "reject(s|ed)?|exclude[ds]?|deleted?|removed|discard(ed)?|invalid|trash|(un|non)grad(e?able|ed)|bad|poor"
)
"""Words of folders."""

_OF_OTHERS = re.compile(
    "dme|dmo|edema|oedema|glaucoma|amd|armd|cataracts?|myopia|octa?|ffa|faf|angiograph(y|ies)|gan|synthetic|generated|"
    "predict(ed|ions?)|pseudo"
)
"""Words of folders: another disease, another kind of picture, a model's grades."""


def words_beside_grades(tree: Tree, files: Sequence[str], options: ReadOptions) -> list[Refusal]:
    """Columns of words for grades that say other grades than the numbers beside them. files: those that are read.

    Refused where each number stands for one word, as a code in the words' own order does, and the user did not choose
    the column; else they may be of another reader, and are warned of.
    """
    found = []
    for file in files:
        try:
            table = read_table(tree.root / file, file)
            read = columns_of(table, options) if form_of(table) != "ddr" else None
        except DataError:
            continue
        for number, name in enumerate(table.columns) if read else ():
            if read and number not in read.grades and not OF_SOMETHING_ELSE.search(name):
                found += _other_words(table, number, read, options)
    return found


def _other_words(table: LabelTable, number: int, read: Columns, options: ReadOptions) -> list[Refusal]:
    """What the words of one column contradict."""
    grades, most = read.grades[0], max(number, read.grades[0])
    pairs = [(row[grades], row[number]) for _, row in table.rows if len(row) > most and row[number]]
    words = {word: grade_of(word, {}) for _, word in pairs}
    if len(words) < 2 or None in words.values() or any(map(str.isdigit, words)):
        return []
    said = {code: grade_said(code, options.grades) for code, _ in pairs}
    differ = [(code, word) for code, word in pairs if said[code] not in (None, words[word])]
    if not differ:
        return []
    code, word = differ[0]
    coded = len(set(pairs)) == len(words)
    text = (
        f"{len(differ):,} of {counted(len(pairs), 'line')} of `{table.name}` have another grade by the column "
        f"{clipped(table.columns[number])}, such as {clipped(code)} beside {clipped(word)}"
        f"{': the numbers may be codes in the order of the alphabet' if coded else ''}; read the words with "
        f"--image-column {shlex.quote(table.columns[read.image])} --grade-column {shlex.quote(table.columns[number])}"
    )
    chosen = options.grade_column is not None
    return [Refusal("grades disagree", len(differ), text, only_warns=chosen or not coded)]


def codes_of_words(tree: Tree, entries: Sequence[Entry]) -> list[Refusal]:
    """Warnings of files with other numbers for the words of grades, where the labels that are read are numbers."""
    if not entries or not all(entry.word.isdigit() for entry in entries):
        return []
    found, read = [], {entry.word: entry.grade for entry in entries}
    for file in tree.files:
        if not _CODES.fullmatch(file.rpartition("/")[2]):
            continue
        try:
            with (tree.root / file).open(encoding="utf-8-sig", errors="replace") as opened:
                pairs = _coded(opened.read(_MOST_BYTES), extension(file))
        except (OSError, ValueError, RecursionError, yaml.YAMLError):
            continue
        said = {word: grade for word in pairs if (grade := grade_of(word, {})) is not None}
        differ = [word for word, grade in said.items() if read.get(pairs[word], grade) != grade]
        if differ:
            text = (
                f"`{file}` says that {clipped(pairs[differ[0]])} is {clipped(differ[0])}: if the labels are these "
                f"codes, give each its grade, such as --grade {pairs[differ[0]]}={said[differ[0]]}"
            )
            found.append(Refusal("grades disagree", len(entries), text, only_warns=True))
    return found


def _coded(text: str, kind: str) -> dict[str, str]:
    """Word -> its number in a file of codes: mappings of JSON or YAML, either first, a list, or lines of a text."""
    found: dict[str, str] = {}
    if kind in (".json", ".yaml", ".yml"):
        held = json.loads(text) if kind == ".json" else yaml.safe_load(text)
        for one in [held, *(held.values() if isinstance(held, dict) else ())]:
            pairs = one.items() if isinstance(one, dict) else enumerate(one) if isinstance(one, list) else ()
            for pair in pairs:
                _add(found, *map(str, pair))
        return found
    lines = [bare for line in text.replace('"', "").splitlines() if (bare := line.strip())]
    for line in lines if len(lines) <= _MOST_CODES else ():
        if match := _CODE.fullmatch(line):
            _add(found, *match.groups())
    if not found and len(lines) <= _MOST_CODES:
        for number, line in enumerate(lines):
            _add(found, str(number), line)
    return found


def _add(found: dict[str, str], one: str, other: str) -> None:
    for code, word in ((one, other), (other, one)):
        if code.isdigit() and not word.isdigit():
            found[word.strip("\"' ")] = code


def splits_in_names(entries: Sequence[Entry]) -> list[Refusal]:
    """A warning where images' names begin or end with one split and others do not, and nothing else says splits."""
    if any(entry.split for entry in entries):
        return []
    said: dict[str, list[str]] = defaultdict(list)
    for entry in entries:
        words = [word for word in stem_of(entry.image.rpartition("/")[2]).replace("-", "_").split("_") if word]
        if split := next(filter(None, map(split_named, (words[0], words[-1]) if words else ())), ""):
            said[split].append(entry.image)
    held_out = len(said.get("val", ())) + len(said.get("test", ()))
    if 10 * held_out < len(entries) or len(entries) in map(len, said.values()):
        return []
    named = ", ".join(f"{clipped(images[0])} ({split})" for split, images in said.items())
    text = (
        f"the images' names say splits, such as {named}, but are not read so: say train, val or test in a column "
        "`split` of the label file, or move the images into folders of these names"
    )
    return [Refusal(KIND, len(entries), text, only_warns=True)]


def folders_of_others(used: Iterable[str]) -> list[Refusal]:
    """Warnings of pictures that are used though a folder says that they are set aside, or of something else.

    used: files. Where every folder says so, it is the data set's own name. `valid` beside `invalid` is refused: it is
    no split then, but says which can be graded.
    """
    found, files = [], list(used)
    folders = {folder: words_of(folder) for file in files for folder in file.split("/")[:-1]}
    for what, pattern in (("set aside", _SET_ASIDE), ("of something else", _OF_OTHERS)):
        said = {folder for folder, words in folders.items() if any(map(pattern.fullmatch, words))}
        named = [file for file in files if not said.isdisjoint(file.split("/")[:-1])]
        if 0 < len(named) < len(files):
            text = (
                f"{counted(len(named), 'picture')} in {examples(sorted(said))} may be {what} by the folder's name, but "
                "are used: move the folder away if they are"
            )
            found.append(Refusal("other pictures", len(named), text, only_warns=True))
    names = {folder.lower() for folder in folders}
    if {"valid", "invalid"} <= names:
        inside = [file for file in files if "valid" in file.lower().split("/")[:-1]]
        text = (
            "a folder `valid` beside `invalid` says which pictures can be graded, and is read as a validation split: "
            "rename it, and move the others away"
        )
        found.append(Refusal(KIND, len(inside), text))
    return found


def namesakes(fates: Fates) -> list[Refusal]:
    """A warning of whole folders that have the names of those that are used, and no less than these say photographs."""
    used = stems_of_folders(fates.get(Fate.PICTURE, ()))
    found = []
    for folder, stems in sorted(stems_of_folders(fates.get(Fate.SAME_NAME, ())).items()):
        twins = [other for other, names in used.items() if names == stems]
        for twin in twins:
            names = [name.rpartition("/")[2] for name in (folder, twin)]
            if all(name and not names_images(name) and not without_copies(name)[1] for name in names):
                text = (
                    f"{counted(len(stems), 'picture')} of {examples([folder])} have the names of those of "
                    f"{examples([twin])}, which are used: name the folder in the label file, or move one of them away"
                )
                found.append(Refusal(TWO_VERSIONS, len(stems), text, only_warns=True))
    return found
