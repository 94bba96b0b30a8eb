"""The source of truth of a study: an append-only file of events.

An event counts once its line is on the disk. Everything else (Optuna's studies, MLflow's runs, Ray's own state) is a
projection that can be thrown away and made again from here."""

from __future__ import annotations

import errno
import os
import threading
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

from study.errors import StudyError
from study.storage.events import READABLE, SCHEMA, Event, decode, encode, make_event, parse


class LedgerError(StudyError):
    """A ledger cannot be read; the message names file and line, or what does not follow."""

    exit_code = 2


def read_events(path: Path) -> tuple[list[Event], int]:
    """Events of a ledger and the number of bytes that hold them.

    A truncated last line (the writer died within it) never counted and is dropped. Raises LedgerError for a broken line
    before it, which means that the file was damaged by something else, and for a ledger of another schema.
    """
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        return [], 0
    events, end = [], 0
    for number, line in enumerate(data.splitlines(keepends=True), 1):
        try:
            if not line.endswith(b"\n"):
                raise ValueError("no line end")
            values = parse(line)
        except ValueError:
            if end + len(line) == len(data):
                break
            raise _damaged(path, number) from None
        if number == 1:
            _check_schema(values, path)
        try:
            events.append(make_event(values))
        except ValueError:
            raise _damaged(path, number) from None
        end += len(line)
    return events, end


def _damaged(path: Path, number: int) -> LedgerError:
    return LedgerError(
        f"each line of a ledger must be one JSON event, but line {number} of {path} is not; restore the file from a "
        "copy, or start a study with another name"
    )


def _check_schema(first: dict[str, Any], path: Path) -> None:
    found = first.get("schema", 1)  # the first version wrote none
    if found not in READABLE:
        raise LedgerError(
            f"a ledger must have schema {SCHEMA}, but {path} has schema {found}; search under another name, or use the "
            "version of retina that wrote it"
        )


class Ledger:
    """The writer: reads what is there, drops a truncated last line, then appends.

    Only the process that holds `locked(folder)` may make one.
    """

    def __init__(self, path: Path) -> None:
        self.events, end = read_events(path)
        self.truncated = path.exists() and path.stat().st_size > end
        self._file = path.open("ab", buffering=0)  # a buffer would try a line again that was given up
        self._end, self._dirty, self._writing = end, False, threading.Lock()
        if self.truncated:
            self._truncate_tail()

    def append(self, event: Event) -> Event:
        """Write one event to the disk and return it as it is read again; when this returns it counts.

        Raises OSError where the disk does not take it; it does not count then, and nothing of it stays.
        """
        with self._writing:
            return self._write(event)

    def append_last(self, event: Event) -> Event:
        """Write an event after which this process writes no other: a thread that tries waits until the process ends."""
        self._writing.acquire()
        return self._write(event)

    def _write(self, event: Event) -> Event:
        line = encode(replace(event, time=round(time.time(), 3)))
        try:
            if self._dirty:
                self._truncate_tail()
            if self._file.write(line) != len(line):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), self._file.name)
            os.fsync(self._file.fileno())
        except OSError as error:
            self._truncate_tail()
            raise OSError(error.errno, error.strerror, self._file.name) from None
        self._end += len(line)
        self.events.append(decode(line))
        return self.events[-1]

    def _truncate_tail(self) -> None:
        """Remove what did not become a line; tried again before the next one, which must not be glued to it."""
        self._dirty = True
        self._file.truncate(self._end)
        os.fsync(self._file.fileno())
        self._dirty = False

    def close(self) -> None:
        """Close the file; appending afterwards is an error."""
        self._file.close()
