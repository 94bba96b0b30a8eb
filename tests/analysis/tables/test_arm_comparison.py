"""Leaderboard, best configurations and the four-way comparison say what the runs hold, and not more."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from analysis import schema
from analysis.results.columns import FOUR_WAY, primary_endpoint
from analysis.results.mlflow_reader import read_study
from analysis.results.study_runs import StudyRuns
from analysis.stats.metrics import confusion_matrix, scores_from_confusion
from analysis.tables import arm_comparison
from tests.fixtures import mlflow as fixture
from tests.fixtures.mlflow import ConfirmSpec, TrialSpec


@pytest.fixture(scope="module")
def folded() -> StudyRuns:
    return read_study(fixture.folded(), "folded")


def test_the_leaderboard_is_sorted_and_measured_at_the_selected_epoch(four: StudyRuns, board: pd.DataFrame) -> None:
    assert len(board) == 8
    assert board["objective_value"].is_monotonic_decreasing
    top = board.iloc[0]
    assert top["arm"].endswith("pretrained")
    table = four.predictions[top["trial"]]
    guess = table[[f"p{grade}" for grade in range(5)]].to_numpy().argmax(axis=1)
    found = scores_from_confusion(confusion_matrix(table["grade"], guess))
    assert top["kappa"] == pytest.approx(float(found["kappa"]))
    assert top["objective_value"] == pytest.approx(top["kappa"])
    assert (board["accuracy_low"] < board["accuracy"]).all()
    assert (board["accuracy"] < board["accuracy_high"]).all()
    assert (board["kappa_low"] < board["kappa_high"]).all()
    assert set(board["n"]) == {120}
    assert set(board["patients"]) == {60}
    assert set(board["interval_over"]) == {"patients"}
    assert {"lr", "batch_size", "imbalance", "epochs_run", "images_seen", "seconds"} <= set(board.columns)
    assert set(board["split"]) == {"validation (chosen on this split: optimistic)"}


def test_four_cells_even_when_two_did_not_run() -> None:
    trials = [
        TrialSpec(0, "resnet18-scratch", skill=0.6),
        TrialSpec(1, "resnet18-scratch", skill=0.2, state=schema.STATE_PRUNED),
        TrialSpec(2, "resnet50-scratch", state=schema.STATE_RUNNING, best=False, epochs=1),
    ]
    uri = fixture.write_study("two arms", trials, not_run={"resnet18-pretrained": "weights are not on this disk"})
    found = arm_comparison.four_way(read_study(uri, "two arms"))
    assert list(found["arm"]) == list(schema.ARM_LABELS)
    assert list(found["status"]) == ["run", "not run", "no result yet", "not run"]
    assert found["reason"].iloc[1] == "weights are not on this disk"
    assert found["reason"].iloc[2] == "no trial has ended with a score: 1 running"
    assert found["reason"].iloc[3] == "the study leaves it out"
    assert list(found["trials"]) == [2, 0, 1, 0]
    assert found["trial"].iloc[0] == "0000"
    assert found["seconds"].iloc[0] == 12.0
    assert found["accuracy"].isna().tolist() == [False, True, True, True]


def test_the_labs_published_confusion_is_called_degenerate() -> None:
    trials = [TrialSpec(0, "resnet18-scratch", confusion=fixture.LAB_TEST, epochs=1)]
    uri = fixture.write_study("lab", trials, selection_split="test")
    row = arm_comparison.four_way(read_study(uri, "lab")).iloc[0]
    assert row["n"] == 7025
    assert row["accuracy"] == row["majority"] == pytest.approx(0.7335, abs=5e-5)
    assert row["kappa"] == row["kappa_low"] == row["kappa_high"] == 0.0
    assert bool(row["constant_predictor"])
    assert row["split"] == "test (chosen on test: optimistic)"


def test_without_predictions_the_interval_is_by_image_and_says_so(four: StudyRuns) -> None:
    counts_only = StudyRuns(**{**vars(four), "predictions": {}})
    found = arm_comparison.leaderboard(counts_only)
    assert set(found["interval_over"]) == {"images"}
    assert found["accuracy_low"].notna().all()
    assert found["kappa_low"].isna().all()
    nothing = arm_comparison.leaderboard(StudyRuns(**{**vars(four), "predictions": {}, "confusions": {}}))
    assert len(nothing) == 8
    assert nothing["accuracy"].isna().all()


def test_accuracy_as_objective_orders_by_accuracy() -> None:
    trials = [TrialSpec(number, "resnet18-scratch", skill=0.2 * number) for number in range(4)]
    study = read_study(fixture.write_study("by accuracy", trials, objective="accuracy"), "by accuracy")
    found = arm_comparison.leaderboard(study)
    assert found["objective_value"].tolist() == pytest.approx(found["accuracy"].tolist())
    assert found["accuracy"].is_monotonic_decreasing


def test_failed_and_unfinished_trials_are_not_ranked() -> None:
    trials = [
        TrialSpec(0, "resnet18-scratch", state=schema.STATE_FAILED),
        TrialSpec(1, "resnet18-scratch", state=schema.STATE_INTERRUPTED),
        TrialSpec(2, "resnet18-scratch", state=schema.STATE_PRUNED),
    ]
    study = read_study(fixture.write_study("states", trials), "states")
    assert list(arm_comparison.leaderboard(study)["trial"]) == ["0002"]


def test_the_corrected_score_stands_beside_the_best_of_each_cell(four: StudyRuns, board: pd.DataFrame) -> None:
    chosen = board[board["kappa_corrected"].notna()]
    assert sorted(chosen["arm"]) == sorted(schema.ARM_LABELS)
    assert (chosen["chosen_among"] == 2).all()
    assert chosen["rank"].tolist() == board.drop_duplicates("arm")["rank"].tolist()
    cells = arm_comparison.four_way(four, board=board).set_index("trial")
    one = chosen.iloc[0]
    assert cells.loc[one["trial"], "kappa_corrected"] == one["kappa_corrected"]
    assert one["kappa_corrected_low"] < one["kappa_corrected"] < one["kappa_corrected_high"]


def test_every_score_of_a_cell_has_an_interval_equal_to_the_leaderboards(four: StudyRuns, board: pd.DataFrame) -> None:
    cells = arm_comparison.four_way(four, board=board)
    assert list(cells.columns) == list(FOUR_WAY)
    for score in schema.SCORES:
        assert (cells[f"{score}_low"] <= cells[score]).all()
        assert (cells[score] <= cells[f"{score}_high"]).all()
    beside = board.set_index("trial").loc[cells["trial"]]
    assert cells["kappa_low"].tolist() == beside["kappa_low"].tolist()
    assert cells["accuracy_high"].tolist() == beside["accuracy_high"].tolist()
    assert set(cells["primary_endpoint"]) == {"validation"}
    assert set(cells["seeds"]) == {0}
    assert set(cells["fellow_copy"]) == {0.84728}


def test_a_confirmed_cell_is_measured_on_the_test_part(confirmed: StudyRuns) -> None:
    cells = arm_comparison.four_way(confirmed).set_index("arm")
    one = cells.loc["resnet18-pretrained"]
    own = confirmed.confirmations[confirmed.confirmations["arm"] == "resnet18-pretrained"]
    for prefix in ("test", "test_new_patients"):
        for score in schema.SCORES:
            assert one[f"{prefix}_{score}"] == pytest.approx(own[f"{prefix}_{score}"].mean(), nan_ok=True)
        assert one[f"{prefix}_kappa_sd"] == pytest.approx(own[f"{prefix}_kappa"].std())
        assert one[f"{prefix}_kappa_low"] < one[f"{prefix}_kappa"] < one[f"{prefix}_kappa_high"]
        recipe = one[f"{prefix}_kappa_configuration_low"], one[f"{prefix}_kappa_configuration_high"]
        assert recipe[0] < one[f"{prefix}_kappa_low"]
        assert recipe[1] > one[f"{prefix}_kappa_high"]
        assert -1 <= recipe[0] <= recipe[1] <= 1
    assert one["test_n"] == 160
    assert one["test_new_patients_n"] == 80
    assert one["test_new_patients_patients"] == 40
    assert one["seeds"] == 3
    assert one["seed_numbers"] == "103; 104; 105"
    assert one["confirmed_trial"] == "0001"
    assert one["confirm_seconds"] == 18.0
    assert one["primary_endpoint"] == "test_new_patients"
    judged = primary_endpoint(cells.reset_index())
    assert judged["accuracy"].tolist() == cells["test_new_patients_accuracy"].tolist()


def test_the_test_part_of_folds_is_pooled_each_image_once(folded: StudyRuns) -> None:
    cells = arm_comparison.four_way(folded).set_index("arm")
    one = cells.loc["resnet18-pretrained"]
    assert one["test_n"] == 160
    assert one["test_patients"] == 80
    assert one["folds_tested"] == 3
    assert one["seeds"] == 2
    assert one["trial"] == one["confirmed_trial"] == "1/0001, 2/0001, 3/0001"
    every = [folded.test_confusions[f"{fold}/c0002"] for fold in (1, 2, 3)]  # the first seed
    first = float(np.trace(np.sum(every, axis=0)) / 160)
    every = [folded.test_confusions[f"{fold}/c0003"] for fold in (1, 2, 3)]
    assert one["test_accuracy"] == pytest.approx((first + np.trace(np.sum(every, axis=0)) / 160) / 2)
    assert cells.loc["resnet50-scratch", "status"] == "not run"
    assert one["chosen_among"] == 3


def test_without_test_predictions_the_counts_have_to_do(confirmed: StudyRuns) -> None:
    counts_only = StudyRuns(**{**vars(confirmed), "test_predictions": {}})
    cells = arm_comparison.four_way(counts_only).set_index("arm")
    full = arm_comparison.four_way(confirmed).set_index("arm")
    assert set(cells["primary_endpoint"]) == {"test"}
    assert cells["test_accuracy"].tolist() == pytest.approx(full["test_accuracy"].tolist())
    assert set(cells["test_interval_over"]) == {"images"}
    assert cells["test_accuracy_low"].notna().all()
    assert cells["test_kappa_low"].isna().all()
    assert set(cells["seeds"]) == {3}


def test_confirmations_that_did_not_end_are_among_the_failures() -> None:
    trial = TrialSpec(0, "resnet18-scratch", epochs=1)
    confirmations = [ConfirmSpec(0, trial), ConfirmSpec(1, trial, 1, state=schema.STATE_FAILED, read=False)]
    study = read_study(
        fixture.write_study("failed confirmation", [trial], confirmations=confirmations), "failed confirmation"
    )
    found = arm_comparison.failures(study)
    assert found[["trial", "kind", "state"]].to_numpy().tolist() == [["c0001", "confirmation", "failed"]]


def test_trials_that_were_stopped_have_no_score_and_are_counted() -> None:
    study = read_study(fixture.finalists(), "finalists")
    cells = arm_comparison.four_way(study).set_index("arm")
    row = cells.loc["resnet18-scratch"]
    assert (row["trials"], row["trials_ended"], row["trials_pruned"]) == (4, 4, 1)
    assert "0003" not in set(arm_comparison.leaderboard(study)["trial"])
    assert arm_comparison.unscored(study) == 2
    assert arm_comparison.failures(study).empty


def test_the_other_rule_is_that_of_the_headline_part() -> None:
    study = read_study(fixture.finalists(), "finalists")
    row = arm_comparison.four_way(study).iloc[0]
    assert (row["decision"], row["other_rule"]) == ("median", "most_probable")
    names = study.confirmations.loc[study.confirmations["trial"] == "0002", "confirm"]
    found = []
    for name in names:
        table = study.test_predictions[name]
        guess = table[[f"p{grade}" for grade in range(5)]].to_numpy().argmax(axis=1)
        found.append((table["grade"] == guess).mean())
    assert row["other_accuracy"] == pytest.approx(sum(found) / 2)
    empty = arm_comparison.four_way(read_study(fixture.four_arms(), "four"))
    assert empty["other_rule"].tolist() == ["median"] * 4
