"""Studies in MLflow that several test modules read."""

from __future__ import annotations

import os

from study.environment import SPINS

os.environ.setdefault("GOMP_SPINCOUNT", SPINS)  # as the command does, before torch is loaded

import pandas as pd
import pytest

from analysis.results.mlflow_reader import read_study
from analysis.results.study_runs import StudyRuns
from analysis.tables import arm_comparison
from tests.fixtures import mlflow as fixture
from tests.fixtures.new_store import copy_new_stores

copy_new_stores()


@pytest.fixture(scope="session")
def four() -> StudyRuns:
    """Eight trials, two in each arm, on validation."""
    return read_study(fixture.four_arms(), "four")


@pytest.fixture(scope="session")
def confirmed() -> StudyRuns:
    """Four arms, three seeds of each on the test split."""
    return read_study(fixture.confirmed(), "confirmed")


@pytest.fixture(scope="session")
def board(four: StudyRuns) -> pd.DataFrame:
    """The leaderboard of `four`."""
    return arm_comparison.leaderboard(four)
