"""Lines, names and grades of label files, each checked; the first place where a data set can be wrong.

Every rule that the files break is a `DataError`, because pandas' forgiving defaults (a first line eaten as header,
blank lines dropped) shift labels against images.
"""

from __future__ import annotations

import codecs
import csv
import io
import re
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

from retina_data.errors import DataError
from retina_data.file_kind import kind_of

EXTENSIONS = (".jpeg", ".jpg", ".png", ".tif", ".tiff", ".jfif", ".jpe", ".bmp", ".webp")

NAMED = 10  # so many offenders are named in a message, the others counted

UNGRADABLE = -1
"""Grade of an image that its readers could not grade; it is left out and counted."""

_LONGEST_LINE = 10_000  # characters; a longer one is no line of a label file

_HEAD = 65_536  # bytes

_TITLES = 10  # lines among which the header is


@dataclass(frozen=True)
class ReadOptions:
    """How a data set is to be read where its own look does not say it.

    layout: one of LAYOUTS. labels: the one label file to read, relative to the data set's folder or absolute; the
    columns are of its header. grades: words of the label file, or names of folders, to grades 0..4; None leaves out.
    patient_pattern: regular expression with the group `patient` (and `eye`), searched in each image's name.
    allow_unused: go on although labelled images would be left out.
    """

    layout: str | None = None
    labels: str | None = None
    image_column: str | None = None
    grade_column: str | None = None
    patient_column: str | None = None
    eye_column: str | None = None
    split_column: str | None = None
    grades: Mapping[str, int | None] = field(default_factory=dict)
    patient_pattern: str | None = None
    allow_unused: bool = False

    def flags(self) -> list[str]:
        """The same as flags of the command."""
        plain = [(one.name, getattr(self, one.name)) for one in fields(self) if one.name != "grades"]
        words = [f"--{name.replace('_', '-')}={value}" for name, value in plain if isinstance(value, str)]
        words += [f"--grade={word}={'none' if grade is None else grade}" for word, grade in self.grades.items()]
        return words + ["--allow-unused"] * self.allow_unused


@dataclass(frozen=True)
class Entry:
    """One image that a data set lists."""

    image: str
    grade: int  # 0..4, or UNGRADABLE
    split: str  # "train", "val", "test", or "" where nothing names one: it is for training then
    place: str  # file and line, for messages
    patient: str = ""  # where the label file says so; else the image's name may
    eye: str = ""  # "left" or "right", where the label file says so
    folder: str = ""  # of its label file, relative to the data set's
    file: str = ""  # relative to the data set's folder, where the layout knows it
    word: str = ""  # that says the grade: a field of the label file, or a folder's name


class LabelTable(NamedTuple):
    """A table as it stands: its name, the columns of its first line, and line number and fields of the others."""

    name: str
    columns: tuple[str, ...]
    rows: list[tuple[int, list[str]]]
    delimiter: str = ","

    def column(self, *wanted: str) -> int | None:
        """Number of the first column with one of these names, compared by their letters and digits alone.

        Raises DataError where two have it.
        """
        names = [plain(column) for column in self.columns]
        found = next((name for name in map(plain, wanted) if name in names), None)
        if found is not None and names.count(found) > 1:
            both = " and ".join(repr(column) for column, name in zip(self.columns, names, strict=True) if name == found)
            raise DataError(
                f"a label file must have one column of a name, but {self.name} has {both}; rename or delete one of them"
            )
        return None if found is None else names.index(found)


def some(names: list[str]) -> str:
    """The first ten of `names`, and the number of the others, as text."""
    rest = len(names) - NAMED
    return ", ".join(names[:NAMED]) + (f" and {rest:,} more" if rest > 0 else "")


@lru_cache(maxsize=131_072)  # it is asked of the same names again and again
def stem_of(name: str) -> str:
    """The name without the extension of an image, its accents composed: macOS takes them apart in files' names."""
    name = unicodedata.normalize("NFC", name)
    root, _, extension = name.rpartition(".")
    return root if root and root[-1] != "/" and f".{extension.lower()}" in EXTENSIONS else name


def stems_of(files: Iterable[str]) -> frozenset[str]:
    """The stems of files' names without their folders."""
    return frozenset(stem_of(file.rpartition("/")[2]) for file in files)


def stem_of_path(text: str) -> str:
    """The stem of the last part of a path, with slashes of either kind."""
    return stem_of(re.split(r"[/\\]", text)[-1])


def plain(text: str) -> str:
    """Letters and digits of a text, composed and in small letters: what is left where spellings differ."""
    return re.sub(r"[\W_]+", "", unicodedata.normalize("NFC", text)).casefold()


def clipped(text: str) -> str:
    """A text of a file as a message shows it."""
    return repr(text if len(text) <= 80 else f"{text[:77]}...")


