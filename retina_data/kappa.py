"""Agreement of two gradings: confusion matrix and Cohen's kappa, for the audit of labels and the scores of models."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from retina_data.grades import GRADES

CLASSES = len(GRADES)

Floats = NDArray[np.float64]

Ints = NDArray[np.int64]


def confusion_matrix(grades: ArrayLike, predicted: ArrayLike) -> Ints:
    """Counts (5, 5), rows = truth, columns = prediction, of two vectors (n,) of grades 0..4; n may be 0.

    Raises ValueError for unequal lengths or a grade outside 0..4.
    """
    truth, prediction = np.asarray(grades, dtype=np.int64), np.asarray(predicted, dtype=np.int64)
    if truth.ndim != 1 or truth.shape != prediction.shape:
        raise ValueError(
            f"grades and predicted must have one length (n,), but got {truth.shape} and {prediction.shape}"
        )
    for name, values in (("grades", truth), ("predicted", prediction)):
        if values.size and (values.min() < 0 or values.max() >= CLASSES):
            raise ValueError(f"0 <= {name} <= {CLASSES - 1} must hold, but got {values.min()} .. {values.max()}")
    counts = np.bincount(truth * CLASSES + prediction, minlength=CLASSES * CLASSES)
    return counts.reshape(CLASSES, CLASSES).astype(np.int64)


def quadratic_kappa(confusion: ArrayLike) -> Floats:
    """Cohen's kappa (...) with quadratic weights of (..., 5, 5) counts (Cohen 1968, Psychological Bulletin 70:213).

    One predicted grade with several true ones gives exactly 0: it is chance agreement, which rounding must not lift.
    One true grade only, or no image, gives NaN: agreement beyond chance is then undefined.
    """
    counts = checked_confusion(confusion)
    truth, prediction = counts.sum(axis=-1), counts.sum(axis=-2)
    total = truth.sum(axis=-1)
    steps = np.arange(CLASSES, dtype=np.float64)
    weights = (steps[:, None] - steps[None, :]) ** 2  # (5, 5) squared distance of two grades
    observed = (counts * weights).sum(axis=(-2, -1)) * total
    expected = np.einsum("...i,ij,...j->...", truth, weights, prediction)
    several_true = (truth > 0).sum(axis=-1) > 1
    one_prediction = (prediction > 0).sum(axis=-1) == 1
    kappa = 1.0 - ratio(observed, expected)
    return np.asarray(np.where(several_true, np.where(one_prediction, 0.0, kappa), np.nan), dtype=np.float64)


def checked_confusion(confusion: ArrayLike) -> Floats:
    """The counts (..., 5, 5) as floats. Raises ValueError for another shape."""
    counts = np.asarray(confusion, dtype=np.float64)
    if counts.shape[-2:] != (CLASSES, CLASSES):
        raise ValueError(f"a confusion matrix must be (..., {CLASSES}, {CLASSES}), but got {counts.shape}")
    return counts


def ratio(numerator: Floats, denominator: Floats) -> Floats:
    """numerator / denominator, NaN where the denominator is 0."""
    return np.asarray(
        np.divide(numerator, denominator, out=np.full(np.shape(denominator), np.nan), where=denominator > 0)
    )
