"""Differences and paired tests: against plain loops and published values, and by simulation."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import ndtri

from analysis.stats.bootstrap import configuration_interval, confusion_by_group, drawn_weights
from analysis.stats.metrics import accuracy_and_kappa, quadratic_kappa
from analysis.stats.paired_tests import difference_by_group, has_repeats, holm, mcnemar_midp, paired_test
from tests.analysis.stats.test_bootstrap import eyes


def test_a_difference_is_that_of_the_scores_and_its_draws_are_shared() -> None:
    a = np.stack([confusion_by_group(*eyes(60, seed)) for seed in (0, 1)], axis=1)
    b = np.stack([confusion_by_group(*eyes(60, seed)) for seed in (2, 3, 4)], axis=1)
    found = difference_by_group(a, b, accuracy_and_kappa, np.random.default_rng(0), resamples=2000)["kappa"]
    value = quadratic_kappa(a.sum(axis=0)).mean() - quadratic_kappa(b.sum(axis=0)).mean()
    assert float(found.value) == pytest.approx(value)
    assert found.low < found.value < found.high
    rng = np.random.default_rng(9)
    draws = [rng.integers(0, 60, 60) for _ in range(2000)]
    plain = [quadratic_kappa(a[d].sum(axis=0)).mean() - quadratic_kappa(b[d].sum(axis=0)).mean() for d in draws]
    assert float(found.low) == pytest.approx(np.quantile(plain, 0.025), abs=0.03)
    assert float(found.high) == pytest.approx(np.quantile(plain, 0.975), abs=0.03)
    same = difference_by_group(a, a, accuracy_and_kappa, np.random.default_rng(0), resamples=100)["accuracy"]
    assert float(same.value) == float(same.low) == float(same.high) == 0.0  # each patient is compared with itself
    with pytest.raises(ValueError, match="same G"):
        difference_by_group(a, b[:-1], accuracy_and_kappa, np.random.default_rng(0))


def test_the_permutation_agrees_with_all_sign_flips_listed() -> None:
    group = np.repeat(np.arange(8), 2)
    a = np.array([1, 1, 1, 0, 1, 1, 0, 1, 1, 1, 1, 1, 0, 0, 1, 1.0])
    b = np.array([0, 0, 1, 0, 0, 1, 1, 1, 0, 0, 1, 0, 0, 0, 1, 0.5])
    by_patient = (a - b).reshape(8, 2).sum(axis=1)
    signs = np.array(np.meshgrid(*[[-1, 1]] * 8)).reshape(8, -1)
    exact = (np.abs(by_patient @ signs) >= abs(by_patient.sum()) - 1e-12).mean()
    assert paired_test(a, b, group, np.random.default_rng(0), resamples=20_000) == pytest.approx(exact, abs=0.01)
    assert paired_test(a, b, group, np.random.default_rng(0)) == paired_test(b, a, group, np.random.default_rng(0))
    assert paired_test(a, a, group, np.random.default_rng(0)) == 1.0
    assert paired_test(np.ones(999), np.zeros(999), np.arange(999), np.random.default_rng(0), resamples=99) == 0.01
    with pytest.raises(ValueError, match="must be"):
        paired_test(a, b[:-1], group, np.random.default_rng(0))


def test_holm_steps_down_and_keeps_the_order() -> None:
    np.testing.assert_allclose(holm([0.01, 0.04, 0.03, 0.005]), [0.03, 0.06, 0.06, 0.02])
    np.testing.assert_allclose(holm([0.5, 0.9, 0.8]), [1.0, 1.0, 1.0])
    assert holm([]).shape == (0,)
    with pytest.raises(ValueError, match="0 <= p <= 1"):
        holm([0.1, float("nan")])


def test_mcnemar_gives_the_published_mid_p() -> None:
    """1 against 7 discordant pairs: 0.039 (Fagerland, Lydersen and Laake 2013, airway hyper-responsiveness)."""
    a = np.array([True] * 7 + [False] * 1 + [True] * 13)
    b = np.array([False] * 7 + [True] * 1 + [True] * 13)
    assert mcnemar_midp(a, b) == pytest.approx(0.0391, abs=5e-5)
    assert mcnemar_midp(b, a) == mcnemar_midp(a, b)
    assert mcnemar_midp(a, a) == 1.0
    assert mcnemar_midp(np.array([True, False]), np.array([False, True])) == 1.0
    assert mcnemar_midp(a, b, np.arange(21)) == mcnemar_midp(a, b)
    assert has_repeats([1, 2, 1])
    with pytest.raises(ValueError, match="take the paired test by patient"):
        mcnemar_midp(a, b, np.arange(21) // 2)
    with pytest.raises(ValueError, match="bool"):
        mcnemar_midp(np.ones(3), np.ones(3))


def test_false_alarms_stay_below_the_level_by_patient_and_not_by_image(capsys: pytest.CaptureFixture[str]) -> None:
    """Two equally good models, each right or wrong on both eyes of a patient: what is rejected at 0.05 is false."""
    rng, rounds, patients = np.random.default_rng(23), 1000, 150
    group = np.repeat(np.arange(patients), 2)
    by_patient, by_image, powerful = 0, 0, 0
    for _ in range(rounds):
        a, b = (np.repeat(rng.random(patients) < 0.8, 2) for _ in range(2))
        better = np.repeat(rng.random(patients) < 0.95, 2)
        by_patient += paired_test(a, b, group, rng, resamples=400) <= 0.05
        by_image += mcnemar_midp(a, b) <= 0.05
        powerful += paired_test(better, b, group, rng, resamples=400) <= 0.05
    error = 2 * np.sqrt(0.05 * 0.95 / rounds)
    with capsys.disabled():
        print(
            f"\nfalse alarms at 0.05, eyes alike: paired by patient {by_patient / rounds:.1%}, McNemar by image "
            f"{by_image / rounds:.1%}; 0.95 against 0.80 is seen in {powerful / rounds:.0%}"
        )
    assert by_patient / rounds <= 0.05 + error
    assert by_image / rounds > 0.05 + 3 * error
    assert powerful / rounds > 0.9


@pytest.mark.slow
def test_the_paired_test_is_of_models_and_the_recipes_interval_of_recipes(capsys: pytest.CaptureFixture[str]) -> None:
    """Two equal recipes, accuracy 0.8 with sd 0.02 between seeds, three seeds each, 700 patients with two eyes alike.

    Their trained models do differ, and the test rightly says so; only the recipe's interval says that recipes may not.
    """
    rounds, patients, seeds = 400, 700, 3
    rng = np.random.default_rng(11)
    skill = ndtri(np.clip(rng.normal(0.8, 0.02, size=(1, rounds, 2 * seeds)), 0, 1))
    own, model = rng.normal(size=(patients, rounds, 1)), rng.normal(size=(patients, rounds, 2 * seeds))
    right = np.sqrt(0.5) * (own + model) < skill  # (patients, rounds, 2 x seeds), both eyes
    a, b = right[..., :seeds], right[..., seeds:]
    weights = np.concatenate(list(drawn_weights(patients, rng, 500))) / patients
    variance = (weights @ (a.mean(axis=2) - b.mean(axis=2))).var(axis=0)  # of the mean difference, over drawn patients
    per_seed = a.mean(axis=0) - b.mean(axis=0)  # (rounds, seeds)
    recipes = [configuration_interval(one, v) for one, v in zip(per_seed, variance, strict=True)]
    apart = float(np.mean([one.low > 0 or one.high < 0 for one in recipes]))
    rejected = float(
        np.mean(
            [
                paired_test(a[:, n].mean(axis=1), b[:, n].mean(axis=1), np.arange(patients), rng, resamples=500) <= 0.05
                for n in range(rounds)
            ]
        )
    )
    with capsys.disabled():
        print(f"\nof two equal recipes the paired test calls {rejected:.1%} of models different, the recipe's interval "
              f"{apart:.1%} of recipes")  # fmt: skip
    assert apart <= 0.05 + 2 * np.sqrt(0.05 * 0.95 / rounds)
    assert rejected > 0.2
