"""Lines, names and grades of label files, each checked; the first place where a data set can be wrong.

Every rule that the files break is a `DataError`, because pandas' forgiving defaults (a first line eaten as header,
blank lines dropped) shift labels against images.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from retina_data.errors import DataError

EXTENSIONS = (".jpeg", ".jpg", ".png", ".tif", ".tiff")

NAMED = 10  # so many offenders are named in a message, the others counted


class Entry(NamedTuple):
    """One image that a data set lists."""

    image: str
    grade: int
    split: str  # "train", "val" or "test"
    place: str  # file and line, for messages
    patient: str = ""  # where the label file says so; else the image's name may


def some(names: list[str]) -> str:
    """The first ten of `names`, and the number of the others, as text."""
    rest = len(names) - NAMED
    return ", ".join(names[:NAMED]) + (f" and {rest:,} more" if rest > 0 else "")


def stem_of(name: str) -> str:
    """The name without the extension of an image."""
    root, extension = os.path.splitext(name)
    return root if extension.lower() in EXTENSIONS else name


def read_lines(file: Path) -> list[str]:
    """Lines of a label file without blanks and quotes around; none may be blank. BOM and CRLF are tolerated."""
    try:
        text = file.read_bytes().decode("utf-8-sig")
    except FileNotFoundError:
        raise DataError(f"{file.name} must be beside the other label files, but {file} does not exist") from None
    except UnicodeDecodeError as error:
        broken = error.object[: error.start].count(b"\n") + 1
        raise DataError(f"a label file must be UTF-8, but {file}, line {broken} is not; save it as UTF-8") from None
    except OSError as error:
        raise DataError(f"a label file must be readable, but {file} is not: {error.strerror}") from None
    lines = [line.strip() for line in text.removesuffix("\n").split("\n")] if text else []
    for number, line in enumerate(lines, start=1):
        if not line:
            raise DataError(f"a line must not be blank, but {file}, line {number} is; delete it or fill it in")
    return [line[1:-1] if len(line) > 1 and line[0] == line[-1] == '"' else line for line in lines]


def two_columns(file: Path, header: tuple[str, str]) -> Iterator[Entry]:
    """Training entries of a file of names and grades below this header, which may have a third column `patient`."""
    lines = read_lines(file)
    found = [field.strip().strip('"').lower() for field in lines[0].split(",")] if lines else []
    columns = [*header, "patient"] if found[2:] == ["patient"] else list(header)
    wanted = ",".join(columns)
    if found != columns:
        got = repr(lines[0]) if lines else "an empty file"
        raise DataError(
            f"{file.name} must begin with the header `{wanted}` (or `{','.join(header)},patient`), but got {got} "
            f"({file}, line 1); add it"
        )
    for number, line in enumerate(lines[1:], start=2):
        place = f"{file}, line {number}"
        fields = [field.strip().strip('"') for field in line.split(",")]
        if len(fields) != len(columns):
            raise DataError(f"a line must be `{wanted}`, but got {line!r} ({place}); correct the line")
        name, grade, *patient = fields
        if patient == [""]:
            raise DataError(f"a line must name its patient where one does, but {line!r} does not ({place}); fill it in")
        yield Entry(
            checked_name(name, place), checked_grade(grade, place), "train", f"{file.name}, line {number}", *patient
        )


def checked_grade(text: str, place: str) -> int:
    """The grade that a text says, 0..4."""
    if text in ("0", "1", "2", "3", "4"):
        return int(text)
    raise DataError(f"a grade must be 0, 1, 2, 3 or 4, but got {text!r} ({place}); correct or delete the line")


def checked_name(name: str, place: str) -> str:
    """The name, which must stay in its folder: a label file from elsewhere must not point at other files."""
    if not name:
        raise DataError(f"an image name must not be empty ({place}); correct the line")
    if name.startswith("/") or "\\" in name or "\0" in name or ".." in name.split("/") or re.match("[A-Za-z]:", name):
        raise DataError(
            f"an image name must stay in its folder (not absolute, no `..`, backslash or NUL), but got {name!r} "
            f"({place}); give the plain name"
        )
    return name
