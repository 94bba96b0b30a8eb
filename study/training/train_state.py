"""State of a training run: created from a configuration and a seed, saved and restored."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from retina_data.grades import GRADES
from retina_models.compilation import compiled
from retina_models.errors import CompilationError
from retina_models.resnet import ARCHITECTURES, ResNet
from retina_models.weights import Weights, load_weights
from study.config.trial import TrialConfig
from study.errors import ConfigError
from study.training.device_memory import DeviceError
from study.training.prediction import channels_last

ADDED_LATER = {"compile": "off"}
"""Fields of a configuration that older states do not name, with the value that they had."""


@dataclass
class TrainState:
    """Everything that changes while learning: what a checkpoint holds. forward: the network in a training step."""

    config: TrialConfig
    model: ResNet
    forward: Callable[[Tensor], Tensor]
    optimizer: torch.optim.Optimizer
    sampling: torch.Generator  # on the CPU: which images an epoch draws
    augmentation: torch.Generator  # on the device: how they are varied
    epoch: int = 0  # the last one that is done

    def state(self, epoch: int) -> dict[str, Any]:
        """A copy on the CPU, for torch.load(weights_only=True). Raises RuntimeError if training has gone on."""
        if epoch != self.epoch:
            raise RuntimeError(f"state() of epoch {epoch} must be called before epoch {epoch + 1} is asked for")
        optimizer = self.optimizer.state_dict()
        tensors = {
            index: {key: _copied(value) if isinstance(value, Tensor) else value for key, value in slot.items()}
            for index, slot in optimizer["state"].items()
        }
        return {
            "epoch": self.epoch,
            "config": self.config.model_dump(),
            "model": {key: _copied(tensor) for key, tensor in self.model.state_dict().items()},
            "optimizer": {"state": tensors, "param_groups": optimizer["param_groups"]},
            "sampling": self.sampling.get_state(),
            "augmentation": self.augmentation.get_state(),
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Go back to a state, of any kind of device (`of_this_kind`).

        Raises ConfigError, naming the fields, if it is one of another configuration.
        """
        mine = self.config.model_dump()
        theirs = {**ADDED_LATER, **state["config"]}
        other = [f"{key}={theirs.get(key)!r} (now {mine[key]!r})" for key in mine if mine[key] != theirs.get(key)]
        if other:
            raise ConfigError(
                f"a run goes on with the configuration it began with, but its state has {', '.join(other)}"
            )
        self.model.load_state_dict(state["model"])
        self.optimizer.load_state_dict(state["optimizer"])
        # A CPU has planes where a GPU keeps a pixel's channels together, and fused kernels go by memory, not by place.
        for parameter, slot in self.optimizer.state.items():
            for key, value in slot.items():
                if isinstance(value, Tensor) and value.shape == parameter.shape:
                    slot[key] = torch.empty_like(parameter).copy_(value)
        self.sampling.set_state(state["sampling"])
        self.epoch = state["epoch"]
        if of_this_kind(state, self.augmentation):
            self.augmentation.set_state(state["augmentation"])
        else:  # the same seed again for the same epoch, and one that no other draw of this run has
            anew = np.random.SeedSequence(self.config.seed, spawn_key=(self.epoch,))
            self.augmentation.manual_seed(int(anew.generate_state(1)[0]))


def _copied(tensor: Tensor) -> Tensor:
    """One copy on the CPU, wherever the tensor is."""
    return tensor.detach().to("cpu", copy=True)


def of_this_kind(state: dict[str, Any], generator: torch.Generator) -> bool:
    """Whether a state was saved on the generator's kind of device; each kind's generators have a size of their own.

    Where not, a run goes on from it, but with other augmentations than it would have had.
    """
    return len(state["augmentation"]) == len(generator.get_state())


def create_train_state(config: TrialConfig, device: torch.device, weights: Weights | None) -> TrainState:
    """A network, its optimizer and the generators before the first epoch; three independent seeds come from one."""
    initial, sampling, augmentation = (int(seed) for seed in np.random.SeedSequence(config.seed).generate_state(3))
    model = ARCHITECTURES[config.architecture](len(GRADES), config.head, seed=initial)
    if weights is not None:
        load_weights(model, weights)
    layout = torch.channels_last if trains_channels_last(config, device) else torch.contiguous_format
    model = model.to(device).to(memory_format=layout)
    return TrainState(
        config,
        model,
        _step(config, model, device),
        make_optimizer(config, model),
        torch.Generator().manual_seed(sampling),
        torch.Generator(device).manual_seed(augmentation),
    )


def _step(config: TrialConfig, model: ResNet, device: torch.device) -> Callable[[Tensor], Tensor]:
    """The network, or its compiled step. Raises DeviceError, now or in a step, where this machine cannot compile it."""
    if config.compile == "off":
        return model
    with _as_device_error():
        step = compiled(model, device)

    def forward(images: Tensor) -> Tensor:
        with _as_device_error():
            return step(images)

    return forward


@contextmanager
def _as_device_error() -> Iterator[None]:
    try:
        yield
    except CompilationError as error:  # no other trial would fare better here
        raise DeviceError(str(error)) from error


def trains_channels_last(config: TrialConfig, device: torch.device) -> bool:
    """Whether a training step's images have the channels of a pixel together; a compiled one always has.

    Measured: in fp32 on a CPU a ResNet50 is faster so (32 to 96 px), a ResNet18 not. Validation follows the weights.
    """
    return config.compile == "on" or config.architecture == "resnet50" or channels_last(device, config.precision)


def make_optimizer(config: TrialConfig, model: ResNet) -> torch.optim.Optimizer:
    """The optimizer over all parameters; a frozen one has no gradient and is passed over.

    Head and backbone are groups of their own: fused SGD wants the parameters of a group to begin in the same step.
    """
    groups = [{"params": list(model.head_parameters())}, {"params": list(model.backbone_parameters())}]
    decay = config.weight_decay
    if config.optimizer == "adamw":
        betas = (config.momentum, 0.999)
        return torch.optim.AdamW(groups, lr=config.lr, betas=betas, weight_decay=decay, fused=True)
    return torch.optim.SGD(groups, lr=config.lr, momentum=config.momentum, weight_decay=decay, fused=True)
