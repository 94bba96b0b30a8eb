"""The logic of `make bench-gpu`, with tiny sizes on the CPU."""

from __future__ import annotations

import io
import sys
from pathlib import Path

import pytest
import torch

from retina_models.errors import CompilationError
from tests.benchmarks import gpu_speed
from tests.benchmarks.gpu_speed import LARGE, SMALL, Sizes, child, goals, lines, main

CPU = torch.device("cpu")
SHAPE = ("resnet18", 32, 2)
TINY = Sizes(shapes=(SHAPE,), trials=(SHAPE,), sides=(32,), at_once=(1, 2), seconds=0.01, rounds=1, steps=1)


def _no_compiler(*_: object) -> None:
    raise CompilationError("compile=on needs a C++ compiler; set compile: off")


@pytest.fixture
def printed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """Title -> what stands behind it, on a machine without compiler and timm."""
    monkeypatch.setattr(gpu_speed, "compiled", _no_compiler)
    monkeypatch.setattr("study.training.train_state.compiled", _no_compiler)
    monkeypatch.setitem(sys.modules, "timm", None)
    found = list(lines(CPU, TINY, tmp_path, lambda side, count: 10.0 * count))
    assert "CPU, torch" in found[0] and (tmp_path / "resnet18-32-2" / "last.checkpoint").exists()
    return {line[:42].strip(): line[43:].strip() for line in found[1:]}


def test_all_is_printed_and_what_is_missing_is_said(printed: dict[str, str]) -> None:
    start = "resnet18 32 px batch 2: "
    for name in ("eager fp32", "eager bf16", "train() bf16"):
        speed, unit = printed[start + name].split()
        assert float(speed) > 0 and unit == "images/s"
    for name in ("compiled bf16", "train() compiled"):
        assert printed[start + name].startswith("not measured: compile=on needs a C++ compiler")
    assert printed[start + "timm bf16"] == "not measured: timm is not installed"
    trial = printed["resnet18 32 px: a whole trial"]
    assert "epochs/s of 1 steps" in trial and "validation" in trial and "checkpoint" in trial
    assert printed["resnet18 32 px batch 32: 2 at once"] == "20.0 images/s together"


def test_what_there_is_no_time_for_is_said(tmp_path: Path) -> None:
    found = list(lines(CPU, Sizes(limit=0.0), tmp_path, lambda side, count: 0.0))
    assert len(found) == 1 + 5 * 6 + 2 + 3 * 3
    assert all(line.endswith("left out: 0 s are over") for line in found[1:])


def test_goals_are_compared_where_both_sides_were_measured() -> None:
    columns = {(SMALL, "train() compiled"): 300.0, (SMALL, "train() bf16"): 100.0, (LARGE, "train() compiled"): "none"}
    assert list(goals(columns)) == ["goal: ResNet18 at 64 px, batch 16, compiled >= 2 times eager: 3.00"]


def test_one_of_several_trials_waits_until_all_are_ready(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO("go\n"))
    child(SHAPE, TINY, CPU)
    ready, speed = capsys.readouterr().out.split()
    assert ready == "ready" and float(speed) > 0


def test_without_a_gpu_nothing_is_measured(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert main([]) == 0
    assert capsys.readouterr().out == "bench-gpu: torch finds no GPU on this machine, so nothing was measured\n"
