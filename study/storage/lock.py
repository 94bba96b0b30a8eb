"""A study has one writer: the process that holds the lock of its folder."""

from __future__ import annotations

import fcntl
import os
import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from retina_data.errors import DataError
from retina_data.files import file_lock
from retina_data.gate import below, check_links, open_file, read_file
from study.errors import ConfigError, StudyError

LOCK = "lock"

PROBE_SECONDS = 0.5


class LockedError(StudyError):
    """Another living process is the study's writer."""

    exit_code = 75


@contextmanager
def locked(folder: Path, what: str = "") -> Iterator[None]:
    """Hold the study's lock, or raise LockedError naming the process that holds it.

    The kernel drops the lock when its owner dies, so a dead owner is never in the way. A probe may hold it for a
    moment: that is waited for. what: is named where it is no study. Raises DataError where the folder, or something in
    it, is a link that leads out, and PermissionError where this user may not write it.
    """
    below(folder.parent, folder.name)
    folder.mkdir(parents=True, exist_ok=True)
    check_links(folder)
    with ExitStack() as stack:
        try:
            handle = stack.enter_context(file_lock(folder / LOCK, PROBE_SECONDS))
        except PermissionError:  # of this user; that is said with the file's name
            raise
        except OSError as error:
            raise ConfigError(
                f"the file system of {folder.parent} must lock files (flock), but does not ({error.strerror}); "
                "mount it so that it does, or give another --home"
            ) from None
        if handle is None:
            owner = read_file(folder / LOCK, 1000).decode(errors="replace").strip() or "unknown"
            raise LockedError(
                f"{what or f'study {folder.name}'} is being written by process {owner}; wait for it, stop it, or "
                "choose another name"
            )
        handle.truncate(0)
        handle.write(f"{os.getpid()} on {socket.gethostname()}")
        handle.flush()
        yield


def check_free(folder: Path) -> None:
    """Raise LockedError where a living process is writing the study; makes nothing."""
    if folder.exists():
        with locked(folder):
            pass


def is_locked(folder: Path) -> bool:
    """Whether a living process is writing the study; only looks, and makes no file."""
    try:
        with open_file(folder / LOCK) as handle:
            fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
            return False
    except (FileNotFoundError, DataError):
        return False
    except OSError:
        return True
