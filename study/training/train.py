"""One training run: a configuration and data in, one Epoch after another out.

    for epoch in train(config, data, device):
        print(epoch.number, epoch.scores["val/kappa"])

Within an epoch the host never waits for the device: losses and hits add up there and are fetched once, at its end. The
same configuration, data, device and number of threads give the same numbers, also across a stop and a resume.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from analysis.stats.metrics import (
    accuracy_and_kappa,
    auc_ovr,
    called,
    confusion_matrix,
    scores_from_confusion,
)
from retina_data.batches import Images, MappedImages, batch_bounds, batches, load_images
from retina_data.errors import DataError
from retina_data.grades import GRADES, PROBABILITIES
from retina_models.weights import Weights
from study.config.trial import TrialConfig
from study.errors import ConfigError, StudyError
from study.training.device_memory import image_budget
from study.training.imbalance import Strategy, strategy
from study.training.lr_schedule import learning_rate
from study.training.prediction import logits
from study.training.train_state import TrainState, create_train_state, trains_channels_last

Ints = NDArray[np.int64]

CELLS = len(GRADES) ** 2
"""Of a confusion matrix, rows = truth."""


class TrainingError(StudyError):
    """Training went wrong in a way that trying again with the same configuration would repeat."""


@dataclass(frozen=True)
class TrainData:
    """The cache and the two splits that training reads.

    images: uint8 (N, S, S, 3). grades, groups (patients): (N,). train_rows, val_rows: row numbers of the cache.
    """

    images: NDArray[np.uint8]
    grades: Ints
    groups: Ints
    train_rows: Ints
    val_rows: Ints


@dataclass(frozen=True)
class Epoch:
    """One epoch, after its validation.

    scores: names of records.EPOCH_METRICS; undefined ones are left out. train/loss (of the strategy), train/accuracy
    and train/kappa are over the drawn, augmented images as the epoch went; val/loss is plain cross-entropy in every
    strategy; images_per_second is of training alone. confusion: (5, 5) of validation, rows = truth.
    predictions: row, patient, grade, p0 .. p4 of the validation rows in their order.
    images_seen, seconds: of this epoch alone; seconds include validation.
    state: makes what `train(..., resume=...)` goes on from; call it before the next epoch is asked for.
    """

    number: int  # from 1
    scores: dict[str, float]
    confusion: Ints
    predictions: pd.DataFrame
    images_seen: int
    seconds: float
    state: Callable[[], dict[str, Any]]


def train(
    config: TrialConfig,
    data: TrainData,
    device: torch.device,
    *,
    weights: Weights | None = None,
    resume: dict[str, Any] | None = None,
) -> Iterator[Epoch]:
    """Train and yield each epoch; the caller stops by not asking for the next one.

    weights: needed by `pretrained`, unless a run is resumed. resume: what an Epoch's state() gave.
    Raises ConfigError or DataError for input that does not fit together, TrainingError for a loss that is not finite.
    """
    check(config, data, weights, resume)
    train_state = create_train_state(config, device, weights)
    if resume is not None:
        train_state.restore(resume)
    images, val_images = _images(data, device)  # (N, 3, S, S), (M, 3, S, S)
    grades = torch.from_numpy(data.grades[data.train_rows])  # (N,)
    plan = strategy(config, grades, device)

    for number in range(train_state.epoch + 1, config.epochs + 1):
        started = time.perf_counter()
        loss, drawn = train_epoch(train_state, images, grades.to(device), plan)
        trained = time.perf_counter()
        if not math.isfinite(loss):
            raise TrainingError(
                f"the training loss must stay finite, but is {loss} in epoch {number}; {remedy(config)}"
            )
        scores, confusion, predictions = validate(train_state, val_images, data)
        scores |= {f"train/{name}": float(v) for name, v in accuracy_and_kappa(drawn).items() if not math.isnan(v)}
        scores |= {"train/loss": loss, "images_per_second": len(grades) / (trained - started)}
        seconds = time.perf_counter() - started
        yield Epoch(number, scores, confusion, predictions, len(grades), seconds, partial(train_state.state, number))


def _images(data: TrainData, device: torch.device) -> tuple[Images, Images]:
    """Training and validation images: on a CPU in the cache's file, for a GPU loaded, and on it as far as they fit."""
    if device.type == "cpu":
        return MappedImages(data.images, data.train_rows), MappedImages(data.images, data.val_rows)
    budget = image_budget(device)
    images = load_images(data.images, data.train_rows, device, budget_bytes=budget)
    return images, load_images(data.images, data.val_rows, device, budget_bytes=max(0, budget - images.nbytes))


def check(config: TrialConfig, data: TrainData, weights: Weights | None, resume: dict[str, Any] | None) -> None:
    """Raise ConfigError or DataError, naming rule and value, if configuration, data and weights do not fit together."""
    if config.pretrained and weights is None and resume is None:
        raise ConfigError(
            "weights must be given for pretrained=true, but there are none; give some or pretrained=false"
        )
    if weights is not None and not config.pretrained:
        raise ConfigError(f"pretrained=false must go without weights, but got {weights.source}; set pretrained=true")
    if weights is not None and weights.architecture != config.architecture:
        raise ConfigError(
            f"weights must be of {config.architecture}, but {weights.source} is of {weights.architecture}"
        )
    if data.images.shape[1:] != (config.image_size, config.image_size, 3):
        raise DataError(
            f"cached images must be {config.image_size} pixels square (image_size), but are {data.images.shape[1:]}; "
            "prepare the data with that size"
        )
    if len(data.train_rows) < 2 or len(data.val_rows) < 1:
        raise DataError(
            "at least 2 training and 1 validation images must be there, "
            f"but got {len(data.train_rows)} and {len(data.val_rows)}"
        )


