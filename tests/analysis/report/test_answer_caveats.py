"""What stands beside an answer, by the row that it is about."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from analysis import schema
from analysis.report import answer_caveats as warnings
from analysis.results import columns
from analysis.results.mlflow_reader import read_study
from analysis.results.study_runs import StudyRuns
from analysis.tables import all_tables
from tests.fixtures import mlflow as fixture
from tests.fixtures.mlflow import ConfirmSpec, TrialSpec


def beside(study: StudyRuns, arm: str, **other: Any) -> list[str]:
    """Cautions about an arm's row, changed where `other` says so."""
    made = all_tables.make_tables(study)
    top = columns.primary_endpoint(made.four_way).set_index("arm", drop=False).loc[arm].to_dict()
    return warnings.warnings(study, made, top | other)


def test_wide_intervals_are_said_and_narrow_ones_are_not() -> None:
    study = read_study(fixture.four_arms(), "four")
    narrow = {"accuracy_low": 0.80, "accuracy_high": 0.85, "kappa_low": 0.6, "kappa_high": 0.7}
    assert beside(study, "resnet50-pretrained", **narrow) == []
    assert beside(study, "resnet50-pretrained", **narrow | {"accuracy_high": 0.95}) == [
        "So few patients do not tell an accuracy of 0.80 from 0.95."
    ]
    assert beside(study, "resnet50-pretrained", **narrow | {"kappa_low": 0.1}) == [
        "So few patients do not tell kappa of 0.10 from 0.70."
    ]


def test_a_degenerate_model_s_wide_interval_is_no_news() -> None:
    assert beside(read_study(fixture.four_arms(), "four"), "resnet50-pretrained", constant_predictor=True) == []


def test_a_confirmed_winner_that_another_cell_had_beaten_on_validation() -> None:
    found = beside(read_study(fixture.confirmed(), "confirmed"), "resnet50-pretrained")
    assert found[-1] == "On validation ResNet18 with pretraining had stood first by kappa."
    assert any(one.startswith("That the models differ in accuracy from ResNet18 from scratch (") for one in found)


def test_kappa_beside_a_tie_in_accuracy() -> None:
    trials = [TrialSpec(0, "resnet18-scratch"), TrialSpec(1, "resnet50-scratch")]
    confirmations = [ConfirmSpec(0, trials[0], one_grade=True), ConfirmSpec(1, trials[1], skill=0.4)]
    uri = fixture.write_study("kappa beside a tie", trials, confirmations=confirmations)
    found = beside(read_study(uri, "kappa beside a tie"), "resnet50-scratch")
    assert found[-1].startswith(
        "In kappa, by the interval of each difference, not corrected for the number of pairs, it"
    )
    assert "is ahead of ResNet18 from scratch (+" in found[-1]


def test_signs_that_patients_are_wrong_are_repeated() -> None:
    four = read_study(fixture.four_arms(), "four")
    findings = [
        {"kind": schema.FINDING_DOUBTFUL_PATIENTS, "count": 9, "text": "all 9 are of one; name them"},
        {"kind": "single eyes", "count": 1, "text": "one eye"},
    ]
    study = replace(four, study={**four.study, "audit": {"findings": findings}})
    (found,) = [one for one in beside(study, "resnet50-pretrained") if "patients of this data" in one]
    assert found.startswith("The patients of this data may be wrong: all 9 are of one; name them. Until then splits")
    assert not warnings.patients_known(study)
    assert warnings.patients_known(replace(four, study={**four.study, "audit": {"findings": findings[1:]}}))
