"""A configuration that was trained again is known by the mean of its repeats, and the drop from validation is told."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from analysis import schema
from analysis.results.columns import DROP, FINALISTS
from analysis.results.mlflow_reader import read_study
from analysis.tables import all_tables, arm_comparison, finalists
from tests.fixtures import figures as shown
from tests.fixtures import mlflow as fixture
from tests.fixtures.mlflow import ConfirmSpec, FinalistSpec, TrialSpec


def test_configurations_with_repeats_stand_first_by_their_mean() -> None:
    study, board = shown.finalists().study, shown.finalists().made.board
    again = study.finalists.groupby("trial")["best_val_kappa"]
    first = board.set_index("trial")
    for trial in ("0001", "0002", "0005", "0006"):
        assert first.loc[trial, "finalist_mean"] == pytest.approx(again.get_group(trial).mean())
        assert first.loc[trial, "finalist_sd"] == pytest.approx(again.get_group(trial).std())
        assert first.loc[trial, "finalist_repeats"] == 2
    assert set(board["trial"].iloc[:4]) == {"0001", "0002", "0005", "0006"}
    assert board["finalist_mean"].iloc[:4].is_monotonic_decreasing
    assert board["finalist_mean"].iloc[4:].isna().all()
    assert board["objective_value"].iloc[4:].is_monotonic_decreasing
    assert board.loc[board["trial"] == "0005", "objective_value"].iloc[0] == board["objective_value"].max()
    own = board[board["arm"] == "resnet18-pretrained"]["trial"].iloc[0]
    assert own == "0006"  # and not 0005, whose own score is the highest


def test_repeats_that_are_not_complete_do_not_count() -> None:
    trials = [TrialSpec(number, "resnet18-scratch", 0.5 + 0.1 * number) for number in range(3)]
    again = [
        FinalistSpec(0, trials[2], 0, 0.4),
        FinalistSpec(1, trials[2], 1, state=schema.STATE_FAILED),
        FinalistSpec(2, trials[1], 0, state=schema.STATE_RUNNING),
    ]
    study = read_study(fixture.write_study("broken finalists", trials, finalists=again), "broken finalists")
    board = arm_comparison.leaderboard(study)
    assert board["trial"].iloc[0] == "0002"
    assert board["finalist_repeats"].iloc[0] == 1
    assert np.isnan(board["finalist_sd"].iloc[0])
    assert board["finalist_mean"].iloc[1:].isna().all()
    assert arm_comparison.failures(study)["trial"].tolist() == ["f0001", "f0002"]
    assert arm_comparison.failures(study)["kind"].tolist() == ["finalist", "finalist"]


def test_each_repeat_is_a_row() -> None:
    made = shown.finalists().made
    table = made.finalists
    assert list(table.columns) == list(FINALISTS)
    assert table["finalist"].tolist()[:2] == ["f0006", "f0007"]
    assert table["label"].iloc[0] == "ResNet18, pretrained (synthetic)"
    assert table["split_seed"].tolist()[:2] == ["700", "701"]
    assert (table["images_seen"] == 900).all()
    assert made.four_way["finalist_images_seen"].tolist() == [3600, 3600, 0, 0]


def test_the_drop_is_expected_before_and_after_and_observed() -> None:
    study, made = shown.finalists().study, shown.finalists().made
    assert list(made.drop.columns) == list(DROP)
    row = made.drop.set_index("arm").loc["resnet18-scratch"]
    board = made.board.set_index("trial")
    own, mean = board["objective_value"], board["finalist_mean"]
    assert row["before"] == pytest.approx(((own - mean)["0001"] + (own - mean)["0002"]) / 2)
    again = study.finalists.pivot(index="trial", columns="seed_index", values="best_val_kappa").loc[["0001", "0002"]]
    left = [again[1 - place].max() - again[place][again[1 - place].idxmax()] for place in (0, 1)]
    assert row["after"] == pytest.approx(np.mean(left))
    assert row["observed_before"] == pytest.approx(own["0002"] - row["test"])
    assert row["observed_after"] == pytest.approx(mean["0002"] - row["test"])
    text = finalists.drop_sentence(made.drop)
    assert (
        f"kappa is expected to fall by {made.drop['before'].mean():.3f} where a trial counts by its own score" in text
    )
    assert f"and by {made.drop['after'].mean():.3f} where the mean of its repeats counts" in text
    assert "On the test split it rose by" in text


def test_without_finalists_or_confirmation_nothing_is_claimed() -> None:
    assert shown.four().made.drop.empty
    assert shown.four().made.finalists.empty
    assert finalists.drop_sentence(shown.four().made.drop) == ""
    trials = [TrialSpec(number, "resnet18-scratch", 0.5) for number in range(2)]
    again = [FinalistSpec(2 * number + repeat, trials[number], repeat) for number in (0, 1) for repeat in (0, 1)]
    study = read_study(fixture.write_study("unconfirmed", trials, finalists=again), "unconfirmed")
    made = all_tables.make_tables(study)
    assert pd.isna(made.drop["observed_before"].iloc[0])
    assert "test split" not in finalists.drop_sentence(made.drop)
    assert made.board["kappa_corrected"].isna().all()  # the repeats say what is left without the choice


def test_a_winner_that_was_not_the_one_confirmed_has_no_observed_drop() -> None:
    trials = [TrialSpec(number, "resnet18-scratch", 0.5 + 0.3 * number) for number in range(2)]
    again = [FinalistSpec(number, trials[number], skill=0.3 + 0.4 * number) for number in (0, 1)]
    confirmations = [ConfirmSpec(0, trials[0])]
    uri = fixture.write_study("overtaken", trials, finalists=again, confirmations=confirmations)
    made = all_tables.make_tables(read_study(uri, "overtaken"))
    assert made.drop["own"].iloc[0] == made.board["objective_value"].iloc[0]
    assert np.isnan(made.drop["after"].iloc[0])  # one repeat: nothing can be left out
    assert made.drop["test"].isna().all()


def _with_a_first(name: str, skills: tuple[float, float]) -> str:
    """A study of one arm: its first trial, whose own score is the lowest, and two others; each again on two splits,
    the first with skill 0.5, trial 0001 with these, trial 0002 with 0.2."""
    trials = [TrialSpec(number, "resnet18-scratch", skill) for number, skill in enumerate((0.4, 0.9, 0.6))]
    skill_of = {0: (0.5, 0.5), 1: skills, 2: (0.2, 0.2)}
    again = [
        FinalistSpec(2 * number + repeat, trials[number], repeat, skill_of[number][repeat], baseline=number == 0)
        for number in skill_of
        for repeat in (0, 1)
    ]
    return fixture.write_study(name, trials, finalists=again)


def test_the_first_trial_gives_way_to_one_that_is_better_on_both_splits() -> None:
    study = read_study(_with_a_first("beaten", (0.8, 0.9)), "beaten")
    board = arm_comparison.leaderboard(study)
    assert board["trial"].tolist() == ["0001", "0000", "0002"]
    assert finalists.in_doubt_sentence(study, board) == ""


def test_the_first_trial_stays_where_another_is_better_in_the_mean_alone() -> None:
    study = read_study(_with_a_first("in doubt", (1.0, 0.3)), "in doubt")
    made = all_tables.make_tables(study)
    mean = made.board.set_index("trial")["finalist_mean"]
    assert mean["0001"] > mean["0000"]
    assert made.board["trial"].tolist() == ["0000", "0001", "0002"]
    text = finalists.in_doubt_sentence(study, made.board)
    more = f"{mean['0001'] - mean['0000']:.3f}"
    assert text == (
        "ResNet18, from scratch: trial 0000, the known-good configuration that the arm began with, stays the winner; "
        f"the mean of trial 0001 is higher by {more}, which is not beyond the one-sided 90 % bound of "
        "the difference."
    )
    own = made.board.set_index("trial")["objective_value"]
    assert own["0000"] == own.min()  # so it is not one of those that their own score flattered
    row = made.drop.iloc[0]
    assert row["before"] == pytest.approx(((own - mean)["0001"] + (own - mean)["0002"]) / 2)
    assert row["own"] == own["0000"] and row["mean"] == mean["0000"] and row["finalists"] == 3
    assert np.isnan(row["after"])  # the winner's mean is not the highest, so choosing did not flatter it
    assert "still flatters" not in finalists.drop_sentence(made.drop)


def test_each_fold_has_finalists_of_its_own() -> None:
    trials = [TrialSpec(0, "resnet18-scratch", 0.4), TrialSpec(1, "resnet18-scratch", 0.7)]
    again = [
        FinalistSpec(2 * number + repeat, trials[number], repeat, 0.7 - 0.4 * number)
        for number in (0, 1)
        for repeat in (0, 1)
    ]
    confirmations = [ConfirmSpec(repeat, trials[0], repeat, 0.6) for repeat in (0, 1)]
    uri = fixture.write_folds("fold finalists", trials, confirmations, finalists=again)
    made = all_tables.make_tables(read_study(uri, "fold finalists"))
    assert made.four_way["trial"].iloc[0] == "1/0000, 2/0000, 3/0000"
    row = made.drop.iloc[0]
    assert row["finalists"] == 6
    assert row["observed_after"] == pytest.approx(row["mean"] - row["test"])
    assert made.four_way["finalist_mean"].iloc[0] == pytest.approx(row["mean"])
