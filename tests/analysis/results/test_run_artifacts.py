"""Artifacts of another shape are refused."""

from __future__ import annotations

import pandas as pd
import pytest

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
