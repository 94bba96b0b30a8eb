"""What a confirmation predicts after its last epoch, with all its views: the test split, read once, and validation.

No other module reads the test split.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import torch

from analysis.stats.metrics import auc_ovr, called, confusion_matrix, scores_from_confusion
from retina_data.grades import GRADES, PROBABILITIES
from retina_models.resnet import ARCHITECTURES
from study.config.trial import TrialConfig
from study.training.data import SplitDataset
from study.training.prediction import Grader, channels_last, predict_rows
from study.training.train import TrainingError, remedy


def read_test(
    weights: dict[str, Any], config: TrialConfig, prepared: SplitDataset, device: torch.device
) -> pd.DataFrame:
    """Predictions of a network with these weights: row, patient, grade, new_patients, p0 .. p4 of the test split.

    Raises TrainingError where they are not finite.
    """
    return _predicted(prepared.test_table(), "test", weights, config, prepared, device)


def read_calibration(
    weights: dict[str, Any], config: TrialConfig, prepared: SplitDataset, device: torch.device
) -> pd.DataFrame:
    """The same of validation: row, patient, grade, p0 .. p4. What temperature and threshold are fitted on."""
    data = prepared.train_data()
    rows = data.val_rows
    table = pd.DataFrame({"row": rows, "patient": data.groups[rows], "grade": data.grades[rows]})
    return _predicted(table, "validation", weights, config, prepared, device)


def _predicted(
    table: pd.DataFrame,
    split: str,
    weights: dict[str, Any],
    config: TrialConfig,
    prepared: SplitDataset,
    device: torch.device,
) -> pd.DataFrame:
    """The table with the probabilities of its rows, the mean over the configuration's views."""
    layout = torch.channels_last if channels_last(device, config.precision) else torch.contiguous_format
    network = ARCHITECTURES[config.architecture](len(GRADES), config.head)
    network.load_state_dict(weights)
    grader = Grader([network], config.views).to(device).to(memory_format=layout)
    probabilities = predict_rows(
        grader,
        prepared.cache.images,
        table["row"].to_numpy(),
        normalisation=config.normalisation,
        precision=config.precision,
    )
    if not np.isfinite(probabilities).all():
        raise TrainingError(f"predictions must be finite, but are not on the {split} split; {remedy(config)}")
    return table.assign(**dict(zip(PROBABILITIES, probabilities.T, strict=True)))


def reading(table: pd.DataFrame, decision: str) -> dict[str, Any]:
    """Fields of a `test_evaluation` event: of all images, and of those whose patient is not in training.

    Scores `test_new_patients/...` are there only where that is not all of them.
    """
    new_patients = table[table["new_patients"]]
    scores, confusion = _measured(table, decision)
    new_patients_scores, new_patients_confusion = _measured(new_patients, decision)
    named = {f"test/{name}": value for name, value in scores.items()}
    if len(new_patients) < len(table):
        named |= {f"test_new_patients/{name}": value for name, value in new_patients_scores.items()}
    return {
        "n": len(table),
        "n_new_patients": len(new_patients),
        "scores": named,
        "confusion": confusion.tolist(),
        "new_patients": new_patients_confusion.tolist(),
    }


def _measured(table: pd.DataFrame, decision: str) -> tuple[dict[str, float], np.ndarray[Any, np.dtype[np.int64]]]:
    """Defined scores and confusion (5, 5) of a table of predictions."""
    grades, probabilities = table["grade"].to_numpy(), table[[*PROBABILITIES]].to_numpy()
    confusion = confusion_matrix(grades, called(probabilities, decision))
    scores = {name: float(value) for name, value in scores_from_confusion(confusion).items()}
    scores["auc"] = auc_ovr(grades, probabilities)
    return {name: value for name, value in scores.items() if np.isfinite(value)}, confusion
