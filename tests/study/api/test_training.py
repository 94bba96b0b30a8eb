"""train: from a folder of photographs to epochs."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

import study
from retina_models.weights import WeightsError
from study import TrialConfig, train
from study.errors import ConfigError
from study.training.data import SplitDataset
from tests.fixtures.study import SMALL, small_data


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return small_data(tmp_path_factory.mktemp("train") / "data")


def test_train_yields_each_epoch_of_a_folder(data: Path, tmp_path: Path) -> None:
    config = TrialConfig(epochs=2, **SMALL)
    epochs = list(train(config, data, home=tmp_path, device="cpu"))
    assert [epoch.number for epoch in epochs] == [1, 2]
    assert "val/kappa" in epochs[-1].scores and epochs[-1].confusion.shape == (5, 5)
    again = list(train(config, str(data), home=tmp_path, device=torch.device("cpu")))
    timing = "images_per_second"
    assert [{k: v for k, v in one.scores.items() if k != timing} for one in epochs] == [
        {k: v for k, v in one.scores.items() if k != timing} for one in again
    ]


def test_train_refuses_before_the_first_epoch(data: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="weights must be given"):
        train(TrialConfig(pretrained=True, **SMALL), data, home=tmp_path)
    with pytest.raises(WeightsError, match="retina pretrain"):
        train(TrialConfig(pretrained=True, **SMALL), data, home=tmp_path, weights="synthetic")


def test_train_splits_as_asked(data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[SplitDataset] = []
    monkeypatch.setattr(study.api.training, "train_epochs", lambda config, data, device, weights: seen.append(data))
    for settings in ({}, {"val_fraction": 0.5}, {"split_seed": 1}):
        train(TrialConfig(**SMALL), data, home=tmp_path, **settings)
    default, half, other = seen
    assert len(half.val_rows) > len(default.val_rows)
    assert set(other.val_rows) != set(default.val_rows)
