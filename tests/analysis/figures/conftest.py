"""A study that several test modules draw."""

from __future__ import annotations

import pytest

from analysis import schema
from analysis.results.mlflow_reader import read_study
from analysis.results.study_runs import StudyRuns
from tests.fixtures import mlflow as fixture
from tests.fixtures.mlflow import TrialSpec


@pytest.fixture(scope="session")
def searched() -> StudyRuns:
    """Six trials of two arms: one stopped, one failed after an epoch, one running."""
    states = [schema.STATE_COMPLETE, schema.STATE_PRUNED, schema.STATE_COMPLETE, schema.STATE_FAILED]
    strategies = ["none", "focal", "none", "oversample"]
    trials = [
        TrialSpec(
            number, "resnet18-scratch", 0.2 * number, state, 1 + 2 * (state == schema.STATE_COMPLETE),
            state != schema.STATE_FAILED, params={"imbalance": strategy},
        )
        for number, (state, strategy) in enumerate(zip(states, strategies, strict=True))
    ]  # fmt: skip
    trials += [
        TrialSpec(4, "resnet50-pretrained", 0.9, params={"imbalance": "focal"}),
        TrialSpec(5, "resnet50-pretrained", state=schema.STATE_RUNNING, best=False, epochs=2),
    ]
    return read_study(fixture.write_study("searched", trials), "searched")
