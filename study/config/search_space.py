"""The search space as Optuna sees it: StudyConfig.space in, one configuration out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import optuna
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution, distribution_to_json

from study.config.arms import ArmSpec, arm_name
from study.config.axes import Axis, Range
from study.config.optuna_adapter import can_draw
from study.config.study import StudyConfig
from study.config.trial import TrialConfig, Value

CONDITIONAL_ON: dict[str, tuple[str, Value]] = {
    "focal_gamma": ("imbalance", "focal"),
    "weight_power": ("imbalance", "weighted_loss"),
    "logit_tau": ("imbalance", "logit_adjustment"),
    "freeze_epochs": ("pretrained", True),
}
"""A field that one value of another field alone reads: elsewhere it is not drawn, a dead axis would cost budget."""

KNOWN_GOOD_LR = {True: 0.0005, False: 0.001}
"""Of adamw, by pretraining; the other known-good values are TrialConfig's defaults."""

Distribution = CategoricalDistribution | FloatDistribution | IntDistribution


@dataclass(frozen=True)
class Drawn:
    """One parameter that Optuna draws: the field it is for, its axis, and when it is drawn at all.

    condition: (field, value) that must hold, None: always.
    """

    field: str
    axis: Range | tuple[Value, ...]
    condition: tuple[str, Value] | None


def drawn(config: StudyConfig) -> dict[str, Drawn]:
    """Name that Optuna knows a parameter by -> the parameter; what decides whether another is drawn comes first.

    A field whose range hangs on the optimizer is one parameter for each, such as `lr_sgd` and `lr_adamw`.
    """
    found: dict[str, Drawn] = {}
    for field, axis in config.space.items():
        if field in ("architecture", "pretrained"):
            continue
        if isinstance(axis, dict):
            found |= {f"{field}_{name}": Drawn(field, one, ("optimizer", name)) for name, one in axis.items()}
        else:
            found[field] = Drawn(field, axis, CONDITIONAL_ON.get(field))
    return dict(sorted(found.items(), key=lambda item: item[1].condition is not None))


def condition_holds(condition: tuple[str, Value] | None, values: Mapping[str, Value]) -> bool:
    """Whether a parameter's condition holds among the values of a configuration."""
    return condition is None or values.get(condition[0], TrialConfig.model_fields[condition[0]].default) == condition[1]


def suggest(trial: optuna.Trial, config: StudyConfig, arm_specs: Sequence[ArmSpec]) -> dict[str, Value]:
    """Values of a TrialConfig, without its seed: fixed fields, a cell, and one draw for each axis of the space.

    With one cell nothing is drawn for it; with several (arms=joint) the cell is one categorical axis, so that a cell
    whose weights are missing can be left out.
    """
    names = [arm_name(arm_spec) for arm_spec in arm_specs]
    name = trial.suggest_categorical("arm", names) if len(names) > 1 else names[0]
    architecture, pretrained = arm_specs[names.index(name)]
    values: dict[str, Value] = {**config.fixed, "architecture": architecture, "pretrained": pretrained}
    if not pretrained:  # a study may freeze its pretrained arms; the others have nothing to freeze
        values.pop("freeze_epochs", None)
    for name, one in drawn(config).items():
        if condition_holds(one.condition, values):
            values[one.field] = _draw(trial, name, one)
    return values


def known_good(config: StudyConfig, arm_specs: Sequence[ArmSpec]) -> dict[str, Value]:
    """Optuna's parameters of the configuration that an arm begins with: TrialConfig's defaults, moved into the space.

    A number outside its range becomes the nearest end, one that is not listed the nearest listed one, and a word that
    is not listed the first that is. With several arms in the group (arms=joint) the first is taken.
    """
    architecture, pretrained = arm_specs[0]
    params: dict[str, Value] = {"arm": arm_name(arm_specs[0])} if len(arm_specs) > 1 else {}
    values: dict[str, Value] = {**config.fixed, "architecture": architecture, "pretrained": pretrained}
    for name, one in drawn(config).items():
        if not condition_holds(one.condition, values):
            continue
        wished = TrialConfig.model_fields[one.field].default
        if one.field == "lr" and values.get("optimizer", "adamw") == "adamw":
            wished = KNOWN_GOOD_LR[pretrained]
        elif one.field == "lr":
            wished = 0.01
        elif one.field == "weight_decay" and values.get("optimizer") == "sgd":
            wished = 1e-4
        params[name] = values[one.field] = _nearest(one.axis, wished)
    return params


def _nearest(axis: Range | tuple[Value, ...], wished: Value) -> Value:
    if isinstance(axis, Range):
        return min(max(float(wished), axis.low), axis.high)
    if wished in axis or isinstance(wished, str | bool):
        return wished if wished in axis else axis[0]
    return min(axis, key=lambda value: abs(float(value) - float(wished)))


def distribution_of(config: StudyConfig, name: str, arm_specs: Sequence[ArmSpec]) -> Distribution | None:
    """What Optuna knows a parameter as; None for one that is not searched."""
    if name == "arm":
        return CategoricalDistribution([arm_name(arm_spec) for arm_spec in arm_specs]) if len(arm_specs) > 1 else None
    one = drawn(config).get(name)
    if one is None:
        return None
    if isinstance(one.axis, tuple):
        return CategoricalDistribution(one.axis)
    if TrialConfig.model_fields[one.field].annotation is int:
        return IntDistribution(int(one.axis.low), int(one.axis.high), log=one.axis.log)
    return FloatDistribution(one.axis.low, one.axis.high, log=one.axis.log)


def distribution_json(config: StudyConfig, name: str, arm_specs: Sequence[ArmSpec]) -> str | None:
    """An axis as the ledger writes it; equal texts are equal axes. None for a parameter that is not searched."""
    distribution = distribution_of(config, name, arm_specs)
    return None if distribution is None else distribution_to_json(distribution)


def contains(config: StudyConfig, name: str, arm_specs: Sequence[ArmSpec], value: Value) -> bool:
    """Whether an axis of the space could draw the value."""
    distribution: Any = distribution_of(config, name, arm_specs)  # each kind takes values of its own type
    assert distribution is not None, f"{name} is not searched"
    return can_draw(distribution, value)


def _draw(trial: optuna.Trial, name: str, one: Drawn) -> Value:
    if isinstance(one.axis, tuple):
        value = trial.suggest_categorical(name, list(one.axis))
        assert value is not None
        return value
    if TrialConfig.model_fields[one.field].annotation is int:
        return trial.suggest_int(name, int(one.axis.low), int(one.axis.high), log=one.axis.log)
    return trial.suggest_float(name, one.axis.low, one.axis.high, log=one.axis.log)


def describe(config: StudyConfig) -> list[tuple[str, str]]:
    """(field, what is drawn) for each axis, as people read it."""
    return [(field, describe_axis(axis)) for field, axis in config.space.items()]


def describe_axis(axis: Axis) -> str:
    """An axis as people read it."""
    if isinstance(axis, tuple):
        return ", ".join(str(value) for value in axis)
    if isinstance(axis, dict):
        return "; ".join(f"{name}: {describe_axis(one)}" for name, one in axis.items())
    return f"{axis.low:g} to {axis.high:g}{', logarithmic' if axis.log else ''}"
