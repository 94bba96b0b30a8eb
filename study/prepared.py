"""The data of a study, joined once: label files, cache, split -> what `train` reads."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from retina_data.cache import Cache, open_cache, prepare
from retina_data.index import DataError, DataSet
from retina_data.split import assign_parts, split_digest
from study.train import TrainData


@dataclass(frozen=True)
class Prepared:
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
) -> Prepared:
    """Decode (or find again) and split a data set. Raises DataError where no model can be trained on it."""
    cache = prepare(dataset, home, image_size=image_size, crop=crop, colour=colour)  # type: ignore[arg-type]
    return _split(cache, val_fraction, seed, select_on)


def open_data(folder: Path, *, val_fraction: float, seed: int, select_on: str) -> Prepared:
    """The same from a cache that is known to exist, without looking at the photographs (what a trial does)."""
    return _split(open_cache(folder), val_fraction, seed, select_on)


def _split(cache: Cache, val_fraction: float, seed: int, select_on: str) -> Prepared:
    assert select_on in ("validation", "test")
    parts = assign_parts(cache.table, val_fraction=val_fraction, seed=seed, select_on=select_on)  # type: ignore[arg-type]
    prepared = Prepared(cache, parts)
    for part in ("train", "val"):
        if prepared.count(part) < 2:
            raise DataError(
                f"at least 2 images must be in the part {part!r}, but it has {prepared.count(part)} of {len(parts)}; "
                "give more images or another val_fraction"
            )
    return prepared
