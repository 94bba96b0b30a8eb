"""Whether a search beats one ordinary training run, and what each ingredient of it is worth, on the test split.

    make bench-quality                                   all of it
    python -m tests.benchmarks.quality --part idrid --out build/quality [--quick]

ResNet18. Data: IDRiD by three folds at 48 px, pooled; 300 synthetic photographs at 48 px with 800 others for the test.
The earlier method, the new one and its first trial alone, on the same images; then each ingredient alone on the first
trial's configuration; and synthetic source weights (another camera's photographs) beside a control that trains from
random weights for as many more photographs as the source training took.

Each finished run is one line of runs.jsonl below --out (each epoch of a search one of its ledger), with its predictions
beside it: a second call goes on, and one without anything left only writes the tables again.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import math
import os
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from retina_data.cache.preparation import prepare
from retina_data.layouts.dataset import read_index
from retina_data.splits import assign_splits, fold_splits, resplit
from retina_data.synthetic.dataset import make_dataset
from retina_models.weights import Weights, read_weights
from study.config.study import StudyConfig, make_study_config
from study.config.trial import TrialConfig
from study.storage.ranking import candidates, fresh_seed
from study.storage.state import StudyState, TrialRecord, ranked
from study.training.data import SplitDataset
from study.training.train import train
from study.workflows.pretrain import Source, make_source_weights
from tests.benchmarks.quality_tables import Answer, Measured, write_tables
from tests.benchmarks.record_curves import SPACE
from tests.benchmarks.serial import WithoutKnownGood, report_of, search
from tests.benchmarks.training import CPU, SMALL_SET_MIX, model_of, probabilities_of, scores

SIZE = 48
IDRID = Path("../shared/data/idrid")
FIXED: dict[str, Any] = {"architecture": "resnet18", "pretrained": False, "image_size": SIZE}
EARLIER_FIXED = {"optimizer": "sgd", "momentum": 0.9, "weight_decay": 1e-4, "augmentation": "flips", "views": 1}
EARLIER_FIXED |= {"select_epoch": "best", "decision": "most_probable"}
EARLIER_SPACE = {
    "lr": {"low": 1e-4, "high": 1e-1, "log": True},
    "batch_size": SPACE["batch_size"],
    "imbalance": SPACE["imbalance"],
}
VAL_FRACTION = 0.2


@dataclass(frozen=True)
class Plan:
    """Sizes of the whole measurement."""

    folds: tuple[int, ...] = (0, 1, 2)
    trials: int = 8
    finalists: int = 2
    epochs: int = 15
    seeds: int = 3
    train_patients: int = 150
    test_patients: int = 400
    source_patients: int = 450
    source_epochs: int = 8


QUICK = Plan((0,), 3, 2, 2, seeds=2, train_patients=30, test_patients=30, source_patients=30, source_epochs=1)


@dataclass(frozen=True)
class Unit:
    """One training list and its test split: a fold of IDRiD, or the synthetic set."""

    name: str
    prepared: SplitDataset

    def data(self, split_seed: int | None = None) -> Any:
        """What `train` reads; split_seed: of a finalist's own division."""
        table, parts = self.prepared.cache.table, self.prepared.splits
        if split_seed is not None:
            parts = resplit(table, parts, val_fraction=VAL_FRACTION, seed=split_seed)
        return SplitDataset(self.prepared.cache, parts).train_data()


def units(part: str, plan: Plan, out: Path, idrid: Path) -> list[Unit]:
    """The data sets of a part, prepared once."""
    if part == "idrid":
        cache = prepare(read_index(idrid, "kaggle"), out, image_size=SIZE)
        folds = {f"idrid-{fold + 1}": fold_splits(cache.table, folds=3, fold=fold) for fold in plan.folds}
        return [Unit(name, SplitDataset(cache, parts)) for name, parts in folds.items()]
    patients = plan.train_patients + plan.test_patients
    data = out / f"synthetic-{plan.train_patients}-{plan.test_patients}"
    make_dataset(
        data, patients=patients, image_size=64, camera="a", seed=3, grade_mix=SMALL_SET_MIX,
        test_fraction=plan.test_patients / patients,
    )  # fmt: skip
    cache = prepare(read_index(data), out, image_size=SIZE)
    return [Unit("synthetic", SplitDataset(cache, assign_splits(cache.table, val_fraction=VAL_FRACTION)))]


