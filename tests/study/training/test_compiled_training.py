"""`compile: on`: training learns, repeats itself and resumes; a machine without a compiler says so."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from retina_models import compilation, resnet
from study.training.device_memory import DeviceError
from study.training.train import train
from study.training.train_state import create_train_state, trains_channels_last
from tests.study.training.test_train import CPU, assert_same, config, made, one_thread

__all__ = ["one_thread"]  # a fixture that pytest uses here too


@pytest.mark.slow  # minutes of a C++ compiler
def test_compiled_training_learns_and_repeats_itself(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(resnet.LAYERS, "resnet18", (resnet.BasicBlock, (1, 1, 1, 1)))  # half of it is compiled sooner
    monkeypatch.setenv(compilation.CACHE, str(tmp_path))
    monkeypatch.setenv(compilation.THREADS, "1")
    chosen, data = config(compile="on", lr=0.003, epochs=3, augmentation="flips"), made(15, 10)  # batches of 8 and of 7
    once = list(train(chosen, data, CPU))
    assert once[-1].scores["train/loss"] < once[0].scores["train/loss"]
    assert_same(once, list(train(chosen, data, CPU)))
    first = next(steps := train(chosen, data, CPU))
    state = first.state()
    steps.close()
    assert_same(once[1:], list(train(chosen, data, CPU, resume=state)))
    assert not any("_orig_mod" in name for name in state["model"]), "weights keep the network's names"


def test_which_steps_have_the_channels_of_a_pixel_together() -> None:
    assert trains_channels_last(config(compile="on"), CPU) and not trains_channels_last(config(), CPU)
    assert trains_channels_last(config(precision="bf16"), CPU)
    assert trains_channels_last(config(architecture="resnet50"), CPU)
    assert trains_channels_last(config(), torch.device("cuda"))


def test_without_a_compiler_no_trial_of_this_machine_can_run(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compilation.shutil, "which", lambda name: None)
    with pytest.raises(DeviceError, match="begin anew with compile: off"):
        create_train_state(config(compile="on"), CPU, None)


def test_a_state_of_before_there_was_compiling_goes_on() -> None:
    chosen, data = config(epochs=2), made(9, 10)
    first = next(train(chosen, data, CPU))
    state = first.state()
    del state["config"]["compile"]
    assert [epoch.number for epoch in train(chosen, data, CPU, resume=state)] == [2]
