"""The data of a study, joined once: label files, cache, split -> what `train` reads."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from retina_data.cache.cache import Cache, open_cache
from retina_data.cache.preparation import prepare
from retina_data.cache.preview import Preview
from retina_data.errors import DataError
from retina_data.layouts.dataset import DataSet
from retina_data.layouts.patients.signs import Sign, placeholders
from retina_data.splits import assign_splits, fold_splits, in_training, resplit, split_digest, without_test_patients
from study.config.study import StudyConfig
from study.training.train import TrainData

log = logging.getLogger(__name__)


def warn_of(signs: Iterable[Sign], others: Iterable[str] = ()) -> None:
    """A line for each sign that patients are wrong, which names none of them, and for each of the other warnings."""
    for sign in signs:
        log.warning(f"patients may be wrong: {sign.sentence}; {sign.remedy}")
    for line in others:
        log.warning(f"warning: {line}")


def reading_record(dataset: DataSet, prepared: SplitDataset) -> dict[str, Any]:
    """How a data set was read and what of it is used: JSON values, no path and no name of a file."""
    values = asdict(dataset.options) | {"layout": dataset.layout}
    if dataset.options.labels:
        values["labels"] = Path(dataset.options.labels).name
    return {
        **{name: value for name, value in values.items() if value not in (None, {})},
        "inventory": asdict(dataset.inventory),
        "images": {str(split): int(count) for split, count in prepared.splits.value_counts().items()},
        "notes": [*dataset.notes, *filter(None, [prepared.skipped_line])],
    }


def split_of(config: StudyConfig) -> dict[str, Any]:
    """What divides the data of a study into its splits: arguments of `prepare_data` and `open_data`."""
    return {name: getattr(config, name) for name in ("val_fraction", "seed", "select_on", "fold")}


@dataclass(frozen=True)
class SplitDataset:
    """A cache and the split of each of its rows; both digests are what a study's ledger holds on to."""

    cache: Cache
    splits: pd.Series[str]

    @property
    def split_digest(self) -> str:
        """Digest of the split of each row."""
        return split_digest(self.splits)

    def count(self, split: str) -> int:
        """Images of a split."""
        return int((self.splits == split).sum())

    @property
    def skipped_line(self) -> str:
        """How many images could not be read and how many are left, "" where all could."""
        skipped = self.cache.skipped
        if not skipped:
            return ""
        left = len(self.cache.table) - skipped
        return f"{skipped} images could not be read and were skipped when the data was prepared; {left} are left"

    def placeholders(self) -> list[Sign]:
        """The sign that one photograph stands for many patients."""
        readable = self.cache.table[self.cache.table["error"] == ""]
        return placeholders(readable["patient"].astype(str), readable["sha256"].tolist())

    def train_data(self) -> TrainData:
        """Arrays for `train`: the training split, and the split that choices are made on."""
        table = self.cache.table
        return TrainData(
            images=self.cache.images,
            grades=table["grade"].to_numpy(np.int64),
            groups=table["group"].to_numpy(np.int64),
            train_rows=np.flatnonzero(self.splits == "train"),
            val_rows=np.flatnonzero(self.splits == "val"),
        )

    def test_table(self) -> pd.DataFrame:
        """The test split: columns row, patient, grade, new_patients (whether the patient is not in training)."""
        table, rows = self.cache.table, np.flatnonzero(self.splits == "test")
        new_patients = ~in_training(table, self.splits)
        columns = {"row": rows, "patient": table["group"].to_numpy(np.int64)[rows]}
        return pd.DataFrame(
            {**columns, "grade": table["grade"].to_numpy(np.int64)[rows], "new_patients": new_patients[rows]}
        )


def prepare_data(
    dataset: DataSet,
    home: Path,
    *,
    image_size: int,
    crop: str,
    colour: str = "none",
    val_fraction: float,
    seed: int,
    select_on: str,
    fold: str = "",
) -> SplitDataset:
    """Decode (or find again) and split a data set. Raises DataError where no model can be trained on it."""
    cache = prepare(dataset, home, image_size=image_size, crop=crop, colour=colour)  # type: ignore[arg-type]
    return _split(cache, val_fraction, seed, select_on, fold)


def preview_data(found: Preview, *, val_fraction: float, seed: int, select_on: str, fold: str = "") -> SplitDataset:
    """The split as it would be, of a data set that is not decoded; patients of equal photographs are not merged yet."""
    return _split(found.cache, val_fraction, seed, select_on, fold)


def open_data(
    folder: Path,
    *,
    val_fraction: float,
    seed: int,
    select_on: str,
    fold: str = "",
    exclude_test_patients: bool = False,
    split_seed: int | None = None,
) -> SplitDataset:
    """The same from a cache that is known to exist, without looking at the photographs (what a trial does).

    exclude_test_patients: for a confirmation whose test split shares patients with the training list. split_seed: of
    a finalist, whose training and validation patients are divided anew.
    """
    prepared = _split(open_cache(folder), val_fraction, seed, select_on, fold)
    table, splits = prepared.cache.table, prepared.splits
    if exclude_test_patients:
        splits = without_test_patients(table, splits)
    if split_seed is not None:
        splits = resplit(table, splits, val_fraction=val_fraction, seed=split_seed)
    return prepared if splits is prepared.splits else _checked(SplitDataset(prepared.cache, splits))


def _split(cache: Cache, val_fraction: float, seed: int, select_on: str, fold: str) -> SplitDataset:
    assert select_on in ("validation", "test")
    if fold:
        number, folds = (int(text) for text in fold.split("/"))
        splits = fold_splits(cache.table, folds=folds, fold=number - 1, val_fraction=val_fraction, seed=seed)
    else:
        splits = assign_splits(cache.table, val_fraction=val_fraction, seed=seed, select_on=select_on)  # type: ignore[arg-type]
    return _checked(SplitDataset(cache, splits))


def _checked(prepared: SplitDataset) -> SplitDataset:
    for split in ("train", "val"):
        if prepared.count(split) < 2:
            raise DataError(
                f"at least 2 images must be in the split {split!r}, but it has {prepared.count(split)} of "
                f"{len(prepared.splits)}; give more images or another val_fraction"
            )
    return prepared
