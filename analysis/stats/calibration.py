"""From stored predictions to what a clinic reads: a temperature, and the probability from which an eye is referred.

Both are chosen on validation predictions, so what they score there is optimistic. Shapes: n photographs, K = 5 grades.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize_scalar
from scipy.special import log_softmax

from analysis.schema import REFERABLE_FROM
from analysis.stats.bootstrap import bootstrap_by_group, confusion_by_group, share_bounds

Floats = NDArray[np.float64]

Ints = NDArray[np.int64]

Bounds = tuple[float, float]

SENSITIVITY = 0.9
"""Share of the referable eyes that the threshold shall find on validation."""

TEMPERATURES = (0.05, 20.0)

SEED = 0  # of the resamples: the same predictions give the same bounds

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
    counts = confusion_by_group(patients, referable, referred)  # (patients, 5, 5), of which two "grades": no and yes
    (passed, _), (_, found) = counts.sum(axis=0)[:2, :2].tolist()
    drawn = bootstrap_by_group(counts, np.random.default_rng(SEED))
    having = (counts.sum(axis=-1) > 0).sum(axis=0)  # (5,) patients with an eye of the kind
    yes, no = int(referable.sum()), int((~referable).sum())
    sensitivity, specificity = (
        share_bounds(float(one.low), float(one.high), hits / total if total else np.nan, int(patients_of_kind))
        for one, hits, total, patients_of_kind in (
            (drawn["recall_1"], found, yes, having[1]),
            (drawn["recall_0"], passed, no, having[0]),
        )
    )
    return Referral(threshold, found, yes, passed, no, sensitivity, specificity)
