"""ROC curves and reliability against scikit-learn and by hand."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score, roc_curve

from analysis.stats import roc


def scored(n: int = 400, ties: bool = False) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(3)
    positive = rng.random(n) < 0.3
    score = rng.normal(size=n) + positive
    return positive, np.round(score, 1) if ties else score


@pytest.mark.parametrize("ties", [False, True])
def test_the_curve_is_scikit_learns(ties: bool) -> None:
    positive, score = scored(ties=ties)
    curve = roc.roc(positive, score)
    expected = roc_curve(positive, score, drop_intermediate=False)
    np.testing.assert_allclose(curve.false_positive, expected[0])
    np.testing.assert_allclose(curve.true_positive, expected[1])
    assert roc.area(curve) == pytest.approx(roc_auc_score(positive, score))


def test_sensitivity_is_that_of_a_threshold_that_keeps_the_specificity() -> None:
    positive = np.array([1, 1, 0, 1, 0, 0, 0, 0], dtype=bool)
    curve = roc.roc(positive, [8, 7, 6, 5, 4, 3, 2, 1])
    assert roc.sensitivity_at(curve, 0.8) == 1  # one false alarm of five
    assert roc.sensitivity_at(curve, 0.9) == pytest.approx(2 / 3)  # none
    tied = roc.roc(positive, np.ones(8))
    assert roc.sensitivity_at(tied, 0.8) == 0  # who is called alike cannot be told apart
    assert roc.area(tied) == 0.5


def test_the_grid_is_the_curve_and_a_straight_line_where_images_are_called_alike() -> None:
    positive, score = scored()
    curve, grid = roc.roc(positive, score), np.linspace(0, 1, 11)
    for share, reached in zip(grid, roc.on_grid(curve, grid), strict=True):
        assert reached == pytest.approx(roc.sensitivity_at(curve, 1 - share))
    tied = roc.roc(positive, np.zeros(400))
    np.testing.assert_allclose(roc.on_grid(tied, grid), grid)


def test_one_sign_alone_has_no_curve() -> None:
    curve = roc.roc([True, True], [0.1, 0.2])
    assert np.isnan(roc.area(curve))
    assert np.isnan(roc.sensitivity_at(curve, 0.8))


def test_the_bootstrap_is_that_of_drawing_patients_again() -> None:
    positive, score = scored(120)
    patients = np.arange(120) // 2
    drawn = roc.bootstrap(positive, [score], patients, (0.8,), np.random.default_rng(1), resamples=250)
    assert drawn.shape == (250, 2)
    rng, by_hand = np.random.default_rng(1), []
    for size in (100, 100, 50):
        for counts in rng.multinomial(60, np.full(60, 1 / 60), size=size):
            rows = np.repeat(np.arange(120), counts[patients])
            curve = roc.roc(positive[rows], score[rows])
            by_hand.append([roc.area(curve), roc.sensitivity_at(curve, 0.8)])
    np.testing.assert_allclose(drawn, by_hand)


def test_models_are_averaged_over_the_same_patients() -> None:
    positive, score = scored(100)
    alone = [
        roc.bootstrap(positive, [one], np.arange(100), (0.9,), np.random.default_rng(2), resamples=20)
        for one in (score, -score)
    ]
    both = roc.bootstrap(positive, [score, -score], np.arange(100), (0.9,), np.random.default_rng(2), resamples=20)
    np.testing.assert_allclose(both, np.mean(alone, axis=0))


def test_reliability_by_hand() -> None:
    found = roc.reliability([0.05, 0.15, 0.15, 1.0, 0.999], [False, True, False, True, True], bins=10)
    assert list(found.count) == [1, 2, 0, 0, 0, 0, 0, 0, 0, 2]
    assert found.probability[1] == pytest.approx(0.15)
    assert found.share[1] == 0.5
    assert found.error == pytest.approx((0.05 + 2 * 0.35 + 2 * (1 - 0.9995)) / 5)
    assert np.isnan(found.share[2])
    assert np.isnan(roc.reliability([], [], bins=10).error)


def test_a_believable_probability_has_hardly_any_error() -> None:
    rng = np.random.default_rng(0)
    chance = rng.random(50_000)
    assert roc.reliability(chance, rng.random(50_000) < chance).error < 0.01
    assert roc.reliability(chance, rng.random(50_000) < chance**3).error > 0.1


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: roc.roc([True], [1.0, 2.0]), "one length"),
        (lambda: roc.roc([True], [np.nan]), "finite"),
        (lambda: roc.reliability([1.2], [True]), "0 <= probability <= 1"),
    ],
)
def test_wrong_input_is_refused(call: object, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        call()  # type: ignore[operator]
