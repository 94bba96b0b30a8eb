"""The same trial again, and in another precision; on the CPU too, so that these tests are themselves tested."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import torch

from study.config.trial import TrialConfig
from study.training.train import Epoch, TrainData, train
from tests.study.training.test_train import config, made, numbers

DEVICES = ["cpu", pytest.param("cuda", marks=pytest.mark.gpu)]


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def _data(device: str) -> TrainData:
    """Two batches on a processor, where a step in bf16 takes a second; five on a GPU."""
    return made() if device == "cuda" else made(9, 5)


def _epochs(device: str, config: TrialConfig, resume: dict[str, Any] | None = None) -> list[Epoch]:
    return list(train(config, _data(device), torch.device(device), resume=resume))


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("precision", ["fp32", "bf16"])
@pytest.mark.parametrize("architecture", ["resnet18", "resnet50"])
def test_a_trial_again_gives_the_same_numbers(device: str, precision: str, architecture: str) -> None:
    wanted = config(epochs=2, precision=precision, architecture=architecture)
    first, second = _epochs(device, wanted), _epochs(device, wanted)
    assert numbers(first) == numbers(second)
    for one, other in zip(first, second, strict=True):
        assert one.predictions.equals(other.predictions)


@pytest.mark.parametrize("device", DEVICES)
def test_a_trial_that_goes_on_gives_the_same_numbers(device: str) -> None:
    wanted, state = config(epochs=3), None
    for epoch in train(wanted, _data(device), torch.device(device)):
        state = epoch.state()
        break
    assert numbers(_epochs(device, wanted, state)) == numbers(_epochs(device, wanted))[1:]


@pytest.mark.parametrize("device", DEVICES)
def test_bf16_learns_what_fp32_learns(device: str) -> None:
    """One configuration, seed and order of images; bf16 has 8 bits of mantissa: 0.4 % of each number.

    In whole batches of 32: of 7 images BatchNorm makes of such a difference another run after some steps.
    """
    data = made(64, 20)
    wanted = {"epochs": 2, "batch_size": 32, "lr": 0.001}
    exact, rough = (
        list(train(config(precision=precision, **wanted), data, torch.device(device))) for precision in ("fp32", "bf16")
    )
    assert numbers(exact) != numbers(rough), "bf16 changes something"
    for one, other in zip(exact, rough, strict=True):
        assert other.scores["train/loss"] == pytest.approx(one.scores["train/loss"], rel=0.15)
    chances = [f"p{grade}" for grade in range(5)]
    apart = (exact[0].predictions[chances] - rough[0].predictions[chances]).abs().to_numpy()
    assert apart.mean() < 0.02


@pytest.mark.gpu
def test_a_gpu_learns_what_a_processor_learns() -> None:
    data, wanted = made(64, 20), config(epochs=1, augmentation="none", batch_size=32, lr=0.001)
    [here], [there] = (list(train(wanted, data, torch.device(device))) for device in ("cpu", "cuda"))
    assert there.scores["train/loss"] == pytest.approx(here.scores["train/loss"], rel=0.02)
