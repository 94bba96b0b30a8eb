"""Folders are removed so that no link is followed, also one that is put there while it happens.

Each folder on the way is opened by its name in the one before, and never if it is a link. What is removed is then what
was opened, wherever the names lead by now (POSIX openat; https://cwe.mitre.org/data/definitions/367.html).
"""

from __future__ import annotations

import os
import shutil
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from study.errors import ConfigError

LEDGER, LOCK = "ledger.jsonl", "lock"

OWN = frozenset((LEDGER, LOCK, "study.yaml", "synced", "error.txt", "checkpoints", "weights", "report", "ray"))
"""Of a study's folder, what retina writes into it."""


def foreign(folder: Path) -> list[Path]:
    """What lies in a study's folder and is not the study's, in order; what a killed process left is its own."""
    return sorted(path for path in folder.iterdir() if path.name not in OWN and not _is_left_over(path.name))


def _is_left_over(name: str) -> bool:
    return name.startswith(".") and name.endswith(".tmp")


def remove_tree(root: Path, folder: Path) -> None:
    """Remove a folder below `root` with all that it holds; raises ConfigError where it is none any more."""
    with _opened(root, folder):
        pass
    with _opened(root, folder.parent) as above:
        shutil.rmtree(folder.name, dir_fd=above)


def remove_study(root: Path, folder: Path) -> None:
    """Remove what is a study's own in its folder, and the folder where nothing else is in it.

    The ledger goes last, but for the lock, which is held until then.
    """
    with _opened(root, folder) as inside:
        names = [name for name in os.listdir(inside) if name in OWN or _is_left_over(name)]
        for name in sorted(names, key=lambda one: (one == LOCK, one == LEDGER, one)):
            _remove(name, inside)
        empty = not os.listdir(inside)
    if empty:
        with _opened(root, folder.parent) as above:
            os.rmdir(folder.name, dir_fd=above)


def _remove(name: str, above: int) -> None:
    if stat.S_ISDIR(os.lstat(name, dir_fd=above).st_mode):
        shutil.rmtree(name, dir_fd=above)  # which follows no link below it
    else:
        os.unlink(name, dir_fd=above)


@contextmanager
def _opened(root: Path, folder: Path) -> Iterator[int]:
    """A folder, which is `root` or lies below it, opened without following a link."""
    handle = os.open(root, os.O_RDONLY | os.O_DIRECTORY)
    try:
        for name in folder.relative_to(root).as_posix().split("/"):
            try:
                inner = os.open(name, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=handle)
            except OSError as error:
                raise ConfigError(
                    f"{folder} must be a folder and no link, but {name} is none ({error.strerror}); nothing of it was "
                    "removed: look what was put there"
                ) from None
            os.close(handle)
            handle = inner
        yield handle
    finally:
        os.close(handle)
