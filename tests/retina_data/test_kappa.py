"""Confusion matrix and kappa, against scikit-learn."""

from __future__ import annotations

import math

import numpy as np
import pytest
from sklearn.metrics import cohen_kappa_score

from retina_data.kappa import checked_confusion, confusion_matrix, quadratic_kappa


def test_quadratic_kappa_agrees_with_scikit_learn() -> None:
    rng = np.random.default_rng(0)
    for _ in range(20):
        truth, answer = rng.integers(0, 5, (2, 50))
        expected = cohen_kappa_score(truth, answer, weights="quadratic", labels=range(5))
        assert float(quadratic_kappa(confusion_matrix(truth, answer))) == pytest.approx(expected, abs=1e-12)


def test_quadratic_kappa_without_spread_is_0_or_undefined() -> None:
    assert float(quadratic_kappa(confusion_matrix([0, 1, 2], [0, 0, 0]))) == 0.0
    assert math.isnan(quadratic_kappa(confusion_matrix([0, 0], [0, 0])))


def test_checked_confusion_refuses_another_shape() -> None:
    with pytest.raises(ValueError, match="5, 5"):
        checked_confusion(np.zeros((4, 4)))
