"""Intervals over patients: against a plain loop, and by simulation."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import ndtri
from scipy.stats import t as student

from analysis.stats.bootstrap import (
    bootstrap_by_group,
    configuration_interval,
    confusion_by_group,
    drawn_weights,
    mean_over_seeds,
    resampled,
)
from analysis.stats.metrics import (
    confusion_matrix,
    scores_from_confusion,
)


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
    for score in ("accuracy", "kappa"):
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
    assert found["recall_3"].skipped == pytest.approx(2000 * 0.8**5, rel=0.1)
    assert float(found["recall_3"].low) == 1.0
    assert int(found["accuracy"].skipped) == 0
    assert np.isnan(found["recall_1"].low)
    assert int(found["recall_1"].skipped) == 2000


def test_a_mean_over_grades_is_over_the_same_grades_in_every_resample() -> None:
    """A patient of grade 4 is the only one, and wrong: without him the mean recall would be 1, of four grades."""
    grade = np.append(np.repeat(np.arange(4), 10), 4)
    counts = confusion_by_group(np.arange(41), grade, np.where(grade == 4, 3, grade))
    found = bootstrap_by_group(counts, np.random.default_rng(0), resamples=2000)["balanced_accuracy"]
    assert float(found.high) == pytest.approx(0.8)
    assert int(found.skipped) == pytest.approx(2000 * (40 / 41) ** 41, rel=0.1)


def test_no_patient_gives_no_interval_and_wrong_shapes_are_refused() -> None:
    empty = bootstrap_by_group(np.zeros((0, 5, 5)), np.random.default_rng(0), resamples=10)
    assert np.isnan(empty["accuracy"].low)
    with pytest.raises(ValueError, match="counts must be"):
        bootstrap_by_group(np.zeros((5, 5)), np.random.default_rng(0))
    with pytest.raises(ValueError, match="0 < level < 1"):
        bootstrap_by_group(np.zeros((3, 5, 5)), np.random.default_rng(0), level=95)


def test_seeds_are_averaged_within_each_resample() -> None:
    seeds = np.stack([confusion_by_group(*eyes(50, seed)) for seed in (2, 3, 4)], axis=1)  # (G, s, 5, 5)
    found = bootstrap_by_group(seeds, np.random.default_rng(5), resamples=600, over_seeds=True)
    drawn = np.concatenate(list(resampled(seeds, np.random.default_rng(5), 600)))
    accuracy = scores_from_confusion(drawn)["accuracy"].mean(axis=1)
    assert float(found["accuracy"].low) == pytest.approx(np.quantile(accuracy, 0.025))
    assert float(found["accuracy"].variance) == pytest.approx(accuracy.var())
    assert found["accuracy"].low.shape == ()


def test_a_seed_whose_score_is_undefined_is_left_out_of_the_mean() -> None:
    values = np.array([[0.5, np.nan, 0.7], [np.nan, np.nan, np.nan]])
    np.testing.assert_allclose(mean_over_seeds(values), [0.6, np.nan])


def test_the_configuration_adds_the_seeds_to_the_patients() -> None:
    found = configuration_interval([0.78, 0.80, 0.85], 0.0004)
    variance = 0.0004 + np.var([0.78, 0.80, 0.85], ddof=1) / 3
    assert float(found.value) == pytest.approx(0.81)
    assert float(found.high - found.low) == pytest.approx(2 * student.ppf(0.975, 2) * np.sqrt(variance))
    assert np.isnan(configuration_interval([0.8], 0.0004).low)
    with pytest.raises(ValueError, match="s >= 1"):
        configuration_interval([], 0.0004)


@pytest.mark.slow
@pytest.mark.parametrize("patients", [150, 2000])
def test_the_recipes_interval_covers_at_three_five_and_ten_seeds(
    patients: int, capsys: pytest.CaptureFixture[str]
) -> None:
    """A configuration with accuracy 0.8, sd 0.03 between seeds, two eyes alike; half of what decides is the patient's
    own.

    Of few patients the patients are most of the variance, of many the seeds.
    """
    lines, rounds = [], 500
    for seeds in (3, 5, 10):
        rng = np.random.default_rng(seeds)
        skill = ndtri(np.clip(rng.normal(0.8, 0.03, size=(1, rounds, seeds)), 0, 1))
        own, model = rng.normal(size=(patients, rounds, 1)), rng.normal(size=(patients, rounds, seeds))
        right = np.sqrt(0.5) * (own + model) < skill  # (patients, rounds, seeds), both eyes
        weights = np.concatenate(list(drawn_weights(patients, rng, 500))) / patients
        per_seed = right.mean(axis=0)  # (rounds, seeds)
        variance = (weights @ right.mean(axis=2)).var(axis=0)  # of the mean over seeds, over drawn patients
        found = [configuration_interval(one, v) for one, v in zip(per_seed, variance, strict=True)]
        covered = float(np.mean([one.low <= 0.8 <= one.high for one in found]))
        given = float((np.abs(per_seed.mean(axis=1) - 0.8) <= 1.96 * np.sqrt(variance)).mean())
        lines.append(f"{seeds} seeds {covered:.1%} (with the models taken as given {given:.1%})")
        assert covered >= 0.95 - 2 * np.sqrt(0.95 * 0.05 / rounds)
        assert given < 0.93
    with capsys.disabled():
        print(f"\n95 % interval of the configuration, {patients} patients, covers at " + "; ".join(lines))
