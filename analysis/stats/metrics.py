"""Confusion matrices and probabilities in, scores out: array in, array out, any leading batch dimensions.

Every undefined score is NaN, under one set of rules for training, tables, intervals and figures alike.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.stats import rankdata

from analysis.schema import GRADES

CLASSES = len(GRADES)

Floats = NDArray[np.float64]

Ints = NDArray[np.int64]


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


def scores_from_confusion(confusion: ArrayLike) -> dict[str, Floats]:
    """Every score that needs only counts: (..., 5, 5) counts or weights, rows = truth -> name -> array (...).

    accuracy           share on the diagonal; NaN without any image
    kappa              quadratic weighted (see `quadratic_kappa`)
    balanced_accuracy  mean recall over the grades present in truth
    macro_f1           mean F1 over the grades present in truth; a grade that is never predicted counts as 0
    recall_0 .. 4      NaN where the grade is absent from truth

    All are in [0, 1] except kappa in [-1, 1].
    """
    counts = _checked(confusion)
    truth = counts.sum(axis=-1)  # (..., 5) images of each grade
    prediction = counts.sum(axis=-2)  # (..., 5) predictions of each grade
    hits = np.diagonal(counts, axis1=-2, axis2=-1)  # (..., 5)
    present = truth > 0
    recall = _ratio(hits, truth)
    f1 = _ratio(2 * hits, truth + prediction)
    scores = {
        "accuracy": _ratio(hits.sum(axis=-1), truth.sum(axis=-1)),
        "kappa": quadratic_kappa(counts),
        "balanced_accuracy": _mean_where(recall, present),
        "macro_f1": _mean_where(f1, present),
    }
    return scores | {f"recall_{grade}": recall[..., grade] for grade in GRADES}


def accuracy(confusion: ArrayLike) -> Floats:
    """Share (...) on the diagonal of (..., 5, 5) counts; NaN without any image."""
    counts = _checked(confusion)
    return _ratio(np.trace(counts, axis1=-2, axis2=-1), counts.sum(axis=(-2, -1)))


def accuracy_and_kappa(confusion: ArrayLike) -> dict[str, Floats]:
    """The two scores that arms are compared by, of (..., 5, 5) counts: name -> (...)."""
    return {"accuracy": accuracy(confusion), "kappa": quadratic_kappa(confusion)}


def quadratic_kappa(confusion: ArrayLike) -> Floats:
    """Cohen's kappa (...) with quadratic weights of (..., 5, 5) counts (Cohen 1968, Psychological Bulletin 70:213).

    One predicted grade with several true ones gives exactly 0: it is chance agreement, which rounding must not lift.
    One true grade only, or no image, gives NaN: agreement beyond chance is then undefined.
    """
    counts = _checked(confusion)
    truth, prediction = counts.sum(axis=-1), counts.sum(axis=-2)
    total = truth.sum(axis=-1)
    steps = np.arange(CLASSES, dtype=np.float64)
    weights = (steps[:, None] - steps[None, :]) ** 2  # (5, 5) squared distance of two grades
    observed = (counts * weights).sum(axis=(-2, -1)) * total
    expected = np.einsum("...i,ij,...j->...", truth, weights, prediction)
    several_true = (truth > 0).sum(axis=-1) > 1
    one_prediction = (prediction > 0).sum(axis=-1) == 1
    kappa = 1.0 - _ratio(observed, expected)
    return np.asarray(np.where(several_true, np.where(one_prediction, 0.0, kappa), np.nan), dtype=np.float64)


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
    truth = _checked(confusion).sum(axis=-1)
    return _ratio(truth.max(axis=-1), truth.sum(axis=-1))


def is_constant_predictor(confusion: ArrayLike) -> NDArray[np.bool_]:
    """True (...) where all predictions are a single grade although truth holds several."""
    counts = _checked(confusion)
    one_prediction = (counts.sum(axis=-2) > 0).sum(axis=-1) == 1
    return np.asarray(one_prediction & ((counts.sum(axis=-1) > 0).sum(axis=-1) > 1))


def _area(positive: NDArray[np.bool_], score: Floats) -> float:
    """Share of (positive, negative) pairs in which the positive one scores higher, from the rank sum."""
    ranks = rankdata(score)
    ones = int(positive.sum())
    zeros = positive.size - ones
    return float((ranks[positive].sum() - ones * (ones + 1) / 2) / (ones * zeros))


def _checked(confusion: ArrayLike) -> Floats:
    counts = np.asarray(confusion, dtype=np.float64)
    if counts.shape[-2:] != (CLASSES, CLASSES):
        raise ValueError(f"a confusion matrix must be (..., {CLASSES}, {CLASSES}), but got {counts.shape}")
    return counts


def _ratio(numerator: Floats, denominator: Floats) -> Floats:
    """part / whole, NaN where whole is 0."""
    return np.asarray(
        np.divide(numerator, denominator, out=np.full(np.shape(denominator), np.nan), where=denominator > 0)
    )


def _mean_where(values: Floats, chosen: NDArray[np.bool_]) -> Floats:
    """Mean over the last axis of the chosen values, NaN where none is chosen."""
    return _ratio(np.where(chosen, values, 0.0).sum(axis=-1), chosen.sum(axis=-1).astype(np.float64))
