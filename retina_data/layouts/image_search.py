"""Listed images -> their files: where each lies, that none stands twice, and names that tell equal ones apart."""

from __future__ import annotations

import os
from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import replace
from unicodedata import normalize

from retina_data.errors import DataError
from retina_data.layouts.folder_names import made_from_photographs, names_images, split_named, split_of_path
from retina_data.layouts.folder_tree import Tree, counted, extension
from retina_data.layouts.grade_folders import grade_folder, grade_of
from retina_data.layouts.label_files import EXTENSIONS, Entry, some, stem_of

_FEW = 10
"""Folders, or images of one: more folders are no splits, and a split has more images."""


def find_images(tree: Tree, entries: list[Entry]) -> list[str]:
    """The file of each entry, relative to the tree's root; "" where there is none.

    A name is looked for in all folders, with or without extension, and as it is spelled first; never in the folder of
    another split, where the entry's has one, a mask where photographs lie elsewhere, or in a folder further from the
    label file than the nearest that has some of its images. Of several files the one in the folder of the entry's split
    is taken, then in `data/`, in `images/` or beside the label file, then the one in the folder that has most of the
    names.
    """
    by_stem: dict[str, list[str]] = defaultdict(list)
    by_small_letters: dict[str, list[str]] = defaultdict(list)
    for file in tree.pictures:
        stem = stem_of(file.rpartition("/")[2])
        by_stem[stem].append(file)
        by_small_letters[stem.casefold()].append(file)
    splits = {folder: split_of_path(folder) for folder in {file.rpartition("/")[0] for file in tree.pictures}}
    candidates = []
    for entry in entries:
        inner, _, name = entry.image.rpartition("/")
        stem = stem_of(name)
        found = [entry.file] if entry.file else by_stem.get(stem) or by_small_letters.get(stem.casefold(), [])
        if inner and not entry.file:
            ending = f"/{normalize('NFC', os.path.normpath(inner))}/"
            found = [file for file in found if normalize("NFC", f"/{file.rpartition('/')[0]}/").endswith(ending)]
        if entry.split and entry.split in splits.values() and not entry.file:
            found = [file for file in found if splits[file.rpartition("/")[0]] in ("", entry.split)]
        candidates.append([file for file in found if file.rpartition("/")[2] == name] or found)
    candidates = _narrowed(tree, entries, candidates)
    coverage = Counter(_group(entry, file) for entry, files in zip(entries, candidates, strict=True) for file in files)

    def rank(entry: Entry, file: str) -> tuple[int, int, int, str, int, str]:
        folder, _, name = file.rpartition("/")
        inner = entry.image.rpartition("/")[0]
        place = folder.removesuffix(inner).strip("/") if inner else folder
        known = {"data": 1, "images": 2, "": 3}.get(place.removeprefix(entry.folder).strip("/"), 4)
        first = 0 if entry.split and splits[folder] == entry.split else known
        extensions = EXTENSIONS.index(extension(name))
        return first, -coverage[_group(entry, file)], folder.count("/"), folder, extensions, name

    def best(entry: Entry, files: list[str]) -> str:
        return files[0] if len(files) == 1 else min(files, key=lambda file: rank(entry, file), default="")

    return [best(entry, files) for entry, files in zip(entries, candidates, strict=True)]


def _narrowed(tree: Tree, entries: list[Entry], candidates: list[list[str]]) -> list[list[str]]:
    """Of each entry's files those around its label file that are no masks, as far as other entries have such files."""
    made = made_from_photographs(tree.pictures)
    least = min((made[file] for files in candidates for file in files), default=0)
    of_folder: dict[str, set[str]] = defaultdict(set)
    for entry, files in zip(entries, candidates, strict=True):
        of_folder[entry.folder].update(file for file in files if entry.file or made[file] == least)
    around = {folder: _nearest(folder, files) for folder, files in of_folder.items()}
    return [
        [
            file
            for file in files
            # The folder of a name with one is said.
            if (entry.file or "/" in entry.image or made[file] == least) and file.startswith(around[entry.folder])
        ]
        for entry, files in zip(entries, candidates, strict=True)
    ]


def _nearest(folder: str, files: set[str]) -> str:
    """The folder, or the innermost one around it, in which some of the files lie, with a slash; "" for the root."""
    while folder and not any(file.startswith(f"{folder}/") for file in files):
        folder = folder.rpartition("/")[0]
    return f"{folder}/" if folder else ""


def _group(entry: Entry, file: str) -> tuple[str, str, str]:
    """Entries of one label file and split, and the folder of a file: what is chosen for them together."""
    return entry.folder, entry.split, file.rpartition("/")[0]


