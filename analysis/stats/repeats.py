"""The order of configurations that were trained again on the same validation splits."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from statistics import fmean
from typing import NamedTuple

CONFIDENCE = 0.9
"""Level of the one-sided bound beyond which another configuration stands before the known-good one."""


class Final(NamedTuple):
    """The finalists of one arm.

    repeats: configuration -> number of a repeat -> its score; those of one number share their validation split.
    first: the known-good configuration that the arm began with, "" for none.
    """

    repeats: Mapping[str, Mapping[int, float]]
    first: str = ""


def standings(finals: Sequence[Final]) -> dict[str, float]:
    """The score by which an arm's configurations are ordered: the mean of their repeats, in doubt just below the first.

    finals: one for each arm. Another configuration stands before the first one only if it is better on the splits that
    both have, beyond a one-sided bound of 90 % (Student's t). A run's variance is taken over all arms, since one arm
    alone has a degree of freedom or two. Where no run was repeated none is known, and any difference counts.
    """
    variance, freedom = run_variance([final.repeats for final in finals])
    found = {}
    for repeats, first in finals:
        means = {name: fmean(scores.values()) for name, scores in repeats.items() if scores}
        below = math.nextafter(means.get(first, math.inf), -math.inf)
        for name, mean in means.items():
            stands = name == first or first not in means or _is_better(repeats[name], repeats[first], variance, freedom)
            found[name] = mean if stands else min(mean, below)
    return found


def run_variance(arms: Sequence[Mapping[str, Mapping[int, float]]]) -> tuple[float, int]:
    """Variance of one run's score beyond its configuration and its validation split, and its degrees of freedom.

    arms: `Final.repeats` of each. Residuals of an additive model on the splits that all finalists of an arm have.
    """
    squares, freedom = 0.0, 0
    for repeats in arms:
        runs = [scores for scores in repeats.values() if scores]
        splits = set.intersection(*(set(scores) for scores in runs)) if runs else set()
        if len(runs) < 2 or len(splits) < 2:
            continue
        of_split = {split: fmean(scores[split] for scores in runs) for split in splits}
        center = fmean(of_split.values())
        for scores in runs:
            own = fmean(scores[split] for split in splits)
            squares += sum((scores[split] - own - of_split[split] + center) ** 2 for split in splits)
        freedom += (len(runs) - 1) * (len(splits) - 1)
    return (squares / freedom if freedom else 0.0), freedom


def _is_better(scores: Mapping[int, float], others: Mapping[int, float], variance: float, freedom: int) -> bool:
    """Whether the mean difference over the repeats that both have is above 0 beyond its bound."""
    differences = [scores[number] - others[number] for number in scores.keys() & others.keys()]
    if not differences:
        return False
    error = math.sqrt(2 * variance / len(differences))
    return fmean(differences) > (_student_t(freedom) * error if freedom else 0.0)


def _student_t(freedom: int) -> float:
    from scipy.special import stdtrit  # here: `retina status` does without scipy

    return float(stdtrit(freedom, CONFIDENCE))
