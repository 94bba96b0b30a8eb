"""What a trial and a study are: frozen, validated, read from and written to YAML.

A field stands here once with its meaning, unit and bounds; the command line makes its flags from these fields.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

Architecture = Literal["resnet18", "resnet50"]
Imbalance = Literal[
    "none", "flip_minority", "undersample", "oversample", "weighted_loss", "focal", "logit_adjustment"
]


class ConfigError(ValueError):
    """A configuration breaks a rule; the message names rule, value, place and remedy."""


class TrialConfig(BaseModel):
    """One training run, complete: the same values, data, device and threads give the same numbers."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    architecture: Architecture = Field("resnet18", description="network")
    pretrained: bool = Field(False, description="start from pretrained weights instead of random ones")
    lr: float = Field(0.01, gt=0, le=10, description="peak learning rate")
    batch_size: int = Field(32, ge=2, le=4096, description="images in a batch")
    imbalance: Imbalance = Field("none", description="what is done about rare grades")
    image_size: int = Field(256, ge=16, le=2048, description="side of the square input, pixels")
    crop: Literal["disc", "none"] = Field(
        "disc", description="cut the square around the retina's disc, or take the whole frame, padded to a square"
    )
    epochs: int = Field(15, ge=1, le=10_000, description="passes; each draws as many images as the training part has")
    optimizer: Literal["sgd", "adamw"] = Field("sgd", description="optimizer")
    momentum: float = Field(0.9, ge=0, lt=1, description="momentum of sgd, beta1 of adamw")
    weight_decay: float = Field(1e-4, ge=0, le=1, description="weight decay (decoupled in adamw)")
    schedule: Literal["constant", "one_cycle", "cosine"] = Field("one_cycle", description="learning rate over the epochs")
    head: Literal["linear", "lab"] = Field("linear", description="features -> 5, or the lab's 1000 -> ReLU -> 5")
    augmentation: Literal["none", "flips", "full"] = Field(
        "flips", description="full adds crop and scale, rotation, brightness and contrast"
    )
    normalisation: Literal["unit", "imagenet"] = Field("imagenet", description="pixels in [0,1], or ImageNet's mean and deviation")
    freeze_epochs: int = Field(0, ge=0, description="first epochs in which only the head learns (pretrained only)")
    precision: Literal["fp32", "bf16"] = Field("fp32", description="arithmetic of the forward pass")
    label_smoothing: float = Field(0.0, ge=0, lt=1, description="mass moved from the true grade to all")
    focal_gamma: float = Field(2.0, ge=0, le=10, description="focus of imbalance=focal")
    weight_power: float = Field(1.0, ge=0, le=2, description="power of the inverse frequency in imbalance=weighted_loss")
    logit_tau: float = Field(1.0, ge=0, le=5, description="strength of imbalance=logit_adjustment")
    objective: Literal["kappa", "accuracy"] = Field("kappa", description="validation score that selects the epoch")
    seed: int = Field(0, ge=0, lt=2**31, description="seed of initialisation, draws and augmentation")

    @model_validator(mode="after")
    def _freeze_needs_weights(self) -> TrialConfig:
        if self.freeze_epochs and not self.pretrained:
            raise ValueError(
                f"freeze_epochs = 0 must hold without pretrained weights, but got freeze_epochs={self.freeze_epochs}; "
                "a frozen random network learns nothing: set pretrained or freeze_epochs=0"
            )
        if self.freeze_epochs >= self.epochs and self.freeze_epochs:
            raise ValueError(
                f"freeze_epochs < epochs must hold, but got freeze_epochs={self.freeze_epochs}, epochs={self.epochs}"
            )
        return self

    @property
    def arm(self) -> str:
        """Cell of the four-way comparison that this trial belongs to, such as `resnet18-pretrained`."""
        return f"{self.architecture}-{'pretrained' if self.pretrained else 'scratch'}"
