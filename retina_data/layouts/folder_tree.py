"""All files below a data set's folder, listed once and by name alone, and which of them are the listed images."""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple

from retina_data.errors import DataError
from retina_data.file_kind import NEEDED, extension_of
from retina_data.layouts.folder_names import says_labels
from retina_data.layouts.label_files import EXTENSIONS

UNREAD = frozenset((
    ".heic", ".heif", ".avif", ".dcm", ".dicom", ".ppm", ".pgm", ".pnm", ".gif", ".jp2", ".j2k", ".jxl", ".raw", ".cr2",
    ".nef", ".dng", ".fda", ".e2e", ".oct", ".psd", ".tga", ".pcx", ".sgi", ".ico", ".dib", ".fits", ".fit", ".svg",
    ".nii", ".mpo", ".jps",
))  # fmt: skip
"""Pictures in formats that are not read."""

TABLES = frozenset((".csv", ".tsv", ".tab"))

_UNREAD_TABLES = {
    ".xls": "an Excel table", ".xlsx": "an Excel table", ".xlsm": "an Excel table", ".ods": "an OpenDocument table",
    ".xlsb": "an Excel table", ".numbers": "a Numbers table", ".gsheet": "a link to a Google table",
    ".json": "a JSON file", ".jsonl": "a JSON file", ".parquet": "a Parquet file", ".mat": "a MATLAB file",
    ".pkl": "a Python pickle", ".feather": "a Feather file", ".psv": "a table with other delimiters",
    ".dat": "a data file", ".sav": "an SPSS table", ".dta": "a Stata table",
    ".sqlite": "a database", ".db": "a database", ".rds": "a file of R", ".rdata": "a file of R",
}  # fmt: skip
"""Extension -> what it is: tables in formats that are not read."""

_DOCUMENTS = {
    ".xml": "an XML file", ".html": "a web page", ".htm": "a web page", ".pdf": "a PDF file", ".doc": "a text document",
    ".docx": "a text document", ".odt": "a text document", ".rtf": "a text document", ".h5": "an HDF5 file",
    ".hdf5": "an HDF5 file", ".arrow": "an Arrow file", ".tfrecord": "a file of TensorFlow",
}  # fmt: skip
"""The same, of which most hold no table: only where the file's name says labels or a split."""

_KEPT_TABLE = re.compile(
    r"(?P<table>.*\.(csv|tsv|tab|xlsx?|jsonl?|parquet))(?:(?P<packed>\.(zip|gz|bz2|xz|zst|7z|rar))|[.~_-]*(bak|old|orig)|~)",
    re.IGNORECASE,
)
"""A table that is packed, or a copy of one under a name that programs do not read."""

COPIES_OF_TABLES = ("a packed table", "a copy of a table")

_ARCHIVES = frozenset((".zip", ".tar", ".gz", ".tgz", ".7z", ".rar", ".001"))

_NAMED = {*EXTENSIONS, *UNREAD, *TABLES, *_UNREAD_TABLES, *_DOCUMENTS, *_ARCHIVES, ".txt", ".md", ".npz"}
"""Extensions of files that need not be opened to know what they are."""

_LEFTOVERS = frozenset(("__macosx", "thumbs.db", "desktop.ini", "ehthumbs.db", "$recycle.bin"))


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
    texts = tuple(file for file, kind in zip(ordered, kinds, strict=True) if kind in {*TABLES, ".txt"})
    return Tree(root, ordered, pictures, texts, frozenset(links), tuple(sorted(leftovers)), misnamed)


def scan(root: Path) -> Tree:
    """Every file below a folder; of linked folders too, each once. Files of unknown extensions alone are opened.

    Raises DataError where a folder cannot be listed, is a link that leads out of the data set, or a name is no text: it
    would be left out in silence.
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
            picture = extension(name) in EXTENSIONS or not_downloaded(name)
            left = name.startswith("._" if picture else ".") or name.lower() in _LEFTOVERS
            is_leftover = ignored or left
            if is_folder and is_link:
                _check_inside(root, inside)
            if is_folder:
                waiting.append((inside, is_leftover))
            else:
                (leftovers if is_leftover else files).append(inside)
                links += [inside] if is_link else []
    kinds = {file: _kind(root / file) for file in files if extension(file) not in _NAMED}
    return tree_of(root, files, links, leftovers, {file: kind for file, kind in kinds.items() if kind})


def _check_inside(root: Path, folder: str) -> None:
    """Raise DataError for a link to a folder elsewhere: whoever made the data set would choose what is read of it."""
    target = os.path.realpath(root / folder)
    if not f"{target}/".startswith(f"{os.path.realpath(root)}/"):
        raise DataError(
            f"a data set must lie in its folder, but {root / folder} is a link that leads to {target}; move or copy "
            "the folder there, or give the folder with both as DATA"
        )


def _kind(path: Path) -> str:
    """Extension of a picture by its content; "" for all else."""
    try:
        with path.open("rb") as opened:
            return extension_of(opened.read(NEEDED))
    except OSError:
        return ""


def not_downloaded(file: str) -> str:
    """The name of the file that iCloud has not downloaded yet, and left `.NAME.icloud` for; "" for others."""
    name = file.rpartition("/")[2]
    return name[1:].removesuffix(".icloud") if name.startswith(".") and name.endswith(".icloud") else ""


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
    others = (file for file in tree.files if extension(not_downloaded(file) or file) in kinds or file in tree.misnamed)
    return list(dict.fromkeys([*tree.pictures, *others]))


def unread_table(file: str) -> str:
    """What a file is whose name says a table in a format that is not read; "" for others."""
    if kept := _KEPT_TABLE.fullmatch(file):
        return COPIES_OF_TABLES[not kept["packed"]]
    kind, name = extension(file), file.rpartition("/")[2]
    return _UNREAD_TABLES.get(kind) or (_DOCUMENTS.get(kind, "") if says_labels(name) else "")


def as_csv(file: str) -> str:
    """The name under which a table that is not read is read."""
    kept = _KEPT_TABLE.fullmatch(file)
    return f"{(kept['table'] if kept else file).rpartition('.')[0]}.csv"


def is_archive(file: str) -> bool:
    """Whether a file's name is that of files packed into one."""
    return extension(file) in _ARCHIVES


def examples(files: Iterable[str], most: int = 2) -> str:
    """The first two of some files, as text for their owner."""
    return ", ".join(f"`{file}`" for _, file in zip(range(most), files, strict=False))


def counted(count: int, what: str) -> str:
    """A number of things, as text."""
    return f"{count:,} {what}{'' if count == 1 else 's'}"
