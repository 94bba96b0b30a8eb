"""Studies written into one MLflow store for all tests, in the layout that `study` writes.

Opening a new store takes seconds, so a test process makes one and gives each study its own name.
"""

from __future__ import annotations

import atexit
import functools
import json
import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from mlflow import MlflowClient
from mlflow.entities import Metric, Param

from analysis import records, scores
from tests.specs_fixture import ARMS, LAB_TEST, ConfirmSpec, FinalistSpec, TrialSpec, predictions, predictions_on_test

__all__ = [
    "ARMS",
    "LAB_TEST",
    "ConfirmSpec",
    "FinalistSpec",
    "TrialSpec",
    "predictions",
    "predictions_on_test",
]  # for the tests


@functools.cache
def store() -> tuple[str, Path]:
    """Tracking URI and artifact folder of this test process."""
    folder = Path(tempfile.mkdtemp(prefix="retina-mlflow-"))
    atexit.register(shutil.rmtree, folder, True)
    return f"sqlite:///{folder / 'mlflow.db'}", folder / "mlartifacts"


@functools.cache
def client() -> MlflowClient:
    """The only client of the tests' store."""
    return MlflowClient(tracking_uri=store()[0])


def write_folds(
    name: str,
    trials: list[TrialSpec],
    confirms: Sequence[ConfirmSpec] = (),
    *,
    folds: int = 3,
    finalists: Sequence[FinalistSpec] = (),
) -> str:
    """Write a study of outer folds, the same trials and confirmations in each; returns the tracking URI."""
    for fold in range(1, folds + 1):
        whole = (name, fold, folds)
        write_study(
            records.fold_name(name, fold), trials, confirms=confirms, fold=whole, study=STUDY_JSON, finalists=finalists
        )
    return store()[0]


def write_study(
    name: str,
    trials: list[TrialSpec],
    *,
    confirms: Sequence[ConfirmSpec] = (),
    fold: tuple[str, int, int] | None = None,  # name of the whole, number of this one, number of all
    not_run: dict[str, str] | None = None,
    selected_on: str = "validation",
    objective: str = "kappa",
    study: dict[str, Any] | None = None,
    finalists: Sequence[FinalistSpec] = (),
    decision: str = "",  # "": without the tag
    select_epoch: str = "",
) -> str:
    """Write a study and return the tracking URI."""
    uri, artifacts = store()
    mlflow = client()
    experiment = mlflow.create_experiment(name, artifact_location=(artifacts / str(abs(hash(name)))).as_uri())
    tags = {
        records.TAG_KIND: records.KIND_STUDY,
        records.TAG_STUDY: name,
        records.TAG_ARMS: ",".join(sorted({spec.arm for spec in trials})),
        records.TAG_ARMS_NOT_RUN: json.dumps(not_run or {}),
        records.TAG_OBJECTIVE: objective,
        records.TAG_SELECTED_ON: selected_on,
        records.TAG_DATA: "d" * 64,
        records.TAG_SPLIT: "5" * 64,
        records.TAG_VERSIONS: json.dumps({"torch": "2.14.1", "python": "3.11"}),
    }
    if decision:
        tags[records.TAG_DECISION] = decision
    if select_epoch:
        tags[records.TAG_SELECT_EPOCH] = select_epoch
    if confirms:
        tags[records.TAG_TEST_READS] = str(sum(one.read for one in confirms))
    if fold is not None:
        tags |= {records.TAG_FOLD_OF: fold[0], records.TAG_FOLD: f"{fold[1]}/{fold[2]}"}
    parent = mlflow.create_run(experiment, tags=tags, run_name=name).info.run_id
    mlflow.log_dict(parent, study if study is not None else {"not_run": not_run or {}}, records.ARTIFACT_STUDY)
    for spec in trials:
        _write_trial(mlflow, experiment, parent, name, spec, objective, decision)
    for again in finalists:
        _write_finalist(mlflow, experiment, parent, name, again, decision)
    for one in confirms:
        _write_confirmation(mlflow, experiment, parent, name, one, fold, decision)
    mlflow.set_terminated(parent)
    return uri


