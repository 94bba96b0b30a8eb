import io
from pathlib import Path

import pytest
import torch
from rich.console import Console

from study.cluster import Resources
from study.dryrun import dry_run, here_available
from study.ledger import StudyState
from study.plan import Inputs, make_plan
from tests.study_fixture import small_data


def _said(tmp_path: Path, gpus: float = 0, **flags: object) -> str:
    data = small_data(tmp_path / "data")
    overrides = {"image_size": 32, "epochs": 3, "trials": 4, "pretrained": False, **flags}
    plan = make_plan("s", tmp_path / "home", StudyState(), Inputs(data=data, overrides=overrides))
    text = io.StringIO()
    limits = Resources(cpus=1, gpus=gpus, slots=2)
    dry_run(plan, StudyState(), limits, Console(file=text, width=160))
    assert not plan.folder.exists()
    return text.getvalue()


def test_it_says_what_would_run_and_what_it_would_cost(tmp_path: Path) -> None:
    said = _said(tmp_path)
    assert "would run 4 of 4 trials of at most 3 epochs over 2 arms (resnet18-scratch, resnet50-scratch)" in said
    assert "2 at once, 1 CPU thread each, no GPU" in said
    assert "0.0001 to 0.1, logarithmic" in said
    assert "early stopping is idle: 2 trials in an arm, fewer than 3" in said
    for word in ("resnet18", "resnet50", "GB of disk", "expected: 00:0"):
        assert word in said


def test_a_disk_that_is_too_small_is_a_problem_that_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("study.dryrun.shutil.disk_usage", lambda _: type("Usage", (), {"free": 1_000_000})())
    said = _said(tmp_path, architecture="resnet18")
    assert "problem: " in said
    assert "but 0.00 GB are free" in said


def test_this_machine_has_a_processor() -> None:
    assert here_available()["CPU"] >= 1


@pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has a GPU")
def test_time_that_is_measured_without_the_gpu_of_a_cluster_is_said_to_be(tmp_path: Path) -> None:
    said = _said(tmp_path, gpus=1, architecture="resnet18")
    assert "2 at once, 1 GPU and 1 CPU thread each" in said
    assert "measured on this machine's CPU, since it has no GPU" in said
