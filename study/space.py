"""The search space as Optuna sees it: StudyConfig.space in, one configuration out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import optuna
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution, distribution_to_json

from study.config import Range, StudyConfig, TrialConfig, Value

USED_WITH = {
    "focal_gamma": ("imbalance", "focal"),
    "weight_power": ("imbalance", "weighted_loss"),
    "logit_tau": ("imbalance", "logit_adjustment"),
    "freeze_epochs": ("pretrained", True),
}
"""A field that one value of another field alone reads: elsewhere it is not drawn, a dead axis would cost budget."""

Cell = tuple[str, bool]
Distribution = CategoricalDistribution | FloatDistribution | IntDistribution


def arm_name(cell: Cell) -> str:
    """Name of an (architecture, pretrained) cell, equal to TrialConfig.arm."""
    architecture, pretrained = cell
    return f"{architecture}-{'pretrained' if pretrained else 'scratch'}"


def suggest(trial: optuna.Trial, config: StudyConfig, cells: Sequence[Cell]) -> dict[str, Value]:
    """Values of a TrialConfig, without its seed: fixed fields, a cell, and one draw for each axis of the space.

    With one cell nothing is drawn for it; with several (arms=joint) the cell is one categorical axis, so that a cell
    whose weights are missing can be left out.
    """
    names = [arm_name(cell) for cell in cells]
    name = trial.suggest_categorical("arm", names) if len(names) > 1 else names[0]
    architecture, pretrained = cells[names.index(name)]
    values: dict[str, Value] = {**config.fixed, "architecture": architecture, "pretrained": pretrained}
    if not pretrained:  # a study may freeze its pretrained arms; the others have nothing to freeze
        values.pop("freeze_epochs", None)
    # An axis that decides whether another is read comes first.
    for field in sorted(config.space, key=lambda field: (field in USED_WITH, list(config.space).index(field))):
        if field in ("architecture", "pretrained"):
            continue
        decides, wanted = USED_WITH.get(field, (field, None))
        if field in USED_WITH and values.get(decides, TrialConfig.model_fields[decides].default) != wanted:
            continue
        values[field] = _draw(trial, field, config.space[field])
    return values


def distribution_of(config: StudyConfig, field: str, cells: Sequence[Cell]) -> Distribution | None:
    """What Optuna knows an axis as; None for a field that is not searched."""
    if field == "arm":
        return CategoricalDistribution([arm_name(cell) for cell in cells]) if len(cells) > 1 else None
    axis = config.space.get(field)
    if axis is None or field in ("architecture", "pretrained"):
        return None
    if isinstance(axis, tuple):
        return CategoricalDistribution(axis)
    if TrialConfig.model_fields[field].annotation is int:
        return IntDistribution(int(axis.low), int(axis.high), log=axis.log)
    return FloatDistribution(axis.low, axis.high, log=axis.log)


def axis_text(config: StudyConfig, field: str, cells: Sequence[Cell]) -> str | None:
    """An axis as the ledger writes it; equal texts are equal axes. None for a field that is not searched."""
    distribution = distribution_of(config, field, cells)
    return None if distribution is None else distribution_to_json(distribution)


def lies_inside(config: StudyConfig, field: str, cells: Sequence[Cell], value: Value) -> bool:
    """Whether an axis of the space could draw the value."""
    distribution: Any = distribution_of(config, field, cells)  # each kind takes values of its own type
    assert distribution is not None, f"{field} is not searched"
    try:
        return bool(distribution._contains(distribution.to_internal_repr(value)))
    except ValueError:
        return False


def _draw(trial: optuna.Trial, field: str, axis: Range | tuple[Value, ...]) -> Value:
    if isinstance(axis, tuple):
        value = trial.suggest_categorical(field, list(axis))
        assert value is not None
        return value
    if TrialConfig.model_fields[field].annotation is int:
        return trial.suggest_int(field, int(axis.low), int(axis.high), log=axis.log)
    return trial.suggest_float(field, axis.low, axis.high, log=axis.log)


def describe(config: StudyConfig) -> list[tuple[str, str]]:
    """(field, what is drawn) for each axis, as people read it."""

    def text(axis: Any) -> str:
        if isinstance(axis, tuple):
            return ", ".join(str(value) for value in axis)
        return f"{axis.low:g} to {axis.high:g}{', logarithmic' if axis.log else ''}"

    return [(field, text(axis)) for field, axis in config.space.items()]
