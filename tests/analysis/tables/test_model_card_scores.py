from collections.abc import Sequence

import numpy as np
import pandas as pd
import pytest

from analysis.schema import SCORES
from analysis.stats.metrics import auc_ovr, confusion_matrix, scores_from_confusion
from analysis.tables.model_card_scores import score_split
from tests.fixtures.mlflow import LAB_TEST, TrialSpec, predictions

MODE = "most_probable"


def test_grades_are_called_by_the_decision() -> None:
    chances = np.tile([0.4, 0.0, 0.3, 0.3, 0.0], (8, 1))  # most probable 0, median 2
    table = pd.DataFrame({"patient": range(8), "grade": 2} | {f"p{grade}": chances[:, grade] for grade in range(5)})
    assert score_split("few", table, MODE).scores["accuracy"] == 0
    assert score_split("few", table, "median").scores["accuracy"] == 1


def test_scores_are_those_of_the_confusion_and_bounds_hold_them() -> None:
    table = predictions(TrialSpec(3, "resnet18-scratch", skill=0.7))
    scored = score_split("test", table, MODE)
    guess = table[[f"p{grade}" for grade in range(5)]].to_numpy().argmax(axis=1)
    expected = scores_from_confusion(confusion_matrix(table["grade"], guess))
    assert all(np.isclose(scored.scores[name], value, equal_nan=True) for name, value in expected.items())
    assert (scored.n, scored.patients) == (120, 60)
    for name in SCORES:
        low, high = scored.bounds[name]
        assert low < scored.scores[name] < high, name
        assert scored.text(name) == f"{scored.scores[name]:.3f} ({low:.3f} to {high:.3f})"
    assert scored.scores["auc"] == auc_ovr(table["grade"], table[[f"p{grade}" for grade in range(5)]])
    assert not scored.constant_predictor


def test_the_lab_s_model_is_degenerate() -> None:
    scored = score_split("test", predictions(TrialSpec(0, "resnet18-scratch", confusion=LAB_TEST)), MODE)
    assert scored.constant_predictor
    assert scored.scores["kappa"] == 0
    assert scored.counts == LAB_TEST
    assert scored.scores["accuracy"] == scored.majority


def test_all_right_is_still_not_certain_and_one_grade_leaves_kappa_undefined() -> None:
    chances = np.tile([0.9, 0.025, 0.025, 0.025, 0.025], (8, 1))
    table = pd.DataFrame({"patient": range(8), "grade": 0} | {f"p{grade}": chances[:, grade] for grade in range(5)})
    scored = score_split("few", table, MODE)
    assert scored.bounds["accuracy"][0] == pytest.approx(0.025 ** (1 / 8))  # Clopper and Pearson's of 8 of 8
    assert scored.text("kappa") == "undefined"
    assert scored.text("recall_3") == "undefined"
    assert scored.limitation() == (
        "On few it is not shown to beat guessing: all photographs have one grade, so kappa is undefined."
    )


def test_a_perfect_model_has_no_interval_that_is_a_point() -> None:
    scored = score_split("test", _certain([0, 1, 2, 3, 4, 0, 0, 0], range(8)), MODE)
    for name in ("kappa", "balanced_accuracy", "macro_f1", "auc"):
        assert scored.text(name) == "1.000 (no interval)", name
    assert scored.text("accuracy") == "1.000 (0.631 to 1.000)"  # Clopper and Pearson's of 8 of 8
    assert scored.text("recall_0") == "1.000 (0.398 to 1.000)"  # of 4 of 4
    assert scored.limitation() == ""


def test_one_patient_proves_little() -> None:
    scored = score_split("test", _certain([0, 1, 2, 3, 4, 4], [7] * 6, guess=[0, 1, 2, 3, 4, 3]), MODE)
    assert scored.patients == 1
    for name in ("kappa", "balanced_accuracy", "macro_f1", "auc"):
        assert scored.text(name) == f"{scored.scores[name]:.3f} (no interval)", name
    low, high = scored.bounds["accuracy"]
    assert low < 0.25
    assert high > 0.95
    assert scored.limitation() == (
        "On test it is not shown to beat guessing: its patients are too few or too much alike for an interval of kappa."
    )


def test_photographs_of_several_models_with_the_same_rows_all_count() -> None:
    table = predictions(TrialSpec(3, "resnet18-scratch", skill=0.7))
    twice = score_split("folds", pd.concat([table, table]), MODE)
    assert (twice.n, twice.patients) == (240, 60)
    assert sum(twice.counts) == 240


def test_a_model_that_may_be_guessing_is_said_to_be() -> None:
    guesses = score_split("test", predictions(TrialSpec(6, "resnet18-scratch", skill=0.0)), MODE)
    assert guesses.bounds["kappa"][0] <= 0
    assert guesses.limitation() == (
        "On test it is not shown to beat guessing: the interval of kappa does not lie above 0."
    )
    assert (
        score_split("test", predictions(TrialSpec(1, "resnet18-scratch", skill=0.9, patients=300)), MODE).limitation()
        == ""
    )


def _certain(grades: Sequence[int], patients: Sequence[int], guess: Sequence[int] | None = None) -> pd.DataFrame:
    """Predictions that are sure of `guess`, or of the grade itself."""
    chances = 0.05 + 0.75 * np.eye(5)[list(guess or grades)]
    columns = {f"p{grade}": chances[:, grade] for grade in range(5)}
    return pd.DataFrame({"row": range(len(grades)), "patient": patients, "grade": grades} | columns)