def train_epoch(train_state: TrainState, images: Images, grades: Tensor, plan: Strategy) -> tuple[float, Ints]:
    """One epoch over images (N, 3, S, S) and grades (N,) -> mean loss and confusion (5, 5) over the drawn images."""
    config, model, optimizer, device = train_state.config, train_state.model, train_state.optimizer, grades.device
    train_state.epoch += 1
    model.train()
    model.freeze_backbone(train_state.epoch <= config.freeze_epochs)
    order = plan.sampling(train_state.sampling)  # (N,)
    steps = len(batch_bounds(len(order), config.batch_size))
    first_step, total_steps = (train_state.epoch - 1) * steps, config.epochs * steps
    totals = torch.zeros(1 + CELLS, dtype=torch.float64, device=device)  # sum of losses, confusion
    drawn = batches(
        images,
        grades,
        order,
        config.batch_size,
        augmentation=plan.augmentation,
        flip_only=plan.flip_only,
        normalisation=config.normalisation,
        generator=train_state.augmentation,
        channels_last=trains_channels_last(config, device),
    )
    with torch.backends.cudnn.flags(enabled=True, benchmark=False, deterministic=True):
        for step, (x, y, _) in enumerate(drawn, start=first_step):  # x (B, 3, S, S), y (B,)
            for group in optimizer.param_groups:
                group["lr"] = config.lr * learning_rate(config.schedule, step, total_steps)
            optimizer.zero_grad(set_to_none=True)
            totals += backward(train_state, x, y, plan.loss)
            optimizer.step()
    loss_sum, *counts = totals.tolist()  # the one time in an epoch that the host waits
    return loss_sum / len(order), np.array(counts, dtype=np.int64).reshape(len(GRADES), len(GRADES))


def backward(train_state: TrainState, x: Tensor, y: Tensor, loss: Callable[[Tensor, Tensor], Tensor]) -> Tensor:
    """Add the gradient of the batch's mean loss, part by part where micro_batch says so.

    Returns the sum of losses and, behind it, the confusion counts of what was answered: (1 + 25,).

    Every strategy's loss is a mean over images, so parts weighted by their size give the batch's gradient, but for what
    BatchNorm makes of a part's own mean. Parts are even, and none is one image: that has no variance.
    """
    config = train_state.config
    pieces = min(math.ceil(len(y) / config.micro_batch), len(y) // 2) if config.micro_batch else 1
    totals = torch.zeros(1 + CELLS, dtype=torch.float64, device=y.device)
    for images, grades in zip(x.tensor_split(pieces), y.tensor_split(pieces), strict=True):
        with torch.autocast(y.device.type, torch.bfloat16, enabled=config.precision == "bf16"):
            outputs = train_state.forward(images)  # (B, 5)
        outputs = outputs.float()
        value = loss(outputs, grades)
        (value * (len(grades) / len(y))).backward()  # type: ignore[no-untyped-call]
        totals[0] += value.detach() * len(grades)
        entries = 1 + grades * len(GRADES) + called_on_device(outputs.detach(), config.decision)
        totals.index_add_(0, entries, torch.ones_like(entries, dtype=totals.dtype))  # bincount would make the host wait
    return totals


def called_on_device(logits: Tensor, decision: str) -> Tensor:
    """`analysis.stats.metrics.called` of logits (B, 5) without a wait for the device: (B,)."""
    if decision == "most_probable":
        return logits.argmax(dim=1)
    return (logits.softmax(dim=1).cumsum(dim=1) < 0.5).sum(dim=1).clamp_max(len(GRADES) - 1)


def validate(train_state: TrainState, images: Images, data: TrainData) -> tuple[dict[str, float], Ints, pd.DataFrame]:
    """Scores `val/...`, confusion (5, 5) and predictions of the validation images (M, 3, S, S)."""
    config, rows = train_state.config, data.val_rows
    outputs = logits(train_state.model, images, normalisation=config.normalisation, precision=config.precision)
    outputs = outputs.cpu()  # (M, 5)
    if not torch.isfinite(outputs).all():
        raise TrainingError(
            f"predictions must be finite, but are not after epoch {train_state.epoch}; {remedy(config)}"
        )
    truth, probabilities = data.grades[rows], outputs.softmax(dim=1).numpy()
    confusion = confusion_matrix(truth, called(probabilities, config.decision))
    scores = {f"val/{name}": float(value) for name, value in scores_from_confusion(confusion).items()}
    scores["val/auc"] = auc_ovr(truth, probabilities)
    scores["val/loss"] = F.cross_entropy(outputs, torch.from_numpy(truth)).item()
    predictions = pd.DataFrame({"row": rows, "patient": data.groups[rows], "grade": truth})
    for column, probability in zip(PROBABILITIES, probabilities.T, strict=True):
        predictions[column] = probability
    return {name: value for name, value in scores.items() if not math.isnan(value)}, confusion, predictions


def too_large(error: BaseException, config: TrialConfig, give: str) -> ConfigError:
    """The error of a batch that does not fit into memory; give: the remedy."""
    reason = " ".join(str(error).split())[:200]
    return ConfigError(
        f"a batch must fit into memory, but {config.batch_size} images of {config.image_size} px do not ({reason}); "
        f"give {give}"
    )


def remedy(config: TrialConfig) -> str:
    """What helps against numbers that are not finite."""
    return f"lower lr (now {config.lr:g})" + (" or use precision=fp32" if config.precision == "bf16" else "")
