"""Six pairs of arms and the values of each seed."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from analysis import schema
from analysis.results.columns import PAIRS, SEEDS
from analysis.results.mlflow_reader import read_study
from analysis.results.predictions import PredictionSet, primary_predictions
from analysis.results.study_runs import StudyRuns
from analysis.tables import arm_comparison, pairwise
from tests.fixtures import mlflow as fixture
from tests.fixtures.mlflow import ConfirmSpec, TrialSpec


def tables_of(study: StudyRuns) -> tuple[pd.DataFrame, pd.DataFrame]:
    board = arm_comparison.leaderboard(study)
    return pairwise.pairs(study, board), pairwise.seed_values(study, board)


@pytest.fixture(scope="module")
def confirmed() -> tuple[pd.DataFrame, pd.DataFrame]:
    return tables_of(read_study(fixture.confirmed(), "confirmed"))


def test_six_pairs_on_the_clean_images_by_the_paired_test(confirmed: tuple[pd.DataFrame, pd.DataFrame]) -> None:
    found, seeds = confirmed
    assert list(found.columns) == list(PAIRS)
    assert len(found) == 6
    assert set(found["measured_on"]) == {"test_new_patients"}
    assert set(found["n"]) == {80}
    assert set(found["seeds"]) == {3}
    assert set(found["tests"]) == {6}
    assert set(found["score"]) == {"kappa"}
    apart = (found["kappa_difference_low"] > 0) | (found["kappa_difference_high"] < 0)
    assert apart.tolist() == (found["p_adjusted"] <= 0.05).tolist() and apart.any() and not apart.all()
    new_patients = seeds[seeds["measured_on"] == "test_new_patients"].groupby("arm")[["accuracy", "kappa"]].mean()
    for pair in found.to_dict("records"):
        for score in ("accuracy", "kappa"):
            expected = new_patients.loc[pair["arm_a"], score] - new_patients.loc[pair["arm_b"], score]
            assert pair[f"{score}_difference"] == pytest.approx(expected)
            low, high = pair[f"{score}_difference_low"], pair[f"{score}_difference_high"]
            assert low < expected < high
            assert pair[f"{score}_difference_configuration_low"] < low
            assert pair[f"{score}_difference_configuration_high"] > high
    alone = pairwise.difference(*(_models(arm) for arm in ("resnet18-pretrained", "resnet18-scratch"))).row()
    first = found.iloc[0]
    assert first["kappa_difference_low"] < alone["kappa_difference_low"]  # it holds for all six together
    assert first["accuracy_difference_low"] == pytest.approx(alone["accuracy_difference_low"])  # which only describes
    assert found["pair"].iloc[0] == "ResNet18, pretrained − ResNet18, from scratch"


def test_each_seed_stands_once_for_each_part(confirmed: tuple[pd.DataFrame, pd.DataFrame]) -> None:
    _, seeds = confirmed
    assert list(seeds.columns) == list(SEEDS)
    assert len(seeds) == 24
    study = read_study(fixture.confirmed(), "confirmed")
    recorded = study.confirmations.set_index("confirm")
    for one in seeds.to_dict("records"):
        for score in schema.SCORES:
            name = f"{one['measured_on']}_{score}"
            assert one[score] == pytest.approx(recorded.loc[one["confirm"], name], nan_ok=True)
        assert one["seed"] == recorded.loc[one["confirm"], "seed"]


def test_validation_pairs_are_of_one_seed_and_a_missing_cell_says_so() -> None:
    trials = [TrialSpec(0, "resnet18-scratch", skill=0.2), TrialSpec(1, "resnet50-scratch", skill=0.9)]
    found, seeds = tables_of(read_study(fixture.write_study("a pair", trials), "a pair"))
    known = found[found["status"] == "run"]
    assert known["pair"].tolist() == ["ResNet50, from scratch − ResNet18, from scratch"]
    assert np.isnan(known["p_adjusted"].iloc[0]) and known["tests"].iloc[0] == 0  # chosen on these images
    assert known["kappa_difference_low"].iloc[0] > 0
    assert known["split"].iloc[0] == "validation (chosen on this split: optimistic)"
    assert np.isnan(known["kappa_difference_configuration_low"].iloc[0])
    others = found[found["status"] != "run"]
    assert set(others["status"]) == {"no result yet"}
    assert others["reason"].iloc[0] == "no predictions of ResNet18, pretrained"
    assert seeds.empty


def _models(arm: str) -> PredictionSet:
    study = read_study(fixture.confirmed(), "confirmed")
    return primary_predictions(study, arm_comparison.leaderboard(study))[1][arm]


def test_cells_are_compared_on_the_folds_that_both_have() -> None:
    study = read_study(fixture.folded(), "folded")
    left = {name: table for name, table in study.test_predictions.items() if name not in ("3/c0000", "3/c0001")}
    found, seeds = tables_of(StudyRuns(**{**vars(study), "test_predictions": left}))
    known = found[found["status"] == "run"].iloc[0]
    both = [table for name, table in left.items() if name in ("1/c0000", "2/c0000")]
    assert known["n"] == sum(len(table) for table in both)
    assert sorted(seeds["n"].unique()) == [known["n"], 160]


def test_a_cell_that_was_not_confirmed_is_not_compared() -> None:
    trials = [TrialSpec(0, "resnet18-scratch", epochs=1), TrialSpec(1, "resnet50-scratch", epochs=1)]
    study = read_study(fixture.write_study("uneven", trials, confirmations=[ConfirmSpec(0, trials[0])]), "uneven")
    found, _ = tables_of(study)
    assert set(found["measured_on"]) == {"test"}
    between = found.set_index("pair").loc["ResNet50, from scratch − ResNet18, from scratch"]
    assert between["status"] == "not confirmed"


def test_cells_that_share_no_image_are_not_compared() -> None:
    """Of folds of which one arm has confirmed the first and the other the second."""
    study = read_study(fixture.folded(), "folded")
    own = {
        name: table
        for name, table in study.test_predictions.items()
        if name in ("1/c0000", "1/c0001", "2/c0002", "2/c0003")
    }
    found, _ = tables_of(StudyRuns(**{**vars(study), "test_predictions": own}))
    pair = found.set_index("pair").loc["ResNet18, pretrained − ResNet18, from scratch"]
    assert pair["status"] == "no result yet"
    assert pair["reason"] == "ResNet18, pretrained and ResNet18, from scratch were measured on no image both"
    assert np.isnan(pair["p_adjusted"])


def test_models_that_never_differ_have_no_doubt_and_one_patient_has_no_bounds() -> None:
    trials = [TrialSpec(0, "resnet18-scratch", skill=0.2), TrialSpec(1, "resnet50-scratch", skill=0.9)]
    study = read_study(fixture.write_study("one patient", trials), "one patient")
    patient = study.predictions["0000"]["patient"].iloc[0]
    alone = {trial: table[table["patient"] == patient] for trial, table in study.predictions.items()}
    wrong = alone["0000"].assign(grade=4)
    found, _ = tables_of(StudyRuns(**{**vars(study), "predictions": {"0000": wrong, "0001": wrong.assign(p4=2.0)}}))
    pair = found[found["status"] == "run"].iloc[0]
    assert pair["accuracy_difference"] == 1.0
    assert np.isnan(pair["accuracy_difference_low"])
    same = study.predictions["0000"]
    found, _ = tables_of(StudyRuns(**{**vars(study), "predictions": {"0000": same, "0001": same}}))
    pair = found[found["status"] == "run"].iloc[0]
    assert pair["accuracy_difference"] == pair["accuracy_difference_low"] == pair["accuracy_difference_high"] == 0.0


def test_every_confirmed_configuration_has_its_seeds() -> None:
    trials = [TrialSpec(0, "resnet18-scratch", epochs=1), TrialSpec(1, "resnet18-scratch", skill=0.3, epochs=1)]
    confirmations = [ConfirmSpec(2 * n + repeat, trials[n], repeat) for n in (0, 1) for repeat in (0, 1)]
    _, seeds = tables_of(
        read_study(fixture.write_study("two of an arm", trials, confirmations=confirmations), "two of an arm")
    )
    assert seeds["confirm"].tolist() == ["c0000", "c0001", "c0002", "c0003"]
    assert seeds["trial"].tolist() == ["0000", "0000", "0001", "0001"]
