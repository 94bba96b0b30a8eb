"""The optimism of choosing the best of many on the split that it is measured on, its correction, what is left."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike

from analysis.stats.bootstrap import (
    Estimate,
    Totals,
    checked_counts,
    drawn_weights,
    mean_over_seeds,
    percentiles,
)
from analysis.stats.metrics import Floats


def bbc_cv(
    confusions: ArrayLike,
    score: Callable[[Floats], Floats],
    rng: np.random.Generator,
    *,
    evaluate: Callable[[Floats], Floats] | None = None,
    resamples: int = 1_000,
    level: float = 0.95,
) -> Estimate:
    """Bootstrap bias correction of the best of t trials: what the choice would get on patients it has not seen.

    confusions (t, G, 5, 5): counts of each trial and patient on one split. In each resample the trial with the highest
    `score` (counts (..., 5, 5) -> (...)) on the drawn patients is measured on those who were not drawn, by `evaluate`
    (-> (..., m); by the same score unless given); the estimate is the mean over resamples. The bounds (m,) are
    percentiles over parts of about 0.37 G patients, so they are wider than an interval over all of them. The choice of
    the epoch within a trial is not undone. NaN where no resample is defined.
    (Tsamardinos, Greasidou and Borboudakis 2018, Machine Learning 107:1895.)
    """
    table = np.asarray(confusions)
    by_patient = checked_counts(np.moveaxis(table, 0, 1) if table.ndim == 4 else table)  # (G, t, 5, 5)
    if by_patient.ndim != 4 or not by_patient.shape[1]:
        raise ValueError(f"confusions must be (t, G, 5, 5) with t >= 1, but got {table.shape}")
    evaluated, total, kept = evaluate or score, Totals(by_patient), []
    for weights in drawn_weights(by_patient.shape[0], rng, resamples):
        values = score(total.of(weights))  # (r, t)
        best = np.where(np.isnan(values), -np.inf, values).argmax(axis=1)
        left = np.stack([by_patient[row == 0, trial].sum(axis=0) for row, trial in zip(weights, best, strict=True)])
        undefined = np.isnan(values).all(axis=1)
        found = np.asarray(evaluated(left.astype(np.float64)))
        found[undefined] = np.nan
        kept.append(found)
    drawn = np.concatenate(kept)
    bounds, defined = percentiles(drawn, level), (~np.isnan(drawn)).sum(axis=0)
    mean = np.divide(np.nansum(drawn, axis=0), defined, out=np.full(bounds.low.shape, np.nan), where=defined > 0)
    return Estimate(np.asarray(mean), bounds.low, bounds.high, bounds.variance)


def expected_drop(own: ArrayLike, repeats: ArrayLike) -> tuple[float, float]:
    """How far a score is expected to fall on new patients: chosen by its own value, and by the mean of its repeats.

    own (k,): the score by which each of k configurations was chosen from many; repeats (k, r): its scores with fresh
    seeds on other validation splits, column by column on the same ones, NaN where one is missing.
    before  mean over configurations of own minus the mean of its repeats
    after   what choosing the best of the means still flatters: the choice is made by the other repeats, and its mean
            there is compared with the repeat that was left out, each once. It rests on r - 1 repeats where the real
            choice rests on r, so it is rather too large than too small. NaN with fewer than two repeats.
    Raises ValueError for other shapes.
    """
    chosen_by, repeated = np.asarray(own, dtype=np.float64), np.asarray(repeats, dtype=np.float64)
    if chosen_by.ndim != 1 or repeated.ndim != 2 or repeated.shape[0] != chosen_by.size or not chosen_by.size:
        raise ValueError(f"own must be (k,) and repeats (k, r), but got {chosen_by.shape} and {repeated.shape}")
    drops = chosen_by - mean_over_seeds(repeated)
    left = []
    for place in range(repeated.shape[1]):
        others = mean_over_seeds(np.delete(repeated, place, axis=1))
        others = np.where(np.isnan(repeated[:, place]), np.nan, others)  # it must be there to be compared with
        if not np.isnan(others).all():
            best = int(np.nanargmax(others))
            left.append(others[best] - repeated[best, place])
    return float(mean_over_seeds(drops)), float(np.mean(left)) if left else float("nan")
