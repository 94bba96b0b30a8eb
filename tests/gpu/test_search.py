"""A search on the GPUs of this machine: where its trials run, and what they took."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from mlflow import MlflowClient

from analysis import schema
from tests.faults.fixture import Study
from tests.fixtures.placement import at_once, place_of, shared_gpus
from tests.fixtures.study import small_data

pytestmark = pytest.mark.gpu


def _searched(folder: Path, *flags: str) -> Study:
    study = Study(folder, small_data(folder / "data", patients=40))
    said = study.finish("--trials", str(4 * torch.cuda.device_count()), "--epochs", "30", *flags)
    assert "GPU and" in said, said
    return study


def test_each_gpu_has_one_trial_and_says_what_it_took(tmp_path: Path) -> None:
    study, gpus = _searched(tmp_path, "--early-stopping", "none"), torch.cuda.device_count()
    state = study.state()
    assert shared_gpus(state) == []
    assert at_once(state) <= gpus
    assert {place_of(record)[1] for record in state.trials.values()} == {str(number) for number in range(gpus)}
    for record in state.trials.values():
        for epoch in record.epochs:
            assert epoch.device == torch.cuda.get_device_name(int(epoch.gpu))
            assert (epoch.peak_memory_bytes or 0) > 45e6, "the parameters of a ResNet18 alone are as much"
    for run in MlflowClient(study.uri).search_runs([study.runs()[0].info.experiment_id]):
        if run.data.tags[schema.TAG_KIND] == schema.KIND_TRIAL:
            assert run.data.metrics[schema.PEAK_MEMORY] > 45
            assert 0 <= run.data.metrics.get(schema.UTILISATION, 0) <= 1


def test_two_trials_share_a_gpu(tmp_path: Path) -> None:
    study = _searched(tmp_path, "--gpus-per-trial", "0.5", "--early-stopping", "none")
    state = study.state()
    assert all(record.end and record.end.state == schema.STATE_COMPLETE for record in state.trials.values())
    assert shared_gpus(state), "two were on one GPU at the same time"
    assert at_once(state) <= 2 * torch.cuda.device_count()
