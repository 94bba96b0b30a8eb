"""What samplers are told before their first suggestion: another study's trials, and configurations wanted first."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import yaml

from analysis import records
from study.config import ConfigError, StudyConfig, TrialConfig, make_trial_config
from study.ledger import TrialRecord, read_events, study_state
from study.space import Cell, arm_name, axis_text, lies_inside

MEASURED_ALIKE = ("data_digest", "split_digest", "select_on", "val_fraction")

Groups = dict[str, list[Cell]]


def trials_of(
    home: Path, name: str, config: StudyConfig, groups: Groups, identity: dict[str, Any]
) -> tuple[list[dict[str, Any]], list[str]]:
    """Complete trials of another study that lie in this one's space, and lines that say what was left out and why.

    Scores can be told only where they were measured alike: on the same data, split and part, with the same fixed
    fields; otherwise ConfigError names what differs. A trial fits when its arm is searched here, its objective is the
    same, and each of its axes is one of the same range here. Raises ConfigError where there is no such study.
    """
    state = study_state(read_events(home / name / "ledger.jsonl")[0])
    if state.study is None:
        raise ConfigError(f"--from must name a study of {home}, but {name!r} has no ledger there")
    before = state.study["identity"]
    for key in dict.fromkeys([*identity, *before]):
        alike = key in MEASURED_ALIKE or key.startswith("fixed.")
        if alike and before.get(key) != identity.get(key):
            raise ConfigError(
                f"--from {name}: its `{key}` is {before.get(key)}, here it is {identity.get(key)}; its scores were not "
                "measured as this study's are, and would mislead the samplers"
            )
    told: list[dict[str, Any]] = []
    reasons: Counter[str] = Counter()
    for record in state.trials.values():
        reason, group = _unfit(record, config, groups)
        value = record.best_score()
        if reason or value is None:
            reasons[reason or "it has no score"] += 1
            continue
        told.append({"group": group, "params": record.params, "distributions": record.distributions, "value": value})
    lines = [f"{len(told)} trials of study {name} are told to the samplers"]
    lines += [f"{count} trials of study {name} are left out: {reason}" for reason, count in reasons.items()]
    return told, lines


def _unfit(record: TrialRecord, config: StudyConfig, groups: Groups) -> tuple[str, str]:
    """(why a trial cannot be told, "" if it can; the group it belongs to)."""
    group = "joint" if "joint" in groups else record.arm
    if record.state != records.STATE_COMPLETE:
        return f"it is {record.state}", group
    if record.config["objective"] != config.objective:
        return f"its objective is {record.config['objective']}, not {config.objective}", group
    cells = groups.get(group, [])
    if record.arm not in [arm_name(cell) for cell in cells]:
        return f"its arm {record.arm} is not searched", group
    for field, text in record.distributions.items():
        here = axis_text(config, field, cells)
        if here != text:
            return f"its axis {field} is {'not searched' if here is None else 'another one'} here", group
    return "", group


def read_tries(path: Path, config: StudyConfig, groups: Groups) -> list[dict[str, Any]]:
    """Configurations of a YAML file (a list of field: value mappings) as {"group", "params"}.

    One that names no architecture or pretraining is for every arm; a field that is left out is drawn. Raises
    ConfigError, naming the entry, for a field that is not searched or a value outside its axis.
    """
    try:
        entries = yaml.safe_load(path.read_text("utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise ConfigError(f"--try must be a readable YAML file, but {path}: {' '.join(str(error).split())}") from None
    if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
        raise ConfigError(f"{path.name} must be a list of `field: value` mappings, one for each configuration")
    tries: list[dict[str, Any]] = []
    for number, entry in enumerate(entries, 1):
        place = f"{path.name}, entry {number}"
        make_trial_config({**entry, "pretrained": True} if entry.get("freeze_epochs") else entry)
        fitting = [(group, cell) for group, cells in groups.items() for cell in cells if _is_cell(entry, cell)]
        if not fitting:
            raise ConfigError(
                f"each configuration must belong to an arm that is searched, but {entry} does not ({place})"
            )
        if "joint" in groups:
            fitting = fitting[:1]  # one search: the arm is one of its axes
        tries += [
            {"group": group, "params": _params(entry, config, groups[group], cell, place)} for group, cell in fitting
        ]
    return tries


def _is_cell(entry: dict[str, Any], cell: Cell) -> bool:
    return (entry.get("architecture", cell[0]), entry.get("pretrained", cell[1])) == cell


def _params(entry: dict[str, Any], config: StudyConfig, cells: list[Cell], cell: Cell, place: str) -> dict[str, Any]:
    params: dict[str, Any] = {"arm": arm_name(cell)} if len(cells) > 1 else {}
    for field, value in entry.items():
        if field in ("architecture", "pretrained"):
            continue
        if axis_text(config, field, cells) is None:
            fixed = config.fixed.get(field, TrialConfig.model_fields[field].default)
            if value == fixed:
                continue
            raise ConfigError(f"{field} is not searched here and is {fixed!r}, but got {value!r} ({place})")
        if not lies_inside(config, field, cells, value):
            raise ConfigError(f"{field} must lie in {config.space[field]}, but got {value!r} ({place})")
        params[field] = value
    return params
