"""What was handed over is hostile until it was checked here: paths made of what was read, files, and texts.

Standard library only, since everything imports it.
"""

from __future__ import annotations

import os
import re
import stat
from pathlib import Path
from typing import IO, Final

from retina_data.errors import DataError

NAME: Final = r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}"
"""Of what becomes a file's or a folder's name: of a trial, of a run."""

DIGEST: Final = r"[0-9a-f]{64}"
"""A SHA-256."""

LONGEST_NAME: Final = 255  # bytes, of a file's name on the usual file systems

_UNPRINTABLE = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069\ufeff\ud800-\udfff"
    "\U000e0000-\U000e007f]"
)
"""Control characters but for a tab and a line's end, what turns the direction of writing, halves of characters, and
characters that nobody sees."""


def below(folder: Path, *names: str) -> Path:
    """The path of these names, one below the other, in a folder: where it really leads, it lies below the folder.

    Raises DataError for a name that is none (`..`, `a/b`, NUL, too long), and for a link that leads out.
    """
    for name in names:
        if name in ("", ".", "..") or "/" in name or "\0" in name or len(os.fsencode(name)) > LONGEST_NAME:
            raise DataError(
                f"a name must be that of one file or folder, but got {shortened(name)} (for {folder.name}); what holds "
                "it was changed by something else: restore it from a copy"
            )
    path = folder.joinpath(*names)
    root, target = os.path.realpath(folder), os.path.realpath(path)
    if not target.startswith(f"{root.rstrip('/')}/"):
        raise DataError(
            f"{path} must lie in {folder}, but is a link that leads to {target}; put the files themselves there"
        )
    return path


def check_utf8(path: Path, what: str) -> None:
    """Raise DataError for a path that tables and texts could not hold; what: its name in the message."""
    if any("\ud800" <= letter <= "\udfff" for letter in str(path)):
        raise DataError(f"{what} must be a path in UTF-8, but {ascii(str(path))} is not; rename it")


def open_file(path: Path) -> IO[bytes]:
    """A regular file, open for reading; a pipe or a device, which may never end, is a DataError."""
    file = os.fdopen(os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC), "rb")
    if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
        file.close()
        raise DataError(f"{path.name} must be a regular file, but is none ({path.parent}); put the file itself there")
    return file


def read_file(path: Path, most: int) -> bytes:
    """Content of a regular file of at most so many bytes. Raises DataError, FileNotFoundError, or another OSError."""
    with open_file(path) as file:
        size = os.fstat(file.fileno()).st_size
        data = file.read(most + 1) if size <= most else b""
    if size > most or len(data) > most:
        raise DataError(f"{path.name} must have at most {most:,} bytes, but has {size:,} ({path.parent})")
    return data


def check_links(folder: Path) -> None:
    """Raise DataError where something in a folder is a link that leads out of it, a pipe, a socket or a device."""
    root, waiting = os.path.realpath(folder), [str(folder)]
    while waiting:
        with os.scandir(waiting.pop()) as found:
            for entry in found:
                if entry.is_symlink():
                    target = os.path.realpath(entry.path)
                    if not target.startswith(f"{root}/"):
                        raise DataError(
                            f"what lies in {folder} must not lead out of it, but {entry.path} is a link to {target}; "
                            "put the files themselves there, or remove the link"
                        )
                elif entry.is_dir(follow_symlinks=False):
                    waiting.append(entry.path)
                elif not entry.is_file(follow_symlinks=False):
                    raise DataError(
                        f"{folder} must hold files and folders, but {entry.path} is a pipe, a socket or a device; "
                        "remove it"
                    )


def plain(text: str, *, lines: bool = False) -> str:
    """A text from outside as it may be shown: nothing in it moves a cursor, turns the writing or hides.

    lines: its line ends and tabs stay; else they are blanks too.
    """
    visible = _UNPRINTABLE.sub(" ", text)
    return visible if lines else re.sub(r"[\t\n]", " ", visible)


def shortened(text: str, most: int = 60) -> str:
    """A text from outside as a message quotes it: short, in quotes, ASCII."""
    return ascii(text if len(text) <= most else f"{text[: most - 3]}...")
