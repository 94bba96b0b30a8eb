"""Which models stand for an arm."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from analysis import schema
from analysis.results import predictions
from analysis.results.mlflow_reader import RunsError, read_study
from analysis.results.study_runs import StudyRuns
from analysis.tables import arm_comparison
from tests.fixtures import mlflow as fixture
from tests.fixtures.mlflow import ConfirmSpec, TrialSpec


def test_the_best_trial_stands_for_its_cell() -> None:
    study = read_study(fixture.four_arms(), "four")
    found = predictions.validated(study, arm_comparison.leaderboard(study))
    assert {arm: models.trial for arm, models in found.items()} == {
        "resnet18-scratch": "0001",
        "resnet18-pretrained": "0003",
        "resnet50-scratch": "0005",
        "resnet50-pretrained": "0007",
    }
    models = found["resnet18-scratch"]
    assert models.probabilities.shape == (1, 120, 5)
    assert models.counts().shape == (60, 1, 5, 5)
    assert models.counts()[:, 0].sum(axis=0).tolist() == study.confusions["0001"].tolist()
    assert models.correct().mean() == pytest.approx(np.trace(study.confusions["0001"]) / 120)
    assert models.folds() == 0


def test_of_several_confirmed_trials_the_one_that_validation_put_first_counts() -> None:
    """Not the one that is best on the test split: that would be a choice on it."""
    trials = [TrialSpec(0, "resnet18-scratch", skill=0.9), TrialSpec(1, "resnet18-scratch", skill=0.4)]
    confirmations = [
        ConfirmSpec(0, trials[0], 0, skill=0.2),
        ConfirmSpec(1, trials[0], 1, skill=0.2),
        ConfirmSpec(2, trials[1], 0, skill=0.99),
    ]
    study = read_study(fixture.write_study("top two", trials, confirmations=confirmations), "top two")
    measured_on, found = predictions.primary_predictions(study, arm_comparison.leaderboard(study))
    assert measured_on == "test"
    assert found["resnet18-scratch"].trial == "0000"
    assert found["resnet18-scratch"].seeds == ("100", "101")


def test_new_patients_images_are_judged_where_they_are_fewer_than_all() -> None:
    study = read_study(fixture.confirmed(), "confirmed")
    measured_on, found = predictions.primary_predictions(study, arm_comparison.leaderboard(study))
    assert measured_on == "test_new_patients"
    models = found["resnet50-scratch"]
    assert models.new_patients.all()
    assert models.probabilities.shape == (3, 80, 5)
    assert models.runs == ("c0006", "c0007", "c0008")


def test_a_seed_that_lacks_a_fold_is_left_out() -> None:
    study = read_study(fixture.folded(), "folded")
    board = arm_comparison.leaderboard(study)
    whole = predictions.confirmed(study, board)["resnet18-scratch"]
    assert whole.runs == ("1/c0000, 2/c0000, 3/c0000", "1/c0001, 2/c0001, 3/c0001")
    assert sorted(whole.row) == list(range(160))
    assert whole.folds() == 3
    left = {name: table for name, table in study.test_predictions.items() if name != "2/c0001"}
    partly = predictions.confirmed(StudyRuns(**{**vars(study), "test_predictions": left}), board)["resnet18-scratch"]
    assert partly.runs == ("1/c0000, 2/c0000, 3/c0000",)


def test_confirmations_on_different_images_are_refused() -> None:
    study = read_study(fixture.confirmed(), "confirmed")
    tables_by_name = dict(study.test_predictions)
    tables_by_name["c0001"] = tables_by_name["c0001"].iloc[:-1]
    broken = StudyRuns(**{**vars(study), "test_predictions": tables_by_name})
    with pytest.raises(RunsError, match="c0001 is not on those of c0000"):
        predictions.confirmed(broken, arm_comparison.leaderboard(study))


def test_a_first_trial_that_was_confirmed_for_the_gain_stands_for_no_cell() -> None:
    trials = [TrialSpec(0, "resnet18-scratch", skill=0.4), TrialSpec(1, "resnet18-scratch", skill=0.8)]
    confirmations = [ConfirmSpec(0, trials[0], baseline=True)]
    study = read_study(fixture.write_study("only the first", trials, confirmations=confirmations), "only the first")
    board = arm_comparison.leaderboard(study)
    assert predictions.confirmed(study, board) == {}
    assert predictions.every_confirmed(study, board) == []


def test_grades_are_called_by_the_study_s_rule() -> None:
    study = read_study(fixture.four_arms(), "four")
    by_median = dataclasses.replace(study, tags={**study.tags, schema.TAG_DECISION: "median"})
    board = arm_comparison.leaderboard(study)
    models = predictions.validated(by_median, board)["resnet18-scratch"]
    chance = np.tile([0.4, 0.3, 0.3, 0.0, 0.0], (1, 120, 1))
    called = dataclasses.replace(models, probabilities=chance)
    assert set(called.called().ravel()) == {1}
    assert set(dataclasses.replace(called, decision="most_probable").called().ravel()) == {0}
    assert called.correct().mean() == pytest.approx((models.grade == 1).mean())
    assert called.counts().sum(axis=0)[0, :, 1].sum() == 120
    assert predictions.validated(study, board)["resnet18-scratch"].decision == "most_probable"
