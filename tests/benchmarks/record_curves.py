"""Record the curves that bench_sampler replays: real runs of configurations drawn at random from the default space.

    python -m tests.benchmarks.record_curves [--runs 150] [--work build/curves] [--share 1/2]

ResNet18 from random weights, 400 synthetic photographs at 28 px (320 train, 80 validation, divided by patient), 15
epochs. Each configuration is run twice, with another seed and another validation split; the first one is the known-good
configuration. Each epoch has its validation scores, the last one those of 1,000 other photographs of the same camera:
the run's true quality. One line of curves.jsonl is one finished run, so that a second call goes on with the rest.
"""

from __future__ import annotations

import argparse
import json
import os
import time
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch

from retina_data.cache.cache import Cache
from retina_data.splits import resplit
from study.config.trial import TrialConfig
from study.training.train import TrainData, train
from tests.benchmarks.training import (
    CPU,
    grades_of,
    groups_of_rows,
    model_of,
    photographs,
    probabilities_of,
    scores,
)

CURVES = Path(__file__).with_name("curves.jsonl")
SIZE, EPOCHS, REPEATS = 28, 15, 2
KNOWN_GOOD = {
    "optimizer": "adamw", "lr": 0.001, "weight_decay": 0.01, "batch_size": 32, "augmentation": "flips",
    "imbalance": "none",
}  # fmt: skip
LEARNING_RATES = {"sgd": (1e-3, 1e-1), "adamw": (1e-4, 5e-3)}
DECAYS = {"sgd": (1e-5, 1e-3), "adamw": (1e-3, 1e-1)}
BATCHES, AUGMENTATIONS = (16, 32, 64), ("flips", "dihedral", "full")
STRATEGIES = ("none", "flip_minority", "undersample", "oversample", "weighted_loss", "focal", "logit_adjustment")
PARAMETERS = {
    "weighted_loss": ("weight_power", 0.25, 1.0),
    "focal": ("focal_gamma", 0.5, 4.0),
    "logit_adjustment": ("logit_tau", 0.25, 1.5),
}


def _log_axis(of: dict[str, tuple[float, float]]) -> dict[str, dict[str, Any]]:
    return {name: {"low": low, "high": high, "log": True} for name, (low, high) in of.items()}


SPACE: dict[str, Any] = {
    "optimizer": tuple(LEARNING_RATES),
    "lr": _log_axis(LEARNING_RATES),
    "weight_decay": _log_axis(DECAYS),
    "batch_size": BATCHES,
    "augmentation": AUGMENTATIONS,
    "imbalance": STRATEGIES,
    **{name: {"low": low, "high": high} for name, low, high in PARAMETERS.values()},
}
"""What is drawn from, as StudyConfig reads it: the default space, and the parameters of its strategies."""


def drawn(number: int) -> dict[str, Any]:
    """The fields of configuration `number` that the space varies; number 0 is the known-good one."""
    if number == 0:
        return dict(KNOWN_GOOD)
    random = np.random.default_rng([11, number])
    optimizer = str(random.choice(tuple(LEARNING_RATES)))

    def log_uniform(low: float, high: float) -> float:
        return float(f"{np.exp(random.uniform(np.log(low), np.log(high))):.4g}")

    values: dict[str, Any] = {
        "optimizer": optimizer,
        "lr": log_uniform(*LEARNING_RATES[optimizer]),
        "weight_decay": log_uniform(*DECAYS[optimizer]),
        "batch_size": int(random.choice(BATCHES)),
        "augmentation": str(random.choice(AUGMENTATIONS)),
        "imbalance": str(random.choice(STRATEGIES)),
    }
    if values["imbalance"] in PARAMETERS:
        name, low, high = PARAMETERS[values["imbalance"]]
        values[name] = round(float(random.uniform(low, high)), 4)
    return values


def recorded() -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """The header and the finished runs; a torn last line does not count."""
    lines = []
    for line in CURVES.read_text("utf-8").splitlines() if CURVES.exists() else []:
        try:
            lines.append(json.loads(line))
        except ValueError:
            continue
    return [line for line in lines if "about" in line], [line for line in lines if "run" in line]


def run(number: int, repeat: int, cache: Cache, test: Cache) -> dict[str, Any]:
    """Train one configuration and return its line."""
    config = TrialConfig.model_validate(
        {**drawn(number), "epochs": EPOCHS, "image_size": SIZE, "seed": 1000 * repeat + number}
    )
    parts = resplit(cache.table, pd.Series("train", index=cache.table.index), val_fraction=0.2, seed=repeat)
    divided = [np.flatnonzero(parts == part) for part in ("train", "val")]
    data = TrainData(cache.images, grades_of(cache), groups_of_rows(cache), *divided)
    curve, started = [], time.perf_counter()
    for epoch in train(config, data, CPU):
        found = scores(
            epoch.predictions["grade"].to_numpy(np.int64),
            epoch.predictions[[f"p{grade}" for grade in range(5)]].to_numpy(np.float64),
        )
        curve.append({**found, "loss": round(epoch.scores["val/loss"], 4)})
    model = model_of(config, epoch.state()["model"])
    rows = np.arange(len(test.images))
    return {
        "run": f"{number}/{repeat}",
        "config": drawn(number),
        "seconds": round(time.perf_counter() - started, 1),
        "val": {name: [point[name] for point in curve] for name in curve[0]},
        "test": scores(grades_of(test), probabilities_of(model, config, test.images, rows)),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--runs", type=int, default=150, help="runs in all, two of each configuration")
    parser.add_argument("--work", type=Path, default=Path("build/curves"), help="folder of the photographs")
    parser.add_argument("--share", default="1/1", help="configurations of this call, such as 2/2: two can run at once")
    asked = parser.parse_args()
    torch.set_num_threads(1)
    cache = photographs(asked.work, patients=200, camera="a", seed=1, size=SIZE)
    test = photographs(asked.work, patients=500, camera="a", seed=2, size=SIZE)
    header, runs = recorded()
    if not header:
        about = (__doc__ or "").split("\n\n")[2].replace("\n", " ")
        with CURVES.open("a", encoding="utf-8") as file:
            file.write(json.dumps({"about": about, "command": "python -m tests.benchmarks.record_curves"}) + "\n")
    known, (share, of) = {one["run"] for one in runs}, (int(text) for text in asked.share.split("/"))
    mine = range(share - 1, asked.runs // REPEATS, of)
    wanted = [(number, repeat) for number in mine for repeat in range(REPEATS)]
    for number, repeat in wanted:
        if f"{number}/{repeat}" in known:
            continue
        line = run(number, repeat, cache, test)
        with CURVES.open("a", encoding="utf-8") as file:
            file.write(json.dumps(line, separators=(",", ":")) + "\n")
            file.flush()
            os.fsync(file.fileno())
        last = {name: values[-1] for name, values in line["val"].items()}
        print(f"{line['run']} of {len(wanted)}: {line['seconds']} s, val {last}, test {line['test']}", flush=True)


if __name__ == "__main__":
    main()
