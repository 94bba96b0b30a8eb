"""A trial's files: the last checkpoint, and weights and predictions of its best epoch; whole or not there.

`TRIAL/last.pt` beside `TRIAL/last.pt.sha256`; `TRIAL/best.safetensors`; `TRIAL/predictions.parquet`. The checkpoint
before the last one is kept as `previous.pt` for the case that the last was damaged.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
from pathlib import Path
from typing import Any

import pandas as pd
import torch

from study.config import TrialConfig

LAST, PREVIOUS, BEST, PREDICTIONS = "last.pt", "previous.pt", "best.safetensors", "predictions.parquet"


def write_whole(path: Path, data: bytes | memoryview) -> None:
    """Write a file so that a reader, or a crash, meets the old content or the new, never a part."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    with temporary.open("wb") as handle:
        handle.write(data)
        handle.flush()
        os.fsync(handle.fileno())
    temporary.replace(path)


def save_last(folder: Path, state: dict[str, Any], report: dict[str, Any]) -> None:
    """Save what `train` needs to go on, and the report of its last epoch, which may not have reached the driver."""
    folder.mkdir(parents=True, exist_ok=True)
    buffer = io.BytesIO()
    torch.save({"state": state, "report": json.dumps(report)}, buffer)
    data = buffer.getbuffer()
    last, digest = folder / LAST, folder / f"{LAST}.sha256"
    if last.exists() and digest.exists():
        digest.replace(folder / f"{PREVIOUS}.sha256")
        last.replace(folder / PREVIOUS)
    write_whole(last, data)
    write_whole(digest, hashlib.sha256(data).hexdigest().encode())


def load_last(folder: Path, device: torch.device) -> tuple[dict[str, Any], dict[str, Any]] | None:
    """(state, report) of the newest checkpoint whose SHA-256 is right; None where there is none."""
    for name in (LAST, PREVIOUS):
        try:
            data = (folder / name).read_bytes()
            wanted = (folder / f"{name}.sha256").read_text()
        except FileNotFoundError:
            continue
        if hashlib.sha256(data).hexdigest() == wanted:
            loaded = torch.load(io.BytesIO(data), map_location=device, weights_only=True)
            return loaded["state"], json.loads(loaded["report"])
    return None


def save_predictions(folder: Path, predictions: pd.DataFrame) -> None:
    """Save the best epoch's predictions: row and group numbers, never names."""
    folder.mkdir(parents=True, exist_ok=True)
    write_whole(folder / PREDICTIONS, predictions.to_parquet(index=False))


def weights_metadata(config: TrialConfig, epoch: int) -> dict[str, str]:
    """What a reader of a weights file must know to use it."""
    fields = ("architecture", "head", "image_size", "crop", "colour", "normalisation")
    return {**{name: str(getattr(config, name)) for name in fields}, "epoch": str(epoch)}


def drop_last(folder: Path) -> None:
    """Remove the checkpoints of a trial that has ended; its best weights stay."""
    for name in (LAST, PREVIOUS):
        (folder / name).unlink(missing_ok=True)
        (folder / f"{name}.sha256").unlink(missing_ok=True)
