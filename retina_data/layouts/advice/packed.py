"""Archives that are not unpacked beside pictures that are used."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Mapping

from retina_data.layouts.advice.refusals import Refusal
from retina_data.layouts.folder_names import names_images, split_named, split_of_path, words_of
from retina_data.layouts.folder_tree import Tree, counted, examples, extension, is_archive
from retina_data.layouts.grade_folders import grade_of
from retina_data.layouts.label_files import Entry, plain

_CONTENT = frozenset(("label", "labels", "grade", "grades", "annotation", "annotations"))

_PARTS = frozenset(("part", "parts", "chunk", "chunks", "batch", "volume", "vol"))


def not_unpacked(tree: Tree, used: Mapping[str, Entry], words: Mapping[str, int | None]) -> list[Refusal]:
    """Warnings of archives whose names say a split, a grade, pictures or labels, where no such thing lies.

    used: pictures that are used, and their entries. words: what the user says of folders of grades.
    """
    archives = [file for file in tree.files if is_archive(file)] if used else []
    others = [file for file in tree.files if not is_archive(file)] if archives else []
    folders = {file.rpartition("/")[0] for file in others}
    folders |= {folder[: mark.start()] for folder in folders for mark in re.finditer("/", folder)}
    names = {plain(folder.rpartition("/")[2]) for folder in folders}
    names |= {plain(name.rpartition(".")[0]) for name in (file.rpartition("/")[2] for file in others)}
    splits = {entry.split or "train" for entry in used.values()} | set(map(split_of_path, folders))
    grades: dict[str, set[int]] = defaultdict(set)
    for folder in folders:
        outer, _, name = folder.rpartition("/")
        if (grade := grade_of(name, words)) is not None:
            grades[outer].add(grade)
    found = []
    for file in archives:
        folder, _, name = file.rpartition("/")
        name = _without_endings(name)
        there = grades.get(folder) or set().union(*grades.values())
        if (grade := grade_of(name, words)) is not None and len(there) > 1:
            found += [file] if grade not in there else []
        elif _says_more(name, splits) and plain(name) not in names:
            found.append(file)
    if not found:
        return []
    text = (
        f"{counted(len(found), 'archive')} beside the pictures ({examples(found)}) may have more of them, or labels, "
        "and nothing of that name lies there: unpack it, or move it away where it is unpacked elsewhere"
    )
    return [Refusal("archive not unpacked", len(found), text, only_warns=True)]


def _says_more(name: str, splits: set[str]) -> bool:
    """Whether the name of an archive says a split that is not there, a part of a collection, or pictures or labels."""
    said = set(words_of(name))
    if split := split_named(name):
        return split not in splits or not _PARTS.isdisjoint(said)
    return names_images(name) or not said.isdisjoint(_CONTENT | _PARTS)


def _without_endings(name: str) -> str:
    """The name of an archive without its extensions: `test` of `test.tar.gz` and `test.zip.001`."""
    while is_archive(name) or re.fullmatch(r"\.(z?\d+|bz2|xz|csv)", extension(name)):
        name = name.rpartition(".")[0]
    return name
