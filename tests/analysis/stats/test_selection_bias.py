"""The correction takes away what choosing the best of many has added."""

from __future__ import annotations

import numpy as np
import pytest

from analysis.stats.metrics import accuracy, quadratic_kappa
from analysis.stats.selection_bias import bbc_cv, expected_drop


def trials(number: int, patients: int, rng: np.random.Generator, skill: float = 0.8) -> np.ndarray:
    """Counts (number, patients, 5, 5) of equally good trials, right on a share `skill`, two eyes alike."""
    counts = np.zeros((number, patients, 5, 5), dtype=np.int64)
    grade = rng.choice(5, size=patients, p=[0.735, 0.07, 0.15, 0.025, 0.02])
    guess = np.where(rng.random((number, patients)) < skill, grade, (grade + 1) % 5)
    counts[np.arange(number)[:, None], np.arange(patients), grade, guess] = 2
    return counts


def test_the_best_of_equals_is_no_better_than_they_are() -> None:
    rng, best, corrected = np.random.default_rng(5), [], []
    for _ in range(40):
        counts = trials(30, 100, rng)
        best.append(accuracy(counts.sum(axis=1)).max())
        corrected.append(float(bbc_cv(counts, accuracy, rng, resamples=200).value))
    error = np.std(corrected) / np.sqrt(len(corrected))
    assert np.mean(best) > 0.86  # the optimism: all are right on 80 %
    assert abs(np.mean(corrected) - 0.8) <= 3 * error
    assert error < 0.01


def test_without_a_choice_there_is_nothing_to_correct() -> None:
    counts = trials(1, 200, np.random.default_rng(1))
    found = bbc_cv(counts, accuracy, np.random.default_rng(0), resamples=1000)
    assert float(found.value) == pytest.approx(float(accuracy(counts.sum(axis=(0, 1)))), abs=0.005)
    assert found.low < found.value < found.high


def test_a_clearly_better_trial_stays_as_good_and_can_be_measured_otherwise() -> None:
    rng = np.random.default_rng(2)
    counts = np.concatenate([trials(5, 200, rng, 0.3), trials(1, 200, rng, 0.95)])
    both = bbc_cv(
        counts, quadratic_kappa, rng, evaluate=lambda c: np.stack([accuracy(c), quadratic_kappa(c)], -1), resamples=400
    )
    assert both.value.shape == both.low.shape == (2,)
    assert float(both.value[0]) == pytest.approx(float(accuracy(counts[5].sum(axis=0))), abs=0.01)


def test_scores_that_are_never_defined_give_none_and_wrong_shapes_are_refused() -> None:
    one_grade = np.zeros((3, 20, 5, 5), dtype=np.int64)
    one_grade[:, :, 0, 0] = 1
    found = bbc_cv(one_grade, quadratic_kappa, np.random.default_rng(0), resamples=20)
    assert np.isnan(found.value)
    with pytest.raises(ValueError, match="confusions must be|counts must be"):
        bbc_cv(one_grade[0], accuracy, np.random.default_rng(0))


def test_the_expected_drop_is_that_of_a_simulated_search() -> None:
    """24 configurations, the three best by a noisy score are measured again twice, on other patients."""
    rng, studies, noise, best_of = np.random.default_rng(3), 4000, 0.05, 3
    told, real = [], []
    for _ in range(studies):
        quality = rng.normal(0.5, 0.03, 24)
        own = quality + rng.normal(0, noise, 24)
        chosen = np.argsort(own)[-best_of:]
        again = quality[chosen, None] + rng.normal(0, noise, (best_of, 2))
        told.append(expected_drop(own[chosen], again))
        one = again[:, 0].argmax()  # a choice by r - 1 = 1 repeat, which `after` estimates
        both = again.mean(axis=1).argmax()
        real.append(
            [
                (own[chosen] - quality[chosen]).mean(),
                again[one, 0] - quality[chosen[one]],
                again[both].mean() - quality[chosen[both]],
            ]
        )
    before, after = np.mean(told, axis=0)
    true_before, true_one, true_both = np.mean(real, axis=0)
    errors = np.std(told, axis=0) / np.sqrt(studies)
    assert abs(before - true_before) < 4 * errors[0]
    assert abs(after - true_one) < 4 * errors[1]
    assert 0 < true_both < after < before


def test_the_expected_drop_of_a_few_numbers() -> None:
    before, after = expected_drop([0.9, 0.8], [[0.7, 0.5], [0.6, 0.6]])
    assert before == pytest.approx(0.25)
    assert after == pytest.approx(
        ((0.6 - 0.6) + (0.7 - 0.5)) / 2
    )  # by the second repeat the second, by the first the first
    assert expected_drop([0.9], [[0.7, 0.5]]) == (pytest.approx(0.3), pytest.approx(0.0))
    gone = expected_drop([0.9, 0.8], [[0.7, np.nan], [0.6, np.nan]])
    assert gone[0] == pytest.approx(0.2)
    assert np.isnan(gone[1])
    with pytest.raises(ValueError, match=r"own must be \(k,\)"):
        expected_drop([0.9], [[0.7], [0.5]])