def say(unit: str, what: str, seconds: float, text: str) -> None:
    """A line for each run."""
    print(f"{time.strftime('%H:%M:%S')} {unit:12} {what:32} {seconds:6.1f} s  {text}", flush=True)


class Bench:
    """Trains what has not been trained yet, and counts what it took."""

    def __init__(self, plan: Plan, out: Path) -> None:
        self.plan, self.out = plan, out
        self._file = out / "runs.jsonl"
        (out / "predictions").mkdir(parents=True, exist_ok=True)
        lines = self._file.read_text("utf-8").splitlines() if self._file.exists() else []
        self.lines: dict[str, dict[str, Any]] = {}
        for line in lines:
            try:
                one = json.loads(line)
            except ValueError:  # torn
                continue
            self.lines[one["run"]] = one
        self._sources: dict[int, Weights] = {}

    def _finished(self, key: str, arrays: dict[str, NDArray[Any]], about: dict[str, Any]) -> None:
        with (self.out / "predictions" / f".{key}.npz").open("wb") as file:
            np.savez_compressed(file, **{name: values.astype(np.float32) for name, values in arrays.items()})
        os.replace(self.out / "predictions" / f".{key}.npz", self.out / "predictions" / f"{key}.npz")
        self.lines[key] = {"run": key, **about}
        with self._file.open("a", encoding="utf-8") as file:
            file.write(json.dumps(self.lines[key], separators=(",", ":")) + "\n")
            file.flush()
            os.fsync(file.fileno())
        last = {name: about["test"][name] for name in ("accuracy_median", "kappa_median", "auc")}
        say(about["unit"], about["what"], about["seconds"], str(last))

    def fit(
        self,
        unit: Unit,
        what: str,
        config: TrialConfig,
        *,
        weights: Weights | None = None,
        last_epoch: int | None = None,
    ) -> str:
        """Train a configuration to its end (or an earlier epoch), predict the test split; returns the run's key."""
        last_epoch, source = last_epoch or config.epochs, weights.digest if weights else ""
        identity = [unit.name, unit.prepared.split_digest, config.model_dump(), source, last_epoch]
        key = hashlib.sha256(json.dumps(identity).encode()).hexdigest()[:16]
        if key in self.lines:
            return key
        started, data = time.perf_counter(), unit.data()
        for epoch in train(config, data, CPU, weights=weights):
            if epoch.number == last_epoch:
                break
        rows, images = np.flatnonzero(unit.prepared.splits == "test"), unit.prepared.cache.images
        model = model_of(config, epoch.state()["model"])
        views = (1, 4, 8) if config.augmentation == "dihedral" and config.imbalance != "flip_minority" else (1, 4)
        arrays = {f"test_{n}": probabilities_of(model, config, images, rows, n) for n in views}
        arrays["val"] = epoch.predictions[[f"p{grade}" for grade in range(5)]].to_numpy()
        grades = unit.prepared.cache.table["grade"].to_numpy(np.int64)
        about = {
            "unit": unit.name,
            "what": what,
            "seconds": round(time.perf_counter() - started, 1),
            "images": epoch.images_seen * last_epoch,
            "epochs": last_epoch,
            "config": config.model_dump(mode="json"),
            "test": scores(grades[rows], arrays["test_1"]),
        }
        self._finished(key, arrays, about)
        return key

    def runs_of(self, unit: Unit) -> Any:
        """What trains the trials and finalists of a search on a unit."""

        def runs(record: TrialRecord) -> Iterator[dict[str, Any]]:
            config, before = TrialConfig.model_validate(record.config), None
            started = time.perf_counter()
            for epoch in train(config, unit.data(record.finalist.split_seed if record.finalist else None), CPU):
                report = report_of(epoch.number, epoch.scores, before, record.config)
                report |= {"images_seen": epoch.images_seen, "seconds": round(epoch.seconds, 3)}
                before = report["best"]
                yield report
            say(unit.name, record.trial, time.perf_counter() - started, f"validation {before:.4f}")

        return runs

    def source(self, seed: int) -> Weights:
        """Weights of a network trained on synthetic photographs of the other camera."""
        if seed not in self._sources:
            plan = self.plan
            source = Source(patients=plan.source_patients, image_size=SIZE, epochs=plan.source_epochs, seed=seed)
            file = make_source_weights("resnet18", source, self.out / f"source-{seed}", self.out)
            self._sources[seed] = read_weights(file, "resnet18", download=False)
        return self._sources[seed]


