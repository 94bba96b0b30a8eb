"""Artifacts of another shape are refused."""

from __future__ import annotations

import json

import pandas as pd
import pytest

from analysis import schema
from analysis.errors import RunsError
from analysis.results import run_artifacts


def test_predictions_with_other_columns_are_refused(tmp_path: pytest.TempPathFactory) -> None:
    data = pd.DataFrame({"row": [1]}).to_parquet()
    with pytest.raises(
        RunsError, match="predictions/test.parquet of confirmation c0000 must hold columns row, patient"
    ):
        run_artifacts.checked_predictions(
            data, "confirmation c0000", "predictions/test.parquet", run_artifacts.TEST_COLUMNS
        )


def test_entries_of_explained_pictures_are_checked() -> None:
    entry = {"picture": "01.png", "arm": "resnet18-scratch", "grade": 0, "predicted": 4}
    entry |= {f"p{grade}": 0.2 for grade in schema.GRADES}
    assert run_artifacts.checked_explained(json.dumps([entry]).encode()) == [entry]
    for wrong, message in (
        ({"picture": "../01.png"}, "picture=NAME.png"),
        ({"picture": "01.svg"}, "picture=NAME.png"),
        ({"arm": "vgg"}, "an arm of"),
        ({"predicted": 5}, "grades 0..4"),
        ({"p4": "<b>"}, "numbers p0"),
    ):
        with pytest.raises(RunsError, match=message):
            run_artifacts.checked_explained(json.dumps([entry, entry | wrong]).encode())
