"""How far each patient moves a score: variances and intervals without resampling, by the infinitesimal jackknife.

A score is a smooth function of the confusion counts, and these are sums over patients. Its gradient at the total,
times what a patient adds to the total, is that patient's influence, and the sum of the squares is the variance
(Jaeckel 1972, Bell Laboratories Memorandum 72-1215-11; Efron 1982, The Jackknife, the Bootstrap and Other Resampling
Plans, chapter 6). Where a few patients carry most of it that variance is known badly. The quantile is therefore
Student's with as many degrees of freedom as there are patients of equal influence, less one, and at least 4.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import stdtr, stdtrit

from analysis.stats.bootstrap import checked_counts, mean_over_seeds
from analysis.stats.metrics import CLASSES, Floats, accuracy, quadratic_kappa

FEWEST_PATIENTS = 20
"""Kappa of fewer patients has no interval: with 12 of them the intervals held the truth in 90.6 % of studies."""

LEAST_FREEDOM = 4.0
"""Degrees of freedom also where fewer patients carry the variance: with it the intervals of kappa still hold."""

Bounds = tuple[float, float]

NO_BOUNDS = (float("nan"), float("nan"))


@dataclass(frozen=True)
class ByPatient:
    """A score, or a difference of two, and each patient's influence (G,) on it."""

    value: float
    influence: Floats

    @property
    def variance(self) -> float:
        """Over patients; NaN for a single one."""
        groups = self.influence.size
        return float((self.influence**2).sum() * groups / (groups - 1)) if groups > 1 else float("nan")

    @property
    def patients(self) -> float:
        """How many patients of equal influence would say as much; 0 where none has any."""
        squares = self.influence**2
        return float(squares.sum() ** 2 / (squares**2).sum()) if squares.any() else 0.0

    @property
    def freedom(self) -> float:
        """Degrees of freedom of the variance."""
        return max(self.patients - 1, LEAST_FREEDOM)

    @property
    def known(self) -> bool:
        """Whether patients differ, so that there is a variance to go by."""
        return not np.isnan(self.value) and self.variance > 1e-18

    def minus(self, other: ByPatient) -> ByPatient:
        """The difference on the same patients."""
        return ByPatient(self.value - other.value, self.influence - other.influence)

    def p(self) -> float:
        """Two-sided p-value of the value 0, by itself; 1 where nothing differs, NaN where that cannot be said."""
        if not self.known:
            return 1.0 if abs(self.value) < 1e-12 and self.influence.size > 1 else float("nan")
        return float(2 * stdtr(self.freedom, -abs(self.value) / np.sqrt(self.variance)))

    def interval(self, level: float = 0.95) -> Bounds:
        """Bounds by Student's quantile; 0 and 0 where nothing differs, NaN where that cannot be said."""
        if not self.known:
            return (0.0, 0.0) if abs(self.value) < 1e-12 and self.influence.size > 1 else NO_BOUNDS
        half = float(stdtrit(self.freedom, 0.5 + level / 2)) * np.sqrt(self.variance)
        return float(self.value - half), float(self.value + half)


def by_patient(counts: ArrayLike, score: str, common: int = 0) -> ByPatient:
    """The mean over seeds of a score with its influences; counts (G, s, 5, 5).

    score: accuracy, kappa, or gain_over_majority, the accuracy minus the share of the true grade `common`. Raises
    ValueError for another shape.
    """
    table = checked_counts(counts)
    if table.ndim != 4:
        raise ValueError(f"counts must be (groups, seeds, {CLASSES}, {CLASSES}), but got {table.shape}")
    total = table.sum(axis=0, dtype=np.float64)  # (s, 5, 5)
    if score == "kappa":
        values, gradient = quadratic_kappa(total), _kappa_gradient(total)
    else:
        hits = np.eye(CLASSES) - (np.arange(CLASSES) == common)[:, None] * (score == "gain_over_majority")
        n = total.sum(axis=(-2, -1), keepdims=True)
        with np.errstate(invalid="ignore"):
            values = accuracy(total) if score == "accuracy" else (total * hits).sum(axis=(-2, -1)) / n[:, 0, 0]
            gradient = (hits - values[:, None, None]) / n
    influence = np.einsum("gsij,sij->g", table.astype(np.float64), np.nan_to_num(gradient)) / max(len(total), 1)
    return ByPatient(float(mean_over_seeds(values)), influence)


def kappa_interval(found: ByPatient, level: float = 0.95) -> Bounds:
    """Bounds of kappa on Fisher's scale, artanh, on which its distribution is less skew and no bound is beyond 1.

    None (NaN) for fewer than FEWEST_PATIENTS, and where all patients are right. One answer for all has 0 by definition
    and no doubt. tests/analysis/stats/test_influence.py shows how often they hold the truth.
    """
    value = found.value
    if not found.known:
        return found.interval() if value == 0 else NO_BOUNDS
    if found.influence.size < FEWEST_PATIENTS or not abs(value) < 1:
        return NO_BOUNDS
    half = float(stdtrit(found.freedom, 0.5 + level / 2)) * np.sqrt(found.variance) / (1 - value**2)
    return float(np.tanh(np.arctanh(value) - half)), float(np.tanh(np.arctanh(value) + half))


def _kappa_gradient(total: Floats) -> Floats:
    """Derivative of quadratic kappa by each count; total (s, 5, 5). 0 where kappa is 0 or undefined by definition."""
    steps = np.arange(CLASSES, dtype=np.float64)
    distance = (steps[:, None] - steps) ** 2
    n = total.sum(axis=(-2, -1), keepdims=True)
    truth, prediction = total.sum(axis=-1), total.sum(axis=-2)  # (s, 5)
    observed = (total * distance).sum(axis=(-2, -1), keepdims=True)
    rows, columns = (
        prediction @ distance,
        truth @ distance,
    )  # (s, 5) distance of a truth from all predictions, and so on
    product = (truth * rows).sum(axis=-1)[:, None, None]
    with np.errstate(divide="ignore", invalid="ignore"):
        slope = (rows[:, :, None] + columns[:, None, :]) / n - product / n**2  # of the expected distance, product / n
        gradient = -(distance * n / product - observed * slope * n**2 / product**2)
    constant = ((prediction > 0).sum(axis=-1) == 1) | ((truth > 0).sum(axis=-1) < 2)
    return np.where(constant[:, None, None], 0.0, gradient)
