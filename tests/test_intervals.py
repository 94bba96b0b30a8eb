"""Intervals over patients: against a plain loop, against Wilson, and by simulation."""

from __future__ import annotations

import time

import numpy as np
import pytest
from scipy.stats import binomtest

from analysis.intervals import bootstrap_by_group, confusion_by_group, wilson
from analysis.scores import confusion_matrix, scores_from_confusion


def eyes(patients: int, seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Group, grade, prediction of two eyes for each patient; both eyes are right or wrong together."""
    rng = np.random.default_rng(seed)
    group = np.repeat(np.arange(patients), 2)
    grade = rng.choice(5, size=2 * patients, p=[0.735, 0.07, 0.15, 0.025, 0.02])
    right = np.repeat(rng.random(patients) < 0.8, 2)
    return group, grade, np.where(right, grade, (grade + 1) % 5)


def test_counts_by_group_sum_to_the_confusion_matrix_and_name_each_patient_once() -> None:
    group, grade, guess = eyes(40, 0)
    counts = confusion_by_group(group * 7 + 3, grade, guess)
    assert counts.shape == (40, 5, 5)
    assert (counts.sum(axis=(1, 2)) == 2).all()
    assert np.array_equal(counts.sum(axis=0), confusion_matrix(grade, guess))
    with pytest.raises(ValueError, match="one length"):
        confusion_by_group(group[:-1], grade, guess)
    with pytest.raises(ValueError, match="0..4"):
        confusion_by_group(group, grade + 1, guess)


def test_bounds_agree_with_a_plain_loop_that_draws_patients() -> None:
    counts = confusion_by_group(*eyes(60, 1))
    found = bootstrap_by_group(counts, np.random.default_rng(0), resamples=4000)
    rng = np.random.default_rng(99)
    plain = [scores_from_confusion(counts[rng.integers(0, 60, 60)].sum(axis=0)) for _ in range(4000)]
    for score in ("accuracy", "kappa", "balanced_accuracy"):
        low, high = np.nanquantile([float(one[score]) for one in plain], [0.025, 0.975])
        assert float(found[score].low) == pytest.approx(low, abs=0.02)
        assert float(found[score].high) == pytest.approx(high, abs=0.02)


def test_same_seed_same_bounds_and_models_side_by_side_share_the_draws() -> None:
    one, other = confusion_by_group(*eyes(50, 2)), confusion_by_group(*eyes(50, 3))
    together = bootstrap_by_group(np.stack([one, other], axis=1), np.random.default_rng(5), resamples=700)
    for place, counts in enumerate((one, other)):
        alone = bootstrap_by_group(counts, np.random.default_rng(5), resamples=700)
        assert float(together["kappa"].low[place]) == float(alone["kappa"].low)
        assert float(together["accuracy"].high[place]) == float(alone["accuracy"].high)


def test_resamples_without_a_grade_are_counted_and_left_out() -> None:
    counts = np.zeros((5, 5, 5), dtype=np.int64)
    counts[:4, 0, 0] = 1
    counts[4, 3, 3] = 1  # a resample misses this patient with probability (4/5)^5 = 0.33
    found = bootstrap_by_group(counts, np.random.default_rng(0), resamples=2000)
    assert found["recall_3"].left_out == pytest.approx(2000 * 0.8**5, rel=0.1)
    assert float(found["recall_3"].low) == 1.0
    assert int(found["accuracy"].left_out) == 0
    assert np.isnan(found["recall_1"].low)
    assert int(found["recall_1"].left_out) == 2000


def test_no_patient_gives_no_interval_and_wrong_shapes_are_refused() -> None:
    empty = bootstrap_by_group(np.zeros((0, 5, 5)), np.random.default_rng(0), resamples=10)
    assert np.isnan(empty["accuracy"].low)
    with pytest.raises(ValueError, match="counts must be"):
        bootstrap_by_group(np.zeros((5, 5)), np.random.default_rng(0))
    with pytest.raises(ValueError, match="0 < level < 1"):
        bootstrap_by_group(np.zeros((3, 5, 5)), np.random.default_rng(0), level=95)


def test_wilson_agrees_with_scipy() -> None:
    found = wilson([5153, 0, 7], [7025, 10, 7])
    for place, (hits, total) in enumerate([(5153, 7025), (0, 10), (7, 7)]):
        exact = binomtest(hits, total).proportion_ci(method="wilson")
        assert float(found.low[place]) == pytest.approx(exact.low, abs=1e-12)
        assert float(found.high[place]) == pytest.approx(exact.high, abs=1e-12)
    assert np.isnan(wilson(0, 0).low)


def test_patient_intervals_cover_where_intervals_by_image_do_not() -> None:
    """Both eyes alike, true accuracy 0.8: 95 % over patients, about 83 % by image (within two Monte Carlo errors)."""
    rounds, covered, covered_by_image = 300, 0, 0
    for seed in range(rounds):
        group, grade, guess = eyes(120, seed)
        counts = confusion_by_group(group, grade, guess)
        over_patients = bootstrap_by_group(counts, np.random.default_rng(seed), resamples=400)
        by_image = wilson((grade == guess).sum(), grade.size)
        covered += float(over_patients["accuracy"].low) <= 0.8 <= float(over_patients["accuracy"].high)
        covered_by_image += float(by_image.low) <= 0.8 <= float(by_image.high)
    error = 2 * np.sqrt(0.95 * 0.05 / rounds)
    assert covered / rounds >= 0.95 - error - 0.01  # 0.01: the percentile bootstrap is a little narrow at 120 patients
    assert covered_by_image / rounds < 0.95 - error


@pytest.mark.slow
def test_ten_thousand_resamples_of_the_labs_test_take_seconds() -> None:
    group, grade, guess = eyes(3513, 0)
    started = time.perf_counter()
    bootstrap_by_group(confusion_by_group(group, grade, guess), np.random.default_rng(0), resamples=10_000)
    assert time.perf_counter() - started < 20  # about 1 s on an idle machine
