"""Source weights: a network trained on photographs of another origin, for arms with pretraining to begin from.

Made on a labelled data set, or on synthetic photographs that are painted for it. A file says what it was made from, and
on which photographs, so that a study that would measure on one of them refuses it.
"""

from __future__ import annotations

import json
import logging
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from torch import Tensor

from retina_data.files import check_writable
from retina_data.grades import GRADES
from retina_data.layouts.dataset import DataSet, ReadOptions, read_index
from retina_data.synthetic.dataset import EVEN_MIX, make_dataset
from retina_models.weights import FILE, KIND, SYNTHETIC, read_metadata, save_weights, zero_init_residual
from study.config.trial import TrialConfig, make_trial_config
from study.console import out
from study.disk_space import check_room, needed
from study.environment import return_memory
from study.errors import ConfigError
from study.storage.lock import locked
from study.training.checkpoints import load_last, save_last, weights_metadata
from study.training.data import SplitDataset, prepare_data, warn_of
from study.training.leakage import provenance_text
from study.training.train import too_large, train
from study.training.train_state import ADDED_LATER

log = logging.getLogger(__name__)


CAMERA = "b"
"""Of the synthetic photographs. `retina data synth` and the demo's study use another one."""

HELD_OUT = 0.1
"""Share of the synthetic patients that the network is scored on and never trained on."""

SAVE_SECONDS = 15.0
"""Between two checkpoints. At 32 px one takes a quarter of an epoch's time; an interruption costs this and an epoch."""

MADE_FROM, HELD_OUT_SCORES = "made_from", "held_out"
"""Of a file's metadata, as JSON: what it was made from, and how it grades what it was not trained on."""

HYPERPARAMETERS: dict[str, Any] = {"optimizer": "adamw", "lr": 0.001}
"""A ResNet18 and a ResNet50 learn with these from about a thousand photographs in ten epochs."""


@dataclass(frozen=True)
class Source:
    """What source weights are made from.

    data: labelled photographs, read with `options`; None: synthetic ones of `patients`, two eyes each.
    image_size: side of the network's input, pixels. batch_size: images of a step. seed: of painting, split,
    initialisation, draws and augmentation.
    """

    data: Path | None = None
    options: ReadOptions = ReadOptions()
    patients: int = 700
    image_size: int = 64
    epochs: int = 10
    batch_size: int = 16
    seed: int = 0

    @property
    def kind(self) -> str:
        """Kind of the weights that come from it."""
        return FILE if self.data else SYNTHETIC


def make_source_weights(architecture: str, source: Source, out: Path, home: Path) -> Path:
    """Train a network on the source and write its weights into `out`; returns the file.

    A file that the same source has made is used again. Interrupted, the same call goes on from its checkpoint, and
    gives the same file to the bit. Raises ConfigError where another source has made the file that is there.
    """
    file = out / f"{'source' if source.data else SYNTHETIC}-{architecture}.safetensors"
    work = out / f"{file.stem}.checkpoints"
    config = _config(architecture, source)
    check_room(work, needed({architecture}, {config.optimizer}, arms=1, max_concurrent=1, kept=0))
    check_writable(out)
    prepared = _prepared(source, out, home)
    made_from = _made_from(config, source, prepared)
    if file.exists():
        _check_made_from(file, made_from)
        log.info(f"{architecture}: {file} is there already")
        return file
    with locked(work, f"the file {file.name}"):
        state, scores = _trained(config, prepared, made_from, work)
        about = {KIND: source.kind, MADE_FROM: json.dumps(made_from), HELD_OUT_SCORES: json.dumps(scores)}
        save_weights(file, state, weights_metadata(config, config.epochs, provenance_text(prepared)) | about)
        shutil.rmtree(work)
    return_memory()
    kappa = f"kappa {scores['kappa']:.3f}" if "kappa" in scores else "kappa undefined"
    log.info(
        f"{architecture}: {kappa} on {scores['n']} photographs of the source that it was not trained on (majority "
        f"class {scores['majority']:.3f}); {file}"
    )
    return file


def _config(architecture: str, source: Source) -> TrialConfig:
    """Each epoch draws as many photographs of each grade; a synthetic source is even by itself."""
    values = {
        **HYPERPARAMETERS, "architecture": architecture, "pretrained": True, "image_size": source.image_size,
        "epochs": source.epochs, "batch_size": source.batch_size, "seed": source.seed,
        "imbalance": "undersample" if source.data else "none",
    }  # fmt: skip
    return make_trial_config(values)


