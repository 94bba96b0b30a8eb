"""The test part, read: once by each confirmation, after its last epoch. No other module reads it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import torch

from analysis.records import GRADES
from analysis.scores import auc_ovr, confusion_matrix, scores_from_confusion
from retina_data.batches import load_images
from retina_models.resnet import ARCHITECTURES
from study.config import TrialConfig
from study.predict import channels_last, predict
from study.prepared import Prepared
from study.train import TrainingError, remedy

PIECE = 1024  # images in memory at once


def read_test(weights: dict[str, Any], config: TrialConfig, prepared: Prepared, device: torch.device) -> pd.DataFrame:
    """Predictions of a network with these weights: row, patient, grade, clean, p0 .. p4 of the test part.

    Raises TrainingError where they are not finite.
    """
    layout = torch.channels_last if channels_last(device, config.precision) else torch.contiguous_format
    model = ARCHITECTURES[config.architecture](len(GRADES), config.head)
    model.load_state_dict(weights)
    model = model.to(device).to(memory_format=layout)
    table = prepared.test_table()
    rows = table["row"].to_numpy()
    pieces = []
    for start in range(0, len(rows), PIECE):
        images = load_images(prepared.cache.images, rows[start : start + PIECE], device, budget_bytes=0)  # (P, 3, S, S)
        pieces.append(predict(model, images, normalisation=config.normalisation, precision=config.precision).cpu())
    chances = torch.cat(pieces).numpy()  # (N, 5)
    if not np.isfinite(chances).all():
        raise TrainingError(f"predictions must be finite, but are not on the test part; {remedy(config)}")
    return table.assign(**{f"p{grade}": chances[:, grade] for grade in GRADES})


def reading(table: pd.DataFrame) -> dict[str, Any]:
    """What a `test-read` event says: scores and confusion of all images, and of those whose patient is not in training.

    Scores `test_clean/...` are there only where that is not all of them.
    """
    clean = table[table["clean"]]
    scores, confusion = _measured(table)
    clean_scores, clean_confusion = _measured(clean)
    named = {f"test/{name}": value for name, value in scores.items()}
    if len(clean) < len(table):
        named |= {f"test_clean/{name}": value for name, value in clean_scores.items()}
    return {
        "n": len(table),
        "n_clean": len(clean),
        "scores": named,
        "confusion": confusion.tolist(),
        "clean": clean_confusion.tolist(),
    }


def _measured(table: pd.DataFrame) -> tuple[dict[str, float], np.ndarray[Any, np.dtype[np.int64]]]:
    """Defined scores and confusion (5, 5) of a table of predictions."""
    grades, chances = table["grade"].to_numpy(), table[[f"p{grade}" for grade in GRADES]].to_numpy()
    confusion = confusion_matrix(grades, chances.argmax(axis=1))
    scores = {name: float(value) for name, value in scores_from_confusion(confusion).items()}
    scores["auc"] = auc_ovr(grades, chances)
    return {name: value for name, value in scores.items() if np.isfinite(value)}, confusion
