"""Room on the disk: what a search will need, asked before it begins; and what is said when there is none left."""

from __future__ import annotations

import errno
from pathlib import Path

from analysis.redact import without_folders
from retina_data.files import free_bytes
from retina_models.resnet import shaped
from study.errors import ConfigError

FULL = (errno.ENOSPC, errno.EDQUOT)

FULL_TEXTS = ("No space left on device", "Disk quota exceeded", "disk is full")  # of the kernel, and of SQLite

CHECKPOINTS = 3  # of each trial that runs: the last, the one before, and the one that is being written

NUMBERS = {"sgd": 2, "adamw": 3}  # of a checkpoint for each parameter: itself and what the optimizer remembers

BYTES = 4

MARGIN = 64 * 2**20  # ledger, predictions, MLflow's database and pictures


def is_full(error: BaseException) -> bool:
    """Whether a disk without room is what an error is about, however many libraries it has gone through."""
    if isinstance(error, OSError) and error.errno in FULL:
        return True
    return any(text in str(error) for text in FULL_TEXTS)


def disk_error_text(error: BaseException) -> str:
    """One line about an error of a disk: what, and the file's name where that is known; its folder is not recorded."""
    if isinstance(error, OSError) and error.strerror:
        text = without_folders(f"{error.strerror}{f': {Path(error.filename).name}' if error.filename else ''}")
    else:
        cleaned = without_folders(" ".join(str(error).split()))[:200]
        text = next((text for text in FULL_TEXTS if text in str(error)), cleaned)
    return f"{text}; free some space first" if is_full(error) else text


def needed(architectures: set[str], optimizers: set[str], arms: int, max_concurrent: int, kept: int) -> int:
    """Bytes that checkpoints and best weights will take at most: `kept` files in each arm and one in MLflow."""
    largest = max(sum(p.numel() for p in shaped(name).parameters()) for name in architectures) * BYTES
    checkpoint = largest * max(NUMBERS[name] for name in optimizers)
    return max_concurrent * (CHECKPOINTS * checkpoint + largest) + arms * (kept + 1) * largest + MARGIN


def check_room(folder: Path, need: int) -> None:
    """Raise ConfigError unless `need` bytes are free for `folder`, what lies in it already counted in."""
    place = next(path for path in (folder, *folder.parents) if path.exists()).resolve()
    there = sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())
    free = free_bytes(place)
    if free + there < need:
        raise ConfigError(
            f"{size(need - there)} must be free for checkpoints and weights on the disk of {place}, but only "
            f"{size(free)} are; free some space, or give another --home"
        )


def size(count: int) -> str:
    """Bytes as a person reads them."""
    return f"{count / 1e9:.1f} GB" if count >= 1e9 else f"{count / 1e6:.0f} MB"
