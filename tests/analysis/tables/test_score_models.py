"""Scores of models, with the doubt that a bootstrap does not know."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from analysis.results.predictions import ImagePredictions, PredictionSet
from analysis.stats.metrics import auc_ovr
from analysis.tables.score_models import (
    claimed,
    constant_predictor_seeds,
    counted,
    images_of,
    majority_gain,
    scores_with_intervals,
    share_bounds,
)


def models(seeds: int = 3, one_grade: int = 0) -> PredictionSet:
    """40 patients with two eyes; `one_grade` of the seeds call everything grade 0."""
    rng = np.random.default_rng(4)
    grade = rng.choice(5, size=80, p=[0.6, 0.1, 0.1, 0.1, 0.1])
    chance = rng.dirichlet(np.ones(5), size=(seeds, 80))
    chance[:, np.arange(80), grade] += 0.4
    chance[:one_grade, :, 0] += 2
    fold = np.zeros(80, dtype=np.int64)
    new_patients = np.ones(80, dtype=np.bool_)
    names = tuple(str(seed) for seed in range(seeds))
    return PredictionSet(
        trial="0000", seeds=names, runs=names, fold=fold, row=np.arange(80), patient=np.repeat(np.arange(40), 2),
        grade=grade, new_patients=new_patients, probabilities=chance,
    )  # fmt: skip


def test_scores_are_means_over_seeds() -> None:
    found, given = scores_with_intervals(models()), models()
    right = (given.probabilities.argmax(axis=-1) == given.grade).mean(axis=1)
    assert found["accuracy"] == pytest.approx(right.mean())
    assert found["accuracy_sd"] == pytest.approx(right.std(ddof=1))
    assert found["auc"] == pytest.approx(np.mean([auc_ovr(given.grade, chance) for chance in given.probabilities]))
    assert found["accuracy_configuration_low"] < found["accuracy_low"] < found["accuracy"]  # type: ignore[operator]
    assert (found["n"], found["patients"], found["interval_over"]) == (80, 40, "patients")
    assert scores_with_intervals(models()) == found


def test_one_seed_has_no_spread_and_no_configuration() -> None:
    found = scores_with_intervals(models(1))
    assert np.isnan(found["kappa_sd"])  # type: ignore[call-overload]
    assert np.isnan(found["kappa_configuration_low"])  # type: ignore[call-overload]
    assert found["kappa_low"] < found["kappa_high"]  # type: ignore[operator]


def test_one_degenerate_seed_is_not_hidden_by_the_others() -> None:
    assert scores_with_intervals(models())["constant_predictor"] is False
    found = scores_with_intervals(models(one_grade=1))
    assert found["constant_predictor"] is True
    assert found["constant_predictor_seeds"] == 1


def test_counts_give_the_same_scores_without_an_interval_over_patients() -> None:
    given = models()
    full, found = scores_with_intervals(given), counted(list(given.counts().sum(axis=0)))
    for name in ("accuracy", "kappa", "kappa_sd", "recall_3", "majority", "n", "constant_predictor_seeds"):
        assert found[name] == pytest.approx(full[name])
    assert found["interval_over"] == "images"
    assert "kappa_low" not in found


def test_images_are_counted_for_each_grade_and_patient() -> None:
    counts = np.zeros((3, 2, 5, 5), dtype=np.int64)
    counts[0, :, 0, 1] = 4
    counts[1, :, 0, 0] = counts[1, :, 4, 0] = 1
    counts[2, :, 2, 2] = 2
    found = images_of(counts)
    assert [found[f"n_grade_{grade}"] for grade in range(5)] == [5, 0, 2, 0, 1]
    assert (found["patients"], found["largest_patient"]) == (3, 0.5)
    assert found["effective_patients"] == pytest.approx(64 / 24)


def test_shares_have_bounds_over_the_patients_of_their_grade() -> None:
    counts = np.zeros((9, 1, 5, 5), dtype=np.int64)
    counts[:3, 0, 4, 4] = 2  # three patients with grade 4, all right
    counts[3:, 0, 0, 0] = 2
    found = share_bounds(counts)
    assert found["recall_4"] == pytest.approx((0.025 ** (1 / 3), 1.0))  # Clopper and Pearson's of 3 of 3
    assert found["accuracy"] == pytest.approx((0.025 ** (1 / 9), 1.0))
    assert np.isnan(found["recall_1"]).all()
    assert share_bounds(counts, level=0.99)["accuracy"][0] < found["accuracy"][0]


def test_a_claim_shares_its_level_and_needs_more_than_the_majority_class() -> None:
    grade = np.repeat([0, 2], [36, 4])
    constant, right = np.zeros((40, 1, 5, 5), dtype=np.int64), np.zeros((40, 1, 5, 5), dtype=np.int64)
    constant[np.arange(40), 0, grade, 0] = right[np.arange(40), 0, grade, grade] = 2
    assert claimed(constant, 0.95)["gain_over_majority_claimed"] == 0
    alone, of_ten = claimed(right, 0.95), claimed(right, 1 - 0.05 / 10)
    assert of_ten["accuracy_claimed"] < alone["accuracy_claimed"]  # type: ignore[operator]
    assert majority_gain(right)["gain_over_majority"] == pytest.approx(0.1)


def test_the_distance_from_the_majority_class_is_measured_on_the_same_patients() -> None:
    """A model that leaves the majority only where it is sure is surely better, however few patients that concerns."""
    grade = np.repeat([0] * 150 + [2] * 50, 1)
    chance = np.tile([0.9, 0.1, 0.0, 0.0, 0.0], (200, 1))
    chance[150:158] = [0.1, 0.0, 0.9, 0.0, 0.0]
    places = np.arange(200)
    careful = ImagePredictions(patient=places, grade=grade, probabilities=chance[None])
    found = scores_with_intervals(careful)
    assert found["gain_over_majority"] == pytest.approx(0.04)
    assert 0 < found["gain_over_majority_low"] < 0.04 < found["gain_over_majority_high"]  # type: ignore[operator]
    assert found["accuracy_low"] < found["majority"], "which by itself would say that it cannot be told"  # type: ignore[operator]
    assert scores_with_intervals(models(2, one_grade=2))["gain_over_majority"] == 0


def test_one_fold_whose_model_has_learned_nothing_is_not_hidden_by_the_others() -> None:
    given = models(2)
    fold = np.repeat([1, 2], 40)
    chance = given.probabilities.copy()
    chance[1, :40, 0] += 2  # the second seed, in the first fold
    found = scores_with_intervals(replace(given, fold=fold, probabilities=chance))
    assert (found["constant_predictor"], found["constant_predictor_seeds"]) == (True, 1)
    assert constant_predictor_seeds(replace(given, fold=fold, probabilities=chance)).tolist() == [False, True]
    assert scores_with_intervals(replace(given, fold=fold))["constant_predictor"] is False


def test_a_perfect_kappa_has_no_bounds_rather_than_false_ones() -> None:
    given = models(1)
    found = scores_with_intervals(replace(given, probabilities=np.eye(5)[given.grade][None]))
    assert found["kappa"] == found["auc"] == 1
    assert np.isnan([found[f"{name}_low"] for name in ("kappa", "auc", "macro_f1")]).all()  # type: ignore[list-item]
    assert 0.8 < found["accuracy_low"] < 1  # type: ignore[operator]


def test_one_patient_has_scores_and_no_bounds() -> None:
    alone = models().only(np.arange(80) < 2)
    found = scores_with_intervals(alone)
    assert found["patients"] == 1
    for name in ("kappa", "balanced_accuracy", "macro_f1", "gain_over_majority"):
        assert np.isnan(found[f"{name}_low"]), name  # type: ignore[call-overload]
    assert found["accuracy_low"] < found["accuracy_high"]  # type: ignore[operator]


def test_patients_who_are_all_alike_leave_kappa_without_bounds() -> None:
    """Each has one eye right and one wrong: every resample gives the same kappa."""
    grade = np.tile([0, 2], 20)
    chance = np.tile([0.9, 0.1, 0.0, 0.0, 0.0], (40, 1))
    chance[1::2] = [0.1, 0.9, 0.0, 0.0, 0.0]
    one = ImagePredictions(patient=np.repeat(np.arange(20), 2), grade=grade, probabilities=chance[None])
    found = scores_with_intervals(one)
    assert 0 < found["kappa"] < 1 and np.isnan(found["kappa_low"])  # type: ignore[operator, call-overload]


def test_one_answer_for_all_has_kappa_0_by_definition() -> None:
    found = scores_with_intervals(models(1, one_grade=1))
    assert found["constant_predictor"] and found["kappa"] == found["kappa_low"] == found["kappa_high"] == 0.0


def test_seeds_that_are_alike_give_no_interval_of_the_configuration() -> None:
    given = models(3)
    right = replace(given, probabilities=np.tile(np.eye(5)[given.grade], (3, 1, 1)))
    found = scores_with_intervals(right)
    assert found["accuracy"] == found["kappa"] == 1.0
    assert np.isnan(found["accuracy_configuration_low"]) and np.isnan(found["kappa_configuration_high"])  # type: ignore[call-overload]
