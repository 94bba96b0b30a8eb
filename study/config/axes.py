"""The axes of a search space: what a field is drawn from, and the space that is searched by default."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Discriminator, Tag, model_validator

from study.config.trial import Value


class Range(BaseModel):
    """Interval of a numeric field that a search draws from, both ends included."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    low: float
    high: float
    log: bool = False

    @model_validator(mode="after")
    def _ordered(self) -> Range:
        if not self.low < self.high:
            raise ValueError(f"low < high must hold, but got low={self.low:g}, high={self.high:g}")
        if self.log and self.low <= 0:
            raise ValueError(f"low > 0 must hold on a logarithmic scale, but got low={self.low:g}")
        return self


def _kind_of_axis(axis: Any) -> str:
    if not isinstance(axis, dict):
        return "Range" if isinstance(axis, Range) else "Values"
    return "ByOptimizer" if axis and not set(axis) & set(Range.model_fields) else "Range"


BY_OPTIMIZER = ("lr", "weight_decay", "momentum")


ByOptimizer = dict[Literal["sgd", "adamw"], Range]
"""An axis whose range hangs on the optimizer: what is a good learning rate for one is none for the other."""


Axis = Annotated[
    Annotated[Range, Tag("Range")]
    | Annotated[tuple[Value, ...], Tag("Values")]
    | Annotated[ByOptimizer, Tag("ByOptimizer")],
    Discriminator(_kind_of_axis),
]


DEFAULT_SPACE: dict[str, Axis] = {
    "architecture": ("resnet18", "resnet50"),
    "pretrained": (False, True),
    "optimizer": ("sgd", "adamw"),
    "lr": {"sgd": Range(low=1e-3, high=1e-1, log=True), "adamw": Range(low=1e-4, high=5e-3, log=True)},
    "weight_decay": {"sgd": Range(low=1e-5, high=1e-3, log=True), "adamw": Range(low=1e-3, high=1e-1, log=True)},
    "batch_size": (16, 32, 64),
    "augmentation": ("flips", "dihedral", "full"),
    "imbalance": (
        "none", "flip_minority", "undersample", "oversample", "weighted_loss", "focal", "logit_adjustment",
    ),
}  # fmt: skip


def bounds(axis: Axis) -> tuple[Value, ...]:
    """The values that bound an axis, or all of them."""
    if isinstance(axis, tuple):
        return axis
    ranges = [axis] if isinstance(axis, Range) else list(axis.values())
    return tuple(value for one in ranges for value in (one.low, one.high))
