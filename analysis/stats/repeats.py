"""The order of configurations that were trained again on the same validation splits."""

from __future__ import annotations

import math
from collections.abc import Mapping
from statistics import fmean, stdev


def standings(repeats: Mapping[str, Mapping[int, float]], first: str = "") -> dict[str, float]:
    """The score by which configurations are ordered: the mean of their repeats, in doubt just below that of `first`.

    repeats: configuration -> number of a repeat -> its score; those of one number share their validation split.
    first: the known-good configuration, "" for none. Another one stands before it only if it is better on the splits
    that both have, by more than the standard error of the differences; of a single difference none is known, so any
    counts. (The rule of one standard error: Breiman, Friedman, Olshen and Stone 1984, Classification and Regression
    Trees, section 3.4.3.)
    """
    means = {name: fmean(scores.values()) for name, scores in repeats.items() if scores}
    if first not in means:
        return means
    below = math.nextafter(means[first], -math.inf)
    return {
        name: mean if name == first or is_better(repeats[name], repeats[first]) else min(mean, below)
        for name, mean in means.items()
    }


def is_better(scores: Mapping[int, float], others: Mapping[int, float]) -> bool:
    """Whether the mean difference over the repeats that both have is above 0 by more than its standard error."""
    differences = [scores[number] - others[number] for number in scores.keys() & others.keys()]
    if not differences:
        return False
    error = stdev(differences) / math.sqrt(len(differences)) if len(differences) > 1 else 0.0
    return fmean(differences) > error
