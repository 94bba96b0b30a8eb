"""The whole line on synthetic photographs: data, source weights from another camera, search, confirmation, report."""

from __future__ import annotations

import logging
import os
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from PIL import Image
from rich.table import Table

from analysis.figures.drawing.contact_sheet import write_contact_sheet
from analysis.number_format import with_interval
from analysis.results.columns import RUN, primary_endpoint
from retina_data.grades import GRADES
from retina_data.layouts.dataset import read_index
from retina_data.synthetic.dataset import Mix, make_dataset
from retina_models.imagenet import imagenet_file
from retina_models.resnet import ARCHITECTURES
from retina_models.weights import IMAGENET
from study.console import out
from study.disk_space import check_room, needed
from study.planning.inputs import Inputs
from study.tuning.confirmation import ConfirmationConfig
from study.tuning.recorder import N_BEST_WEIGHTS
from study.workflows import confirm, search
from study.workflows.pretrain import Source, make_source_weights
from study.workflows.report import write_study_report
from study.workflows.running.compute import Compute

if TYPE_CHECKING:
    from study.storage.home import Home

log = logging.getLogger(__name__)


NAME = "demo"

SIZE = 32

GRADE_MIX: Mix = (0.45, 0.12, 0.19, 0.18, 0.06)
"""Of the study's photographs: 400 in EyePACS' mix hold eight of grade 4, too few to learn from and to test on."""

ARMS = 4

SEEDS = 2  # of a confirmation; three would cost the demo another minute

PATIENTS, SOURCE_PATIENTS = 200, 450

SOURCE: dict[str, Any] = {"image_size": SIZE, "epochs": 8, "batch_size": 32, "seed": 2}

EXAMPLES = 3  # photographs of each grade on the sheet

AT_ONCE = 2  # on photographs this small two trials of one thread each train 1.4 times as fast as one of two threads

SEARCH: dict[str, Any] = {
    "trials": 8, "epochs": 8, "image_size": SIZE, "optimizer": "adamw",
    "space": {
        "architecture": ["resnet18", "resnet50"], "pretrained": [False, True],
        "lr": {"low": 1e-4, "high": 2e-3, "log": True}, "batch_size": [32, 64],
        "imbalance": ["none", "oversample", "weighted_loss", "focal"],
    },
}  # fmt: skip


def run_demo(here: Home) -> int:
    """Make data and source weights, search, confirm, report; returns the exit code. What is there is used again."""
    started = time.monotonic()
    # Asked by search and confirmation too, but then the source networks have been trained for minutes.
    kept = N_BEST_WEIGHTS + 1 + SEEDS
    check_room(here.home / NAME / "checkpoints", needed(set(ARCHITECTURES), {SEARCH["optimizer"]}, ARMS, AT_ONCE, kept))
    folder = here.home / "demo-data"
    out.rule("1/5 the study's photographs")
    make_dataset(folder / "study", patients=PATIENTS, image_size=SIZE, camera="a", seed=1, grade_mix=GRADE_MIX)
    sheet = folder / "photographs.png"
    _write_sheet(folder / "study", sheet)
    log.info(f"some of each grade: {sheet}")
    out.rule("2/5 source weights, from another camera's photographs: what `with pretraining` means here")
    weights = _source_weights(folder, here.home)
    out.rule("3/5 the search: ResNet18 and ResNet50, with and without pretraining, equal budgets")
    inputs = Inputs(data=folder / "study", overrides={**SEARCH, "weights": weights})
    compute = Compute(cpus_per_trial=max(1, (os.cpu_count() or 1) // AT_ONCE))
    code = search.search(NAME, here, inputs, compute)
    if code:
        return _stopped(code, here)
    out.rule("4/5 the confirmation: each arm's winner with fresh seeds, then the test split, read once for each")
    code = confirm.confirm(NAME, here, ConfirmationConfig(seeds=SEEDS), compute)
    if code:
        return _stopped(code, here)
    out.rule("5/5 the report")
    report = write_study_report(NAME, here)
    text = {name: str for name in ("trial", "confirmed_trial", "reason", "seed_numbers")}  # empty ones are not numbers
    _print_four_way(primary_endpoint(pd.read_csv(report / "four_way.csv", dtype=text)))
    log.info(f"report:  {report / 'report.html'}")
    log.info(f"trials:  retina ui {NAME}")
    log.info(f"took {time.monotonic() - started:.0f} s")
    return 0


def _write_sheet(data: Path, sheet: Path) -> None:
    """The first photographs of each grade, of different patients."""
    table = read_index(data).table
    grades = [table[table["grade"] == grade] for grade in GRADES]
    paths_of = [grade.drop_duplicates("patient")["path"][:EXAMPLES] for grade in grades]
    photographs = [[np.asarray(Image.open(path).convert("RGB")) for path in paths] for paths in paths_of]
    write_contact_sheet(sheet, photographs, [len(grade) for grade in grades])


def _stopped(code: int, here: Home) -> int:
    log.info(f"the whole demo goes on with: retina demo{here.rerun_flags}")
    return code


def _source_weights(folder: Path, home: Path) -> dict[str, str]:
    """ImageNet weights where those of both networks are on the disk, else files trained on the other camera."""
    if all(imagenet_file(name).exists() for name in ARCHITECTURES):
        log.info("ImageNet weights from the disk")
        return dict.fromkeys(ARCHITECTURES, IMAGENET)
    weights = {}
    for name in ARCHITECTURES:
        weights[name] = str(make_source_weights(name, Source(patients=SOURCE_PATIENTS, **SOURCE), folder, home))
    return weights


def _print_four_way(arms: pd.DataFrame) -> None:
    table = Table("arm", "accuracy (95 %)", "majority class", "kappa (95 %)", "n")
    for arm in arms.to_dict("records"):
        if arm["status"] != RUN:
            table.add_row(str(arm["label"]), f"{arm['status']}: {arm['reason']}")
            continue
        accuracy, kappa = with_interval(arm, "accuracy"), with_interval(arm, "kappa")
        table.add_row(str(arm["label"]), accuracy, f"{arm['majority']:.3f}", kappa, str(int(arm["n"])))
    out.print(table)
    log.info(
        f"each arm's best trial on validation, trained again with {SEEDS} fresh seeds: their mean on the test split, "
        "which the search never saw; intervals over patients, conditional on the trained models"
    )
