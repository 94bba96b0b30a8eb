"""Artifacts of runs and the checks of what they hold: confusion counts, predictions, explained errors."""

from __future__ import annotations

import json
import re
from io import BytesIO
from typing import Any

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


def checked_explained(data: bytes) -> list[dict[str, Any]]:
    """Entries of explained.json. Raises RunsError for a picture outside its folder, an unknown arm, grade or number."""
    entries = json.loads(data)
    for place, entry in enumerate(entries, 1):
        wrong = ""
        if not re.fullmatch(r"[A-Za-z0-9_-]+\.png", str(entry.get("picture", ""))):
            wrong = f"picture=NAME.png beside it, but got {entry.get('picture')!r}"
        elif entry.get("arm") not in schema.ARM_LABELS:
            wrong = f"an arm of {', '.join(schema.ARM_LABELS)}, but got {entry.get('arm')!r}"
        elif {entry.get("grade"), entry.get("predicted")} - set(schema.GRADES):
            wrong = f"grades 0..{CLASSES - 1}, but got {entry.get('grade')!r}, {entry.get('predicted')!r}"
        elif not all(isinstance(entry.get(name), int | float) for name in PROBABILITIES):
            wrong = f"numbers {', '.join(PROBABILITIES)}, but got {[entry.get(name) for name in PROBABILITIES]}"
        if wrong:
            raise RunsError(f"entry {place} of explained.json must hold {wrong}; run `retina confirm` again")
    return list(entries)
