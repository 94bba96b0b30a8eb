"""Files of a trial, written atomically: last checkpoint, weights and predictions of the best epoch.

`TRIAL/last.checkpoint` (its SHA-256, then what torch.save wrote), `best.safetensors` and `predictions.parquet`.
The checkpoint before the last one is kept as `previous.checkpoint` for the case that the last was damaged.
"""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from io import FileIO
from pathlib import Path
from typing import Any

import pandas as pd
import torch

from retina_data.files import whole_file, write_all, write_whole
from study.config.trial import TrialConfig

LAST, PREVIOUS, BEST, PREDICTIONS = "last.checkpoint", "previous.checkpoint", "best.safetensors", "predictions.parquet"

TEST_PREDICTIONS = "test.parquet"  # of a confirmation, with its views

CALIBRATION = "calibration.parquet"  # of a confirmation: validation predicted again with its views

NEXT = ".next.checkpoint"  # until it is whole, the last one stays where it is

DIGEST_BYTES = 32

WORTH_A_THREAD = 2**16  # bytes of a piece


def save_last(folder: Path, state: dict[str, Any], report: dict[str, Any]) -> None:
    """Save what `train` needs to go on, and the report of its last epoch, which may not have reached the driver.

    The digest stands in the file's first bytes: one rename, so that no kill can part the two.
    """
    with whole_file(folder / NEXT) as handle, ThreadPoolExecutor(1) as pool:
        handle.write(bytes(DIGEST_BYTES))
        hashed = _HashedFile(handle, pool)
        try:
            with _without_crc():
                # torch only writes and flushes, though its annotation asks for a whole file.
                torch.save({"state": state, "report": json.dumps(report)}, hashed)  # type: ignore[arg-type]
        except RuntimeError as error:  # torch's own, about the place of what it writes last
            raise hashed.error or error from None
        handle.seek(0)
        handle.write(hashed.digest())
    if (folder / LAST).exists():
        (folder / LAST).replace(folder / PREVIOUS)
    (folder / NEXT).replace(folder / LAST)


@contextmanager
def _without_crc() -> Iterator[None]:
    """torch's checksum of each record takes as long as the SHA-256 of all, which tells more."""
    before = torch.serialization.get_crc32_options()
    torch.serialization.set_crc32_options(False)
    try:
        yield
    finally:
        torch.serialization.set_crc32_options(before)


class _HashedFile:
    """What torch.save writes to: each piece goes to the file and, at the same time, into its SHA-256.

    A file of a ResNet50 is 283 MB: nothing of it is held a second time.
    """

    def __init__(self, handle: FileIO, pool: ThreadPoolExecutor) -> None:
        self._handle, self._pool, self._hash = handle, pool, hashlib.sha256()
        self.error: OSError | None = None  # of the disk; torch hides it behind one of its own

    def write(self, data: bytes | memoryview) -> int:
        hashing = self._pool.submit(self._hash.update, data) if len(data) >= WORTH_A_THREAD else None
        try:
            write_all(self._handle, data)
        except OSError as error:
            self.error = self.error or error
            raise
        finally:
            if hashing:
                hashing.result()  # the memory of a piece is torch's again afterwards
        if not hashing:
            self._hash.update(data)
        return len(data)

    def flush(self) -> None:
        """Nothing: the file has no buffer."""

    def digest(self) -> bytes:
        return self._hash.digest()


def load_last(
    folder: Path, report_damage: Callable[[str], None] | None = None
) -> tuple[dict[str, Any], dict[str, Any]] | None:
    """(state, report) of the newest checkpoint whose SHA-256 is right; None where there is none.

    Tensors are on the CPU: generator states must be, and `load_state_dict` copies the others to where they belong.
    report_damage: called with a line about damaged ones, which are then removed: `save_last` would keep one in a
    good one's place.
    """
    damaged: list[str] = []
    for name in (LAST, PREVIOUS):
        try:
            data = (folder / name).read_bytes()
        except FileNotFoundError:
            continue
        if hashlib.sha256(data[DIGEST_BYTES:]).digest() == data[:DIGEST_BYTES]:
            loaded = torch.load(io.BytesIO(data[DIGEST_BYTES:]), map_location="cpu", weights_only=True)
            report: dict[str, Any] = json.loads(loaded["report"])
            _drop(folder, damaged, f"the one before is used, of epoch {report['epoch']}", report_damage)
            return loaded["state"], report
        damaged.append(name)
    _drop(folder, damaged, "there is no other, so the trial begins again", report_damage)
    return None


def _drop(folder: Path, damaged: list[str], then: str, report_damage: Callable[[str], None] | None) -> None:
    if damaged and report_damage:
        which = f"{' and '.join(damaged)} {'are' if len(damaged) > 1 else 'is'}"
        report_damage(f"trial {folder.name}: {which} damaged (the SHA-256 is another) and dropped; {then}")
        for name in damaged:
            (folder / name).unlink()


def save_predictions(folder: Path, predictions: pd.DataFrame, name: str = PREDICTIONS) -> None:
    """Save the best epoch's predictions: row and group numbers, never names."""
    folder.mkdir(parents=True, exist_ok=True)
    write_whole(folder / name, predictions.to_parquet(index=False))


def weights_metadata(config: TrialConfig, epoch: int, trained_on: str) -> dict[str, str]:
    """What a reader of a weights file must know to use it; trained_on: `study.training.leakage.provenance_text`."""
    fields = ("architecture", "head", "image_size", "crop", "colour", "normalisation")
    return {**{name: str(getattr(config, name)) for name in fields}, "epoch": str(epoch), "trained_on": trained_on}


def drop_parts(folder: Path) -> None:
    """Remove what a process that was killed while it wrote has left."""
    for file in folder.glob(".*"):
        file.unlink(missing_ok=True)


def drop_last(folder: Path) -> None:
    """Remove the checkpoints of a trial that has ended; its best weights stay."""
    drop_parts(folder)
    for name in (LAST, PREVIOUS):
        (folder / name).unlink(missing_ok=True)
