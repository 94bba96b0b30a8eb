"""Artifacts of runs and the checks of what they hold: confusion counts, predictions."""

from __future__ import annotations

import json
from io import BytesIO

import numpy as np
import pandas as pd

from analysis import schema
from analysis.errors import RunsError
from analysis.schema import PROBABILITIES
from analysis.stats.metrics import CLASSES, Ints

PREDICTION_COLUMNS = ("row", "patient", "grade", *PROBABILITIES)


TEST_COLUMNS = ("row", "patient", "grade", "new_patients", *PROBABILITIES)


def checked_confusion(data: bytes, name: str, artifact: str, key: str = "confusion") -> Ints:
    """Counts (5, 5) that a JSON artifact holds under `key`. Raises RunsError for another shape or a negative count."""
    counts = np.asarray(json.loads(data)[key], dtype=np.int64)
    if counts.shape != (CLASSES, CLASSES) or counts.min() < 0:
        raise RunsError(
            f"{artifact} must hold {CLASSES}x{CLASSES} counts, but that of {name} has "
            f"shape {counts.shape}, minimum {counts.min()}; run it again"
        )
    return counts


def checked_predictions(data: bytes, name: str, artifact: str, columns: tuple[str, ...]) -> pd.DataFrame:
    """Table of predictions from a Parquet file. Raises RunsError for other columns, grades or values."""
    table = pd.read_parquet(BytesIO(data))
    wrong = ""
    if tuple(table.columns) != columns:
        wrong = f"columns {', '.join(columns)}, but got {', '.join(map(str, table.columns))}"
    elif not table["grade"].isin(schema.GRADES).all():
        wrong = f"grades 0..{CLASSES - 1}, but got {table['grade'].min()} .. {table['grade'].max()}"
    elif not np.isfinite(table[list(PROBABILITIES)].to_numpy()).all():
        wrong = "finite probabilities, but got NaN or infinity"
    elif table["row"].duplicated().any():
        wrong = f"each row once, but row {table.loc[table['row'].duplicated(), 'row'].iloc[0]} is there twice"
    elif table.empty:
        wrong = "at least one row"
    if wrong:
        raise RunsError(f"{artifact} of {name} must hold {wrong}; run it again")
    return table
