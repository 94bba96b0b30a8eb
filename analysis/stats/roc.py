"""Receiver operating characteristic and reliability of scores: array in, array out.

A score is one number for each image, the higher the more likely is what is looked for (a referable eye).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from analysis.stats.metrics import Floats, Ints

CHUNK = 100
"""Resamples whose weights are in memory at once: 100 x 7,000 images x 8 bytes = 6 MB, some times over."""


@dataclass(frozen=True)
class Roc:
    """Steps (k,) from the strictest threshold (nothing is called positive) to the laxest; NaN where one sign lacks."""

    false_positive: Floats
    true_positive: Floats


@dataclass(frozen=True)
class Reliability:
    """Bins (b,) of equal width over [0, 1]: images in each, their mean probability and share of hits (NaN if none)."""

    count: Ints
    probability: Floats
    share: Floats

    @property
    def error(self) -> float:
        """Expected calibration error: mean distance of probability and share, weighted by images; NaN without any."""
        some = self.count > 0
        if not some.any():
            return float("nan")
        return float(np.average(np.abs(self.probability - self.share)[some], weights=self.count[some]))


def roc(positive: ArrayLike, score: ArrayLike) -> Roc:
    """The curve of scores (n,) against truth (n,) bool; images of equal score are called alike, in one step."""
    truth, marks = _checked(positive, score)
    order, ends = _steps(marks)
    hits = np.cumsum(truth[order])[ends]
    alarms = np.cumsum(~truth[order])[ends]
    return Roc(_from_zero(alarms), _from_zero(hits))


def area(curve: Roc) -> float:
    """Area under the curve by trapezoids, so that ties count half; NaN where one sign lacks."""
    return float(np.trapezoid(curve.true_positive, curve.false_positive))


def sensitivity_at(curve: Roc, specificity: float) -> float:
    """Highest sensitivity of a threshold whose specificity is at least the given one; nothing is interpolated."""
    return float(_at(curve.false_positive[None], curve.true_positive[None], specificity)[0])


def on_grid(curve: Roc, grid: Floats) -> Floats:
    """True-positive shares (g,) at false-positive shares `grid` (g,); between two steps a straight line, as drawn."""
    return np.interp(grid, curve.false_positive, curve.true_positive)


def bootstrap(
    positive: ArrayLike,
    scores: Sequence[ArrayLike],
    patients: ArrayLike,
    specificities: Sequence[float],
    rng: np.random.Generator,
    *,
    resamples: int = 1000,
) -> Floats:
    """Area, then the sensitivity at each specificity, of resampled patients: (resamples, 1 + specificities).

    positive (n,) bool, patients (n,) group numbers, scores: one (n,) for each model; each resample draws the same
    patients for all models, whose values are averaged. NaN where a resample lacks one sign.
    """
    truth = np.asarray(positive, dtype=bool)
    numbers, place = np.unique(np.asarray(patients), return_inverse=True)
    ordered = [_steps(_checked(truth, score)[1]) for score in scores]
    found = []
    for start in range(0, resamples, CHUNK):
        size = min(CHUNK, resamples - start)
        drawn = rng.multinomial(numbers.size, np.full(numbers.size, 1 / numbers.size), size=size)  # (size, patients)
        weights = drawn[:, place].astype(np.float64)  # (size, n)
        values = [_weighted(truth, weights, *steps, specificities) for steps in ordered]
        found.append(np.asarray(np.mean(values, axis=0)))
    return np.concatenate(found)


def reliability(probability: ArrayLike, hit: ArrayLike, bins: int = 10) -> Reliability:
    """Reliability of probabilities (n,) in [0, 1] against what happened (n,) bool.

    (Guo et al. 2017, On calibration of modern neural networks, ICML.)
    """
    truth, predicted = _checked(hit, probability)
    if predicted.size and (predicted.min() < -1e-6 or predicted.max() > 1 + 1e-6):
        raise ValueError(f"0 <= probability <= 1 must hold, but got {predicted.min()} .. {predicted.max()}")
    place = np.clip((predicted * bins).astype(np.int64), 0, bins - 1)
    count = np.bincount(place, minlength=bins)
    mean = np.divide(np.bincount(place, predicted, bins), count, out=np.full(bins, np.nan), where=count > 0)
    share = np.divide(np.bincount(place, truth, bins), count, out=np.full(bins, np.nan), where=count > 0)
    return Reliability(count, mean, share)


def _checked(positive: ArrayLike, score: ArrayLike) -> tuple[NDArray[np.bool_], Floats]:
    truth, marks = np.asarray(positive, dtype=bool), np.asarray(score, dtype=np.float64)
    if truth.ndim != 1 or truth.shape != marks.shape:
        raise ValueError(f"truth and scores must have one length (n,), but got {truth.shape} and {marks.shape}")
    if not np.isfinite(marks).all():
        raise ValueError("scores must be finite, but got NaN or infinity")
    return truth, marks


def _steps(marks: Floats) -> tuple[Ints, Ints]:
    """Order (n,) of falling scores and the last place (k,) of each run of equal ones."""
    order = np.argsort(-marks, kind="stable")
    ends = np.flatnonzero(np.append(np.diff(marks[order]) != 0, True)) if marks.size else np.zeros(0, dtype=np.int64)
    return order, ends


def _from_zero(counts: NDArray[Any]) -> Floats:
    """Shares (k + 1,) of cumulated counts (k,), beginning with 0; NaN where there is nothing to count."""
    shares = np.append(0.0, counts)
    return np.asarray(np.divide(shares, shares[-1], out=np.full(shares.shape, np.nan), where=shares[-1] > 0))


def _weighted(
    truth: NDArray[np.bool_], weights: Floats, order: Ints, ends: Ints, specificities: Sequence[float]
) -> Floats:
    """Area and sensitivities (size, 1 + specificities) of one model under image weights (size, n)."""
    sorted_weights, sorted_truth = weights[:, order], truth[order]
    hits = np.cumsum(sorted_weights * sorted_truth, axis=1)[:, ends]
    alarms = np.cumsum(sorted_weights * ~sorted_truth, axis=1)[:, ends]
    rows = np.zeros((len(weights), 1))
    with np.errstate(invalid="ignore"):
        tpr = np.hstack([rows, hits / hits[:, -1:]])
        fpr = np.hstack([rows, alarms / alarms[:, -1:]])
    columns = [np.trapezoid(tpr, fpr, axis=1), *(_at(fpr, tpr, one) for one in specificities)]
    return np.column_stack(columns)


def _at(fpr: Floats, tpr: Floats, specificity: float) -> Floats:
    """Sensitivity (rows,) at a specificity of curves (rows, k); NaN where a sign lacks."""
    last = (fpr <= 1 - specificity + 1e-12).sum(axis=1) - 1
    found = tpr[np.arange(len(tpr)), np.maximum(last, 0)]
    return np.asarray(np.where(np.isnan(fpr[:, -1]) | np.isnan(tpr[:, -1]), np.nan, found))
