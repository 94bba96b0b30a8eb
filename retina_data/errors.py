"""The base of all errors that a data set causes, and the one about none."""

from __future__ import annotations

from pathlib import Path


class DataError(ValueError):
    """A data set breaks a rule; the message names rule, value, place and remedy in one line."""


def check_exists(data: Path) -> None:
    """Raise DataError where there is no file and no folder of that name."""
    if not data.exists():
        raise DataError(
            f"DATA must be a folder, a label file or a MedMNIST file, but {data} does not exist; check the path"
        )