def study_config(plan: Plan, earlier: bool) -> StudyConfig:
    """The study of a method."""
    values = {
        "trials": plan.trials,
        "finalists": 0 if earlier else plan.finalists,
        "early_stopping": "halving" if earlier else "none",
        "fixed": FIXED | {"epochs": plan.epochs} | (EARLIER_FIXED if earlier else {}),
        "space": EARLIER_SPACE if earlier else SPACE,
    }
    return make_study_config(values, {})


def first_configs(plan: Plan, **values: Any) -> list[TrialConfig]:
    """The known-good configuration with the seeds that a confirmation of the first trial has."""
    seeds = [fresh_seed(0, "confirm", "0000", repeat) for repeat in range(plan.seeds)]
    return [TrialConfig.model_validate(FIXED | {"epochs": plan.epochs} | values | {"seed": seed}) for seed in seeds]


@dataclass(frozen=True)
class BestModel:
    """What a method takes home on a unit: keys of its confirmations, the validation score it claims, the search."""

    keys: list[str]
    claimed: float
    state: StudyState


def earlier_method(bench: Bench, unit: Unit) -> BestModel:
    """Random first configurations, the highest peak picks epoch and trial, confirmations stop after that epoch."""
    config = study_config(bench.plan, earlier=True)
    state = search(bench.out / "searches" / f"{unit.name}-earlier", config, bench.runs_of(unit), WithoutKnownGood)
    winner = ranked(state.trials.values())[0]
    best, score = winner.best(), winner.best_score()
    assert best is not None and score is not None
    keys = []
    for repeat in range(bench.plan.seeds):
        seed = fresh_seed(0, "confirm", winner.trial, repeat)
        again = TrialConfig.model_validate({**winner.config, "seed": seed})
        keys.append(bench.fit(unit, f"earlier method, seed {repeat}", again, last_epoch=best.epoch))
    return BestModel(keys, score, state)


def new_method(bench: Bench, unit: Unit) -> BestModel:
    """Known-good first trial, last epochs, finalists on other validation splits, confirmations over the schedule."""
    config = study_config(bench.plan, earlier=False)
    state = search(bench.out / "searches" / f"{unit.name}-new", config, bench.runs_of(unit))
    best = candidates(state)[0]
    keys = []
    for repeat in range(bench.plan.seeds):
        seed = fresh_seed(0, "confirm", best.record.trial, repeat)
        again = TrialConfig.model_validate({**best.record.config, "seed": seed})
        keys.append(bench.fit(unit, f"new method, seed {repeat}", again))
    return BestModel(keys, best.score, state)


