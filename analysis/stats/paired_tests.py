"""Two models on the same patients: the difference of their scores, and tests of whether there is one.

Array in, array out, explicit generator. Each patient's images stay together, and each patient is compared with itself.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import bdtr

from analysis.stats.bootstrap import (
    Estimate,
    Scores,
    Totals,
    checked_counts,
    drawn_weights,
    mean_over_seeds,
    percentiles,
)
from analysis.stats.metrics import Floats

SIGNS_AT_ONCE = 1000

TOLERANCE = 1e-9
"""Sums of correctness that differ by less are equal: they are sums of whole numbers divided by the number of seeds."""


def difference_by_group(
    a: ArrayLike,
    b: ArrayLike,
    scores: Scores,
    rng: np.random.Generator,
    *,
    resamples: int = 10_000,
    level: float = 0.95,
) -> dict[str, Estimate]:
    """Each score of a minus that of b, means over seeds, with a bootstrap interval over patients: name -> estimate.

    a (G, s, 5, 5), b (G, t, 5, 5): confusion counts of the same G patients, which each resample draws for both; scores:
    (..., 5, 5) -> name -> (...). The interval is conditional on the trained models. Raises ValueError for other shapes
    or numbers of patients.
    """
    left, right = checked_counts(a), checked_counts(b)
    if left.ndim != 4 or right.ndim != 4 or left.shape[0] != right.shape[0]:
        raise ValueError(f"a and b must be (G, seeds, 5, 5) with the same G, but got {left.shape} and {right.shape}")

    def differences(one: Floats, other: Floats) -> dict[str, Floats]:
        of_one, of_other = scores(one), scores(other)
        return {name: mean_over_seeds(of_one[name]) - mean_over_seeds(of_other[name]) for name in of_one}

    of_left, of_right = Totals(left), Totals(right)
    drawn: dict[str, list[Floats]] = {}
    for weights in drawn_weights(left.shape[0], rng, resamples):
        for name, values in differences(of_left.of(weights), of_right.of(weights)).items():
            drawn.setdefault(name, []).append(values)
    found = {name: percentiles(np.concatenate(chunks), level) for name, chunks in drawn.items()}
    total = differences(left.sum(axis=0, dtype=np.float64), right.sum(axis=0, dtype=np.float64))
    return {name: Estimate(total[name], one.low, one.high, one.variance) for name, one in found.items()}


def paired_test(
    correct_a: ArrayLike,
    correct_b: ArrayLike,
    groups: ArrayLike,
    rng: np.random.Generator,
    *,
    resamples: int = 10_000,
) -> float:
    """p-value, two-sided, of equal accuracy: sign-flip permutation of each patient's difference.

    correct_a, correct_b (n,): correctness of each image in [0, 1], averaged over seeds where there are several;
    groups (n,): its patient. If neither model is better, each patient's difference of summed correctness could as well
    have had the other sign. The observed arrangement counts as one, so that p is never 0 (Phipson and Smyth 2010,
    Statistical Applications in Genetics and Molecular Biology 9:39). 1 where no patient differs.
    """
    left, right = np.asarray(correct_a, dtype=np.float64), np.asarray(correct_b, dtype=np.float64)
    group = np.asarray(groups)
    if left.ndim != 1 or not left.shape == right.shape == group.shape:
        raise ValueError(f"correctness and groups must be (n,), but got {left.shape}, {right.shape}, {group.shape}")
    numbers, place = np.unique(group, return_inverse=True)
    by_patient = np.bincount(place, weights=left - right, minlength=numbers.size)
    by_patient = by_patient[np.abs(by_patient) > TOLERANCE]
    if not by_patient.size:
        return 1.0
    observed, as_extreme = abs(by_patient.sum()) - TOLERANCE, 0
    for start in range(0, resamples, SIGNS_AT_ONCE):
        size = min(SIGNS_AT_ONCE, resamples - start)
        flipped = rng.integers(0, 2, size=(size, by_patient.size), dtype=np.int8)
        sums = by_patient.sum() - 2.0 * (flipped @ by_patient)
        as_extreme += int((np.abs(sums) >= observed).sum())
    return (1 + as_extreme) / (1 + resamples)


def holm(p: ArrayLike) -> Floats:
    """p-values (m,) adjusted so that the chance of any false alarm among them stays below the level.

    (Holm 1979, Scandinavian Journal of Statistics 6:65.) Raises ValueError for a p outside [0, 1] or NaN.
    """
    values = np.asarray(p, dtype=np.float64)
    if values.ndim != 1 or not ((values >= 0) & (values <= 1)).all():
        raise ValueError(f"p must be (m,) with 0 <= p <= 1, but got {values}")
    order = np.argsort(values, kind="stable")
    steps = values[order] * (values.size - np.arange(values.size))
    adjusted = np.empty_like(values)
    adjusted[order] = np.minimum(np.maximum.accumulate(steps), 1.0)
    return adjusted


def mcnemar_midp(correct_a: ArrayLike, correct_b: ArrayLike, groups: ArrayLike | None = None) -> float:
    """p-value, two-sided mid-p, of McNemar's test of equal accuracy on independent images.

    correct_a, correct_b (n,) bool. With several images of one patient its false alarms are far above the level, so
    with `groups` (n,) a group that is there twice raises ValueError: take `paired_test` then.
    (Fagerland, Lydersen and Laake 2013, BMC Medical Research Methodology 13:91.)
    """
    left, right = np.asarray(correct_a), np.asarray(correct_b)
    if left.ndim != 1 or left.shape != right.shape or left.dtype != np.bool_ or right.dtype != np.bool_:
        raise ValueError(f"correctness must be two bool arrays (n,), but got {left.shape} and {right.shape}")
    if groups is not None and has_repeats(groups):
        raise ValueError(
            "each patient must have one image, but one has several, whose eyes are alike; take the paired test by "
            "patient"
        )
    only_a, only_b = int((left & ~right).sum()), int((right & ~left).sum())
    fewer, discordant = min(only_a, only_b), only_a + only_b
    # twice the tail without half of the probability of what was seen
    return float(bdtr(fewer, discordant, 0.5) + (bdtr(fewer - 1, discordant, 0.5) if fewer else 0.0))


def has_repeats(groups: ArrayLike) -> bool:
    """Whether a group has more than one image."""
    group: NDArray[np.generic] = np.asarray(groups)
    return bool(np.unique(group).size < group.size)
