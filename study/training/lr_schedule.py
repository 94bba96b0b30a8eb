"""The course of the learning rate over a run's steps."""

from __future__ import annotations

import math


def learning_rate(schedule: str, step: int, total: int) -> float:
    """Share of the peak learning rate in step 0 .. total - 1.

    constant: 1. cosine: from 1 towards 0 (Loshchilov and Hutter 2017, https://arxiv.org/abs/1608.03983). one_cycle: up
    from 1/25 in the first 30 % of the steps, then down to 1/250,000, both along a cosine (Smith and Topin 2019,
    https://arxiv.org/abs/1708.07120; shape and numbers are torch's OneCycleLR, without its cycle of the momentum).
    """
    if schedule == "constant":
        return 1.0
    if schedule == "cosine":
        return 0.5 * (1 + math.cos(math.pi * step / total))
    peak = max(0.0, 0.3 * total - 1)
    if step < peak:
        return anneal(1 / 25, 1.0, step / peak)
    return anneal(1.0, 1 / 250_000, (step - peak) / max(1.0, total - 1 - peak))


def anneal(start: float, end: float, progress: float) -> float:
    """From start to end along half a cosine, progress 0 .. 1."""
    return end + (start - end) * 0.5 * (1 + math.cos(math.pi * progress))
