"""Leaderboard, best configurations and the four-way comparison say what the runs hold, and not more."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from analysis import records, tables
from analysis.runs import StudyRuns, read_study
from analysis.scores import confusion_matrix, scores_from_confusion
from tests import mlflow_fixture as fixture
from tests.mlflow_fixture import TrialSpec


@pytest.fixture(scope="module")
def four() -> StudyRuns:
    return read_study(fixture.four_arms(), "four")


@pytest.fixture(scope="module")
def board(four: StudyRuns) -> pd.DataFrame:
    return tables.leaderboard(four)


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
    assert set(board["part"]) == {"validation (chosen on this part: optimistic)"}


def test_best_keeps_its_two_criteria_apart(four: StudyRuns, board: pd.DataFrame) -> None:
    threshold = float(board["accuracy_low"].iloc[0])
    found = tables.best(four, threshold, board=board)
    lower, point = (found[found["criterion"] == name] for name in tables.CRITERIA)
    assert (lower["accuracy_low"] >= threshold).all()
    assert (point["accuracy"] >= threshold).all()
    assert 0 < len(lower) < len(point)
    assert set(lower["trial"]) < set(point["trial"])
    assert list(found["criterion"]) == ["lower_bound"] * len(lower) + ["point_estimate"] * len(point)


def test_by_accuracy_alone_can_be_another_order(four: StudyRuns) -> None:
    found = tables.best_by_accuracy(four)
    assert found["accuracy"].is_monotonic_decreasing
    assert set(found["rank"]) == set(range(1, 9))


def test_four_cells_even_when_two_did_not_run() -> None:
    trials = [
        TrialSpec(0, "resnet18-scratch", skill=0.6),
        TrialSpec(1, "resnet18-scratch", skill=0.2, state=records.STATE_STOPPED),
        TrialSpec(2, "resnet50-scratch", state=records.STATE_RUNNING, best=False, epochs=1),
    ]
    uri = fixture.write_study("two cells", trials, not_run={"resnet18-pretrained": "weights are not on this disk"})
    found = tables.four_way(read_study(uri, "two cells"))
    assert list(found["arm"]) == list(records.ARM_LABELS)
    assert list(found["status"]) == ["run", "not run", "no result yet", "not run"]
    assert found["reason"].iloc[1] == "weights are not on this disk"
    assert found["reason"].iloc[2] == "no trial has ended with a score: 1 running"
    assert "started" in found["reason"].iloc[3]
    assert list(found["trials"]) == [2, 0, 1, 0]
    assert found["trial"].iloc[0] == "0000"
    assert found["seconds"].iloc[0] == 12.0
    assert found["accuracy"].isna().tolist() == [False, True, True, True]


def test_the_labs_published_confusion_is_called_degenerate() -> None:
    trials = [TrialSpec(0, "resnet18-scratch", confusion=fixture.LAB_TEST, epochs=1)]
    uri = fixture.write_study("lab", trials, selected_on="test")
    row = tables.four_way(read_study(uri, "lab")).iloc[0]
    assert row["n"] == 7025
    assert row["accuracy"] == row["majority"] == pytest.approx(0.7335, abs=5e-5)
    assert row["kappa"] == row["kappa_low"] == row["kappa_high"] == 0.0
    assert bool(row["degenerate"])
    assert row["part"] == "test (chosen on test: optimistic)"


def test_without_predictions_the_interval_is_by_image_and_says_so(four: StudyRuns) -> None:
    counts_only = StudyRuns(**{**vars(four), "predictions": {}})
    found = tables.leaderboard(counts_only)
    assert set(found["interval_over"]) == {"images"}
    assert found["accuracy_low"].notna().all()
    assert found["kappa_low"].isna().all()
    nothing = tables.leaderboard(StudyRuns(**{**vars(four), "predictions": {}, "confusions": {}}))
    assert len(nothing) == 8
    assert nothing["accuracy"].isna().all()


def test_accuracy_as_objective_orders_by_accuracy() -> None:
    trials = [TrialSpec(number, "resnet18-scratch", skill=0.2 * number) for number in range(4)]
    study = read_study(fixture.write_study("by accuracy", trials, objective="accuracy"), "by accuracy")
    found = tables.leaderboard(study)
    assert found["objective_value"].tolist() == pytest.approx(found["accuracy"].tolist())
    assert found["accuracy"].is_monotonic_decreasing


def test_failed_and_unfinished_trials_are_not_ranked() -> None:
    trials = [
        TrialSpec(0, "resnet18-scratch", state=records.STATE_FAILED),
        TrialSpec(1, "resnet18-scratch", state=records.STATE_INTERRUPTED),
        TrialSpec(2, "resnet18-scratch", state=records.STATE_STOPPED),
    ]
    study = read_study(fixture.write_study("states", trials), "states")
    assert list(tables.leaderboard(study)["trial"]) == ["0002"]


def test_files_have_their_header_even_when_nothing_is_in_them(tmp_path: Path) -> None:
    study = read_study(fixture.write_study("no trial", []), "no trial")
    paths = tables.write_tables(study, tmp_path / "report")
    assert sorted(path.name for path in (tmp_path / "report").iterdir()) == [
        "best.csv",
        "best_by_accuracy.csv",
        "four_way.csv",
        "leaderboard.csv",
    ]
    header = paths["best"].read_text().splitlines()
    assert len(header) == 1
    assert header[0].startswith("criterion,rank,trial,arm")
    assert len(pd.read_csv(paths["four_way"])) == 4


def test_written_tables_come_back_the_same(four: StudyRuns, tmp_path: Path) -> None:
    paths = tables.write_tables(four, tmp_path)
    found = pd.read_csv(paths["leaderboard"], dtype={"trial": str})
    expected = tables.leaderboard(four)
    assert list(found["trial"]) == list(expected["trial"])
    np.testing.assert_allclose(found["kappa_low"], expected["kappa_low"])


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "\r"])
def test_text_that_a_spreadsheet_would_run_is_inert(start: str, tmp_path: Path) -> None:
    hostile = f"{start}HYPERLINK(1)"
    table = pd.DataFrame({"text": [hostile, "two\nlines"], "number": [-1.5, 2.0], hostile: [0, 1]})
    tables.write_csv(tmp_path / "table.csv", table)
    inert = "'" + hostile.replace("\r", " ")
    with open(tmp_path / "table.csv", newline="") as file:
        header, first, second = csv.reader(file)
    assert header == ["text", "number", inert]
    assert first == [inert, "-1.5", "0"]
    assert second == ["two lines", "2.0", "1"]


def test_a_write_that_fails_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    target = tmp_path / "table.csv"
    target.write_text("old")
    with pytest.raises(TypeError):
        tables.write_whole(target, "not bytes")  # type: ignore[arg-type]
    assert [path.name for path in tmp_path.iterdir()] == ["table.csv"]
    assert target.read_text() == "old"


def test_a_model_that_is_right_on_every_patient_is_not_certain() -> None:
    bounds = tables._never_certain({"accuracy": 1.0, "accuracy_low": 1.0, "accuracy_high": 1.0}, patients=6)
    assert bounds["accuracy_high"] == 1.0
    assert bounds["accuracy_low"] == pytest.approx(0.6097, abs=1e-4)  # Wilson's bound of 6 of 6
    assert tables._never_certain({"accuracy": 0.9, "accuracy_low": 0.8, "accuracy_high": 1.0}, patients=6) == {}
