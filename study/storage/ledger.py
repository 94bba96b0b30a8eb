"""The one source of truth of a study: an append-only file of events.

An event counts once its line is on the disk. Everything else (Optuna's studies, MLflow's runs, Ray's own state) is a
projection that can be thrown away and made again from here."""

from __future__ import annotations

import errno
import json
import os
import threading
import time
from pathlib import Path
from sys import intern
from typing import Any

from study.errors import StudyError

Event = dict[str, Any]


class LedgerError(StudyError):
    """A ledger cannot be read; the message names file and line."""

    exit_code = 2


def read_events(path: Path) -> tuple[list[Event], int]:
    """Events of a ledger and the number of bytes that hold them.

    A last line that is torn (the writer died within it) never counted and is dropped. A broken line before it means
    that the file was damaged by something else: LedgerError.
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
            event = _parsed(line)
            if not isinstance(event, dict) or "event" not in event:
                raise ValueError("no event")
        except ValueError:
            if end + len(line) == len(data):
                break
            raise LedgerError(
                f"each line of a ledger must be one JSON event, but line {number} of {path} is not; "
                "restore the file from a copy, or start a study with another name"
            ) from None
        events.append(event)
        end += len(line)
    return events, end


def _parsed(line: bytes) -> Event:
    event: Event = _DECODER.decode(line.decode())
    return event


def _shared(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Each name and word once in memory, though each trial says it: a third of what 10,000 trials take."""
    return {intern(name): intern(value) if type(value) is str else value for name, value in pairs}


_DECODER = json.JSONDecoder(object_pairs_hook=_shared)  # json.loads would make one for each line: a tenth of the time


class Ledger:
    """The writer: reads what is there, drops a torn last line, then appends.

    Only the process that holds `locked(folder)` may make one.
    """

    def __init__(self, path: Path) -> None:
        self.events, end = read_events(path)
        self.torn = path.exists() and path.stat().st_size > end
        self._file = path.open("ab", buffering=0)  # a buffer would try a line again that was given up
        self._end, self._uncut, self._writing = end, False, threading.Lock()
        if self.torn:
            self._cut()

    def append(self, event: str, **values: Any) -> Event:
        """Write one event to the disk and return it; when this returns it counts.

        Raises OSError where the disk does not take it; it does not count then, and nothing of it stays.
        """
        with self._writing:
            return self._write(event, values)

    def append_last(self, event: str, **values: Any) -> Event:
        """Write an event after which this process writes no other: a thread that tries waits until the process ends."""
        self._writing.acquire()
        return self._write(event, values)

    def _write(self, event: str, values: dict[str, Any]) -> Event:
        entry: Event = {"event": event, "time": round(time.time(), 3), **values}
        line = json.dumps(entry, separators=(",", ":"), allow_nan=False).encode() + b"\n"
        try:
            if self._uncut:
                self._cut()
            if self._file.write(line) != len(line):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), self._file.name)
            os.fsync(self._file.fileno())
        except OSError as error:
            self._cut()
            raise OSError(error.errno, error.strerror, self._file.name) from None
        self._end += len(line)
        self.events.append(_parsed(line))
        return self.events[-1]

    def _cut(self) -> None:
        """Take away what did not become a line; tried again before the next one, which must not be glued to it."""
        self._uncut = True
        self._file.truncate(self._end)
        os.fsync(self._file.fileno())
        self._uncut = False

    def close(self) -> None:
        """Close the file; appending afterwards is an error."""
        self._file.close()