def _prepared(source: Source, out: Path, home: Path) -> SplitDataset:
    """The source, painted or read, and divided: what is held out is called validation, all the rest is training."""
    dataset = read_index(source.data, source.options) if source.data else _painted(source, out)
    for line in dataset.notes:
        log.info(f"note: {line}")
    warn_of(dataset.signs, dataset.warnings)
    prepared = prepare_data(
        dataset, home, image_size=source.image_size, crop="fov", val_fraction=0.2, seed=source.seed,
        select_on="validation",
    )  # fmt: skip
    # Nothing is chosen here: one part to look at is enough, the test list where there is one.
    return SplitDataset(prepared.cache, prepared.splits.replace({"val": "train"}).replace({"test": "val"}))


def _painted(source: Source, out: Path) -> DataSet:
    """Synthetic photographs beside the weights; those that are there with the same arguments are used again."""
    folder = out / f"photographs-{source.patients}-{source.image_size}px-{source.seed}"
    make_dataset(
        folder, patients=source.patients, image_size=source.image_size, camera=CAMERA, seed=source.seed,
        test_fraction=HELD_OUT, grade_mix=EVEN_MIX,
    )  # fmt: skip
    return read_index(folder)


def _made_from(config: TrialConfig, source: Source, prepared: SplitDataset) -> dict[str, Any]:
    """What tells one source from another; holds no path and no name."""
    trained = (prepared.splits == "train").to_numpy()
    table = prepared.cache.table[trained]
    grades = np.bincount(table["grade"].to_numpy(np.int64), minlength=len(GRADES))
    return {
        "source": "labelled photographs" if source.data else "synthetic photographs",
        "photographs": int(trained.sum()),
        "patients": int(table["group"].nunique()),
        "grades": grades.tolist(),
        "data_digest": prepared.cache.digest,
        "split_digest": prepared.split_digest,
        **({"allow_unused": True} if source.options.allow_unused else {}),
        "config": config.model_dump(mode="json") | {"pretrained": False},  # it began with random weights
    }


def _check_made_from(file: Path, made_from: dict[str, Any]) -> None:
    """Raise ConfigError, naming the first fields that differ, where a file was made from something else."""
    there = json.loads(read_metadata(file).get(MADE_FROM, "{}"))
    flat, before = ({**ADDED_LATER, **about, **about.get("config", {})} for about in (made_from, there))
    other = [
        f"{name}={json.dumps(before.get(name))} (now {json.dumps(value)})"
        for name, value in flat.items()
        if name not in ("config", "split_digest") and before.get(name) != value
    ]
    if other or there.get("split_digest") != made_from["split_digest"]:
        raise ConfigError(
            f"{file} must not be written over, but was made from something else: "
            f"{', '.join(other[:3]) or 'another split'}; move it away, or give another --out"
        )


def _trained(
    config: TrialConfig, prepared: SplitDataset, made_from: dict[str, Any], work: Path
) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """(state dict, scores on what is held out) after the last epoch; on the way checkpoints are left in `work`."""

    state, report = load_last(work, log.info) or (None, {"epoch": 0})
    if state and report["made_from"] != made_from:
        log.info(f"{config.architecture}: the checkpoint that is there is of another source; it begins again")
        state, report = None, {"epoch": 0}
    saved = time.monotonic()
    weights = None if state else zero_init_residual(config.architecture, config.seed)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    with _bar(config, report["epoch"]) as advance:
        for epoch in train(config, prepared.train_data(), device, weights=weights, resume=state):
            counts = epoch.confusion.sum(axis=1)
            scores = {"n": int(counts.sum()), "majority": float(counts.max() / counts.sum())}
            if "val/kappa" in epoch.scores:
                scores["kappa"] = epoch.scores["val/kappa"]
            report = {"epoch": epoch.number, "made_from": made_from, "scores": scores}
            if epoch.number == config.epochs or time.monotonic() - saved >= SAVE_SECONDS:
                state = epoch.state()
                save_last(work, state, report)
                saved = time.monotonic()
            advance(report)
    assert state is not None  # of the last epoch, perhaps of an earlier call that was killed after it
    return state["model"], report["scores"]


@contextmanager
def _bar(config: TrialConfig, done: int) -> Iterator[Callable[[dict[str, Any]], None]]:
    """A bar of epochs on the console, `done` of them before; yields what takes in the report of each further one."""
    columns = TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn()
    with Progress(*columns, TextColumn("{task.fields[score_text]}"), console=out) as progress:
        task = progress.add_task(f"{config.architecture}, epochs", total=config.epochs, completed=done, score_text="")

        def advance(report: dict[str, Any]) -> None:
            kappa = report["scores"].get("kappa")
            score_text = "" if kappa is None else f"kappa {kappa:.3f}"
            progress.update(task, advance=1, score_text=score_text)
            if not out.is_terminal:  # a file shows a bar at its end alone
                log.info(f"{config.architecture}: epoch {report['epoch']}/{config.epochs}  {score_text}")

        try:
            yield advance
        except (torch.OutOfMemoryError, MemoryError) as error:
            raise too_large(error, config, "a smaller --image-size") from error
