"""All files below a data set's folder, listed once and by name alone, and which of them are the listed images."""

from __future__ import annotations

import os
import re
import stat
import unicodedata
from collections.abc import Iterable, Mapping
from functools import cache, lru_cache
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple

from retina_data.errors import DataError
from retina_data.file_kind import NEEDED, extension_of
from retina_data.layouts.label_files import EXTENSIONS, plain, stem_of

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

_NAMED = {*EXTENSIONS, *UNREAD, *TABLES, *UNREAD_TABLES, *_ARCHIVES, ".txt", ".md", ".pdf", ".npz"}
"""Extensions of files that need not be opened to know what they are."""

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
_WORD = re.compile("[A-Z]?[a-z]+|[A-Z]+(?![a-z])")

_MADE = re.compile(
    "masks?|segmentations?|lesions?|vessels?|(ground)?truths?|annotations?|gradcams?|heatmaps?|thumb(nail)?s?"
)
"""Of a folder's name: what is made from photographs."""

_IMAGE_FOLDERS = frozenset((
    "data", "image", "images", "img", "imgs", "jpeg", "jpg", "png", "photo", "photos", "picture", "pictures", "fundus",
))  # fmt: skip


_NOTHING: Mapping[str, str] = MappingProxyType({})


class Tree(NamedTuple):
    """Files below `root`, by their paths relative to it, in the order of folders and names.

    pictures: those with the extension of a format that is read. texts: those that may be label files by theirs.
    links: files that are links. leftovers: what macOS, Windows or a program left there; in hidden folders too.
    misnamed: pictures by their content alone, with the extension that they should have.
    """

    root: Path
    files: tuple[str, ...]
    pictures: tuple[str, ...] = ()
    texts: tuple[str, ...] = ()
    links: frozenset[str] = frozenset()
    leftovers: tuple[str, ...] = ()
    misnamed: Mapping[str, str] = _NOTHING


def tree_of(
    root: Path,
    files: Iterable[str],
    links: Iterable[str] = (),
    leftovers: Iterable[str] = (),
    misnamed: Mapping[str, str] = _NOTHING,
) -> Tree:
    """A tree with its files in order and told apart by their extensions."""
    ordered = tuple(sorted(files, key=lambda file: file.rpartition("/")[::2]))
    kinds = [extension(file) for file in ordered]
    pictures = tuple(file for file, kind in zip(ordered, kinds, strict=True) if kind in EXTENSIONS and not hidden(file))
    texts = tuple(file for file, kind in zip(ordered, kinds, strict=True) if kind in (".csv", ".tsv", ".txt"))
    return Tree(root, ordered, pictures, texts, frozenset(links), tuple(sorted(leftovers)), misnamed)


def scan(root: Path) -> Tree:
    """Every file below a folder; of linked folders too, each once. Files of unknown extensions alone are opened.

    Raises DataError where a folder cannot be listed, or a name is no text: it would be left out in silence.
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
            if any("\ud800" <= letter <= "\udfff" for letter in name):
                raise DataError(f"a file's name must be UTF-8, but {ascii(inside)} is not; rename it")
            if waits:
                raise DataError(
                    f"a data set must hold files and folders, but {root / inside} is a pipe, a socket or a device; "
                    "move it elsewhere"
                )
            # A hidden picture may be one of the data set's; `._x.png` is what macOS notes of one.
            left = name.startswith("._" if extension(name) in EXTENSIONS else ".") or name.lower() in _LEFTOVERS
            is_leftover = ignored or left
            if is_folder:
                waiting.append((inside, is_leftover))
            else:
                (leftovers if is_leftover else files).append(inside)
                links += [inside] if is_link else []
    kinds = {file: _kind(root / file) for file in files if extension(file) not in _NAMED}
    return tree_of(root, files, links, leftovers, {file: kind for file, kind in kinds.items() if kind})


def _kind(path: Path) -> str:
    """Extension of a picture by its content; "" for all else."""
    try:
        with path.open("rb") as opened:
            return extension_of(opened.read(NEEDED))
    except OSError:
        return ""


def hidden(file: str) -> bool:
    """Whether a file's name begins with a dot."""
    return file.rpartition("/")[2].startswith(".")


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
    """Pictures in formats that are read, and then those in others, under other names or hidden."""
    kinds = UNREAD.union(EXTENSIONS)
    others = (file for file in tree.files if extension(file) in kinds or file in tree.misnamed)
    return list(dict.fromkeys([*tree.pictures, *others]))


def is_archive(file: str) -> bool:
    """Whether a file's name is that of files packed into one."""
    return extension(file) in _ARCHIVES


def split_named(name: str) -> str:
    """The split that a file's or a folder's name says in its words; "" where it says none, or several."""
    letters = re.sub("[\u0300-\u036f]", "", unicodedata.normalize("NFD", name))  # without accents
    found = set(filter(None, map(_split_word, _WORD.findall(letters))))
    return found.pop() if len(found) == 1 else ""


def _split_word(word: str) -> str:
    return next((split for pattern, split in _SPLIT_WORDS if re.fullmatch(pattern, word.lower())), "")


def without_split(name: str) -> str:
    """What a name says beside its split, "" for numbers alone: these are of parts."""
    rest = _WORD.sub(lambda word: "" if _split_word(word[0]) else word[0], name)
    return rest if _WORD.search(rest) else ""


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


@lru_cache(maxsize=2)  # it is asked of the same pictures again and again
def made_from_photographs(files: tuple[str, ...]) -> Mapping[str, int]:
    """Of each file how many of its folders say masks, lesions, heat maps or thumbnails: 0 for photographs.

    `od` is the optic disc, but an eye beside `os`. Beside `a.png` the file `a_mask.png` counts one more.
    """
    listed = [file.rpartition("/")[::2] for file in files]
    names = {name for folder in {folder for folder, _ in listed} for name in folder.split("/")}
    made = {name for name in names if any(map(_MADE.fullmatch, [plain(name), *map(str.lower, _WORD.findall(name))]))}
    exact = {"gt", "label", "labels", *({"od"} if "os" not in map(plain, names) else ())}  # `label 3` is a grade
    made |= {name for name in names if plain(name) in exact}
    of_folder = {folder: sum(name in made for name in folder.split("/")) for folder, _ in listed}
    stems = {(folder, stem_of(name)) for folder, name in listed}

    def beside_its_photograph(folder: str, name: str) -> bool:
        stem, _, word = re.sub(r"[-\s]", "_", stem_of(name)).rpartition("_")
        photograph = stem_of(name)[: len(stem)]
        return _MADE.fullmatch(word.lower()) is not None and (folder, photograph) in stems

    return {
        f"{folder}/{name}".lstrip("/"): of_folder[folder] + beside_its_photograph(folder, name)
        for folder, name in listed
    }


def examples(files: Iterable[str], most: int = 2) -> str:
    """The first two of some files, as text for their owner."""
    return ", ".join(f"`{file}`" for _, file in zip(range(most), files, strict=False))


def counted(count: int, what: str) -> str:
    """A number of things, as text."""
    return f"{count:,} {what}{'' if count == 1 else 's'}"
