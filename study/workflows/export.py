"""A study's winner as a folder of files that other programs can read; whole, or not there."""

from __future__ import annotations

import logging
import os
import shutil
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from analysis.schema import AS_TOLD, patients_known
from analysis.stats.calibration import choose_threshold, fit_temperature, referral, with_temperature
from analysis.tables.model_card_scores import score_split
from retina_data.files import write_whole
from study.errors import ConfigError
from study.inference import onnx
from study.inference.best_model import BestModel, photographs
from study.inference.calibration_data import AGREE, arrays, calibration, check
from study.inference.model_card import Facts, model_card
from study.inference.model_dir import (
    CONFIG,
    MOST_MEMBERS,
    PREPROCESSING,
    WEIGHTS,
    Preprocessing,
    describe,
    write_model,
)
from study.inference.model_selection import find_best_model
from study.training.prediction import Grader

log = logging.getLogger(__name__)


CARD = "MODEL_CARD.md"


def export(
    home: Path, name: str, arm: str | None, target: Path, rerun_flags: str = "", *, ensemble: bool = False
) -> BestModel:
    """Write the winner of a study into the new folder `target`, and log which one it is and what was left out.

    rerun_flags: of Home. ensemble: all confirmed seeds as one model. Raises ConfigError where there is no winner, or
    not enough seeds, or `target` holds something.
    """
    if target.exists() and (not target.is_dir() or any(target.iterdir())):
        raise ConfigError(f"--out must be a new or empty folder, but {target} holds something; name another")
    winner = find_best_model(home, name, arm, rerun_flags, ensemble=ensemble)
    if len(winner.members) > MOST_MEMBERS:
        raise ConfigError(
            f"--ensemble takes at most {MOST_MEMBERS} seeds, but {len(winner.members)} are confirmed; drop --ensemble"
        )
    log.info(winner.description())
    target.parent.mkdir(parents=True, exist_ok=True)
    partial = target.with_name(f".{target.name}.{os.getpid()}.partial")
    partial.mkdir()
    try:
        _write(partial, home, winner)
        partial.rename(target)  # an empty folder gives way
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    return winner


def _write(folder: Path, home: Path, winner: BestModel) -> None:
    config, cache = winner.config, photographs(home, winner)
    validation, views = calibration(winner, cache)
    grader = winner.grader(views)
    probabilities, grades = arrays(validation)
    temperature = fit_temperature(probabilities, grades)
    threshold = choose_threshold(with_temperature(probabilities, temperature.value), grades)
    shape = cache.spec.shape if cache else "each"
    if cache is None and config.crop == "fov":
        log.info("note: the prepared photographs have gone, so the field of view of each graded one is found by itself")
    preprocessing = describe(config.image_size, config.crop, config.colour, config.normalisation, shape)
    splits, pooled = _parts(winner, validation, winner.test()), _pooled(winner)
    split_scores = [score_split(split, table, config.decision) for split, table in (pooled | splits).items()]
    best = {*pooled, next(iter(splits))}  # the model's own too: one fold's may be worse than all together
    values = {
        "architecture": config.architecture,
        "head": config.head,
        "decision": config.decision,
        "temperature": temperature.value,
        "referable_threshold": threshold,
        "limitations": [text for one in split_scores if one.split in best and (text := one.limitation())],
        "origin": {"study": winner.study, "trial": winner.trial, "confirm": winner.confirm, "epoch": winner.epoch},
    }
    settings = write_model(folder, grader, values, preprocessing)
    files = {
        WEIGHTS: "weights" if settings.members == 1 else f"weights of {settings.members} networks",
        CONFIG: "network, views, how a grade is called, temperature, threshold",
        PREPROCESSING: "from a photograph to the network's input",
        **_write_graphs(folder, grader, preprocessing),
    }
    referrals = {}
    for split, table in splits.items():
        probabilities, grades = arrays(table)
        calibrated, patients = with_temperature(probabilities, temperature.value), table["patient"].to_numpy(np.int64)
        referrals[split] = referral(calibrated, grades, patients, threshold)
    facts = Facts(
        scores=split_scores,
        referrals=referrals,
        temperature=temperature,
        settings=settings,
        files=files,
        check=check(winner, grader, validation, cache),
    )
    write_whole(folder / CARD, model_card(winner, facts).encode())
    for limitation in filter(None, (one.limitation() for one in split_scores)):
        log.info(f"note: {limitation}")


def _parts(winner: BestModel, validation: pd.DataFrame, test: pd.DataFrame | None) -> dict[str, pd.DataFrame]:
    """The model's own predictions by what they are of, in the order of their worth."""
    splits: dict[str, pd.DataFrame] = {}
    if test is not None:
        new_patients = test[test["new_patients"].astype(bool)]
        if 0 < len(new_patients) < len(test):
            as_told = "" if patients_known(winner.began.audit) else AS_TOLD
            splits[f"test, patients not in training{as_told}"] = new_patients
        splits["test" if len(new_patients) == len(test) else "test, all"] = test
    return splits | {f"{winner.chosen_on} (chosen there: optimistic)": validation}


def _pooled(winner: BestModel) -> dict[str, pd.DataFrame]:
    """Predictions of all outer folds together, where there are folds and each has been read."""
    tables = [table for one in (winner, *winner.siblings) if (table := one.test()) is not None]
    if not winner.siblings or len(tables) <= len(winner.siblings):
        return {}
    return {f"test, all {len(tables)} folds (each by its own model, trained alike)": pd.concat(tables)}


def _write_graphs(folder: Path, grader: Grader, preprocessing: Preprocessing) -> dict[str, str]:
    """The networks for other programs, each compared with ours on random input; name -> what it is."""
    size = preprocessing.image_size
    log.info(f"writing {onnx.PROGRAM}, {onnx.ONNX}")
    program = onnx.exported_program(grader, size)
    sample = torch.randn(3, 3, size, size, generator=torch.Generator().manual_seed(0))
    _assert_equal(grader, program.module(), sample)
    onnx.write_program(folder / onnx.PROGRAM, program)
    files = {onnx.PROGRAM: "PyTorch's exported program (torch.export); load it only from whom you trust"}
    missing = onnx.missing_for_onnx()
    if missing:
        log.info(f"{onnx.ONNX} is left out: {' and '.join(missing)} missing; install with: pip install onnx onnxscript")
        return files
    onnx.write_onnx(folder / onnx.ONNX, program)
    when = datetime.now(UTC).strftime("%Y-%m-%d %H:%M:%S")
    write_whole(folder / onnx.MLMODEL, onnx.mlmodel(size, when).encode())
    return files | {
        onnx.ONNX: f"ONNX: {onnx.INPUT} (batch, 3, {size}, {size}) to {onnx.OUTPUT} (batch, 5)",
        onnx.MLMODEL: "lets the folder be registered in MLflow's model registry",
    }


@torch.no_grad()
def _assert_equal(grader: Grader, other: torch.nn.Module, sample: Tensor) -> None:
    apart = float((grader(sample).exp() - other(sample).exp()).abs().max())
    assert apart <= AGREE, f"{onnx.PROGRAM} must give what the networks give, but is {apart:g} away"
