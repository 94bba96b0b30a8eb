"""The weighted area against the area of the images as drawn."""

from __future__ import annotations

import numpy as np
import pytest

from analysis.stats.auc_bootstrap import bootstrap_auc
from analysis.stats.bootstrap import drawn_weights
from analysis.stats.metrics import auc_ovr


def probabilities(seeds: int, decimals: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Patient, grade (n,), probabilities (seeds, n, 5); few decimals make ties."""
    rng = np.random.default_rng(3)
    patient = np.repeat(np.arange(50) * 3 + 1, 2)
    grade = rng.choice(5, size=100, p=[0.7, 0.1, 0.1, 0.05, 0.05])
    chance = rng.dirichlet(np.ones(5), size=(seeds, 100))
    chance[:, np.arange(100), grade] += 0.3
    return patient, grade, chance.round(decimals)


@pytest.mark.parametrize("decimals", [1, 6])
def test_each_resample_has_the_area_of_its_images(decimals: int) -> None:
    patient, grade, chance = probabilities(2, decimals)
    found = bootstrap_auc(patient, grade, chance, np.random.default_rng(7), resamples=200)
    plain = []
    for weights in np.concatenate(list(drawn_weights(50, np.random.default_rng(7), 200))):
        images = np.repeat(np.arange(100), np.repeat(weights, 2).astype(int))
        if len(set(grade[images])) < 5:
            continue  # a mean over other grades
        plain.append(np.mean([auc_ovr(grade[images], one[images]) for one in chance]))
    assert float(found.low) == pytest.approx(np.quantile(plain, 0.025), abs=1e-6)
    assert float(found.high) == pytest.approx(np.quantile(plain, 0.975), abs=1e-6)
    assert int(found.skipped) == 200 - len(plain)
    assert float(found.variance) == pytest.approx(np.var(plain), rel=1e-4)


def test_one_grade_has_no_area_and_wrong_shapes_are_refused() -> None:
    patient, grade, chance = probabilities(1, 6)
    found = bootstrap_auc(patient, np.zeros_like(grade), chance, np.random.default_rng(0), resamples=20)
    assert np.isnan(found.low)
    assert int(found.skipped) == 20
    with pytest.raises(ValueError, match="probabilities must be"):
        bootstrap_auc(patient, grade, chance[0], np.random.default_rng(0))
