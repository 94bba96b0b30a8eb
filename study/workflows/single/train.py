"""One configuration on a data set, without Ray: its weights, predictions and epochs in a folder."""

from __future__ import annotations

import itertools
import json
import logging
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
import yaml

from retina_data.files import check_writable, write_whole
from retina_data.layouts.dataset import ReadOptions, read_index
from retina_models.compilation import WAIT
from retina_models.weights import Weights, save_weights
from study.cluster.arithmetic import fast_bf16
from study.config.study import StudyConfig
from study.config.trial import AUTO, TrialConfig, make_trial_config
from study.errors import ConfigError
from study.planning.precision import check_compiler
from study.planning.pretrained_weights import check_fit, read_source
from study.training.checkpoints import BEST, save_predictions, weights_metadata
from study.training.data import SplitDataset, prepare_data, reading_record, warn_of
from study.training.leakage import check_no_leakage, provenance_text, read_provenance
from study.training.train import Epoch, TrainingError, too_large, train

log = logging.getLogger(__name__)


WRITTEN_FIRST = "config.yaml", "data.yaml"

TIMING = "images_per_second"  # the one score that is not computed from the data


@dataclass(frozen=True)
class Job:
    """All that one training run needs."""

    config: TrialConfig
    prepared: SplitDataset
    weights: Weights | None
    threads: int | None
    epochs: int
    provenance: str = ""  # what the weights were trained on
    reading: dict[str, Any] = field(default_factory=dict)  # how the data was read


def train_new(
    data: Path,
    options: ReadOptions,
    home: Path,
    values: dict[str, Any],
    files: dict[str, str],
    threads: int | None,
    folder: Path,
    rerun_flags: str = "",
) -> None:
    """Train a configuration on a data set and leave weights, predictions and epochs in `folder`.

    rerun_flags: flags that each further command needs too, for a message.
    """
    config = make_trial_config(with_precision(values))
    if config.compile == "on":
        check_compiler(torch.cuda.is_available())
    weights, provenance = None, ""
    if config.pretrained:
        source = files.get(config.architecture, "imagenet")
        weights, file = read_source(source, config.architecture, home, download=True, rerun_flags=rerun_flags)
        provenance = read_provenance(file)
        log.info(f"weights {weights.source}: {check_fit(weights, config.head)}")
    elif files:
        raise ConfigError("--weights needs --pretrained; add it, or drop --weights")
    dataset = read_index(data, options)
    for line in dataset.notes:
        log.info(f"note: {line}")
    warn_of(dataset.signs, dataset.warnings)
    check_new(folder)
    defaults = StudyConfig.model_fields
    prepared = prepare_data(
        dataset,
        home,
        image_size=config.image_size,
        crop=config.crop,
        colour=config.colour,
        val_fraction=defaults["val_fraction"].default,
        # The split of a study with default settings: another seed must not move patients between the parts.
        seed=defaults["seed"].default,
        select_on=defaults["select_on"].default,
    )
    if prepared.skipped_line:
        log.info(f"note: {prepared.skipped_line}")
    warn_of(prepared.placeholders())
    if weights:
        check_no_leakage(config.architecture, weights.source, provenance, prepared)
    run(Job(config, prepared, weights, threads, config.epochs, provenance, reading_record(dataset, prepared)), folder)


def with_precision(values: dict[str, Any]) -> dict[str, Any]:
    """The values with the precision that this machine computes fast, where they leave it open."""
    if values.get("precision", AUTO) != AUTO:
        return values
    side = make_trial_config({**values, "precision": "fp32"}).image_size
    return {**values, "precision": "bf16" if fast_bf16(torch.cuda.is_available(), side) else "fp32"}


def check_new(folder: Path) -> None:
    """Refuse a folder that holds files or cannot be written, before any photograph is decoded."""
    if folder.exists() and any(folder.iterdir()):
        raise ConfigError(f"--out must be a new or empty folder, but {folder} holds files; name another")
    check_writable(folder)


def run(job: Job, folder: Path) -> list[Epoch]:
    """Train, print a line for each epoch, and write weights and predictions of the one that is selected.

    At most `job.epochs` epochs; an earlier model in `folder` is never overwritten: ConfigError.
    """
    check_new(folder)
    for name, values in zip(WRITTEN_FIRST, (job.config.model_dump(mode="json"), job.reading), strict=True):
        write_whole(folder / name, yaml.safe_dump(values, sort_keys=False, allow_unicode=True).encode())
    best, epochs, provenance = None, [], provenance_text(job.prepared, job.provenance)
    objective = f"val/{job.config.objective}"
    log.info(_opening(job))
    if job.config.compile == "on":
        log.info(f"note: {WAIT}")
    if decision := job.prepared.cache.field_of_view_note:
        log.info(f"note: {decision}")
    for epoch in _cleaned(_epochs(job), folder):
        epochs.append(epoch)
        value = epoch.scores.get(objective)
        better = value is not None and (best is None or value > best)
        best = value if better else best
        if epoch.number == job.epochs if job.config.select_epoch == "last" else better:
            save_weights(folder / BEST, epoch.state()["model"], weights_metadata(job.config, epoch.number, provenance))
            save_predictions(folder, epoch.predictions)
        lines = [{"epoch": e.number, **e.scores, "confusion": e.confusion.tolist()} for e in epochs]
        write_whole(folder / "epochs.jsonl", "".join(json.dumps(line) + "\n" for line in lines).encode())
        log.info(_line(epoch, job.config.epochs))
    log.info(f"weights, predictions and epochs are in {folder}")
    return epochs


def _cleaned(epochs: Iterator[Epoch], folder: Path) -> Iterator[Epoch]:
    """The epochs; where there is not even a first one, the folder is left empty, so that it can be named again."""
    try:
        first = next(epochs)
    except BaseException:
        for name in WRITTEN_FIRST:
            (folder / name).unlink(missing_ok=True)
        raise
    yield first
    yield from epochs


def _epochs(job: Job) -> Iterator[Epoch]:
    if job.threads:
        torch.set_num_threads(job.threads)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        steps = train(job.config, job.prepared.train_data(), device, weights=job.weights)
        yield from itertools.islice(steps, job.epochs)
    except TrainingError as error:
        raise ConfigError(f"training stopped: {error}") from error
    except (torch.OutOfMemoryError, MemoryError) as error:
        give = "a smaller --batch-size or --image-size, or --micro-batch"
        raise too_large(error, job.config, give) from error


def _opening(job: Job) -> str:
    counts = ", ".join(f"{job.prepared.count(split)} {split}" for split in ("train", "val", "test"))
    start = f"weights {job.weights.source} ({job.weights.digest[:12]})" if job.weights else "from scratch"
    computed = job.config.precision + ", compiled" * (job.config.compile == "on")
    return f"{job.config.architecture}, {start}, {computed}; images: {counts} (the test split is not looked at)"


def _line(epoch: Epoch, of: int) -> str:
    names = ("train/loss", "train/accuracy", "val/loss", "val/accuracy", "val/kappa", TIMING)
    scores = "  ".join(f"{name} {epoch.scores[name]:.4g}" for name in names if name in epoch.scores)
    counts = epoch.confusion.sum(axis=1)
    return f"epoch {epoch.number}/{of}  {scores}  (n {counts.sum()}, majority class {counts.max() / counts.sum():.4g})"
