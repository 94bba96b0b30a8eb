"""Confusion matrices and probabilities in, scores out: array in, array out, any leading batch dimensions.

Every undefined score is NaN, under one set of rules for training, tables, intervals and figures alike.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from analysis.schema import GRADES
from retina_data.kappa import CLASSES as CLASSES
from retina_data.kappa import Floats as Floats
from retina_data.kappa import Ints as Ints
from retina_data.kappa import checked_confusion, ratio
from retina_data.kappa import confusion_matrix as confusion_matrix
from retina_data.kappa import quadratic_kappa as quadratic_kappa


def called(probabilities: ArrayLike, decision: str) -> Ints:
    """The grade that is called for each row of probabilities (..., 5): (...).

    most_probable: the first of the highest. median: the smallest grade whose cumulative probability is at least one
    half, which the expected distance from the truth is smallest for; nothing is fitted. Raises ValueError for another
    decision.
    """
    probability = np.asarray(probabilities, dtype=np.float64)
    if decision == "most_probable":
        return np.asarray(probability.argmax(axis=-1))
    if decision != "median":
        raise ValueError(f"decision must be most_probable or median, but got {decision!r}")
    return np.asarray(np.minimum((probability.cumsum(axis=-1) < 0.5).sum(axis=-1), CLASSES - 1))


def scores_from_confusion(confusion: ArrayLike) -> dict[str, Floats]:
    """Every score that needs only counts: (..., 5, 5) counts or weights, rows = truth -> name -> array (...).

    accuracy           share on the diagonal; NaN without any image
    kappa              quadratic weighted (see `quadratic_kappa`)
    balanced_accuracy  mean recall over the grades present in truth
    macro_f1           mean F1 over the grades present in truth; a grade that is never predicted counts as 0
    recall_0 .. 4      NaN where the grade is absent from truth

    All are in [0, 1] except kappa in [-1, 1].
    """
    counts = checked_confusion(confusion)
    truth = counts.sum(axis=-1)  # (..., 5) images of each grade
    prediction = counts.sum(axis=-2)  # (..., 5) predictions of each grade
    hits = np.diagonal(counts, axis1=-2, axis2=-1)  # (..., 5)
    present = truth > 0
    recall = ratio(hits, truth)
    f1 = ratio(2 * hits, truth + prediction)
    scores = {
        "accuracy": ratio(hits.sum(axis=-1), truth.sum(axis=-1)),
        "kappa": quadratic_kappa(counts),
        "balanced_accuracy": _mean_where(recall, present),
        "macro_f1": _mean_where(f1, present),
    }
    return scores | {f"recall_{grade}": recall[..., grade] for grade in GRADES}


def accuracy(confusion: ArrayLike) -> Floats:
    """Share (...) on the diagonal of (..., 5, 5) counts; NaN without any image."""
    counts = checked_confusion(confusion)
    return ratio(np.trace(counts, axis1=-2, axis2=-1), counts.sum(axis=(-2, -1)))


def accuracy_and_kappa(confusion: ArrayLike) -> dict[str, Floats]:
    """The two scores that arms are compared by, of (..., 5, 5) counts: name -> (...)."""
    return {"accuracy": accuracy(confusion), "kappa": quadratic_kappa(confusion)}


def auc_ovr(grades: ArrayLike, probabilities: ArrayLike) -> float:
    """Area under the ROC curve, one grade against the rest, averaged over the grades that have both signs.

    grades (n,) of 0..4, probabilities (n, 5) finite, of any scale (only their order within a column counts). Ties
    count half (Mann and Whitney 1947). NaN when no grade has both signs. Raises ValueError for wrong shapes or values.
    """
    truth, probability = np.asarray(grades, dtype=np.int64), np.asarray(probabilities, dtype=np.float64)
    if truth.ndim != 1 or probability.shape != (truth.size, CLASSES):
        raise ValueError(
            f"probabilities must be ({truth.size}, {CLASSES}) beside the grades, but got {probability.shape}"
        )
    if not np.isfinite(probability).all():
        raise ValueError("probabilities must be finite, but got NaN or infinity; the model has diverged: lower lr")
    areas = [
        _area(truth == grade, probability[:, grade]) for grade in GRADES if 0 < (truth == grade).sum() < truth.size
    ]
    return float(np.mean(areas)) if areas else float("nan")


def majority_share(confusion: ArrayLike) -> Floats:
    """Share (...) of the most frequent true grade: the accuracy of having learned nothing; NaN without images."""
    truth = checked_confusion(confusion).sum(axis=-1)
    return ratio(truth.max(axis=-1), truth.sum(axis=-1))


def is_constant_predictor(confusion: ArrayLike) -> NDArray[np.bool_]:
    """True (...) where all predictions are a single grade although truth holds several."""
    counts = checked_confusion(confusion)
    one_prediction = (counts.sum(axis=-2) > 0).sum(axis=-1) == 1
    return np.asarray(one_prediction & ((counts.sum(axis=-1) > 0).sum(axis=-1) > 1))


def _area(positive: NDArray[np.bool_], score: Floats) -> float:
    """Share of (positive, negative) pairs in which the positive one scores higher, from the rank sum."""
    ranks = pd.Series(score).rank().to_numpy()  # scipy.stats has it too, and takes half a second to load
    ones = int(positive.sum())
    zeros = positive.size - ones
    return float((ranks[positive].sum() - ones * (ones + 1) / 2) / (ones * zeros))


def _mean_where(values: Floats, chosen: NDArray[np.bool_]) -> Floats:
    """Mean over the last axis of the chosen values, NaN where none is chosen."""
    return ratio(np.where(chosen, values, 0.0).sum(axis=-1), chosen.sum(axis=-1).astype(np.float64))
