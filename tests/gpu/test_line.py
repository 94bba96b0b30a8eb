"""From a search on a GPU to a model folder, and what a machine without a GPU makes of it."""

from __future__ import annotations

import io
from pathlib import Path

import pandas as pd
import pytest
import torch

from analysis.schema import GRADES
from tests.faults.fixture import SMALL, Study
from tests.fixtures.study import small_data

pytestmark = pytest.mark.gpu


def _said(study: Study, *arguments: str) -> str:
    done = study.retina(*arguments)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


def _chances(study: Study, model: Path, overlays: Path | None = None) -> pd.DataFrame:
    more = ["--explain", "--out", str(overlays)] if overlays else []
    done = study.retina("predict", str(model), str(study.data / "images"), *more)
    assert done.returncode == 0, done.stderr
    table = pd.read_csv(overlays / "predictions.csv" if overlays else io.StringIO(done.stdout))
    return table[[f"p{grade}" for grade in GRADES]]


def test_what_a_gpu_found_comes_out_the_same_without_one(tmp_path: Path) -> None:
    study, model = Study(tmp_path, small_data(tmp_path / "data", patients=40)), tmp_path / "winner"
    plan = _said(study, "search", "s", "--data", str(study.data), *SMALL, "--trials", "2", "--dry-run")
    assert "GPU and" in plan, plan
    study.finish("--trials", "2")
    assert "test kappa" in _said(study, "confirm", "s", "--seeds", "2")
    _said(study, "report", "s")
    assert (study.home / "s" / "report" / "report.html").exists()
    _said(study, "export", "s", "--out", str(model))
    there = _chances(study, model, tmp_path / "graded")
    assert len(list((tmp_path / "graded").glob("*/*.png"))) == len(there)
    study.environment["CUDA_VISIBLE_DEVICES"] = ""
    here = _chances(study, model)
    assert len(here) == 80 and (here - there).abs().to_numpy().max() < 1e-4


def test_one_configuration_trains_on_a_gpu(tmp_path: Path) -> None:
    study = Study(tmp_path, small_data(tmp_path / "data"))
    flags = ("--image-size", "32", "--epochs", "2", "--batch-size", "16", "--precision", "bf16")
    said = _said(study, "train", str(study.data), "--out", str(tmp_path / "trained"), *flags)
    assert "val/kappa" in said
    assert (tmp_path / "trained" / "best.safetensors").exists()
    assert torch.cuda.is_available()