def _write_trial(
    mlflow: MlflowClient, experiment: str, parent: str, name: str, spec: TrialSpec, objective: str, decision: str
) -> None:
    tags = {
        "mlflow.parentRunId": parent,
        records.TAG_KIND: records.KIND_TRIAL,
        records.TAG_STUDY: name,
        records.TAG_ARM: spec.arm,
        records.TAG_TRIAL: f"{spec.number:04d}",
        records.TAG_STATE: spec.state,
        records.TAG_REASON: spec.reason,
        records.TAG_SEED: str(spec.number),
        records.TAG_DEVICE: "cpu",
        records.TAG_THREADS: "1",
        records.TAG_PRECISION: "fp32",
    }
    params = _params(spec, objective)
    table = predictions(spec)
    confusion, found = _scores(table, decision)
    metrics = [
        Metric(key, value, 1000 * epoch, epoch)
        for epoch in range(1, spec.epochs + 1)
        for key, value in _epoch_values(found, epoch, spec.epochs).items()
    ]
    run = mlflow.create_run(experiment, tags=tags, run_name=f"{spec.number:04d}").info.run_id
    if spec.best:
        best = {f"best/val_{key}": value for key, value in found.items()} | {"best/val_loss": 1.0}
        best |= {records.BEST_EPOCH: spec.epochs, records.SECONDS: 2.0 * spec.epochs}
        best |= {records.IMAGES_SEEN: 400 * spec.epochs}
        metrics += [Metric(key, value, 10_000, spec.epochs) for key, value in best.items()]
        counts = {"epoch": spec.epochs, "part": "val", "confusion": confusion.tolist()}
        mlflow.log_dict(run, counts, records.ARTIFACT_CONFUSION)
        _log_parquet(mlflow, run, table, records.ARTIFACT_PREDICTIONS)
    mlflow.log_batch(run, metrics=metrics, params=[Param(key, value) for key, value in params.items()])
    if spec.state != records.STATE_RUNNING:
        mlflow.set_terminated(run, records.MLFLOW_STATUS[spec.state])


def _write_confirmation(
    mlflow: MlflowClient,
    experiment: str,
    parent: str,
    name: str,
    one: ConfirmSpec,
    fold: tuple[str, int, int] | None,
    decision: str,
) -> None:
    spec = one.confirms
    tags = {
        "mlflow.parentRunId": parent,
        records.TAG_KIND: records.KIND_CONFIRM,
        records.TAG_STUDY: name,
        records.TAG_ARM: spec.arm,
        records.TAG_CONFIRM: f"c{one.number:04d}",
        records.TAG_CONFIRMS: f"{spec.number:04d}",
        records.TAG_REPEAT: str(one.repeat),
        records.TAG_BASELINE: str(one.baseline),
        records.TAG_STATE: one.state,
        records.TAG_SEED: str(100 + one.number),
    }
    run = mlflow.create_run(experiment, tags=tags, run_name=f"c{one.number:04d}").info.run_id
    number, folds = (fold[1], fold[2]) if fold else (0, 1)
    table = predictions_on_test(one, fold=number, folds=folds)
    confusion, found = _scores(table, decision)
    clean_confusion, clean = _scores(table[table["clean"]], decision)
    metrics = [
        Metric(key, value, 1000 * epoch, epoch)
        for epoch in range(1, spec.epochs + 1)
        for key, value in _epoch_values(found, epoch, spec.epochs).items()
    ]
    spent = {records.SECONDS: 2.0 * spec.epochs, records.IMAGES_SEEN: 400.0 * spec.epochs}
    metrics += [Metric(key, value, 10_000, spec.epochs) for key, value in spent.items()]
    if one.read:
        read = {f"test/{key}": value for key, value in found.items()}
        if not table["clean"].all():
            read |= {f"test_clean/{key}": value for key, value in clean.items()}
        metrics += [Metric(key, value, 10_000, spec.epochs) for key, value in read.items()]
        counts = {"confusion": confusion.tolist(), "clean": clean_confusion.tolist()}
        mlflow.log_dict(run, {"epoch": spec.epochs, "part": "test", **counts}, records.ARTIFACT_TEST_CONFUSION)
        _log_parquet(mlflow, run, table, records.ARTIFACT_TEST_PREDICTIONS)
    params = [Param(key, value) for key, value in (_params(spec, "kappa") | {"seed": str(100 + one.number)}).items()]
    mlflow.log_batch(run, metrics=metrics, params=params)
    if one.state != records.STATE_RUNNING:
        mlflow.set_terminated(run, records.MLFLOW_STATUS[one.state])