def ingredients(bench: Bench, unit: Unit) -> dict[str, list[str]]:
    """Keys of the runs of the first trial's configuration, changed in one thing each."""
    plan, trained = bench.plan, len(unit.data().train_rows)
    changes: dict[str, dict[str, Any]] = {
        "first trial": {},
        "dihedral": {"augmentation": "dihedral"},
    }
    found = {
        name: [bench.fit(unit, f"{name}, seed {n}", one) for n, one in enumerate(first_configs(plan, **values))]
        for name, values in changes.items()
    }
    sources = [bench.source(seed) for seed in range(plan.seeds)]
    pretrained = first_configs(plan, pretrained=True, lr=0.0005)
    found["synthetic source"] = [
        bench.fit(unit, f"synthetic source {n}", one, weights=sources[n]) for n, one in enumerate(pretrained)
    ]
    more = math.ceil(source_images(plan) / trained)
    longer = first_configs(plan, epochs=plan.epochs + more)
    found["equal compute"] = [bench.fit(unit, f"equal compute, seed {n}", one) for n, one in enumerate(longer)]
    return found


def source_images(plan: Plan) -> int:
    """Photographs that a source training sees: nine tenths of its patients, two eyes each, every epoch."""
    return round(0.9 * 2 * plan.source_patients) * plan.source_epochs


def cost(plan: Plan, of: list[Unit]) -> int:
    """Photographs that all of it trains on, a little too high: no trial stopped early."""
    total = plan.seeds * source_images(plan) if of else 0
    for unit in of:
        run = plan.epochs * len(unit.data().train_rows)
        confirmed = 6  # earlier, new, first, dihedral, synthetic source, equal compute
        runs = 2 * plan.trials + 2 * plan.finalists + plan.seeds * confirmed
        total += runs * run + plan.seeds * source_images(plan)
    return total


def measure(bench: Bench, part: str, of: list[Unit]) -> Measured:
    """Everything of a part; what is there already is not trained again."""
    answers: dict[str, list[Answer]] = {}
    claims: dict[str, list[float]] = {}
    for unit in of:
        for name, method in (("new method", new_method), ("earlier method", earlier_method)):
            winner = method(bench, unit)
            answers.setdefault(name, []).append(Answer.read(bench.out, unit.name, unit.prepared, winner.keys))
            claims.setdefault(name, []).append(winner.claimed)
    for unit in of:
        for name, keys in ingredients(bench, unit).items():
            answers.setdefault(name, []).append(Answer.read(bench.out, unit.name, unit.prepared, keys))
    return Measured(part, answers, claims)


def main() -> None:
    parser = argparse.ArgumentParser(description="Measure what a search is worth on the test split.")
    parser.add_argument("--part", choices=["idrid", "synthetic"], help="one of the two data sets; both without it")
    parser.add_argument("--out", type=Path, default=Path("build/quality"), help="folder of runs and tables")
    parser.add_argument("--idrid", type=Path, default=IDRID, help="folder of IDRiD")
    parser.add_argument("--quick", action="store_true", help="a few minutes' version, to see that all of it runs")
    parser.add_argument("--threads", type=int, default=2, help="of torch")
    asked = parser.parse_args()
    torch.set_num_threads(asked.threads)
    plan = QUICK if asked.quick else Plan()
    bench = Bench(plan, asked.out)
    parts = [asked.part] if asked.part else ["idrid", "synthetic"]
    prepared = {part: units(part, plan, asked.out, asked.idrid) for part in parts}
    seen = sum(line["images"] for line in bench.lines.values())
    seconds = sum(line["seconds"] for line in bench.lines.values())
    speed = seen / seconds if seconds else 100.0
    total = sum(cost(plan, of) for of in prepared.values())
    how = "as the runs so far" if seconds else "as 2 idle cores do"
    print(f"at most {total:,} photographs to train on: {total / speed / 60:.0f} minutes at {speed:.0f} a second, {how}")
    for part, of in prepared.items():
        write_tables(asked.out, measure(bench, part, of))


if __name__ == "__main__":
    main()
