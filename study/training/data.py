"""The data of a study, joined once: label files, cache, split -> what `train` reads."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from retina_data.cache.cache import Cache, open_cache, prepare
from retina_data.errors import DataError
from retina_data.layouts.dataset import DataSet
from retina_data.splits import assign_parts, fold_parts, in_training, resplit, split_digest, without_test_patients
from study.config.study import StudyConfig
from study.training.train import TrainData


def split_of(config: StudyConfig) -> dict[str, Any]:
    """What divides the data of a study into its parts: arguments of `prepare_data` and `open_data`."""
    return {name: getattr(config, name) for name in ("val_fraction", "seed", "select_on", "fold")}


@dataclass(frozen=True)
class SplitDataset:
    """A cache and the part of each of its rows; both digests are what a study's ledger holds on to."""

    cache: Cache
    parts: pd.Series[str]

    @property
    def split_digest(self) -> str:
        """Digest of the part of each row."""
        return split_digest(self.parts)

    def count(self, part: str) -> int:
        """Images of a part."""
        return int((self.parts == part).sum())

    def train_data(self) -> TrainData:
        """Arrays for `train`: the training part, and the part that choices are made on."""
        table = self.cache.table
        return TrainData(
            images=self.cache.images,
            grades=table["grade"].to_numpy(np.int64),
            groups=table["group"].to_numpy(np.int64),
            train_rows=np.flatnonzero(self.parts == "train"),
            val_rows=np.flatnonzero(self.parts == "val"),
        )

    def test_table(self) -> pd.DataFrame:
        """The test part: columns row, patient, grade, new_patients (whether the patient is not in training)."""
        table, rows = self.cache.table, np.flatnonzero(self.parts == "test")
        new_patients = ~in_training(table, self.parts)
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

    exclude_test_patients: for a confirmation whose test part shares patients with the training list. split_seed: of
    a finalist, whose training and validation patients are divided anew.
    """
    prepared = _split(open_cache(folder), val_fraction, seed, select_on, fold)
    table, parts = prepared.cache.table, prepared.parts
    if exclude_test_patients:
        parts = without_test_patients(table, parts)
    if split_seed is not None:
        parts = resplit(table, parts, val_fraction=val_fraction, seed=split_seed)
    return prepared if parts is prepared.parts else _checked(SplitDataset(prepared.cache, parts))


def _split(cache: Cache, val_fraction: float, seed: int, select_on: str, fold: str) -> SplitDataset:
    assert select_on in ("validation", "test")
    if fold:
        number, folds = (int(text) for text in fold.split("/"))
        parts = fold_parts(cache.table, folds=folds, fold=number - 1, val_fraction=val_fraction, seed=seed)
    else:
        parts = assign_parts(cache.table, val_fraction=val_fraction, seed=seed, select_on=select_on)  # type: ignore[arg-type]
    return _checked(SplitDataset(cache, parts))


def _checked(prepared: SplitDataset) -> SplitDataset:
    for part in ("train", "val"):
        if prepared.count(part) < 2:
            raise DataError(
                f"at least 2 images must be in the part {part!r}, but it has {prepared.count(part)} of "
                f"{len(prepared.parts)}; give more images or another val_fraction"
            )
    return prepared