def _write_finalist(
    mlflow: MlflowClient, experiment: str, parent: str, name: str, one: FinalistSpec, decision: str
) -> None:
    spec = one.repeats
    tags = {
        "mlflow.parentRunId": parent,
        records.TAG_KIND: records.KIND_FINALIST,
        records.TAG_STUDY: name,
        records.TAG_ARM: spec.arm,
        records.TAG_FINALIST: f"f{one.number:04d}",
        records.TAG_CONFIRMS: f"{spec.number:04d}",
        records.TAG_REPEAT: str(one.repeat),
        records.TAG_STATE: one.state,
        records.TAG_SEED: str(500 + one.number),
        records.TAG_SPLIT_SEED: str(700 + one.repeat),
    }
    run = mlflow.create_run(experiment, tags=tags, run_name=f"f{one.number:04d}").info.run_id
    again = TrialSpec(500 + one.number, spec.arm, one.skill, epochs=spec.epochs)
    found = _scores(predictions(again), decision)[1]
    metrics = [
        Metric(key, value, 1000 * epoch, epoch)
        for epoch in range(1, spec.epochs + 1)
        for key, value in _epoch_values(found, epoch, spec.epochs).items()
    ]
    if one.state == records.STATE_COMPLETE:
        best = {f"best/val_{key}": value for key, value in found.items()} | {"best/val_loss": 1.0}
        best |= {records.BEST_EPOCH: spec.epochs, records.SECONDS: 3.0 * spec.epochs}
        best |= {records.IMAGES_SEEN: 300 * spec.epochs}
        metrics += [Metric(key, value, 10_000, spec.epochs) for key, value in best.items()]
    mlflow.log_batch(run, metrics=metrics)
    if one.state != records.STATE_RUNNING:
        mlflow.set_terminated(run, records.MLFLOW_STATUS[one.state])


def _params(spec: TrialSpec, objective: str) -> dict[str, str]:
    architecture, start = spec.arm.split("-")
    return {
        "architecture": architecture,
        "pretrained": str(start == "pretrained"),
        "lr": str(0.001 * (spec.number + 1)),
        "batch_size": "16",
        "imbalance": "none",
        "objective": objective,
        "optimizer": "sgd",
        "seed": str(spec.number),
        **spec.params,
    }


def _scores(table: pd.DataFrame, decision: str) -> tuple[scores.Ints, dict[str, float]]:
    """Confusion counts and every defined score of a table of predictions."""
    chance = table[[f"p{grade}" for grade in range(5)]].to_numpy()
    guess = scores.called(chance, decision or "most_probable")
    confusion = scores.confusion_matrix(table["grade"], guess)
    found = {key: float(value) for key, value in scores.scores_from_confusion(confusion).items()}
    found["auc"] = scores.auc_ovr(table["grade"], chance)
    return confusion, {key: value for key, value in found.items() if not np.isnan(value)}


