"""Scores against scikit-learn, and the cases that it leaves undefined."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from sklearn import metrics

from analysis import schema
from analysis.stats import metrics as scores

GRADE = st.integers(0, 4)
PAIRS = st.lists(st.tuples(GRADE, GRADE), min_size=1, max_size=60)


def labels(pairs: list[tuple[int, int]]) -> tuple[np.ndarray, np.ndarray]:
    both = np.array(pairs)
    return both[:, 0], both[:, 1]


@given(PAIRS)
def test_scores_agree_with_scikit_learn(pairs: list[tuple[int, int]]) -> None:
    truth, guess = labels(pairs)
    confusion = scores.confusion_matrix(truth, guess)
    present = np.unique(truth)
    ours = scores.scores_from_confusion(confusion)
    assert np.array_equal(confusion, metrics.confusion_matrix(truth, guess, labels=range(5)))
    assert ours["accuracy"] == pytest.approx(metrics.accuracy_score(truth, guess), abs=1e-12)
    f1 = metrics.f1_score(truth, guess, labels=present, average="macro", zero_division=0)
    assert ours["macro_f1"] == pytest.approx(f1, abs=1e-12)
    recalls = metrics.recall_score(truth, guess, labels=present, average=None, zero_division=0)
    assert [ours[f"recall_{grade}"] for grade in present] == pytest.approx(list(recalls), abs=1e-12)
    assert ours["balanced_accuracy"] == pytest.approx(np.mean(recalls), abs=1e-12)
    if present.size > 1:
        kappa = metrics.cohen_kappa_score(truth, guess, labels=range(5), weights="quadratic")
        assert ours["kappa"] == pytest.approx(kappa, abs=1e-12)
    else:
        assert np.isnan(ours["kappa"])


@given(hnp.arrays(np.int64, (40,), elements=GRADE), st.integers(0, 2**32 - 1), st.booleans())
def test_auc_agrees_with_scikit_learn(truth: np.ndarray, seed: int, tied: bool) -> None:
    chance = np.random.default_rng(seed).dirichlet(np.ones(5), size=truth.size)
    chance = np.round(chance, 1) if tied else chance
    signs = [truth == grade for grade in range(5)]
    expected = [metrics.roc_auc_score(s, chance[:, g]) for g, s in enumerate(signs) if 0 < s.sum() < truth.size]
    ours = scores.auc_ovr(truth, chance)
    assert ours == pytest.approx(np.mean(expected), abs=1e-12) if expected else np.isnan(ours)


def test_leading_dimensions_give_the_scores_of_each_matrix() -> None:
    stack = np.random.default_rng(0).integers(0, 9, (3, 4, 5, 5))
    together = scores.scores_from_confusion(stack)
    assert set(together) == set(schema.SCORES) - {"auc"}
    for name, values in together.items():
        assert values.shape == (3, 4)
        apart = [[scores.scores_from_confusion(matrix)[name] for matrix in row] for row in stack]
        np.testing.assert_array_equal(values, apart)
    assert scores.majority_share(stack).shape == scores.is_constant_predictor(stack).shape == (3, 4)


def test_one_predicted_grade_is_chance_agreement_and_degenerate() -> None:
    """The lab report's model without pretraining: all 7,025 test images called grade 0."""
    confusion = np.zeros((5, 5))
    confusion[:, 0] = [5153, 488, 1082, 175, 127]
    found = scores.scores_from_confusion(confusion)
    assert float(found["accuracy"]) == pytest.approx(5153 / 7025)
    assert float(found["kappa"]) == 0.0
    assert float(found["balanced_accuracy"]) == pytest.approx(0.2)
    assert float(scores.majority_share(confusion)) == float(found["accuracy"])
    assert bool(scores.is_constant_predictor(confusion))


def test_one_predicted_grade_is_exactly_zero_whatever_rounding_does() -> None:
    truth = np.random.default_rng(1).random((500, 5)) + 0.1
    confusion = np.zeros((500, 5, 5))
    confusion[:, :, 3] = truth
    assert (scores.quadratic_kappa(confusion) == 0.0).all()


