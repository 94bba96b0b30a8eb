"""Size-only baseline: how well the size of image and file alone predicts the grade.

In EyePACS the cameras differ in both, and the clinics behind them in their patients: a network may learn the camera.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from retina_data.grades import GRADES
from retina_data.kappa import confusion_matrix, quadratic_kappa

Floats = npt.NDArray[np.float64]

_FOLDS = 5

_FREQUENT = 20  # sizes that have a column of their own

_RIDGE = 1.0


def size_only_baseline(table: pd.DataFrame) -> dict[str, Any] | None:
    """Accuracy and kappa of a linear model on width, height and bytes; None where these are the same for all.

    table: width, height, bytes, grade, split, patient, a row for each image that can be read. The model is fitted on
    the training list and asked on the test list; where there is none, five folds of patients are asked in turn. It
    answers each grade as often as the training list has it.
    """
    if table[["width", "height", "bytes"]].drop_duplicates().shape[0] < 2:
        return None
    grades, design = table["grade"].to_numpy("int64"), _design(table)
    test = (table["split"] == "test").to_numpy()
    if test.any() and not test.all():
        answers = _answers(design[~test], grades[~test], design[test])
        truth, asked = grades[test], "the test list"
    else:
        fold = table["patient"].to_numpy("int64") % _FOLDS
        answers = np.zeros(len(grades), np.int64)
        for n in range(_FOLDS):
            if (fold == n).any() and (fold != n).any():
                answers[fold == n] = _answers(design[fold != n], grades[fold != n], design[fold == n])
        truth, asked = grades, f"{_FOLDS} folds of the training list"
    kappa = float(quadratic_kappa(confusion_matrix(truth, answers)))
    return {
        "accuracy": float((answers == truth).mean()),
        "kappa": None if np.isnan(kappa) else kappa,
        "n": len(truth),
        "asked": asked,
    }


def _design(table: pd.DataFrame) -> Floats:
    """Columns (N, F): logarithms, their squares, and the most frequent sizes one by one."""
    width, height, size = (np.log(table[name].to_numpy("float64")) for name in ("width", "height", "bytes"))
    numbers = np.column_stack([width + height, width - height, size, size - width - height])
    numbers = (numbers - numbers.mean(axis=0)) / np.maximum(numbers.std(axis=0), 1e-9)
    sizes = pd.Series(list(zip(table["width"], table["height"], strict=True)))
    frequent = sizes.value_counts().index[:_FREQUENT]
    each = np.column_stack([(sizes == one).to_numpy("float64") for one in frequent])
    return np.column_stack([np.ones(len(table)), numbers, numbers**2, each])


def _answers(design: Floats, grades: npt.NDArray[np.int64], asked: Floats) -> npt.NDArray[np.int64]:
    """Ridge regression of the grade, cut where the training list's shares of grades are reached."""
    penalty = _RIDGE * np.eye(design.shape[1])
    weights = np.linalg.solve(design.T @ design + penalty, design.T @ grades)
    shares = np.cumsum(np.bincount(grades, minlength=len(GRADES)))[:-1] / len(grades)
    return np.asarray(np.searchsorted(np.quantile(design @ weights, shares), asked @ weights), dtype=np.int64)