def _log_parquet(mlflow: MlflowClient, run: str, table: pd.DataFrame, name: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / Path(name).name
        table.to_parquet(path, index=False)
        mlflow.log_artifact(run, str(path), str(Path(name).parent))


def _epoch_values(best: dict[str, float], epoch: int, epochs: int) -> dict[str, float]:
    """Scores of an epoch, rising to those of the last one."""
    share = epoch / epochs
    values = {f"val/{key}": value * share for key, value in best.items()}
    return values | {
        "train/loss": 2 - share,
        "train/accuracy": min(best["accuracy"] * share + 0.05, 1.0),
        "train/kappa": min(best["kappa"] * share + 0.05, 1.0),
        "val/loss": 2 - 0.9 * share,
        "images_per_second": 100.0,
    }


@functools.cache
def four_arms() -> str:
    """A finished study `four` of eight trials, two in each arm, pretrained arms better; returns the tracking URI."""
    trials = [
        TrialSpec(2 * place + second, arm, skill=0.3 + 0.4 * arm.endswith("pretrained") + 0.1 * second)
        for place, arm in enumerate(ARMS)
        for second in (0, 1)
    ]
    return write_study("four", trials, study=STUDY_JSON)


@functools.cache
def confirmed() -> str:
    """A study `confirmed` of four arms, three seeds each on the test part, of which half the patients are clean."""
    trials = [TrialSpec(place, arm, skill=0.3 + 0.4 * arm.endswith("pretrained")) for place, arm in enumerate(ARMS)]
    confirms = [
        ConfirmSpec(3 * spec.number + repeat, spec, repeat, skill=spec.skill, clean=0.5)
        for spec in trials
        for repeat in range(3)
    ]
    return write_study("confirmed", trials, confirms=confirms, study=CONFIRMED_JSON)


@functools.cache
def folded() -> str:
    """A study `folded` of three outer folds, two arms, two seeds each; returns the tracking URI."""
    trials = [TrialSpec(0, "resnet18-scratch", skill=0.3), TrialSpec(1, "resnet18-pretrained", skill=0.7)]
    confirms = [
        ConfirmSpec(2 * spec.number + repeat, spec, repeat, skill=spec.skill) for spec in trials for repeat in range(2)
    ]
    return write_folds("folded", trials, confirms)


@functools.cache
def finalists() -> str:
    """A study `finalists` of two arms by the median grade and the last epoch; returns the tracking URI.

    In each arm trials 0 (the first), 1 and 2; 1 stands first by its own score, 2 by its two repeats; of each arm one
    more trial was stopped early. The winners of both arms are confirmed with two seeds, and the first trial of the arm
    that validation chose beside them.
    """
    trials = [
        TrialSpec(4 * place + number, arm, skill)
        for place, arm in enumerate(("resnet18-scratch", "resnet18-pretrained"))
        for number, skill in enumerate((0.3 + 0.2 * place, 0.85 + 0.1 * place, 0.5 + 0.2 * place))
    ]
    trials += [
        TrialSpec(number, arm, state=records.STATE_STOPPED, best=False, epochs=1)
        for number, arm in ((3, "resnet18-scratch"), (7, "resnet18-pretrained"))
    ]
    ended = {spec.number: spec for spec in trials}
    again = [
        FinalistSpec(number, ended[trial], repeat, skill)
        for number, (trial, repeat, skill) in enumerate(
            [(1, 0, 0.4), (1, 1, 0.4), (2, 0, 0.6), (2, 1, 0.6), (5, 0, 0.6), (5, 1, 0.6), (6, 0, 0.8), (6, 1, 0.8)]
        )
    ]
    confirms = [
        ConfirmSpec(2 * place + repeat, ended[trial], repeat, skill, baseline=trial == 4)
        for place, (trial, skill) in enumerate(((2, 0.5), (6, 0.8), (4, 0.4)))
        for repeat in (0, 1)
    ]
    saved = STUDY_JSON | {"weights": {"resnet18": {"source": "s.safetensors", "kind": "synthetic", "digest": "a" * 64}}}
    return write_study(
        "finalists", trials, confirms=confirms, finalists=again, decision="median", select_epoch="last",
        study=saved | {"test": {"n": 160, "reads": 6, "ensemble": True}},
    )  # fmt: skip


STUDY_JSON: dict[str, Any] = {
    "config": {"trials": 8, "epochs": 3, "seed": 0, "sampler": "tpe"},
    "audit": {
        "images": {"train": 400, "test": 100},
        "grades": {"train": [290, 30, 60, 12, 8], "test": [73, 7, 15, 3, 2]},
        "majority": {"train": 0.725, "test": 0.73},
        "fellow_copy": {"accuracy": 0.84728, "kappa": 0.72299, "n": 5618},
        "test_fellow_in_train": 5618,
        "notes": ["reads as the lab's layout"],
    },
    "budget": {arm: {"trials": 2, "epochs": 3} for arm in ARMS},
    "weights": {"resnet18": {"source": "source18.safetensors", "digest": "a" * 64}},
    "commands": ["retina search four --data DATA --trials 8 --epochs 3", "retina report four"],
    "not_run": {},
}

CONFIRMED_JSON: dict[str, Any] = STUDY_JSON | {
    "test": {
        "n": 160,
        "n_clean": 80,
        "drop_fellows": False,
        "reads": 12,
        "note": "the test part was read 12 times, once for each confirmation",
    }
}
