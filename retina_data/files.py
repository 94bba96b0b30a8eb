"""Files: atomic writing, an exclusive lock, free space."""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import time
from collections.abc import Iterator
from io import FileIO
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO


def write_whole(path: Path, data: bytes | memoryview) -> None:
    """Write a file atomically: after a crash it has the old content or the new one."""
    with whole_file(path) as handle:
        write_all(handle, data)


@contextlib.contextmanager
def whole_file(path: Path) -> Iterator[FileIO]:
    """A file to be written piece by piece that takes the place of `path`, atomically, at the end."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        with temporary.open("wb", buffering=0) as handle:
            yield handle
            os.fsync(handle.fileno())
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def write_all(handle: FileIO, data: bytes | memoryview) -> None:
    """Write all of the bytes: a disk that fills up takes some first, and fails only at the rest."""
    rest = memoryview(data)
    while rest:
        rest = rest[handle.write(rest) :]


def check_writable(folder: Path) -> None:
    """Make a folder and raise OSError unless files can be written there: asked before hours of work, not after."""
    folder.mkdir(parents=True, exist_ok=True)
    with TemporaryFile(dir=folder):
        pass


@contextlib.contextmanager
def file_lock(file: Path, seconds: float | None = None) -> Iterator[IO[str] | None]:
    """Hold the exclusive lock `file`, open for reading and appending; None where another process holds it.

    seconds: how long to wait for another one; None waits until it ends. The kernel drops the lock when its holder dies.
    Raises OSError where the file system has no locks.
    """
    with file.open("a+") as handle:
        deadline = time.monotonic() + (seconds or 0.0)
        while True:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | (0 if seconds is None else fcntl.LOCK_NB))
                break
            except BlockingIOError:
                if time.monotonic() >= deadline:
                    yield None
                    return
                time.sleep(0.05)
        yield handle


def free_bytes(folder: Path) -> int:
    """Free bytes on the disk of a folder, which need not exist yet."""
    return shutil.disk_usage(next(path for path in (folder, *folder.parents) if path.exists())).free
