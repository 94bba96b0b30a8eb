"""A state is all that a run goes on from, to the bit, on its own kind of device and on another."""

from __future__ import annotations

import io
from typing import Any

import pytest
import torch

from study.errors import ConfigError
from study.training.train import Epoch, train
from study.training.train_state import create_train_state, of_this_kind
from tests.study.training.test_train import CPU, assert_same, config, made, one_thread, source

__all__ = ["one_thread"]  # a fixture that pytest uses here too


def through_a_file(state: dict[str, Any]) -> dict[str, Any]:
    file = io.BytesIO()
    torch.save(state, file)
    file.seek(0)
    loaded: dict[str, Any] = torch.load(file, weights_only=True)
    return loaded


@pytest.mark.parametrize("optimizer", ["sgd", "adamw"])
@pytest.mark.parametrize("stop, freeze", [(2, 0), (2, 1), (1, 2)])  # resumed unfrozen, after and amid the frozen epochs
def test_a_resumed_run_repeats_the_unbroken_one_to_the_bit(optimizer: str, stop: int, freeze: int) -> None:
    data, weights = made(9, 10), source()
    chosen = config(optimizer=optimizer, lr=0.003, pretrained=True, freeze_epochs=freeze, imbalance="oversample")
    unbroken = list(train(chosen, data, CPU, weights=weights))
    end = unbroken[-1].state()

    started: list[Epoch] = []
    for epoch in train(chosen, data, CPU, weights=weights):
        started.append(epoch)
        if epoch.number == stop:
            state = through_a_file(epoch.state())
            break
    rest = list(train(chosen, data, CPU, resume=state))
    assert_same(unbroken, started + rest)
    again = rest[-1].state()
    assert all(torch.equal(tensor, again["model"][key]) for key, tensor in end["model"].items())
    assert torch.equal(end["sampling"], again["sampling"]) and torch.equal(end["augmentation"], again["augmentation"])


def test_a_run_goes_on_from_another_kind_of_device_the_same_way_each_time() -> None:
    """A CUDA generator's state is 16 bytes: where it cannot be gone on with, seed and epoch tell the augmentation."""
    data, chosen = made(9, 10), config(epochs=3, lr=0.003)
    first, second, third = (epoch.state() for epoch in train(chosen, data, CPU))
    assert of_this_kind(first, torch.Generator())
    moved = first | {"augmentation": torch.zeros(16, dtype=torch.uint8)}
    assert not of_this_kind(moved, torch.Generator())
    once, again = (list(train(chosen, data, CPU, resume=through_a_file(moved))) for _ in range(2))
    assert_same(once, again)
    assert once[0].scores["train/loss"] != list(train(chosen, data, CPU, resume=first))[0].scores["train/loss"]
    assert torch.equal(once[-1].state()["sampling"], third["sampling"]), "what an epoch draws is drawn on the CPU"
    # Another epoch and another seed vary the images otherwise.
    anew = [create_train_state(each, CPU, None) for each in (chosen, chosen, config(epochs=3, lr=0.003, seed=1))]
    anew[0].restore(moved)
    anew[1].restore(second | {"augmentation": moved["augmentation"]})
    anew[2].restore(moved | {"config": anew[2].config.model_dump()})
    assert len({one.augmentation.initial_seed() for one in [*anew, create_train_state(chosen, CPU, None)]}) == 4


@pytest.mark.parametrize("optimizer", ["sgd", "adamw"])
def test_a_run_goes_on_whatever_the_layout_of_what_was_saved(optimizer: str) -> None:
    """A GPU keeps a pixel's channels together: the optimizer's memory of it must reach the same parameters."""
    data, chosen = made(9, 10), config(optimizer=optimizer, epochs=3, lr=0.003)
    states = [epoch.state() for epoch in train(chosen, data, CPU)]
    moved = states[1]
    for slot in moved["optimizer"]["state"].values():
        for key, value in slot.items():
            if isinstance(value, torch.Tensor) and value.ndim == 4:
                slot[key] = value.contiguous(memory_format=torch.channels_last)
    moved["model"] = {
        key: value.contiguous(memory_format=torch.channels_last) if value.ndim == 4 else value
        for key, value in moved["model"].items()
    }
    [last] = train(chosen, data, CPU, resume=through_a_file(moved))
    found = last.state()["model"]
    assert all(torch.equal(tensor, found[key]) for key, tensor in states[2]["model"].items())


def test_a_resumed_run_refuses_another_configuration() -> None:
    epoch = next(train(config(), made(), CPU))
    with pytest.raises(ConfigError, match=r"lr=0.01 \(now 0.02\)"):
        next(train(config(lr=0.02), made(), CPU, resume=epoch.state()))


def test_a_finished_run_has_no_further_epoch() -> None:
    (epoch,) = train(config(epochs=1), made(), CPU)
    assert list(train(config(epochs=1), made(), CPU, resume=epoch.state())) == []


def test_a_state_is_a_copy_and_is_refused_once_training_has_gone_on() -> None:
    run = train(config(), made(), CPU)
    first = next(run)
    state = first.state()
    kept = {key: tensor.clone() for key, tensor in state["model"].items()}
    moments = [slot["momentum_buffer"].clone() for slot in state["optimizer"]["state"].values()]
    next(run)
    assert all(torch.equal(tensor, kept[key]) for key, tensor in state["model"].items())
    after = [slot["momentum_buffer"] for slot in state["optimizer"]["state"].values()]
    assert moments and all(torch.equal(a, b) for a, b in zip(moments, after, strict=True))
    with pytest.raises(RuntimeError, match="before epoch 2"):
        first.state()
