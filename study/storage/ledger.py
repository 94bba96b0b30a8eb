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

from retina_data.errors import DataError
from retina_data.gate import below, open_file, plain, read_file
from study.errors import StudyError
from study.storage.events import (
    READABLE,
    SCHEMA,
    ConfirmationStarted,
    Event,
    FinalistStarted,
    StudyStarted,
    TrialStarted,
    encode,
    parse,
)  # fmt: skip
from study.storage.gate.ledger_events import checked_event

MOST_BYTES, MOST_LINE = 8 * 2**30, 2**28
"""Of a ledger, and of its first line."""


class LedgerError(StudyError):
    """A ledger cannot be read; the message names file and line, or what does not follow."""

    exit_code = 2


def read_events(path: Path) -> tuple[list[Event], int]:
    """Events of a ledger and the number of bytes that hold them.

    A truncated last line (the writer died within it) never counted and is dropped. Raises LedgerError for a broken line
    before it, which means that the file was damaged by something else, and for a ledger of another schema.
    """
    try:
        data = read_file(below(path.parent, path.name), MOST_BYTES)
    except FileNotFoundError:
        return [], 0
    except DataError as error:  # a link, a pipe, or one that memory might not take
        raise LedgerError(str(error)) from None
    events: list[Event] = []
    end, names = 0, dict[str, str]()
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
            events.append(checked_event(values))
        except ValueError as error:
            raise _damaged(path, number, f" ({plain(str(error))})") from None
        _check_case(events[-1], names, path, number)
        end += len(line)
    return events, end


def read_first(path: Path) -> StudyStarted | None:
    """The event that began a study, from a ledger's first line alone; None where there is none that can be read."""
    try:
        with open_file(below(path.parent, path.name)) as file:
            first = checked_event(parse(file.readline(MOST_LINE)))
    except (OSError, ValueError):
        return None
    return first if isinstance(first, StudyStarted) else None


def _check_case(event: Event, names: dict[str, str], path: Path, number: int) -> None:
    """Two names that differ in their case alone are one folder on many file systems. names: small letters -> name."""
    if (
        isinstance(event, TrialStarted | FinalistStarted | ConfirmationStarted)
        and names.setdefault(event.name.lower(), event.name) != event.name
    ):
        raise _damaged(path, number, f" ({event.name} is there in other letters)")


def _damaged(path: Path, number: int, why: str = "") -> LedgerError:
    return LedgerError(
        f"each line of a ledger must be one JSON event, but line {number} of {path} is not{why}; restore the file from "
        "a copy, or start a study with another name"
    )


def _check_schema(first: dict[str, Any], path: Path) -> None:
    found = first.get("schema", 1)  # the first version wrote none
    if found not in READABLE or isinstance(found, bool):
        raise LedgerError(
            f"a ledger must have schema {SCHEMA}, but {path} has schema {plain(str(found)[:80])}; search under another "
            "name, or use the version of retina that wrote it"
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

        Raises OSError where the disk does not take it, and LedgerError where it could not be read again; it does not
        count then, and nothing of it stays.
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
            written = checked_event(parse(line))
        except ValueError as error:  # a mistake of ours, found before a study hangs on it
            raise LedgerError(
                f"an event must be one that can be read again, but {event.kind} is not ({plain(str(error))}); nothing "
                "of it was written; report it with this line"
            ) from None
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
        self.events.append(written)
        return written

    def _truncate_tail(self) -> None:
        """Remove what did not become a line; tried again before the next one, which must not be glued to it."""
        self._dirty = True
        self._file.truncate(self._end)
        os.fsync(self._file.fileno())
        self._dirty = False

    def close(self) -> None:
        """Close the file; appending afterwards is an error."""
        self._file.close()
