"""Intervals of scores: percentile bootstrap over patients, and Wilson's where only counts are known.

Array in, array out, explicit generator. Two eyes of one patient are alike, so the patient is what is drawn again: an
interval by image would be too narrow. All intervals are conditional on the trained model.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import ndtri

from analysis.scores import CLASSES, Floats, Ints, scores_from_confusion

CHUNK = 500
"""Resamples whose weights are in memory at once: 500 x 7,000 patients x 4 bytes = 14 MB."""


@dataclass(frozen=True)
class Interval:
    """Bounds (...) of a score and how many resamples (...) were left out because the score is undefined in them."""

    low: Floats
    high: Floats
    left_out: Ints


def confusion_by_group(groups: ArrayLike, grades: ArrayLike, predicted: ArrayLike) -> Ints:
    """Confusion counts (G, 5, 5) of each group in ascending order of its number.

    groups, grades, predicted: (n,) integers; grades and predictions in 0..4. Raises ValueError otherwise.
    """
    group, truth, guess = (np.asarray(part, dtype=np.int64) for part in (groups, grades, predicted))
    if truth.ndim != 1 or not truth.shape == guess.shape == group.shape:
        raise ValueError(
            f"groups, grades and predicted must have one length, but got {group.shape}, {truth.shape}, {guess.shape}"
        )
    if truth.size and (min(truth.min(), guess.min()) < 0 or max(truth.max(), guess.max()) >= CLASSES):
        raise ValueError(f"grades and predictions must lie in 0..{CLASSES - 1}")
    numbers, place = np.unique(group, return_inverse=True)
    cells = place * CLASSES * CLASSES + truth * CLASSES + guess
    counts = np.bincount(cells, minlength=numbers.size * CLASSES * CLASSES)
    return counts.reshape(numbers.size, CLASSES, CLASSES).astype(np.int64)


def bootstrap_by_group(
    counts: ArrayLike, rng: np.random.Generator, *, resamples: int = 10_000, level: float = 0.95
) -> dict[str, Interval]:
    """Percentile interval of every score that needs only counts, over groups (patients) drawn with replacement.

    counts (G, ..., 5, 5): confusion counts of each group; the dimensions between are models that were measured on the
    same groups, and each resample draws the same groups for all of them. Returns name -> bounds (...), NaN where a
    score is undefined in every resample or G = 0.
    (Efron and Tibshirani 1993, An Introduction to the Bootstrap, ch. 13.)
    """
    table = np.asarray(counts)
    if table.ndim < 3 or table.shape[-2:] != (CLASSES, CLASSES):
        raise ValueError(f"counts must be (groups, ..., {CLASSES}, {CLASSES}), but got {table.shape}")
    if not 0 < level < 1:
        raise ValueError(f"0 < level < 1 must hold, but got level={level}")
    drawn: dict[str, list[Floats]] = {}
    for confusion in _resampled(table, rng, resamples):
        for name, values in scores_from_confusion(confusion).items():
            drawn.setdefault(name, []).append(values)
    return {name: _percentiles(np.concatenate(parts), level) for name, parts in drawn.items()}


def wilson(hits: ArrayLike, total: ArrayLike, *, level: float = 0.95) -> Interval:
    """Wilson's interval (...) of a share, for independent images (Wilson 1927, JASA 22:209); NaN where total is 0."""
    hit, n = np.asarray(hits, dtype=np.float64), np.asarray(total, dtype=np.float64)
    z = float(ndtri(0.5 + level / 2))  # quantile of the normal distribution
    with np.errstate(invalid="ignore", divide="ignore"):
        share = hit / n
        centre = (share + z**2 / (2 * n)) / (1 + z**2 / n)
        half = z / (1 + z**2 / n) * np.sqrt(share * (1 - share) / n + z**2 / (4 * n**2))
    return Interval(np.maximum(centre - half, 0.0), np.minimum(centre + half, 1.0), np.zeros(hit.shape, dtype=np.int64))


def _resampled(counts: NDArray[np.generic], rng: np.random.Generator, resamples: int) -> Iterator[Floats]:
    """Confusion counts (chunk, ..., 5, 5) of resampled groups, until `resamples` are done.

    A resample is a vector of weights, how often each group was drawn, so all resamples are one matrix product.
    float32 is exact here: every sum is a whole number far below 2**24.
    """
    groups, inner = counts.shape[0], counts.shape[1:]
    flat = counts.reshape(groups, math.prod(inner))
    used = np.flatnonzero(flat.any(axis=0))  # most of the 25 cells of a good model are empty
    dense = flat[:, used].astype(np.float32)
    for start in range(0, resamples, CHUNK):
        size = min(CHUNK, resamples - start)
        sums = np.zeros((size, flat.shape[1]))
        if groups:
            sums[:, used] = _draw_weights(groups, size, rng) @ dense
        yield sums.reshape(size, *inner)


def _draw_weights(groups: int, size: int, rng: np.random.Generator) -> NDArray[np.float32]:
    """How often each group is drawn, (size, groups): each row is multinomial with `groups` draws."""
    picks = rng.integers(0, groups, size=(size, groups), dtype=np.int64)
    picks += np.arange(size)[:, None] * groups
    return np.bincount(picks.ravel(), minlength=size * groups).reshape(size, groups).astype(np.float32)


def _percentiles(values: Floats, level: float) -> Interval:
    """Bounds over the first axis, leaving out NaN; NaN where nothing is left."""
    undefined = np.isnan(values).sum(axis=0)
    low, high = np.full(values.shape[1:], np.nan), np.full(values.shape[1:], np.nan)
    some = undefined < values.shape[0]
    if some.any():
        # nanquantile is slow along an axis; it is needed only where a resample is undefined
        quantile = np.nanquantile if undefined.any() else np.quantile
        low[some], high[some] = quantile(values[:, some], [0.5 - level / 2, 0.5 + level / 2], axis=0)
    return Interval(low, high, np.asarray(undefined, dtype=np.int64))