def test_one_true_grade_has_no_kappa_and_is_not_called_degenerate() -> None:
    varied, single = np.zeros((5, 5)), np.zeros((5, 5))
    varied[2] = [1, 2, 3, 0, 0]
    single[2, 2] = 7
    for confusion in (varied, single):
        found = scores.scores_from_confusion(confusion)
        assert np.isnan(found["kappa"])
        assert np.isnan(found["recall_0"])
        assert not scores.is_constant_predictor(confusion)
    assert float(scores.scores_from_confusion(varied)["balanced_accuracy"]) == 0.5


def test_no_image_gives_no_score() -> None:
    found = scores.scores_from_confusion(scores.confusion_matrix([], []))
    assert all(np.isnan(value) for value in found.values())
    assert np.isnan(scores.auc_ovr([], np.zeros((0, 5))))
    assert np.isnan(scores.auc_ovr([1, 1], np.full((2, 5), 0.2)))


@pytest.mark.parametrize(
    ("row", "median", "probable"),
    [
        ([0.4, 0.1, 0.1, 0.1, 0.3], 1, 0),
        ([0.1, 0.1, 0.1, 0.15, 0.55], 4, 4),
        ([0.5, 0.0, 0.0, 0.0, 0.5], 0, 0),  # exactly one half is enough, and the first of equals is the most probable
        ([0.25, 0.25, 0.25, 0.25, 0.0], 1, 0),
        ([0.49, 0.0, 0.0, 0.0, 0.51], 4, 4),
        ([0.3, 0.25, 0.0, 0.45, 0.0], 1, 3),
        ([0.0, 0.0, 1.0, 0.0, 0.0], 2, 2),
    ],
)
def test_a_grade_is_called_by_one_of_two_rules(row: list[float], median: int, probable: int) -> None:
    for decision, grade in (("median", median), ("most_probable", probable)):
        for rows in (row, [row, row], [[row], [row]]):
            found = scores.called(rows, decision)
            assert found.shape == np.shape(rows)[:-1] and found.dtype == np.int64
            assert (found == grade).all()


def test_a_sum_that_rounding_keeps_below_one_half_calls_the_last_grade() -> None:
    short = np.array([[0.1, 0.1, 0.1, 0.1, 0.1 - 1e-7], [0, 0, 0, 0, 0], [np.nan] * 5], dtype=np.float32)
    assert scores.called(short[:2], "median").tolist() == [4, 4]
    assert set(scores.called(short, "median").tolist()) <= {0, 1, 2, 3, 4}


@given(hnp.arrays(np.float32, (7, 5), elements=st.floats(0, 1, width=32)))
def test_the_median_has_at_least_half_on_either_side(rows: np.ndarray) -> None:
    chances = (rows + np.float32(1e-3)).astype(np.float64)
    chances /= chances.sum(axis=1, keepdims=True)
    for row, grade in zip(chances, scores.called(chances, "median"), strict=True):
        assert row[: grade + 1].sum() >= 0.5 - 1e-12 and row[grade:].sum() >= 0.5 - 1e-12
        away = np.abs(np.arange(5)[:, None] - np.arange(5)) @ row
        assert away[grade] <= away.min() + 1e-12, "no grade is expected to be nearer"


def test_another_decision_is_refused() -> None:
    with pytest.raises(ValueError, match="decision must be most_probable or median, but got 'mean'"):
        scores.called([0.2] * 5, "mean")


def test_wrong_input_is_refused_by_name() -> None:
    with pytest.raises(ValueError, match="0 <= grades <= 4"):
        scores.confusion_matrix([0, 7], [0, 1])
    with pytest.raises(ValueError, match="one length"):
        scores.confusion_matrix([0, 1], [0])
    with pytest.raises(ValueError, match=r"\(2, 5\)"):
        scores.auc_ovr([0, 1], np.zeros((2, 4)))
    with pytest.raises(ValueError, match="finite"):
        scores.auc_ovr([0, 1], np.full((2, 5), np.nan))
    with pytest.raises(ValueError, match="confusion matrix"):
        scores.scores_from_confusion(np.zeros((4, 4)))
