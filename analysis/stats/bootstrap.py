"""Intervals of scores that are neither a share nor kappa: percentile bootstrap over patients; and of the configuration.

Array in, array out, explicit generator. Two eyes of one patient are alike, so the patient is what is drawn again: an
interval by image would be too narrow. But for the configuration's, all intervals are conditional on the trained models.
Shares have the bounds of analysis.stats.shares, kappa those of analysis.stats.influence.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import stdtrit

from analysis.stats.metrics import CLASSES, Floats, Ints, scores_from_confusion

OVER_GRADES = ("balanced_accuracy", "macro_f1")
"""Scores that are means over the grades there are: in a resample without one of them they would be another score."""

CHUNK = 500
"""Resamples whose weights are in memory at once: 500 x 7,000 patients x 4 bytes = 14 MB."""

Weights = NDArray[np.float32]

Scores = Callable[[Floats], Mapping[str, Floats]]
"""(..., 5, 5) confusion counts or weights -> name -> score (...)."""


@dataclass(frozen=True)
class Interval:
    """Bounds (...) of a score and its variance (...) over resamples; how many (...) were left out as undefined."""

    low: Floats
    high: Floats
    variance: Floats
    skipped: Ints


@dataclass(frozen=True)
class Estimate:
    """A value (...) with its bounds (...) and, where it was resampled, its variance (...) over the resamples."""

    value: Floats
    low: Floats
    high: Floats
    variance: Floats


def confusion_by_group(groups: ArrayLike, grades: ArrayLike, predicted: ArrayLike) -> Ints:
    """Confusion counts (G, 5, 5) of each group in ascending order of its number.

    groups, grades, predicted: (n,) integers; grades and predictions in 0..4. Raises ValueError otherwise.
    """
    group, truth, prediction = (np.asarray(values, dtype=np.int64) for values in (groups, grades, predicted))
    if truth.ndim != 1 or not truth.shape == prediction.shape == group.shape:
        raise ValueError(
            f"groups, grades and predicted must have one length, but got {group.shape}, {truth.shape}, "
            f"{prediction.shape}"
        )
    if truth.size and (min(truth.min(), prediction.min()) < 0 or max(truth.max(), prediction.max()) >= CLASSES):
        raise ValueError(f"grades and predictions must lie in 0..{CLASSES - 1}")
    numbers, place = np.unique(group, return_inverse=True)
    positions = place * CLASSES * CLASSES + truth * CLASSES + prediction
    counts = np.bincount(positions, minlength=numbers.size * CLASSES * CLASSES)
    return counts.reshape(numbers.size, CLASSES, CLASSES).astype(np.int64)


def bootstrap_by_group(
    counts: ArrayLike,
    rng: np.random.Generator,
    *,
    resamples: int = 10_000,
    level: float = 0.95,
    scores: Scores = scores_from_confusion,
    over_seeds: bool = False,
) -> dict[str, Interval]:
    """Percentile interval of every score that needs only counts, over groups (patients) drawn with replacement.

    counts (G, ..., 5, 5): confusion counts of each group; the dimensions between are models that were measured on the
    same groups, and each resample draws the same groups for all of them. With `over_seeds` the last of them is the
    seeds of one configuration, and the score is the mean over them (that are defined). Returns name -> bounds (...),
    NaN where a score is undefined in every resample or G = 0. Resamples without a grade that is in the data are left
    out for the scores in OVER_GRADES. A score that hangs on a few patients (kappa with a handful of far
    misses, recall of a rare grade) gets an interval that is too narrow;
    tests/analysis/stats/test_bootstrap.py shows by how much.
    (Efron and Tibshirani 1993, An Introduction to the Bootstrap, ch. 13.)
    """
    table = checked_counts(counts)
    drawn: dict[str, list[Floats]] = {}
    present = table.sum(axis=(0, -1)) > 0  # (..., 5) grades in the data
    for confusion in resampled(table, rng, resamples):
        lacking = ((confusion.sum(axis=-1) == 0) & present).any(axis=-1)
        for name, values in scores(confusion).items():
            if name in OVER_GRADES:
                values = np.where(lacking, np.nan, values)
            drawn.setdefault(name, []).append(mean_over_seeds(values) if over_seeds else values)
    return {name: percentiles(np.concatenate(chunks), level) for name, chunks in drawn.items()}


def configuration_interval(score_per_seed: ArrayLike, patient_variance: float, *, level: float = 0.95) -> Estimate:
    """Interval of a configuration's score on any patients: variance over patients plus variance over seeds / s.

    score_per_seed (s,): the score of each seed's model on the same patients; patient_variance: bootstrap variance of
    their mean over patients. The quantile is that of t with s - 1 degrees of freedom, since the seeds' variance is
    known from s values only. Where patients are most of the variance it is wide for few seeds (see the simulation in
    tests/analysis/stats/test_bootstrap.py). Bounds NaN for fewer than two seeds.
    """
    scores = np.asarray(score_per_seed, dtype=np.float64)
    if scores.ndim != 1 or scores.size == 0:
        raise ValueError(f"score_per_seed must be (s,) with s >= 1, but got {scores.shape}")
    value, nothing = np.asarray(scores.mean()), np.asarray(np.nan)
    if scores.size < 2:
        return Estimate(value, nothing, nothing, nothing)
    variance = np.asarray(patient_variance + scores.var(ddof=1) / scores.size, dtype=np.float64)
    half = float(stdtrit(scores.size - 1, 0.5 + level / 2)) * np.sqrt(variance)
    return Estimate(value, value - half, value + half, variance)


def checked_counts(counts: ArrayLike) -> NDArray[np.generic]:
    """The counts as an array (G, ..., 5, 5). Raises ValueError for another shape."""
    table = np.asarray(counts)
    if table.ndim < 3 or table.shape[-2:] != (CLASSES, CLASSES):
        raise ValueError(f"counts must be (groups, ..., {CLASSES}, {CLASSES}), but got {table.shape}")
    return table


def resampled(counts: NDArray[np.generic], rng: np.random.Generator, resamples: int) -> Iterator[Floats]:
    """Confusion counts (chunk, ..., 5, 5) of resampled groups, until `resamples` are done."""
    total = Totals(counts)
    for weights in drawn_weights(counts.shape[0], rng, resamples):
        yield total.of(weights)


class Totals:
    """Sums of counts (G, ..., 5, 5) over weighted groups, all resamples in one matrix product.

    float32 is exact here: every sum is a whole number far below 2**24.
    """

    def __init__(self, counts: NDArray[np.generic]) -> None:
        self._inner = counts.shape[1:]
        flat = counts.reshape(counts.shape[0], math.prod(self._inner))
        self._used = np.flatnonzero(flat.any(axis=0))  # most of the 25 counts of a good model are empty
        self._dense = flat[:, self._used].astype(np.float32)

    def of(self, weights: Weights) -> Floats:
        """(r, G) -> (r, ..., 5, 5)."""
        sums = np.zeros((weights.shape[0], math.prod(self._inner)))
        sums[:, self._used] = weights @ self._dense
        return sums.reshape(weights.shape[0], *self._inner)


def drawn_weights(groups: int, rng: np.random.Generator, resamples: int) -> Iterator[Weights]:
    """How often each group is drawn, (chunk, groups), until `resamples` are done: rows are multinomial."""
    for start in range(0, resamples, CHUNK):
        size = min(CHUNK, resamples - start)
        if not groups:
            yield np.zeros((size, 0), dtype=np.float32)
            continue
        picks = rng.integers(0, groups, size=(size, groups), dtype=np.int64)
        picks += np.arange(size)[:, None] * groups
        yield np.bincount(picks.ravel(), minlength=size * groups).reshape(size, groups).astype(np.float32)


def mean_over_seeds(values: Floats) -> Floats:
    """Mean (...) over the last axis of those that are defined; NaN where none is."""
    defined = ~np.isnan(values)
    count = defined.sum(axis=-1)
    total = np.where(defined, values, 0.0).sum(axis=-1)
    return np.asarray(np.divide(total, count, out=np.full(count.shape, np.nan), where=count > 0))


def percentiles(values: Floats, level: float) -> Interval:
    """Bounds and variance over the first axis, leaving out NaN; NaN where nothing is left."""
    if not 0 < level < 1:
        raise ValueError(f"0 < level < 1 must hold, but got level={level}")
    undefined = np.isnan(values).sum(axis=0)
    low, high, variance = (np.full(values.shape[1:], np.nan) for _ in range(3))
    some = undefined < values.shape[0]
    if some.any():
        # the versions that skip NaN are slow along an axis; they are needed only where a resample is undefined
        quantile, spread = (np.nanquantile, np.nanvar) if undefined.any() else (np.quantile, np.var)
        low[some], high[some] = quantile(values[:, some], [0.5 - level / 2, 0.5 + level / 2], axis=0)
        variance[some] = spread(values[:, some], axis=0)
    return Interval(low, high, variance, np.asarray(undefined, dtype=np.int64))
