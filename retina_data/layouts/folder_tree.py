"""All files below a data set's folder, listed once and by name alone, and which of them are the listed images."""

from __future__ import annotations

import os
import re
import stat
import unicodedata
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import NamedTuple

from retina_data.errors import DataError
from retina_data.layouts.label_files import EXTENSIONS, plain

UNREAD = frozenset((
    ".heic", ".heif", ".avif", ".dcm", ".dicom", ".ppm", ".pgm", ".pnm", ".gif", ".jp2", ".j2k", ".jxl", ".raw", ".cr2",
    ".nef", ".dng", ".fda", ".e2e", ".oct", ".psd",
))  # fmt: skip
"""Pictures in formats that are not read."""

TABLES = frozenset((".csv", ".tsv"))

UNREAD_TABLES = {
    ".xls": "an Excel table", ".xlsx": "an Excel table", ".xlsm": "an Excel table", ".ods": "an OpenDocument table",
    ".json": "a JSON file", ".jsonl": "a JSON file", ".parquet": "a Parquet file", ".mat": "a MATLAB file",
    ".pkl": "a Python pickle",
}  # fmt: skip
"""Extension -> what it is: tables in formats that are not read."""

_ARCHIVES = frozenset((".zip", ".tar", ".gz", ".tgz", ".7z", ".rar", ".001"))

_LEFTOVERS = frozenset(("__macosx", "thumbs.db", "desktop.ini", "ehthumbs.db", "$recycle.bin"))

_SPLIT_WORDS = (  # English, Spanish, Portuguese, French, Italian, German, without accents
    (r"train\w*|entrena\w*|trein(o|amento)|entrainement|apprentissage|addestramento", "train"),
    (r"va(l|lid|lset)|valida(tion|cion|cao|zione)|validierung|dev", "val"),
    (r"test\w*|eval\w*|holdout|solution|pruebas?|essai|prova|prue?f\w*", "test"),
)

COPY_WORDS = (
    r"orig|originals?|raw|aug|augment[a-z]*|copy|copies|duplicates?|(?:re|up|down)(?:size|scale|sample)d?|crop(?:ped)?|clahe|"
    r"graham|enhanced|(?:pre)?process(?:ed|ing)|filter(?:ed)?|gaussian|blur(?:red)?|sharpened|denoised?|normali[sz]ed|"
    r"equali[sz]ed|gr[ae]y(?:scale)?|green(?:channel)?|masked|padded|squared?|flip(?:ped)?|[hv]flip|mirror(?:ed)?|"
    r"rot(?:ated?)?|thumbs?|thumbnails?|compressed|converted|\d{2,4}x\d{2,4}(?:px)?"
)
"""Regular expression: what was made of photographs, and what that was made from."""

_COPY = re.compile(rf"(?:{COPY_WORDS})\d*", re.IGNORECASE)

_COUNT = re.compile(r"v?\d*(px)?|ben", re.IGNORECASE)

_IMAGE_FOLDERS = frozenset((
    "data", "image", "images", "img", "imgs", "jpeg", "jpg", "png", "photo", "photos", "picture", "pictures", "fundus",
))  # fmt: skip


class Tree(NamedTuple):
    """Files below `root`, by their paths relative to it, in the order of folders and names.

    pictures: those with the extension of a format that is read. texts: those that may be label files by theirs.
    links: files that are links. leftovers: what macOS, Windows or a program left there; in hidden folders too.
    """

    root: Path
    files: tuple[str, ...]
    pictures: tuple[str, ...] = ()
    texts: tuple[str, ...] = ()
    links: frozenset[str] = frozenset()
    leftovers: tuple[str, ...] = ()


def tree_of(root: Path, files: Iterable[str], links: Iterable[str] = (), leftovers: Iterable[str] = ()) -> Tree:
    """A tree with its files in order and told apart by their extensions."""
    ordered = tuple(sorted(files, key=lambda file: file.rpartition("/")[::2]))
    kinds = [extension(file) for file in ordered]
    pictures = tuple(file for file, kind in zip(ordered, kinds, strict=True) if kind in EXTENSIONS)
    texts = tuple(file for file, kind in zip(ordered, kinds, strict=True) if kind in (".csv", ".tsv", ".txt"))
    return Tree(root, ordered, pictures, texts, frozenset(links), tuple(sorted(leftovers)))


