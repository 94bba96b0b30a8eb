"""`study.train`: one configuration trained in this process, on a folder of photographs."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import torch

from retina_data.layouts.dataset import ReadOptions, read_index
from retina_models.weights import Weights
from study.api.home import home_folder
from study.config.study import StudyConfig, make_study_config, read_options
from study.config.trial import TrialConfig
from study.planning.pretrained_weights import read_source
from study.training.data import SplitDataset, prepare_data, warn_of
from study.training.leakage import check_no_leakage, read_provenance
from study.training.train import Epoch, TrainData, check
from study.training.train import train as train_epochs

log = logging.getLogger(__name__)


def train(
    config: TrialConfig,
    data: Path | str | TrainData,
    *,
    layout: str | None = None,
    reading: Mapping[str, Any] | None = None,
    home: Path | str | None = None,
    weights: str | Path | None = None,
    device: str | torch.device | None = None,
    val_fraction: float = 0.2,
    split_seed: int = 0,
) -> Iterator[Epoch]:
    """Train one configuration and yield each epoch after its validation.

    The photographs are decoded once, into the home's cache, and split by patient. The test split is not read. Stop by
    leaving the loop.

    Args:
        config: the configuration.
        data: folder with label files and photographs, a MedMNIST file, or prepared arrays.
        layout: take `data` as this layout; without it the layout is found.
        reading: fields of a study that say how `data` is read, such as {"labels": "grades.csv", "image_column": "file",
            "grade_column": "dr"}.
        home: folder of the cache; without it RETINA_HOME, or `runs/`.
        weights: for `pretrained=True`: "imagenet" (fetched once), "synthetic" (of `retina pretrain`) or a file.
        device: such as "cuda:1"; without it the first GPU, or the CPU.
        val_fraction: share of the training patients that are the validation split.
        split_seed: seed of the split. With the default a study's default split is used.

    Returns:
        An iterator of epochs: `number` (from 1), `scores` (such as "val/kappa"), `confusion` (5, 5) with rows = truth,
        `predictions` (row, patient, grade, p0 .. p4 of the validation photographs), `state()` (its "model" is the
        network's state dict).

    Raises:
        ConfigError: the configuration, weights and data do not fit together.
        DataError: `data` cannot be read, or no model can be trained on it.
        WeightsError: `weights` cannot be read.
        TrainingError: the loss is not finite; raised by the iterator.

    Example:
        >>> from study import TrialConfig, train
        >>> for epoch in train(TrialConfig(epochs=15), "photographs"):
        ...     print(epoch.number, epoch.scores["val/kappa"])
    """
    place = torch.device(device or ("cuda" if torch.cuda.is_available() else "cpu"))
    folder = home_folder(home)
    loaded, provenance = _weights(config, weights, folder)
    if not isinstance(data, TrainData):
        options = read_options(make_study_config(dict(reading or {}), {}), layout)
        prepared = _prepared(config, Path(data), options, folder, val_fraction, split_seed)
        if loaded is not None:
            check_no_leakage(config.architecture, loaded.source, provenance, prepared)
        data = prepared.train_data()
    check(config, data, loaded, None)
    return train_epochs(config, data, place, weights=loaded)


def _weights(config: TrialConfig, source: str | Path | None, home: Path) -> tuple[Weights | None, str]:
    """Weights of a source and what they were trained on; `check` refuses those that the configuration does not want."""
    if source is None:
        return None, ""
    weights, file = read_source(str(source), config.architecture, home, download=True)
    return weights, read_provenance(file)


def _prepared(
    config: TrialConfig, data: Path, options: ReadOptions, home: Path, val_fraction: float, seed: int
) -> SplitDataset:
    dataset = read_index(data.expanduser().resolve(), options)
    for line in dataset.notes:
        log.info(f"note: {line}")
    warn_of(dataset.signs, dataset.warnings)
    return prepare_data(
        dataset,
        home,
        image_size=config.image_size,
        crop=config.crop,
        colour=config.colour,
        val_fraction=val_fraction,
        seed=seed,
        select_on=StudyConfig.model_fields["select_on"].default,
    )
