"""Which part of a study each image belongs to: a column beside the table, never a copy of it.

All images of a patient (and all byte-equal images) are on one side, and each stratum, the patients whose worse eye has
the same grade, is divided in proportion. The same table, seed and fraction give the same split on every machine: order
comes from the raw 64-bit stream of PCG64, which NumPy guarantees, and from nothing else.
"""

from __future__ import annotations

import hashlib
from typing import Literal

import numpy as np
import numpy.typing as npt
import pandas as pd

from retina_data.index import DataError

TEST_FRACTION = 0.2  # of the patients, where a data set names no test part

_VALIDATION_STREAM, _TEST_STREAM = 0, 1  # so that the test part does not depend on how validation is drawn


def assign_parts(
    table: pd.DataFrame,
    *,
    val_fraction: float = 0.2,
    seed: int = 0,
    select_on: Literal["validation", "test"] = "validation",
) -> pd.Series[str]:
    """The part of each row, "train", "val", "test" or "left_out", with the index of `table`.

    Groups are the column `group` where it is there (patients merged over byte-equal images), else `patient`. Where the
    table has `sha256`, images of its training list that also stand in its test list are left out. Without a test part
    20 % of the groups become "test" first. `select_on="test"` is the lab's own way: its test list is called "val", the
    whole rest is "train", nothing is "test". 0 < val_fraction < 1. Raises DataError when a part would be empty.
    """
    if not 0 < val_fraction < 1:
        raise DataError(f"0 < val_fraction < 1 must hold, but got val_fraction={val_fraction}")
    given_test = (table["part"] == "test").to_numpy()
    parts = pd.Series("train", index=table.index, name="part", dtype=object)
    if select_on == "test" and not given_test.any():
        raise DataError("select_on=test needs a test list, but the data set has none; use select_on=validation")
    groups = table["group" if "group" in table.columns else "patient"].to_numpy()
    grades = table["grade"].to_numpy()

    if given_test.any():
        parts[given_test] = "val" if select_on == "test" else "test"
        parts[_also_in_test(table, given_test)] = "left_out"
    else:
        parts[np.isin(groups, _drawn(groups, grades, TEST_FRACTION, seed, _TEST_STREAM))] = "test"
    if select_on == "validation":
        train = (parts == "train").to_numpy()
        chosen = _drawn(groups[train], grades[train], val_fraction, seed, _VALIDATION_STREAM)
        parts[train & np.isin(groups, chosen)] = "val"
    return parts.astype("str")


def split_digest(parts: pd.Series[str]) -> str:
    """SHA-256 (hex) of the parts with their row numbers: equal digests mean the same split."""
    lines = (f"{row}\t{part}\n" for row, part in parts.sort_index().items())
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def _also_in_test(table: pd.DataFrame, given_test: npt.NDArray[np.bool_]) -> npt.NDArray[np.bool_]:
    if "sha256" not in table.columns:
        return np.zeros(len(table), dtype=bool)
    seen = table["sha256"].isin(table.loc[given_test, "sha256"])
    return ~given_test & seen.to_numpy(dtype=bool)


def _drawn(
    groups: npt.NDArray[np.int64], grades: npt.NDArray[np.int64], fraction: float, seed: int, stream: int
) -> npt.NDArray[np.int64]:
    """Groups drawn without replacement: the rounded fraction of all, and of each stratum to within one group."""
    worst = pd.Series(grades).groupby(groups).max()  # (groups,), sorted by group number
    if len(worst) < 2:
        raise DataError(f"a split needs at least 2 patients, but got {len(worst)}; add images of other patients")
    numbers = worst.index.to_numpy("int64")
    total = min(max(round(fraction * len(worst)), 1), len(worst) - 1)
    counts = worst.value_counts().sort_index()
    random = np.random.PCG64(np.random.SeedSequence([seed, stream]))
    chosen: list[npt.NDArray[np.int64]] = []
    for grade, quota in zip(counts.index, _quotas(counts.to_numpy().astype(np.int64), total), strict=True):
        stratum = numbers[worst.to_numpy() == grade]
        order = np.argsort(random.random_raw(len(stratum)), kind="stable")  # a permutation
        chosen.append(stratum[order[:quota]])
    return np.concatenate(chosen)


def _quotas(counts: npt.NDArray[np.int64], total: int) -> npt.NDArray[np.int64]:
    """Whole numbers that sum to `total` and differ from proportion by less than one (largest remainders)."""
    exact: npt.NDArray[np.float64] = counts * (total / counts.sum())
    quotas: npt.NDArray[np.int64] = np.floor(exact).astype(np.int64)
    most = np.argsort(-np.round(exact - quotas, 9), kind="stable")[: total - int(quotas.sum())]
    quotas[most] += 1
    return quotas