def read_lines(file: Path) -> list[str]:
    """Lines of a label file without blanks and quotes around; none may be blank. BOM and CRLF are tolerated."""
    text = _text(file)
    lines = [line.strip() for line in text.removesuffix("\n").split("\n")] if text else []
    for number, line in enumerate(lines, start=1):
        if not line:
            raise DataError(f"a line must not be blank, but {file}, line {number} is; delete it or fill it in")
    return [line[1:-1] if len(line) > 1 and line[0] == line[-1] == '"' else line for line in lines]


def read_table(file: Path, name: str, *, head: bool = False) -> LabelTable:
    """A table with one line for each image; `,`, `;` or a tab between its fields, of which its first lines have most.

    BOM, any line ends, also in a field in quotes, blank lines, blank columns at the end, quotes, a title above the
    header (`sep=;`) and the header once more are tolerated. A text file without these has blanks between its fields.
    head: only the first lines.
    """
    columns, lines, delimiter = _parsed(_text(file, _HEAD if head else None), file, head)
    return LabelTable(name, columns, list(lines), delimiter)


@lru_cache(maxsize=8)  # a check asks many questions of the same few tables
def _parsed(text: str, file: Path, head: bool) -> tuple[tuple[str, ...], list[tuple[int, list[str]]], str]:
    """Columns, lines with their numbers, and the delimiter of a label file's text."""
    beginning = re.split("[\r\n]+", text.lstrip(), maxsplit=_TITLES)[:_TITLES]
    first = next((line for line in beginning if re.search("[,;\t]", line)), "")
    delimiter = max(",;\t", key=first.count)
    if not first and file.suffix.lower() == ".txt":
        delimiter = " "
        lines = [(number, line.split()) for number, line in enumerate(text.splitlines(), start=1)]
    else:
        reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, skipinitialspace=True)
        lines = []
        try:
            for found in reader:
                broken = [text for text in found if "\n" in text or "\r" in text]
                if broken and (len(found) == 1 or any(delimiter in text for text in broken)):  # it has other lines
                    raise csv.Error
                lines.append((reader.line_num, [text.strip() for text in found]))
        except csv.Error:  # a field on several lines, or one that grew beyond csv's limit
            raise DataError(
                f"a field must end on its line, but one that ends in line {reader.line_num} of {file} does not: a "
                "quote is not closed; close or delete it"
            ) from None
    lines = [(number, found) for number, found in lines if any(found)]
    if head and len(lines) > 1:
        del lines[-1]  # it may be cut
    columns: list[str] = []
    if file.suffix.lower() != ".txt":
        titles = next((n for n, (_, found) in enumerate(lines[:_TITLES]) if any(found[1:])), 0)
        columns = lines[titles][1] if lines else []
        lines = [line for line in lines[titles:] if line[1] != columns]
    elif lines:
        columns = lines.pop(0)[1]
    return tuple(columns), lines, delimiter


def _text(file: Path, most: int | None = None) -> str:
    """Text of a label file, or of its first `most` bytes."""
    try:
        with open(file, "rb") as opened:
            data = opened.read() if most is None else opened.read(most)
        if kind := kind_of(data):
            raise DataError(f"a label file must be text, but {file} is {kind}")
        wide = data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))  # Excel's "Unicode text"
        text = data.decode("utf-16" if wide else "utf-8-sig", "strict" if most is None else "ignore")
    except FileNotFoundError:
        raise DataError(f"a label file must be there, but {file} does not exist; correct its name, or add it") from None
    except UnicodeDecodeError as error:
        broken = error.object[: error.start].count(b"\n") + 1
        raise DataError(f"a label file must be UTF-8, but {file}, line {broken} is not; save it as UTF-8") from None
    except OSError as error:
        raise DataError(f"a label file must be readable, but {file} is not: {error.strerror}") from None
    for number, line in enumerate(text.splitlines() if len(text) > _LONGEST_LINE else (), start=1):
        if len(line) > _LONGEST_LINE:
            raise DataError(
                f"a line of a label file must have at most {_LONGEST_LINE:,} characters, but {file}, line {number} has "
                f"{len(line):,}; give a file with one line for each image"
            )
    return text


def checked_name(name: str, place: str) -> str:
    """The name, which must stay in its folder: a label file from elsewhere must not point at other files."""
    if not name:
        raise DataError(f"an image name must not be empty ({place}); correct the line")
    if name.startswith("/") or "\\" in name or "\0" in name or ".." in name.split("/") or re.match("[A-Za-z]:", name):
        raise DataError(
            f"an image name must stay in its folder (not absolute, no `..`, backslash or NUL), but got {clipped(name)} "
            f"({place}); give the plain name"
        )
    return name
