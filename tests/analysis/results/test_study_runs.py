"""Properties of a study's recorded runs, and predictions that are read when they are asked for."""

from __future__ import annotations

from dataclasses import replace

import pandas as pd
import pytest

from analysis import schema
from analysis.results.mlflow_reader import read_study
from analysis.results.study_runs import Predictions
from tests.fixtures import mlflow as fixture


def test_properties_come_from_tags_and_have_defaults() -> None:
    study = read_study(fixture.four_arms(), "four")
    assert (study.decision, study.selects_last, study.selection_split) == ("most_probable", False, "validation")
    tags = {schema.TAG_DECISION: "median", schema.TAG_SELECT_EPOCH: "last", schema.TAG_SELECTION_SPLIT: "test"}
    other = replace(study, tags=tags)
    assert (other.decision, other.selects_last, other.selection_split) == ("median", True, "test")


def test_predictions_are_read_at_each_access() -> None:
    asked: list[str] = []

    def read(name: str) -> pd.DataFrame | None:
        asked.append(name)
        return None if name == "0001" else pd.DataFrame({"row": [0]})

    found = Predictions(("0000", "0001"), read)
    assert asked == [] and list(found) == ["0000", "0001"] and len(found) == 2
    assert len(found["0000"]) == 1 and asked == ["0000"]
    with pytest.raises(KeyError):
        found["0001"]
    assert found.get("0002") is None and asked == ["0000", "0001"]
