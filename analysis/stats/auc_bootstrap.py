"""Interval of the area under the ROC curve, bootstrap over patients; needs probabilities, not only counts."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.sparse import csr_matrix

from analysis.schema import GRADES
from analysis.stats.bootstrap import Interval, Weights, drawn_weights, mean_over_seeds, percentiles
from analysis.stats.metrics import CLASSES, Floats, Ints


def bootstrap_auc(
    groups: ArrayLike,
    grades: ArrayLike,
    probabilities: ArrayLike,
    rng: np.random.Generator,
    *,
    resamples: int = 2_000,
    level: float = 0.95,
) -> Interval:
    """Bounds () of metrics.auc_ovr, mean over seeds, over groups (patients) drawn with replacement.

    Resamples without a grade that is in the data are left out: the mean would be over other grades.
    groups, grades: (n,) integers; probabilities (s, n, 5), one model for each seed on the same images. The same
    generator draws the same patients as bootstrap.bootstrap_by_group. Raises ValueError for other shapes.
    """
    group, truth = np.asarray(groups, dtype=np.int64), np.asarray(grades, dtype=np.int64)
    probability = np.asarray(probabilities, dtype=np.float64)
    if probability.ndim != 3 or probability.shape[1:] != (truth.size, CLASSES) or group.shape != truth.shape:
        raise ValueError(f"probabilities must be (s, {truth.size}, {CLASSES}), but got {probability.shape}")
    numbers, place = np.unique(group, return_inverse=True)
    both = [grade for grade in GRADES if 0 < (truth == grade).sum() < truth.size]  # grades with both signs
    ranked = [[_Ranked(truth == grade, one[:, grade], place, numbers.size) for grade in both] for one in probability]
    drawn = []
    for weights in drawn_weights(numbers.size, rng, resamples):
        columns = np.ascontiguousarray(weights.T)  # (G, r)
        areas = np.full((len(ranked), weights.shape[0]), np.nan)  # (s, r)
        if both:
            areas = np.array([np.mean([area.of(columns) for area in model], axis=0) for model in ranked])
        drawn.append(mean_over_seeds(areas.T))
    return percentiles(np.concatenate(drawn), level)


class _Ranked:
    """One grade against the rest: what a weighted sum of ranks needs, sorted once for all resamples.

    Images of the rarer sign are the thresholds; the others are counted between them, a tie half on each side.
    """

    def __init__(self, positive: NDArray[np.bool_], score: Floats, group: Ints, groups: int) -> None:
        self._few_positive = bool(2 * positive.sum() <= positive.size)
        few = positive if self._few_positive else ~positive
        steps, step = np.unique(score[few], return_inverse=True)
        left = np.searchsorted(steps, score[~few], side="left")
        right = np.searchsorted(steps, score[~few], side="right")  # one more than left for a tie
        shape = (steps.size + 1, groups)
        self._others = 0.5 * (_sums(left, group[~few], shape) + _sums(right, group[~few], shape))
        self._few = _sums(step, group[few], (steps.size, groups))

    def of(self, weights: Weights) -> Floats:
        """Area (r,) for group weights (G, r): share of pairs in the right order; NaN without both signs."""
        few, others = self._few @ weights, self._others @ weights  # (steps, r), (steps + 1, r)
        below = np.cumsum(others, axis=0)
        pairs = few.sum(axis=0, dtype=np.float64) * below[-1]
        higher = np.einsum("sr,sr->r", few, below[:-1], dtype=np.float64)
        area = np.divide(higher, pairs, out=np.full(pairs.shape, np.nan), where=pairs > 0)
        return np.asarray(area if self._few_positive else 1.0 - area)


def _sums(row: Ints, column: Ints, shape: tuple[int, int]) -> Any:
    """Sparse matrix of `shape` that counts how often (row, column) is there."""
    ones = np.ones(row.size, dtype=np.float32)
    return csr_matrix((ones, (row, column)), shape)  # type: ignore[no-untyped-call]  # scipy has no types
