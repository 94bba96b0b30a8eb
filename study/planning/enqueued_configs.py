"""Configurations of a YAML file that a search runs first (--enqueue)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from study.config.arms import ArmSpec, arm_name
from study.config.search_space import contains, describe_axis, drawn
from study.config.study import StudyConfig
from study.config.trial import AUTO, FOLLOWS_DEVICE, TrialConfig, make_trial_config
from study.config.yaml_text import parse_yaml, read_yaml_text
from study.errors import ConfigError

Groups = dict[str, list[ArmSpec]]
"""Sampler group -> its arms."""


def setting(values: dict[str, Any], field: str) -> Any:
    """A field's value among these, else its default in a study."""
    return values.get(field, AUTO if field in FOLLOWS_DEVICE else TrialConfig.model_fields[field].default)


def read_enqueued(path: Path, config: StudyConfig, groups: Groups) -> list[dict[str, Any]]:
    """Configurations of a YAML file (a list of field: value mappings) as {"group", "params"}.

    One that names no architecture or pretraining is for every arm; a field that is left out is drawn. Raises
    ConfigError, naming the entry, for a field that is not searched or a value outside its axis.
    """
    try:
        _, entries = parse_yaml(read_yaml_text(path), path.name)
    except (OSError, ValueError) as error:
        raise ConfigError(
            f"--enqueue must be a readable YAML file, but {path}: {' '.join(str(error).split())}"
        ) from None
    if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
        raise ConfigError(f"{path.name} must be a list of `field: value` mappings, one for each configuration")
    enqueued: list[dict[str, Any]] = []
    for number, entry in enumerate(entries, 1):
        place = f"{path.name}, entry {number}"
        read = make_trial_config({**entry, "pretrained": True} if entry.get("freeze_epochs") else entry)
        # YAML takes 1e-3 for a text.
        entry = {field: value if field == "pretrained" else getattr(read, field) for field, value in entry.items()}
        fitting = [
            (group, arm_spec)
            for group, arm_specs in groups.items()
            for arm_spec in arm_specs
            if _is_arm(entry, arm_spec)
        ]
        if not fitting:
            raise ConfigError(
                f"each configuration must belong to an arm that is searched, but {entry} does not ({place})"
            )
        if "joint" in groups:
            fitting = fitting[:1]  # one search: the arm is one of its axes
        enqueued += [
            {"group": group, "params": _params(entry, config, groups[group], arm_spec, place)}
            for group, arm_spec in fitting
        ]
    return enqueued


def _is_arm(entry: dict[str, Any], arm_spec: ArmSpec) -> bool:
    return (entry.get("architecture", arm_spec[0]), entry.get("pretrained", arm_spec[1])) == arm_spec


def _params(
    entry: dict[str, Any], config: StudyConfig, arm_specs: list[ArmSpec], arm_spec: ArmSpec, place: str
) -> dict[str, Any]:
    params: dict[str, Any] = {"arm": arm_name(arm_spec)} if len(arm_specs) > 1 else {}
    for field, value in entry.items():
        if field in ("architecture", "pretrained"):
            continue
        name = _parameter(entry, config, field, place)
        if name is None:
            fixed = setting(config.fixed, field)
            if value == fixed:
                continue
            raise ConfigError(f"{field} is not searched here and is {fixed!r}, but got {value!r} ({place})")
        if not contains(config, name, arm_specs, value):
            axis = describe_axis(drawn(config)[name].axis)
            raise ConfigError(f"{name} must lie in {axis}, but got {value!r} ({place})")
        params[name] = value
    return params


def _parameter(entry: dict[str, Any], config: StudyConfig, field: str, place: str) -> str | None:
    """The parameter that draws a field of this entry; None where it is not searched."""
    names = {one.condition: name for name, one in drawn(config).items() if one.field == field}
    if len(names) < 2:
        return next(iter(names.values()), None)
    optimizer = entry.get("optimizer", config.fixed.get("optimizer"))
    if optimizer is None:
        raise ConfigError(f"{field} hangs on the optimizer here: name the optimizer beside it ({place})")
    return names.get(("optimizer", optimizer))
