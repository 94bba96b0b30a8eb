"""What reaches an accuracy: by which criterion, measured on which part, at what cost."""

from __future__ import annotations

import pandas as pd

from analysis.results.mlflow_reader import read_study
from analysis.results.study_runs import StudyRuns
from analysis.tables import arm_comparison, best
from tests.fixtures import mlflow as fixture
from tests.fixtures.mlflow import ConfirmSpec, TrialSpec


def test_best_keeps_its_two_criteria_apart(four: StudyRuns, board: pd.DataFrame) -> None:
    threshold = float(board["accuracy_claimed"].max())
    found = best.best(four, threshold, board=board)
    lower, point = (found[found["criterion"] == name] for name in best.CRITERIA)
    assert (lower["accuracy_claimed"] >= threshold).all() and (lower["gain_over_majority_claimed"] > 0).all()
    assert set(found["configurations"]) == {8}
    assert (point["accuracy"] >= threshold).all()
    assert 0 < len(lower) < len(point)
    assert set(lower["trial"]) < set(point["trial"])
    assert list(found["criterion"]) == ["lower_bound"] * len(lower) + ["point_estimate"] * len(point)


def test_by_accuracy_alone_can_be_another_order(four: StudyRuns) -> None:
    found = best.best_by_accuracy(four)
    assert found["accuracy"].is_monotonic_decreasing
    assert set(found["rank"]) == set(range(1, 9))


def test_what_was_confirmed_stands_before_validation_within_each_criterion(confirmed: StudyRuns) -> None:
    board, four_way = arm_comparison.leaderboard(confirmed), arm_comparison.four_way(confirmed)
    found = best.best(confirmed, 0.6, board=board, four_way=four_way)
    for criterion, column in zip(best.CRITERIA, ("accuracy_low", "accuracy"), strict=True):
        own = found[found["criterion"] == criterion]
        assert (own[column] >= 0.6).all()
        places = own["measured_on"].tolist()
        assert places == sorted(places, key=lambda where: where == "validation")
        # of 40 new patients, and four configurations, an accuracy beyond the majority class is not shown
        assert ({"validation"} if criterion == "lower_bound" else {"test_new_patients", "validation"}) == set(places)
    tested = found[found["measured_on"] == "test_new_patients"].iloc[0]
    assert tested["split"] == "test, patients not in training"
    assert tested["n"] == 80
    assert tested["seeds"] == 3
    assert tested["lr"] == board.set_index("trial").loc[tested["trial"], "lr"]
    assert tested["accuracy"] == four_way.set_index("arm").loc[tested["arm"], "test_new_patients_accuracy"]


def test_every_confirmed_configuration_is_listed_and_no_row_mixes_parts() -> None:
    """The second best of an arm, and what it cost; what was measured on test stands beside nothing of validation."""
    trials = [TrialSpec(0, "resnet18-scratch", epochs=2), TrialSpec(1, "resnet18-scratch", skill=0.3, epochs=1)]
    confirmations = [ConfirmSpec(2 * n + repeat, trials[n], repeat, 0.95) for n in (0, 1) for repeat in (0, 1)]
    study = read_study(fixture.write_study("both listed", trials, confirmations=confirmations), "both listed")
    found = best.best(study)
    tested = found[(found["criterion"] == "point_estimate") & (found["measured_on"] == "test")].set_index("trial")
    assert set(tested.index) == {"0000", "0001"}
    assert (tested["seeds"] == 2).all() and (tested["accuracy"] > 0.9).all()
    assert tested["accuracy_low"].notna().all()
    assert tested["objective_value"].isna().all() and tested["kappa_corrected"].isna().all()
    assert tested["images_seen"].to_dict() == {"0000": 2 * 800.0, "0001": 2 * 400.0}  # of its confirmations
    assert tested["epochs_run"].to_dict() == {"0000": 2.0, "0001": 1.0}
