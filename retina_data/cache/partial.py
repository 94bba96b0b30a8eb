"""A cache in the making: the pixels so far, and a journal of the rows that are done.

A killed process leaves both behind, and the next one goes on with the rows that are not done. A row is done when its
pixels are on the disk, so the journal is written after them; and it counts only while its file is what it was. One that
nobody has gone on with for a week, say because its data has moved, is removed.
"""

from __future__ import annotations

import io
import json
import os
import shutil
import time
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from retina_data.files import file_lock
from retina_data.images.field_of_view import Outline

PIXELS, _JOURNAL = "images.npy", "journal.jsonl"

_EVERY = 5.0  # seconds between two journal entries: so much work is lost at most

_ABANDONED = 7 * 86_400  # seconds


class Done(NamedTuple):
    """A finished row: its file's size and modification time, SHA-256, outline of its field of view, error."""

    stat: str
    sha256: str
    outline: Outline
    error: str


class Unfinished:
    """Pixels (N, S, S, 3) that are written row by row, by any thread; `done` is noted by one."""

    def __init__(self, folder: Path, count: int, size: int, stats: list[str]) -> None:
        """Begin in `folder`, or go on with what is there for these files (`stats`, one for each row)."""
        self.folder, self._row_bytes = folder, size * size * 3
        header = _header(count, size)
        self._start = len(header)
        file_size = self._start + count * self._row_bytes
        pixels, journal = folder / PIXELS, folder / _JOURNAL
        self.done: dict[int, Done] = {}
        if pixels.exists() and pixels.stat().st_size == file_size:
            self.done = {row: one for row, one in _read(journal).items() if row < count and one.stat == stats[row]}
        else:
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir(parents=True)
            pixels.write_bytes(header)
            os.truncate(pixels, file_size)
        self._pixels = os.open(pixels, os.O_WRONLY)
        fresh = journal.with_suffix(".new")  # without truncated lines and rows whose file has changed
        fresh.write_text("".join(_line(row, one) for row, one in self.done.items()), "utf-8")
        os.replace(fresh, journal)
        self._journal = open(journal, "a", encoding="utf-8")  # noqa: SIM115 - closed in close()
        self._waiting: list[str] = []
        self._noted = time.monotonic()

    def write(self, row: int, pixels: npt.NDArray[np.uint8]) -> None:
        """Put a row's pixels into the file. Not through a writable map, whose pages would count as memory."""
        os.pwrite(self._pixels, pixels.tobytes(), self._start + row * self._row_bytes)

    def add(self, row: int, one: Done) -> None:
        """A row is done, its pixels written."""
        self.done[row] = one
        self._waiting.append(_line(row, one))
        if time.monotonic() - self._noted > _EVERY:
            self._note()

    def close(self) -> None:
        """Put on the disk what is not there yet."""
        self._note()
        self._journal.close()
        os.close(self._pixels)

    def forget(self) -> None:
        """Drop the journal, which is no part of a finished cache."""
        (self.folder / _JOURNAL).unlink()

    def _note(self) -> None:
        os.fsync(self._pixels)
        self._journal.write("".join(self._waiting))
        self._journal.flush()
        os.fsync(self._journal.fileno())
        self._waiting, self._noted = [], time.monotonic()


def remove_abandoned(caches: Path) -> None:
    """Remove every unfinished cache that no living process holds and that was not written to for a week."""
    for folder in caches.glob(".*.partial"):
        with file_lock(folder.with_suffix(".lock"), seconds=0) as ours:
            try:
                written = max((path.stat().st_mtime for path in folder.iterdir()), default=folder.stat().st_mtime)
            except OSError:  # it was finished just now
                continue
            if ours and time.time() - written > _ABANDONED:
                shutil.rmtree(folder, ignore_errors=True)


def _line(row: int, one: Done) -> str:
    return json.dumps([row, *one]) + "\n"


def _header(count: int, size: int) -> bytes:
    file = io.BytesIO()
    spec = {"descr": "|u1", "fortran_order": False, "shape": (count, size, size, 3)}
    np.lib.format.write_array_header_1_0(file, spec)
    return file.getvalue()


def _read(journal: Path) -> dict[int, Done]:
    """Rows of the journal; a truncated line, and what follows it, does not count."""
    found: dict[int, Done] = {}
    try:
        lines = journal.read_text("utf-8", errors="replace").split("\n")
    except OSError:
        return found
    for line in lines[:-1]:
        try:
            row, stat, sha256, outline, error = json.loads(line)
            found[int(row)] = Done(str(stat), str(sha256), outline, str(error))
        except (ValueError, TypeError):
            break
    return found
