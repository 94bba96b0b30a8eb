"""What the search gained over its first trial, with the doubt that belongs to it."""

from __future__ import annotations

import pandas as pd
import pytest

from analysis.report import summary
from analysis.results.columns import GAIN
from analysis.results.mlflow_reader import read_study
from analysis.results.study_runs import StudyRuns
from analysis.tables import all_tables, arm_comparison, endpoint
from tests.fixtures import figures as shown
from tests.fixtures import mlflow as fixture
from tests.fixtures.mlflow import ConfirmSpec, TrialSpec


def study_of(name: str, skills: tuple[float, float], first: float, winner: float = 0.8) -> StudyRuns:
    """Two trials of one arm, the second the winner, and the first beside it; three seeds of each."""
    trials = [TrialSpec(0, "resnet18-scratch", skills[0]), TrialSpec(1, "resnet18-scratch", skills[1])]
    confirmations = [ConfirmSpec(repeat, trials[1], repeat, winner) for repeat in range(3)]
    confirmations += [ConfirmSpec(3 + repeat, trials[0], repeat, first, baseline=True) for repeat in range(3)]
    return read_study(fixture.write_study(name, trials, confirmations=confirmations), name)


def said(study: StudyRuns) -> tuple[dict[str, object], str]:
    table = endpoint.gain(study, arm_comparison.leaderboard(study))
    return table.to_dict("records")[0], endpoint.gain_sentence(table, "kappa")


def test_a_gain_is_told_with_its_interval_and_the_first_trial_stands_for_no_cell() -> None:
    study = study_of("gained", (0.4, 0.8), first=0.2)
    made = all_tables.make_tables(study)
    assert list(made.gain.columns) == list(GAIN)
    row = made.gain.iloc[0]
    assert row["status"] == "run"
    assert (row["trial"], row["first_trial"], row["seeds"]) == ("0001", "0000", 3)
    assert row["kappa_difference"] == pytest.approx(row["kappa"] - row["first_kappa"])
    assert row["kappa"] == pytest.approx(made.four_way["test_kappa"].iloc[0])
    assert row["kappa_difference_low"] > 0
    assert made.four_way["confirmed_trial"].iloc[0] == "0001"
    assert made.four_way["seeds"].iloc[0] == 3
    assert set(made.seeds["trial"]) == {"0001"}
    assert "0000" not in set(made.best.loc[made.best["measured_on"] == "test", "trial"])
    (last,) = [one for one in summary.answer(study, made).sentences if one.startswith("Over")]
    assert last.startswith("Over the first trial of ResNet18 from scratch the search gained, of these models, kappa +")
    assert "paired by patient, the same 3 seeds of each, on the test split" in last
    low = row["kappa_difference_configuration_low"]
    assert f"the same training images and split the 95 % interval of the difference in kappa is {low:+.3f} to" in last


def test_nothing_gained_is_said() -> None:
    row, sentence = said(study_of("no gain", (0.4, 0.8), first=0.8))
    assert row["kappa_difference_low"] < 0 < row["kappa_difference_high"]
    assert sentence.startswith(
        "The search gained nothing over the first trial of ResNet18 from scratch that these patients could show: kappa"
    )


def test_a_loss_is_said() -> None:
    row, sentence = said(study_of("lost", (0.4, 0.8), first=0.95, winner=0.3))
    assert row["kappa_difference_high"] < 0
    assert sentence.startswith(
        "Of these models the winner is worse than the first trial of ResNet18 from scratch: kappa -"
    )


def test_a_winner_that_is_the_first_trial_is_said() -> None:
    trials = [TrialSpec(0, "resnet18-scratch", 0.9), TrialSpec(1, "resnet18-scratch", 0.3)]
    confirmations = [ConfirmSpec(repeat, trials[0], repeat) for repeat in range(2)]
    study = read_study(fixture.write_study("first wins", trials, confirmations=confirmations), "first wins")
    row, sentence = said(study)
    assert row["status"] == endpoint.SAME
    assert sentence.startswith("The winner is the first trial of ResNet18 from scratch: the search found nothing")


@pytest.mark.parametrize("name", ["four", "confirmed", "half", "empty", "partly_confirmed"])
def test_where_it_was_not_measured_nothing_is_said(name: str) -> None:
    made = getattr(shown, name)().made
    assert len(made.gain) == 1
    if name != "confirmed":  # whose winners are the only trials of their arms
        assert endpoint.gain_sentence(made.gain, "kappa") == "" or made.gain["status"].iloc[0] == endpoint.SAME


def test_a_first_trial_that_is_a_second_winner_counts_as_first_trial_too() -> None:
    trials = [TrialSpec(0, "resnet18-scratch", 0.4), TrialSpec(1, "resnet18-scratch", 0.8)]
    confirmations = [ConfirmSpec(0, trials[1], 0, 0.8), ConfirmSpec(1, trials[0], 0, 0.3)]
    row, _ = said(read_study(fixture.write_study("top 2", trials, confirmations=confirmations), "top 2"))
    assert (row["status"], row["trial"], row["first_trial"]) == ("run", "0001", "0000")
    assert pd.isna(row["kappa_difference_configuration_low"])  # one seed


def test_folds_are_pooled_and_seeds_must_be_the_same() -> None:
    trials = [TrialSpec(0, "resnet18-scratch", 0.4), TrialSpec(1, "resnet18-scratch", 0.8)]
    confirmations = [ConfirmSpec(repeat, trials[1], repeat, 0.8) for repeat in range(3)]
    confirmations += [ConfirmSpec(3 + repeat, trials[0], repeat, 0.4, baseline=True) for repeat in range(2)]
    study = read_study(fixture.write_folds("folded gain", trials, confirmations), "folded gain")
    row, sentence = said(study)
    assert row["trial"] == "1/0001, 2/0001, 3/0001"
    assert row["first_trial"] == "1/0000, 2/0000, 3/0000"
    assert (row["n"], row["patients"], row["seeds"]) == (160, 80, 2)
    assert "the same 2 seeds of each" in sentence


def test_new_patients_images_alone_are_compared_where_they_are_the_headline() -> None:
    trials = [TrialSpec(0, "resnet18-scratch", 0.4), TrialSpec(1, "resnet18-scratch", 0.8)]
    confirmations = [
        ConfirmSpec(0, trials[1], 0, 0.8, new_patients=0.5),
        ConfirmSpec(1, trials[0], 0, 0.4, new_patients=0.5, baseline=True),
    ]
    row, _ = said(
        read_study(
            fixture.write_study("gain on new patients", trials, confirmations=confirmations), "gain on new patients"
        )
    )
    assert (row["measured_on"], row["n"]) == ("test_new_patients", 80)
