"""Memory of a GPU: gone between two trials of a process, waited for between processes, and divided by fractions."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

from study.training.device_memory import DRIVER_BYTES, TENSORS_SHARE, claim, release
from study.tuning.ray_trainable import TrialActor
from tests.study.tuning.test_ray_trainable import _job, _steps, cache

__all__ = ["cache"]  # a fixture
pytestmark = pytest.mark.gpu

MIB = 2**20
LEFT = 80 * MIB  # workspaces of cuBLAS, which a process keeps
GPU = torch.device("cuda")


@pytest.fixture(autouse=True)
def _unlimited() -> Iterator[None]:
    yield
    torch.cuda.set_per_process_memory_fraction(1.0)
    release()


def _gpu_job(cache: Path, folder: Path, **values: Any) -> dict[str, Any]:
    return _job(cache, folder, **values) | {"device": "cuda", "gpus": 1.0}


def test_memory_of_a_trial_is_gone_before_the_next_begins(cache: Path, tmp_path: Path) -> None:
    actor = TrialActor(_gpu_job(cache, tmp_path / "0000", architecture="resnet50", epochs=9))
    _steps(actor, most=2)  # stopped in its middle, as early stopping does
    held = torch.cuda.memory_allocated()
    assert held > 90 * MIB, "the network's parameters alone are as much"
    free = torch.cuda.mem_get_info()[0]
    assert actor.reset_config(_gpu_job(cache, tmp_path / "0001", epochs=1))
    assert torch.cuda.memory_allocated() < LEFT
    [result] = _steps(actor)  # of a smaller network, which begins by giving back what the larger one had
    assert "report" in result
    assert torch.cuda.mem_get_info()[0] > free + 50 * MIB


@pytest.mark.parametrize("fails", ["by its memory", "by its numbers"])
def test_memory_of_a_trial_that_failed_is_gone_too(cache: Path, tmp_path: Path, fails: str) -> None:
    if fails == "by its memory":  # of a part of the GPU that is smaller than the network
        total = torch.cuda.get_device_properties(GPU).total_memory
        job = _gpu_job(cache, tmp_path / "0000") | {"gpus": (DRIVER_BYTES + 40e6) / total}
    else:
        job = _gpu_job(cache, tmp_path / "0000", lr=10.0, momentum=0.99, schedule="constant", epochs=30)
    actor = TrialActor(job)
    failure = _steps(actor)[-1]["failure"]
    assert failure.startswith("out of memory") if fails == "by its memory" else "finite" in failure
    actor.reset_config(_gpu_job(cache, tmp_path / "0001", epochs=1))
    assert torch.cuda.memory_allocated() < LEFT


HOLD = """
import sys, torch
held = torch.ones(int(torch.cuda.mem_get_info()[1] * 0.7), dtype=torch.uint8, device="cuda")
torch.cuda.synchronize()
print("held", flush=True)
sys.stdin.read()
"""


def test_memory_of_a_process_that_was_killed_is_waited_for() -> None:
    holder = subprocess.Popen([sys.executable, "-c", HOLD], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert holder.stdin and holder.stdout
    assert holder.stdout.readline() == "held\n"
    free, total = torch.cuda.mem_get_info()
    assert free < 0.35 * total
    os.kill(holder.pid, signal.SIGKILL)
    claim(GPU, 1)  # at once: the driver may still be freeing it
    assert torch.cuda.mem_get_info()[0] > 0.65 * total
    holder.wait()
    holder.stdin.close()
    holder.stdout.close()


def test_a_trial_on_a_part_of_a_gpu_cannot_take_the_other_part() -> None:
    claim(GPU, 0.5)
    total = torch.cuda.mem_get_info()[1]
    with pytest.raises(torch.OutOfMemoryError):
        torch.empty(int(total * 0.5), dtype=torch.uint8, device="cuda")
    held = torch.empty(int(total * 0.5 * TENSORS_SHARE * 0.9), dtype=torch.uint8, device="cuda")
    assert held.is_cuda