def refuse_links_out(tree: Tree, entries: list[Entry], files: list[str]) -> None:
    """Raise DataError where an entry's file is a link that leads out of its folder and of the data set's."""
    root = os.path.realpath(tree.root)
    for entry, file in zip(entries, files, strict=True):
        if file in tree.links:
            path = os.path.join(tree.root, file)
            folder, target = os.path.realpath(os.path.dirname(path)), os.path.realpath(path)
            if not target.startswith((f"{folder}/", f"{root}/")):
                raise DataError(
                    f"an image must lie in its data set's folder, but {entry.image} ({entry.place}) is a link that "
                    f"leads to {target}; put the file itself there"
                )


def refuse_repeated(entries: list[Entry], files: list[str]) -> None:
    """Raise DataError where two lines list one image: one file, or one name in a split where there is none."""
    first: dict[tuple[str, ...], Entry] = {}
    repeated: list[tuple[Entry, Entry]] = []
    for entry, file in zip(entries, files, strict=True):
        earlier = first.setdefault((file,) if file else (entry.split, entry.folder, stem_of(entry.image)), entry)
        if earlier is not entry:
            repeated.append((earlier, entry))
    if repeated:
        named = [f"{entry.image} ({earlier.place} and {entry.place})" for earlier, entry in repeated]
        if any(one.eye != other.eye for one, other in repeated):
            advice = "the file's eyes differ: name the column of the images' own names with --image-column, or add one"
        elif any(one.grade != other.grade for one, other in repeated):
            advice = "their grades differ: find out which line is right, and delete the other"
        elif any(one.place.rpartition(",")[0] != other.place.rpartition(",")[0] for one, other in repeated):
            advice = "several label files list them, as for folds: keep one file of each split, move the others away"
        else:
            advice = "delete one line of each"
        raise DataError(f"an image must be listed once, but {some(named)} stand twice; {advice}")


def splits_by_folder(entries: list[Entry], files: list[str]) -> list[Entry]:
    """The entries with the split of their file's folder, where no label file says one and the folders say several."""
    folders = ["" if entry.split else file.rpartition("/")[0] for entry, file in zip(entries, files, strict=True)]
    said = [split_of_path(folder) for folder in folders]
    if "train" not in said or not {"val", "test"} & set(said):
        return entries
    return [replace(entry, split=split) if split else entry for entry, split in zip(entries, said, strict=True)]


def folders_without_split(used: Mapping[str, Entry], words: Mapping[str, int | None]) -> str:
    """One line about large folders of pictures in no split where others are, or where they are several; else "".

    It names none. used: files and their entries; words: for folders of grades, which do not count.
    """
    images = Counter[str]()
    for folder, entry in ((file.rpartition("/")[0], entry) for file, entry in used.items()):
        if entry.file and f"/{entry.word}/" in f"/{folder}/":
            outer = folder[: f"/{folder}/".index(f"/{entry.word}/") + len(entry.word)]
        else:
            outer, _ = grade_folder(folder, words) or ("", 0)
        images[outer.rpartition("/")[0] + folder[len(outer) :]] += not entry.split
    several = [folder for folder, count in images.items() if count > _FEW]
    outermost = {file: file.partition("/")[0] for file in used if "/" in file}
    if any(map(split_named, outermost.values())):  # beside a folder of a split however few
        several = several or sorted({
            folder for file, folder in outermost.items()
            if not (used[file].split or names_images(folder) or grade_of(folder, words) is not None)
        })  # fmt: skip
    if not 1 < len(several) + any(entry.split for entry in used.values()) <= _FEW:
        return ""
    return (
        f"the pictures of {counted(len(several), 'folder')} are in no split that the files name (train, val, test): "
        "they are read as one, for training"
    )


def distinct_names(entries: list[Entry]) -> list[Entry]:
    """The entries with distinct names: where two have one name, the folder or the split that tells them apart."""
    if len({stem_of(entry.image) for entry in entries}) == len(entries):
        return entries
    namesakes: dict[str, list[Entry]] = defaultdict(list)
    for entry in entries:
        namesakes[stem_of(entry.image)].append(entry)

    def name(entry: Entry) -> str:
        same = namesakes[stem_of(entry.image)]
        if len({one.split for one in same}) == len(same) > 1:
            return f"{entry.split or 'train'}/{entry.image}"
        if len({one.folder for one in same}) == len(same) > 1:
            return f"{entry.folder}/{entry.image}"
        return entry.image

    return [replace(entry, image=name(entry)) for entry in entries]
