"""Intervals of shares (accuracy, recall, sensitivity) over patients whose images are alike: Clopper and Pearson's.

No patient is right on one half of himself: two eyes of one are alike, by how much nobody knows beforehand. The design
effect is therefore taken as large as it can be, that of images which are all alike within a patient, and not from
the data: a bound that estimated it would fall when the last wrong image becomes right. So the bounds only rise with
the share, and they hold at least as often as they say (tests/analysis/stats/test_shares.py).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import betaincinv

Bounds = tuple[float, float]


def effective_patients(images: ArrayLike) -> float:
    """Number of patients of one image each that say as much as these; images (G,) of each; 0 without any.

    (Kish 1965, Survey Sampling, section 5.4, with a correlation of 1 within a patient.)
    """
    count = np.asarray(images, dtype=np.float64)
    return float(count.sum() ** 2 / (count**2).sum()) if count.any() else 0.0


def share_interval(share: float, patients: float, *, level: float = 0.95) -> Bounds:
    """Bounds of a share among so many effective patients, NaN for none (Clopper and Pearson 1934, Biometrika 26:404).

    Their two binomial tails are incomplete beta functions, which need no whole numbers.
    """
    if not patients > 0 or np.isnan(share):
        return float("nan"), float("nan")
    hits, tail = min(share, 1.0) * patients, (1 - level) / 2
    misses = max(patients - hits, 0.0)
    low = float(betaincinv(hits, misses + 1, tail)) if hits > 0 else 0.0
    high = float(betaincinv(hits + 1, misses, 1 - tail)) if misses > 1e-9 else 1.0
    return low, high
