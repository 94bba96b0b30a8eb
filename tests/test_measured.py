import numpy as np
import pandas as pd
import pytest

from analysis.scores import confusion_matrix, scores_from_confusion
from study.measured import measure
from tests.mlflow_fixture import LAB_TEST, TrialSpec, predictions


def test_scores_are_those_of_the_confusion_and_bounds_hold_them() -> None:
    table = predictions(TrialSpec(3, "resnet18-scratch", skill=0.7))
    measured = measure("test", table)
    guess = table[[f"p{grade}" for grade in range(5)]].to_numpy().argmax(axis=1)
    expected = scores_from_confusion(confusion_matrix(table["grade"], guess))
    assert all(np.isclose(measured.scores[name], value, equal_nan=True) for name, value in expected.items())
    assert (measured.n, measured.patients) == (120, 60)
    for name in ("accuracy", "kappa"):
        low, high = measured.bounds[name]
        assert low < measured.scores[name] < high
    assert not measured.degenerate
    assert measured.text("accuracy").startswith(f"{measured.scores['accuracy']:.3f} (")


def test_the_lab_s_model_is_degenerate() -> None:
    measured = measure("test", predictions(TrialSpec(0, "resnet18-scratch", confusion=LAB_TEST)))
    assert measured.degenerate
    assert measured.scores["kappa"] == 0
    assert measured.counts == LAB_TEST
    assert measured.scores["accuracy"] == measured.majority


def test_all_right_is_still_not_certain_and_one_grade_leaves_kappa_undefined() -> None:
    chances = np.tile([0.9, 0.025, 0.025, 0.025, 0.025], (8, 1))
    table = pd.DataFrame({"patient": range(8), "grade": 0} | {f"p{grade}": chances[:, grade] for grade in range(5)})
    measured = measure("few", table)
    assert measured.bounds["accuracy"][0] == pytest.approx(0.676, abs=0.01)  # Wilson's of 8 of 8
    assert measured.text("kappa") == "undefined"
    assert measured.text("recall_3") == "undefined"


def test_a_model_that_may_be_guessing_is_said_to_be() -> None:
    guesses = measure("test", predictions(TrialSpec(6, "resnet18-scratch", skill=0.0)))
    assert guesses.bounds["kappa"][0] <= 0
    assert guesses.doubt() == "On test it cannot be told from guessing: the interval of kappa does not lie above 0."
    assert measure("test", predictions(TrialSpec(1, "resnet18-scratch", skill=0.9))).doubt() == ""
