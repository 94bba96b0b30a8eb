"""Which split each image belongs to, train, validation or test: a column beside the table, never a copy of it.

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

from retina_data.errors import DataError

TEST_FRACTION = 0.2  # of the patients, where a data set names no test split

# The test split must not depend on how validation is drawn.
_VALIDATION_STREAM, _TEST_STREAM, _FOLD_STREAM, _RESPLIT_STREAM = 0, 1, 2, 3


def assign_splits(
    table: pd.DataFrame,
    *,
    val_fraction: float = 0.2,
    seed: int = 0,
    select_on: Literal["validation", "test"] = "validation",
) -> pd.Series[str]:
    """The split of each row, "train", "val", "test" or "excluded", with the index of `table`.

    Groups are the column `group` where it is there (patients merged over byte-equal images), else `patient`. Where the
    table has `sha256`, images that also stand in a split that is read later are excluded; where it has `error`, so are
    images that could not be read. Without a test split 20 % of the groups become "test" first; a validation split
    that the files name is kept. `select_on="test"` is the lab's own way: its test list is called "val", the whole rest
    is "train", nothing is "test". 0 < val_fraction < 1. Raises DataError when a split would be empty.
    """
    if not 0 < val_fraction < 1:
        raise DataError(f"0 < val_fraction < 1 must hold, but got val_fraction={val_fraction}")
    named = {split: (table["split"] == split).to_numpy() for split in ("train", "val", "test")}
    readable = (table["error"] == "").to_numpy() if "error" in table.columns else np.ones(len(table), dtype=bool)
    if select_on == "test" and not named["test"].any():
        raise DataError("select_on=test needs a test list, but the data set has none; use select_on=validation")
    if len(table) and not named["train"].any():
        others = " and ".join(split for split in ("val", "test") if named[split].any())
        raise DataError(
            f"a study needs training images, but all {len(table):,} are in {others} by the names of label files and "
            "folders, or by a column of splits; mend what says so, to say train or no split"
        )
    groups = table["group" if "group" in table.columns else "patient"].to_numpy()
    grades = table["grade"].to_numpy()

    splits = pd.Series("train", index=table.index, name="split", dtype=object)
    splits[named["test"]] = "val" if select_on == "test" else "test"
    splits[_also_in(table, named["test"])] = "excluded"
    if select_on == "validation" and named["val"].any():
        kept = named["val"] & (splits != "excluded").to_numpy()
        splits[kept] = "val"
        splits[named["train"] & _also_in(table, kept)] = "excluded"
    splits[~readable] = "excluded"
    if not named["test"].any():
        free = (splits == "train").to_numpy()
        splits[free & np.isin(groups, _drawn(groups[free], grades[free], TEST_FRACTION, seed, _TEST_STREAM))] = "test"
    if select_on == "validation" and not named["val"].any():
        train = (splits == "train").to_numpy()
        chosen = _drawn(groups[train], grades[train], val_fraction, seed, _VALIDATION_STREAM)
        splits[train & np.isin(groups, chosen)] = "val"
    return splits.astype("str")


def fold_splits(
    table: pd.DataFrame, *, folds: int, fold: int, val_fraction: float = 0.2, seed: int = 0
) -> pd.Series[str]:
    """The split of each row in one of K outer folds: fold 0..K-1 is "test", the rest is "train" and "val".

    For sets so small that one test split says little: over all folds each image is tested once. The files' own splits
    are not used. Folds are of whole groups, equal to within one group, and so is each stratum. Raises DataError where
    there are fewer groups than folds, or folds < 2.
    """
    if not 0 < val_fraction < 1:
        raise DataError(f"0 < val_fraction < 1 must hold, but got val_fraction={val_fraction}")
    if folds < 2 or not 0 <= fold < folds:
        raise DataError(f"folds >= 2 and 0 <= fold < folds must hold, but got folds={folds}, fold={fold}")
    splits = pd.Series("train", index=table.index, name="split", dtype=object)
    if "error" in table.columns:
        splits[table["error"] != ""] = "excluded"
    free = (splits == "train").to_numpy()
    groups = table["group" if "group" in table.columns else "patient"].to_numpy()
    grades = table["grade"].to_numpy()
    dealt = _shuffled(groups[free], grades[free], seed, _FOLD_STREAM)
    if len(dealt) < folds:
        raise DataError(f"{folds} folds need as many patients, but there are {len(dealt)}; take fewer folds")
    splits[free & np.isin(groups, dealt[fold::folds])] = "test"
    train = (splits == "train").to_numpy()
    chosen = _drawn(groups[train], grades[train], val_fraction, seed, _VALIDATION_STREAM)
    splits[train & np.isin(groups, chosen)] = "val"
    return splits.astype("str")


def resplit(table: pd.DataFrame, splits: pd.Series[str], *, val_fraction: float, seed: int) -> pd.Series[str]:
    """The same splits with the patients of "train" and "val" divided anew; "test" and "excluded" stay.

    0 < val_fraction < 1. Raises DataError for fewer than two patients.
    """
    free = splits.isin(("train", "val")).to_numpy()
    groups = table["group" if "group" in table.columns else "patient"].to_numpy()
    grades = table["grade"].to_numpy()
    chosen = _drawn(groups[free], grades[free], val_fraction, seed, _RESPLIT_STREAM)
    divided = splits.mask(free, "train")
    return divided.mask(free & np.isin(groups, chosen), "val").astype("str")


def in_training(table: pd.DataFrame, splits: pd.Series[str]) -> npt.NDArray[np.bool_]:
    """Of each row (n,), whether its patient has an image in the training or the validation split."""
    groups = table["group" if "group" in table.columns else "patient"].to_numpy()
    return np.isin(groups, groups[splits.isin(("train", "val")).to_numpy()])


def without_test_patients(table: pd.DataFrame, splits: pd.Series[str]) -> pd.Series[str]:
    """The splits with every patient of the test split excluded from training and validation."""
    groups = table["group" if "group" in table.columns else "patient"].to_numpy()
    tested = np.isin(groups, groups[(splits == "test").to_numpy()])
    return splits.mask(tested & splits.isin(("train", "val")).to_numpy(), "excluded")


def split_digest(splits: pd.Series[str]) -> str:
    """SHA-256 (hex) of the splits with their row numbers: equal digests mean the same split."""
    lines = (f"{row}\t{split}\n" for row, split in splits.sort_index().items())
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def _also_in(table: pd.DataFrame, split: npt.NDArray[np.bool_]) -> npt.NDArray[np.bool_]:
    """Rows outside of `split` that are byte-equal to one in it."""
    if "sha256" not in table.columns:
        return np.zeros(len(table), dtype=bool)
    repeated = table["sha256"].isin(table.loc[split, "sha256"])
    return ~split & repeated.to_numpy(dtype=bool)


def _drawn(
    groups: npt.NDArray[np.int64], grades: npt.NDArray[np.int64], fraction: float, seed: int, stream: int
) -> npt.NDArray[np.int64]:
    """Groups drawn without replacement: the rounded fraction of all, and of each stratum to within one group."""
    counts = _strata(groups, grades)[1]
    count = int(counts.sum())
    if count < 2:
        raise DataError(f"a split needs at least 2 patients, but got {count}; add images of other patients")
    total = min(max(round(fraction * count), 1), count - 1)
    order, ends = _shuffled(groups, grades, seed, stream), np.cumsum(counts)
    quotas = _quotas(counts, total)
    return np.concatenate([order[e - n : e - n + q] for e, n, q in zip(ends, counts, quotas, strict=True)])


def _strata(
    groups: npt.NDArray[np.int64], grades: npt.NDArray[np.int64]
) -> tuple[pd.Series[int], npt.NDArray[np.int64]]:
    """The worst grade of each group, in the order of their numbers, and the number of groups for each worst grade."""
    worst = pd.Series(grades).groupby(groups).max()
    return worst, worst.value_counts().sort_index().to_numpy().astype(np.int64)


def _shuffled(
    groups: npt.NDArray[np.int64], grades: npt.NDArray[np.int64], seed: int, stream: int
) -> npt.NDArray[np.int64]:
    """All groups, one stratum after the other, each in random order."""
    worst, counts = _strata(groups, grades)
    random = np.random.PCG64(np.random.SeedSequence([seed, stream]))
    numbers = worst.index.to_numpy("int64")[np.argsort(worst.to_numpy(), kind="stable")]
    ends = np.cumsum(counts)
    return np.concatenate(
        [
            numbers[end - n : end][np.argsort(random.random_raw(int(n)), kind="stable")]
            for end, n in zip(ends, counts, strict=True)
        ]
        or [numbers]
    )


def _quotas(counts: npt.NDArray[np.int64], total: int) -> npt.NDArray[np.int64]:
    """Whole numbers that sum to `total` and differ from proportion by less than one (largest remainders)."""
    exact: npt.NDArray[np.float64] = counts * (total / counts.sum())
    quotas: npt.NDArray[np.int64] = np.floor(exact).astype(np.int64)
    most = np.argsort(-np.round(exact - quotas, 9), kind="stable")[: total - int(quotas.sum())]
    quotas[most] += 1
    return quotas
