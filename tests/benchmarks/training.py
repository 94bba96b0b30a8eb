"""What the measurements of quality share: synthetic photographs, one training run, and its scores by both decisions."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from analysis.stats.metrics import accuracy_and_kappa, auc_ovr, called, confusion_matrix
from retina_data.batches import load_images
from retina_data.cache.cache import Cache
from retina_data.cache.preparation import prepare
from retina_data.layouts.dataset import read_index
from retina_data.synthetic.dataset import Mix, make_dataset
from retina_models.resnet import ARCHITECTURES, ResNet
from study.config.trial import TrialConfig
from study.training.prediction import Grader, predict

Floats = NDArray[np.float64]
CPU = torch.device("cpu")
DECISIONS = ("median", "most_probable")
SMALL_SET_MIX: Mix = (0.45, 0.12, 0.19, 0.18, 0.06)
"""Shares of the grades as in a public set of 28 px photographs."""


def photographs(folder: Path, *, patients: int, camera: str, seed: int, size: int, mix: Mix = SMALL_SET_MIX) -> Cache:
    """Two synthetic photographs of each patient, painted at 64 px and prepared at `size` px; made once."""
    name = f"camera-{camera}-{seed}-{patients}"
    data = folder / name
    make_dataset(data, patients=patients, image_size=64, camera=camera, seed=seed, test_fraction=0, grade_mix=mix)
    return prepare(read_index(data), folder, image_size=size)


def grades_of(cache: Cache) -> NDArray[np.int64]:
    """Of each row of the cache (N,)."""
    return cache.table["grade"].to_numpy(np.int64)


def groups_of_rows(cache: Cache) -> NDArray[np.int64]:
    """The patient of each row, merged over byte-equal photographs (N,)."""
    return cache.table["group"].to_numpy(np.int64)


def model_of(config: TrialConfig, state: dict[str, torch.Tensor]) -> ResNet:
    """The network with the weights that a run ended with."""
    model = ARCHITECTURES[config.architecture](head=config.head)
    model.load_state_dict(state)
    return model.eval()


def scores(grades: NDArray[np.int64], probabilities: Floats, digits: int = 4) -> dict[str, float]:
    """Accuracy and kappa by both decisions, and AUC: probabilities (n, 5)."""
    found = {"auc": float(auc_ovr(grades, probabilities))}
    for decision in DECISIONS:
        values = accuracy_and_kappa(confusion_matrix(grades, called(probabilities, decision)))
        found |= {f"{name}_{decision}": float(value) for name, value in values.items()}
    return {name: round(value, digits) for name, value in found.items()}


def probabilities_of(
    model: ResNet, config: TrialConfig, images: NDArray[np.uint8], rows: NDArray[np.int64], views: int = 1
) -> Floats:
    """Mean probability of each row over its views: (n, 5)."""
    loaded, grader = load_images(images, rows, CPU, budget_bytes=0), Grader([model], views)
    predicted = predict(grader, loaded, normalisation=config.normalisation, precision=config.precision)
    return predicted.numpy().astype(np.float64)
