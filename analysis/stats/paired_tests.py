"""Several differences on the same patients at once: adjusted p-values and intervals that hold all together.

Array in, array out, explicit generator. Each patient's images stay together, and each patient is compared with itself.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr, ndtri, stdtrit

from analysis.stats.influence import ByPatient
from analysis.stats.metrics import Floats

FLIPS = 100_000
"""Sign flips that are drawn where there are more."""

FEW = 16
"""Of so few patients all 2**15 flips are listed; the other half only turns all signs."""

FLIPS_AT_ONCE = 1000


@dataclass(frozen=True)
class Family:
    """Of each difference (k,): bounds that hold all together, and the p-value adjusted for all of them.

    A bound leaves out 0 exactly where p is at most 1 - level. NaN for what could not be tested.
    """

    low: Floats
    high: Floats
    p: Floats


def simultaneous(
    differences: Sequence[ByPatient],
    influence: Floats,
    rng: np.random.Generator,
    *,
    level: float = 0.95,
) -> Family:
    """Differences (k,) of scores by one distribution of the largest |t| (single step; Westfall and Young 1993,
    Resampling-Based Multiple Testing).

    influence (G, k): of the same G patients on each, 0 where a patient has no part in one. Each difference has
    Student's t with its own degrees of freedom (`influence.ByPatient`), told as the normal deviate of the same
    probability. How the largest of them is distributed where nothing differs is found by giving each patient's
    influences another sign, the same in all differences. All flips are listed where at most FEW patients differ.
    """
    tested = np.array([one.known for one in differences], dtype=bool)
    low, high = (np.array([one.interval()[end] for one in differences], dtype=np.float64) for end in (0, 1))
    p = np.array([one.p() for one in differences], dtype=np.float64)
    if not tested.any():
        return Family(low, high, p)
    of = influence[:, tested]
    with np.errstate(divide="ignore"):
        deviate = -ndtri(p[tested] / 2)
    largest = np.sort(_largest(of / np.sqrt((of**2).sum(axis=0)), rng))[::-1]
    # What was seen is one more draw, so that p is never 0 (Phipson and Smyth 2010), and so few flips claim nothing.
    reached = np.searchsorted(-largest, -(deviate - 1e-9), side="right")
    p[tested] = np.minimum((reached + 1) / (largest.size + 1), 1.0)
    allowed = int(np.floor((1 - level) * (largest.size + 1) + 1e-9)) - 1  # so many may be as large as what is claimed
    critical = largest[allowed] if allowed >= 0 else np.inf
    for place, one in zip(np.flatnonzero(tested), [d for d in differences if d.known], strict=True):
        quantile = -float(stdtrit(one.freedom, float(ndtr(-critical)))) if np.isfinite(critical) else np.inf
        half = quantile * np.sqrt(one.variance)
        low[place], high[place] = one.value - half, one.value + half
    return Family(low, high, p)


def _largest(scaled: Floats, rng: np.random.Generator) -> Floats:
    """Largest |sum over patients| (flips,) of scaled influences (G, k) under each flip of the patients' signs."""
    differing = scaled[(scaled != 0).any(axis=1)].astype(np.float32)
    return np.concatenate([np.abs(signs @ differing).max(axis=1) for signs in _signs(len(differing), rng)])


def _signs(patients: int, rng: np.random.Generator) -> Iterator[NDArray[np.float32]]:
    """Signs (chunk, patients) of all flips, or of FLIPS drawn ones."""
    if patients <= FEW:
        numbers = np.arange(2 ** max(patients - 1, 0))
        yield (1 - 2 * ((numbers[:, None] >> np.arange(patients)) & 1)).astype(np.float32)
        return
    for start in range(0, FLIPS, FLIPS_AT_ONCE):
        size = min(FLIPS_AT_ONCE, FLIPS - start)
        bits = np.frombuffer(rng.bytes(size * -(-patients // 8)), dtype=np.uint8).reshape(size, -1)
        yield 1 - 2 * np.unpackbits(bits, axis=1, count=patients).astype(np.float32)
