"""What is measured of each trial, together with others on the same patients."""

from __future__ import annotations

import pytest

from analysis.results.mlflow_reader import read_study
from analysis.results.study_runs import StudyRuns
from analysis.tables import arm_comparison
from tests.fixtures import mlflow as fixture
from tests.fixtures.mlflow import TrialSpec


def test_trials_on_other_patients_are_measured_and_not_mixed_into_the_correction() -> None:
    trials = [TrialSpec(number, "resnet18-scratch", skill=0.5 + 0.1 * number) for number in range(3)]
    study = read_study(fixture.write_study("other patients", trials), "other patients")
    predictions = dict(study.predictions)
    predictions["0000"] = predictions["0000"].iloc[:40]
    found = arm_comparison.leaderboard(StudyRuns(**{**vars(study), "predictions": predictions})).set_index("trial")
    assert found.loc["0000", "patients"] == 20
    assert found["kappa_low"].notna().all()
    assert found["chosen_among"].dropna().tolist() == [2]


def test_the_best_of_many_equals_is_corrected_downwards() -> None:
    trials = [TrialSpec(number, "resnet18-scratch", skill=0.5, epochs=1) for number in range(12)]
    top = arm_comparison.leaderboard(read_study(fixture.write_study("equals", trials), "equals")).iloc[0]
    assert top["chosen_among"] == 12
    assert top["kappa_corrected"] < top["kappa"] - 0.05


def test_scores_follow_the_study_s_rule() -> None:
    """The trial's probabilities say grade 0 by the highest one and grade 1 by the median."""
    study = read_study(fixture.four_arms(), "four")
    soft = study.predictions["0000"].assign(p0=0.4, p1=0.3, p2=0.3, p3=0.0, p4=0.0)
    for decision, grade in (("most_probable", 0), ("median", 1)):
        tags = {**study.tags, "decision": decision}
        found = arm_comparison.leaderboard(StudyRuns(**{**vars(study), "tags": tags, "predictions": {"0000": soft}}))
        row = found.set_index("trial").loc["0000"]
        assert row["accuracy"] == pytest.approx((soft["grade"] == grade).mean())
        assert row["constant_predictor"]
