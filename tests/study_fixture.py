"""Events of a study as a search writes them, and small data sets, for the tests of `study`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from retina_data.synthetic import make_dataset
from study.config import TrialConfig, make_study_config

SMALL = {"image_size": 32, "batch_size": 16}


def small_data(folder: Path, patients: int = 30) -> Path:
    """A synthetic data set of a few patients at 32 px; made once for a folder."""
    make_dataset(folder, patients=patients, image_size=32, camera="a", seed=5, progress=False)
    return folder


def study_event(trials: int = 2, time: float = 1000.0, **settings: Any) -> dict[str, Any]:
    """The event that begins a study of ResNet18 from scratch; settings: fields of its StudyConfig or of its trials."""
    flags = {"trials": trials, "architecture": "resnet18", "pretrained": False, **settings}
    return {
        "event": "study",
        "time": time,
        "id": "a" * 32,
        "config": make_study_config({}, flags).model_dump(mode="json"),
        "objective": "kappa",
        "identity": {"data_digest": "d" * 64, "split_digest": "e" * 64},
        "arms": ["resnet18-scratch"],
        "not_run": {"resnet50-pretrained": "weights are not here"},
        "weights": {},
        "audit": {"images": {"train": 10, "test": 0}},
        "parts": {"train": 8, "val": 5},
        "versions": {"python": "3", "retina_commit": "abc"},
        "threads": 2,
        "notes": [],
        "commands": ["retina search s"],
    }


def trial_event(number: int, epochs: int = 2, time: float = 1001.0, **fields: Any) -> dict[str, Any]:
    """The event that begins a trial of ResNet18 from scratch; fields: of its TrialConfig."""
    return {
        "event": "trial",
        "time": time,
        "trial": f"{number:04d}",
        "group": "resnet18-scratch",
        "number": number,
        "config": TrialConfig(**{"epochs": epochs, "seed": number, **fields}).model_dump(mode="json"),
        "params": {},
        "distributions": {},
    }


def epoch_event(number: int, epoch: int, kappa: float, time: float = 1002.0) -> dict[str, Any]:
    """One epoch of a trial."""
    return {
        "event": "epoch",
        "time": time + epoch,
        "trial": f"{number:04d}",
        "epoch": epoch,
        "scores": {"val/kappa": kappa, "val/accuracy": 0.8, "val/loss": 1.0 / epoch, "train/loss": 1.0},
        "confusion": np.diag([4, 1, 0, 0, 0]).tolist(),
        "images_seen": 8,
        "seconds": 0.5,
        "peak_resident_bytes": 300_000_000,
        "cpu_utilisation": 0.5,
        "device": "cpu",
        "threads": 2,
        "weights_digest": "f" * 64,
        "stop": False,
        "rungs": {},
    }


def end_event(number: int, state: str = "complete", reason: str = "") -> dict[str, Any]:
    """The end of a trial."""
    return {"event": "end", "time": 1010.0, "trial": f"{number:04d}", "state": state, "reason": reason}


def predictions() -> pd.DataFrame:
    """What `epoch_event`'s confusion came from."""
    grades = np.array([0, 0, 0, 0, 1])
    chances = np.eye(5)[grades]
    table = pd.DataFrame({"row": range(5), "patient": range(5), "grade": grades})
    return table.assign(**{f"p{grade}": chances[:, grade] for grade in range(5)})