def scan(root: Path) -> Tree:
    """Every file below a folder; of linked folders too, each once. No file is opened.

    Raises DataError where a folder cannot be listed: what is in it would be left out in silence.
    """
    files: list[str] = []
    links: list[str] = []
    leftovers: list[str] = []
    waiting, visited = [("", False)], set()
    while waiting:
        folder, ignored = waiting.pop()
        path = root / folder
        try:
            place = os.stat(path)
            with os.scandir(path) as found:
                entries = sorted((entry.name, entry.is_dir(), entry.is_symlink(), _waits(entry)) for entry in found)
        except OSError as error:
            raise DataError(
                f"every folder of a data set must be readable, but {path} is not ({error.strerror}); make it readable, "
                "or move it elsewhere"
            ) from None
        if (place.st_dev, place.st_ino) in visited:
            continue
        visited.add((place.st_dev, place.st_ino))
        for name, is_folder, is_link, waits in entries:
            inside = f"{folder}/{name}" if folder else name
            if waits:
                raise DataError(
                    f"a data set must hold files and folders, but {root / inside} is a pipe, a socket or a device; "
                    "move it elsewhere"
                )
            is_leftover = ignored or name.startswith(".") or name.lower() in _LEFTOVERS
            if is_folder:
                waiting.append((inside, is_leftover))
            else:
                (leftovers if is_leftover else files).append(inside)
                links += [inside] if is_link else []
    return tree_of(root, files, links, leftovers)


def _waits(entry: os.DirEntry[str]) -> bool:
    """Whether reading it might wait for ever; a link to nothing does not."""
    try:
        mode = entry.stat().st_mode
    except OSError:
        return False
    return not (stat.S_ISREG(mode) or stat.S_ISDIR(mode))


def extension(file: str) -> str:
    """Extension of a file's name in small letters, with its dot."""
    _, dot, ending = file.rpartition(".")
    return f".{ending.lower()}" if dot and "/" not in ending else ""


def all_pictures(tree: Tree) -> list[str]:
    """Pictures in formats that are read, and then those in others."""
    return [*tree.pictures, *(file for file in tree.files if extension(file) in UNREAD)]


def is_archive(file: str) -> bool:
    """Whether a file's name is that of files packed into one."""
    return extension(file) in _ARCHIVES


def split_named(name: str) -> str:
    """The split that a file's or a folder's name says in its words; "" where it says none, or several."""
    letters = re.sub("[\u0300-\u036f]", "", unicodedata.normalize("NFD", name))  # without accents
    words = [word.lower() for word in re.findall(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])", letters)]
    found = {split for word in words for pattern, split in _SPLIT_WORDS if re.fullmatch(pattern, word)}
    return found.pop() if len(found) == 1 else ""


def split_of_path(path: str) -> str:
    """The split that the outermost folder says, of those that say one."""
    return next(filter(None, map(split_named, path.split("/"))), "")


def names_images(folder: str) -> bool:
    """Whether a folder's name says that images lie there, or those of a split, and nothing else."""
    return plain(folder) in _IMAGE_FOLDERS or bool(split_named(folder))


@cache
def without_copies(folder: str) -> tuple[str, str]:
    """A folder's name without its words of copies (`clahe`, `resized_512`, `train_augmented`), and these words.

    Where it has some, its words of images and splits and its numbers are off too.
    """
    words = re.split(r"[-_ .]+|(?<=[a-z])(?=[A-Z])", folder)
    copies = [word for word in words if _COPY.fullmatch(word)]
    if not copies:
        return folder, ""
    kept = [word for word in words if word not in copies and not names_images(word) and not _COUNT.fullmatch(word)]
    return "_".join(kept), "_".join(copies).lower()


def examples(files: Iterable[str], most: int = 2) -> str:
    """The first two of some files, as text for their owner."""
    return ", ".join(f"`{file}`" for _, file in zip(range(most), files, strict=False))


def counted(count: int, what: str) -> str:
    """A number of things, as text."""
    return f"{count:,} {what}{'' if count == 1 else 's'}"
