"""Artifacts of runs and the checks of what they hold: confusion counts, predictions."""

from __future__ import annotations

import json
from io import BytesIO

import numpy as np
import pandas as pd
from pyarrow.parquet import ParquetFile

from analysis import schema
from analysis.errors import RunsError
from analysis.schema import PROBABILITIES
from analysis.stats.metrics import CLASSES, Ints
from retina_data.gate import plain

PREDICTION_COLUMNS = ("row", "patient", "grade", *PROBABILITIES)


MOST_ROWS = 5_000_000


TEST_COLUMNS = ("row", "patient", "grade", "new_patients", *PROBABILITIES)


def checked_confusion(data: bytes, name: str, artifact: str, key: str = "confusion") -> Ints:
    """Counts (5, 5) that a JSON artifact holds under `key`. Raises RunsError for another shape or a negative count."""
    try:
        counts = np.asarray(json.loads(data)[key], dtype=np.int64)
    except (ValueError, KeyError, TypeError, OverflowError, RecursionError):
        counts = np.empty(0, dtype=np.int64)
    if counts.shape != (CLASSES, CLASSES) or counts.min() < 0:
        raise RunsError(
            f"{artifact} must hold {CLASSES}x{CLASSES} counts, but that of {name} has "
            f"shape {counts.shape}{f', minimum {counts.min()}' if counts.size else ''}; run it again"
        )
    return counts


def checked_predictions(data: bytes, name: str, artifact: str, columns: tuple[str, ...]) -> pd.DataFrame:
    """Table of predictions from a Parquet file. Raises RunsError for other columns, grades or values."""
    try:
        file = ParquetFile(BytesIO(data))  # type: ignore[no-untyped-call]
        names, rows = list(map(str, file.schema_arrow.names)), file.metadata.num_rows
    except (ValueError, OSError) as error:  # of Arrow
        raise RunsError(
            f"{artifact} of {name} must be a Parquet file, but is not ({plain(str(error))[:100]})"
        ) from None
    wrong = ""
    if tuple(names) != columns or rows > MOST_ROWS:  # looked at before anything is unpacked
        got = ", ".join(names[:10]) + (f" and {len(names) - 10:,} more" if len(names) > 10 else "")
        raise RunsError(
            f"{artifact} of {name} must hold columns {', '.join(columns)}, at most {MOST_ROWS:,} rows, but got "
            f"{plain(got)[:300]}, {rows:,} rows; run it again"
        )
    table = pd.read_parquet(BytesIO(data))
    if not all(pd.api.types.is_numeric_dtype(kind) for kind in table.dtypes):
        wrong = "numbers, but got text"
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
