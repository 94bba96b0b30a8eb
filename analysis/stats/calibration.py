"""From stored predictions to what a clinic reads: a temperature, and the probability from which an eye is referred.

Both are chosen on validation predictions, so what they score there is optimistic. Shapes: n photographs, K = 5 grades.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import minimize_scalar
from scipy.special import log_softmax

from analysis.schema import REFERABLE_FROM
from analysis.stats.roc import Reliability, reliability
from analysis.stats.shares import Bounds, effective_patients, share_interval

Floats = NDArray[np.float64]

Ints = NDArray[np.int64]

SENSITIVITY = 0.9
"""Share of the referable eyes that the threshold shall find on validation."""

TEMPERATURES = (0.05, 20.0)

SEED = 0  # of what is drawn: the same predictions give the same bounds

NOISES = 1_000

_SMALLEST = float(np.finfo(np.float32).tiny)  # predictions are stored as float32, where less is 0


@dataclass(frozen=True)
class Temperature:
    """What log-probabilities are divided by, and the mean negative log-likelihood of the truth before and after."""

    value: float
    before: float
    after: float
    caveat: str  # why it is 1, or at a bound; "" where it was fitted


@dataclass(frozen=True)
class Referral:
    """How eyes are referred at a threshold: counts among n photographs; shares NaN where there is none of a kind.

    Bounds are 95 %, over patients, conditional on model and threshold.
    """

    threshold: float
    found: int
    referable: int
    passed: int
    healthy: int
    sensitivity_bounds: Bounds
    specificity_bounds: Bounds

    @property
    def sensitivity(self) -> float:
        """Share of the referable that are referred."""
        return self.found / self.referable if self.referable else float("nan")

    @property
    def specificity(self) -> float:
        """Share of the others that are not."""
        return self.passed / self.healthy if self.healthy else float("nan")


def with_temperature(probabilities: Floats, temperature: float) -> Floats:
    """softmax(log p / T) from p, (n, K); T > 0. Of one network that is softmax(z / T) of its logits z.

    Stored zeros count as the smallest number that is stored.
    """
    logits = np.log(np.maximum(probabilities, _SMALLEST)) / temperature
    return np.asarray(np.exp(log_softmax(logits, axis=1)), np.float64)


def fit_temperature(probabilities: Floats, grades: Ints) -> Temperature:
    """The temperature with the least negative log-likelihood of the grades (n,) (Guo et al. 2017, arXiv:1706.04599).

    It changes no order of grades. Where no prediction is wrong the likelihood only grows with certainty, which a few
    photographs cannot support: 1 then.
    """

    def loss(temperature: float) -> float:
        likelihoods = with_temperature(probabilities, temperature)[np.arange(len(grades)), grades]
        return float(-np.log(np.maximum(likelihoods, _SMALLEST)).mean())

    before = loss(1.0)
    if (probabilities[np.arange(len(grades)), grades] == probabilities.max(axis=1)).all():
        return Temperature(1.0, before, before, "no validation prediction is wrong, so there is nothing to fit it by")
    low, high = (float(np.log(bound)) for bound in TEMPERATURES)
    found: Any = minimize_scalar(  # type: ignore[no-untyped-call]
        lambda x: loss(float(np.exp(x))), bounds=(low, high), method="bounded"
    )
    value = float(np.exp(found.x))
    at_bound = not 1.01 * TEMPERATURES[0] < value < 0.99 * TEMPERATURES[1]
    caveat = "at the bound of what is tried: the predictions say nothing about the grades" if at_bound else ""
    return Temperature(value, before, loss(value), caveat)


def referral_probability(probabilities: Floats) -> Floats:
    """Probability (n,) that the grade is REFERABLE_FROM or more."""
    return np.asarray(probabilities[:, REFERABLE_FROM:].sum(axis=1))


def choose_threshold(probabilities: Floats, grades: Ints) -> float:
    """The highest threshold that finds SENSITIVITY of the referable eyes; 0.5 where there are none of a kind."""
    referable = grades >= REFERABLE_FROM
    if not referable.any() or referable.all():
        return 0.5
    descending = np.sort(referral_probability(probabilities)[referable])[::-1]
    least = descending[int(np.ceil(SENSITIVITY * len(descending))) - 1]
    return float(f"{0.999 * least:.4g}")  # a little below, so that rounding leaves no eye out


def referral(probabilities: Floats, grades: Ints, patients: Ints, threshold: float) -> Referral:
    """What a threshold does on photographs (n,) whose grade and patient are known."""
    referred, referable = referral_probability(probabilities) >= threshold, grades >= REFERABLE_FROM
    hits, bounds = [], []
    for right, kind in ((referred, referable), (~referred, ~referable)):
        hits.append(int((right & kind).sum()))
        of_each = np.unique(patients[kind], return_counts=True)[1]
        bounds.append(share_interval(hits[-1] / max(int(kind.sum()), 1), effective_patients(of_each)))
    yes = int(referable.sum())
    return Referral(threshold, hits[0], yes, hits[1], len(grades) - yes, bounds[0], bounds[1])


@dataclass(frozen=True)
class CalibrationError:
    """Expected calibration error as it is seen in bins, what is left of it without its noise, 95 % bounds of that."""

    bins: Reliability
    corrected: float
    bounds: Bounds

    @property
    def value(self) -> float:
        """As it is seen: of a perfect model too it is above 0, the more so the fewer images."""
        return self.bins.error


def calibration_error(
    probability: ArrayLike, hit: ArrayLike, patients: ArrayLike, bins: int = 10, level: float = 0.95
) -> CalibrationError:
    """The calibration error of probabilities (n,) of what happened (n,) bool to so many patients (n,).

    A bin's distance of probability and share is its true one and noise, whose variance the patients' sums of
    differences tell. `corrected` is the true error that with so much noise gives what was seen in the mean, 0 where
    noise alone gives more; the bounds hold those that noise raises or lowers to what was seen in more than 2.5 % of
    draws. All take the seen distances as the shape of the true ones. NaN for no image and bounds NaN for one patient.
    """
    found = reliability(probability, hit, bins)
    numbers, place = np.unique(np.asarray(patients), return_inverse=True)
    if not numbers.size:
        return CalibrationError(found, float("nan"), (float("nan"), float("nan")))
    off = np.asarray(hit, dtype=np.float64) - np.asarray(probability, dtype=np.float64)
    at = np.clip((np.asarray(probability) * bins).astype(np.int64), 0, bins - 1)
    sums = np.zeros((numbers.size, bins))
    np.add.at(sums, (place, at), off / off.size)  # (patients, bins); summed over patients a bin's share of the error
    signs = np.random.default_rng(SEED).choice([-1.0, 1.0], size=(NOISES, numbers.size))
    noise, observed = signs @ sums, sums.sum(axis=0)  # (NOISES, bins), (bins,)
    sizes = np.linspace(0, 3, 61)  # of the true distances, as multiples of the seen ones
    noisy = np.sort(np.abs(sizes[:, None, None] * observed + noise).sum(axis=2), axis=1)  # (sizes, NOISES)
    value = float(np.abs(observed).sum())
    likely = sizes[noisy.mean(axis=1) <= value]
    tail = round((1 - level) / 2 * NOISES)
    possible = sizes[(noisy[:, tail] <= value + 1e-12) & (value - 1e-12 <= noisy[:, -1 - tail])]
    bounds = (float(possible.min() * value), float(possible.max() * value)) if possible.size else (0.0, value)
    corrected = float(likely.max() * value) if likely.size else 0.0
    return CalibrationError(found, corrected, bounds if numbers.size > 1 else (float("nan"), float("nan")))
