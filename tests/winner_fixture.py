"""A study made by hand, without Ray: photographs, cache, one or two trained networks, their files and the ledger."""

from __future__ import annotations

import atexit
import functools
import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pandas as pd
import torch

from analysis.records import fold_name
from retina_data.audit import audit
from retina_data.index import read_index
from retina_models.pretrained import read_safetensors, save_weights
from study.checkpoints import BEST, CALIBRATION, TEST_PREDICTIONS, save_predictions, weights_metadata
from study.config import TrialConfig
from study.prepared import Prepared, prepare_data
from study.testpart import read_calibration, read_test
from study.train import Epoch, train
from study.winner import find_winner
from tests.study_fixture import small_data, study_event

NAME = "made"
COLUMNS = [f"p{grade}" for grade in range(5)]


@dataclass(frozen=True)
class Made:
    """A study `made` in `home`: trial 0000 (a weak one, of ResNet18) and 0001, the best, of the same arm.

    Grades are called by the median; from a confirmation on there are 4 views, as by default.
    """

    home: Path
    data: Path
    prepared: Prepared
    predictions: pd.DataFrame  # of 0001 on validation

    @property
    def folder(self) -> Path:
        return self.home / NAME

    def files(self, rows: pd.Series[int]) -> list[Path]:
        """Photographs of rows of the cache."""
        return [Path(self.prepared.cache.table["path"][row]) for row in rows]


@functools.cache
def made_study() -> Made:
    """The study of this test process; nobody may change it."""
    folder = Path(tempfile.mkdtemp(prefix="retina-winner-"))
    atexit.register(shutil.rmtree, folder, True)
    return make_study(folder)


def copy_of(made: Made, folder: Path) -> Made:
    """The same study elsewhere, to be changed; large files are shared, so they may be replaced, not written into."""
    shutil.copytree(made.home, folder / "home", copy_function=os.link)
    ledger = folder / "home" / NAME / "ledger.jsonl"
    text = ledger.read_text()
    ledger.unlink()
    ledger.write_text(text)
    return replace(made, home=folder / "home")


def make_study(folder: Path, *, epochs: int = 4, precision: str = "fp32") -> Made:
    """Train for seconds at 32 px, one thread."""
    data = small_data(folder / "data", patients=40)
    dataset = read_index(data)
    prepared = prepare_data(
        dataset, folder / "home", image_size=32, crop="disc", val_fraction=0.3, seed=0, select_on="validation"
    )
    config = TrialConfig(
        image_size=32, batch_size=8, epochs=epochs, lr=0.002, optimizer="adamw", imbalance="oversample",
        precision=precision, seed=1, select_epoch="best",  # each trial's ledger has a single epoch
    )  # fmt: skip
    with one_thread():
        run = list(_with_state(train(config, prepared.train_data(), torch.device("cpu"))))
    first, last = run[0], run[-1]
    made = Made(folder / "home", data, prepared, last[0].predictions)
    identity = {"data_digest": prepared.cache.digest, "split_digest": prepared.split_digest}
    began = study_event(2) | {"identity": identity, "audit": audit(dataset)}
    began["config"]["fixed"]["select_epoch"] = "best"
    began |= {"parts": prepared.parts.value_counts().to_dict()}
    events = [began]
    for trial, (epoch, state) in (("0000", first), ("0001", last)):
        files = made.folder / "checkpoints" / trial
        save_predictions(files, epoch.predictions)
        digest = save_weights(files / BEST, state, weights_metadata(config, epoch.number, ""))
        kappa = 0.1 if trial == "0000" else 0.5  # what the ledger calls the better one, however seconds of training end
        events += [_begin(trial, config), _epoch(trial, epoch, digest, kappa), _end(trial)]
    write_ledger(made, events)
    return made


def confirm(
    made: Made, confirm: str = "c0000", repeat: int = 0, trial: str = "0001", weights_of: str = "0000"
) -> pd.DataFrame:
    """Add a confirmation; returns its predictions of the test part.

    Its weights are those of another trial than the one it confirms, so that the two can be told apart.
    """
    source, files = made.folder / "checkpoints" / weights_of, made.folder / "checkpoints" / confirm
    files.mkdir()
    for file in source.iterdir():
        (files / file.name).write_bytes(file.read_bytes())
    stored = find_winner(made.home, NAME).config
    weights = read_safetensors(files / BEST)
    with one_thread():
        test = read_test(weights, stored, made.prepared, torch.device("cpu"))
        save_predictions(files, read_calibration(weights, stored, made.prepared, torch.device("cpu")), CALIBRATION)
    save_predictions(files, test, TEST_PREDICTIONS)
    events = [json.loads(line) for line in (made.folder / "ledger.jsonl").read_text().splitlines()]
    config = next(event["config"] for event in events if event.get("trial") == trial) | {"seed": 77}
    epoch = next(event for event in events if event["event"] == "epoch" and event["trial"] == "0000")
    begin = {"event": "confirm", "time": 1020.0, "confirm": confirm, "trial": trial, "repeat": repeat, "rank": 1}
    events += [
        begin | {"config": config, "epochs": 1, "drop_fellows": False},
        epoch | {"trial": confirm},
        {"event": "test-read", "time": 1021.0, "confirm": confirm, "n": len(test), "scores": {}, "reads": 0},
        _end(confirm),
    ]
    write_ledger(made, events)
    return test


def folds(made: Made, name: str, number: int) -> None:
    """Studies that say that they are outer folds of `name`, each with the files of the study `made`."""
    events = [json.loads(line) for line in (made.folder / "ledger.jsonl").read_text().splitlines()]
    for fold in range(1, number + 1):
        folder = made.home / fold_name(name, fold)
        shutil.copytree(made.folder / "checkpoints", folder / "checkpoints", copy_function=os.link)
        began = events[0] | {"config": events[0]["config"] | {"fold": f"{fold}/{number}"}}
        (folder / "ledger.jsonl").write_text("".join(json.dumps(event) + "\n" for event in [began, *events[1:]]))


def write_ledger(made: Made, events: list[dict[str, Any]]) -> None:
    """The study's ledger, whole."""
    (made.folder / "ledger.jsonl").write_text("".join(json.dumps(event) + "\n" for event in events))


@contextmanager
def one_thread() -> Iterator[None]:
    """Small networks are faster so, and the numbers do not hang on the machine's cores."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def _with_state(epochs: Iterator[Epoch]) -> Iterator[tuple[Epoch, dict[str, torch.Tensor]]]:
    for epoch in epochs:
        yield epoch, epoch.state()["model"]


def _begin(trial: str, config: TrialConfig) -> dict[str, Any]:
    about = {"group": config.arm, "number": int(trial), "config": config.model_dump(mode="json")}
    return {"event": "trial", "time": 1001.0, "trial": trial, **about, "params": {}, "distributions": {}}


def _epoch(trial: str, epoch: Epoch, digest: str, kappa: float) -> dict[str, Any]:
    counted = {"confusion": epoch.confusion.tolist(), "images_seen": epoch.images_seen, "seconds": 0.5}
    scores = epoch.scores | {"val/kappa": kappa}
    rest = {"device": "cpu", "threads": 1, "weights_digest": digest, "stop": False, "rungs": {}}
    return {"event": "epoch", "time": 1002.0, "trial": trial, "epoch": 1, "scores": scores, **counted, **rest}


def _end(trial: str) -> dict[str, Any]:
    return {"event": "end", "time": 1010.0, "trial": trial, "state": "complete", "reason": ""}
