"""What a call of the command says, resolved with what the study knows: configuration, data set, arms, weights.

No photograph is opened here.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from retina_data.layouts.dataset import DataSet, read_index
from study.config.arms import ArmSpec, groups_of
from study.config.axes import bounds
from study.config.study import StudyConfig, make_study_config, read_options
from study.config.trial import make_trial_config
from study.config.yaml_file import read_study_config
from study.errors import ConfigError
from study.planning.precision import as_recorded
from study.planning.pretrained_weights import NotRun, check_one_kind, kept_weights, runnable
from study.planning.resume_checks import arms_of, reasons
from study.storage.state import StudyState, read_state
from study.storage.study_file import STUDY_FILE, read_study_file


@dataclass(frozen=True)
class Inputs:
    """What a call of the command says; all of it may be left out where a study goes on.

    template: name of the study (the first fold) whose configuration, data and weights one takes over that has not
    begun; one that has begun takes over its trials, where those are more, and the arms that were added to it.
    add_arms: arms that a study shall have from now on. source_study (another study) and enqueued (a YAML file): for the
    first suggestions. rerun_flags: flags that each further command needs too, for a message.
    """

    data: Path | None = None
    layout: str | None = None
    config_file: Path | None = None
    overrides: dict[str, Any] = field(default_factory=dict)
    add_arms: tuple[str, ...] = ()
    source_study: str | None = None
    enqueued: Path | None = None
    template: str = ""
    rerun_flags: str = ""

    @property
    def says_all(self) -> bool:
        """Whether nothing has to be known from before."""
        return bool(self.data and self.config_file)


@dataclass(frozen=True)
class Resolved:
    """The inputs of a plan: given, or known from before.

    before: the study as it is, or the first fold, for a fold that has not begun (then `another_fold`). added: arms that
    the study shall have from now on.
    """

    name: str
    home: Path
    config: StudyConfig
    dataset: DataSet
    groups: dict[str, list[ArmSpec]]
    not_run: dict[str, NotRun]
    weights: dict[str, dict[str, str]]
    before: StudyState | None
    another_fold: bool
    added: tuple[str, ...]


def resolve(name: str, home: Path, state: StudyState | None, inputs: Inputs) -> Resolved:
    """Configuration, data set, arms and weights; a study that exists goes on with its own where none are given.

    Raises ConfigError, DataError or WeightsError.
    """
    first = read_state(home / inputs.template) if inputs.template else None
    model, before = (name, state) if state or not inputs.template else (inputs.template, first)
    added = _added(state, first, inputs.add_arms)
    known = read_study_file(home / model / STUDY_FILE) if before and not inputs.says_all else None
    config = _config_of(home, known, state, first, inputs)
    config = as_recorded(config, before) if before else config
    dataset = _data_of(name, home, known, config, inputs)
    _check_each_arm(config)
    overrides = inputs.overrides.get("weights")
    kept = {**kept_weights(home / inputs.template, first, overrides), **kept_weights(home / model, before, overrides)}
    arm_specs, not_run, weights = runnable(config, kept, home)
    arm_specs, not_run = arms_of(name, before, arm_specs, not_run, added, config.arms == "joint")
    if not arm_specs:
        lines = reasons(not_run, config.weights, set(), started=before is not None, rerun_flags=inputs.rerun_flags)
        raise ConfigError("no arm can run: " + "; ".join(lines))
    used = {architecture for architecture, pretrained in arm_specs if pretrained}
    weights = {architecture: value for architecture, value in weights.items() if architecture in used}
    check_one_kind(name, weights, before.study.weights if before else {})
    groups = groups_of(config, arm_specs)
    return Resolved(name, home, config, dataset, groups, not_run, weights, before, model != name, added)


def _added(state: StudyState | None, first: StudyState | None, asked: tuple[str, ...]) -> tuple[str, ...]:
    """Arms that a study shall have from now on: those that are asked for, and those that its first fold was given."""
    if not (state and first):
        return asked
    inherited = [arm for arm in first.study.arms if arm not in state.study.arms]
    return tuple(dict.fromkeys([*asked, *inherited]))


def _config_of(
    home: Path, known: dict[str, Any] | None, state: StudyState | None, first: StudyState | None, inputs: Inputs
) -> StudyConfig:
    """The configuration that is given, or the known one; a fold that has begun grows as the first one did."""
    if inputs.config_file:
        return read_study_config(inputs.config_file, inputs.overrides)
    values = known["config"] if known else {}
    if known and state and first:
        weights = read_study_file(home / inputs.template / STUDY_FILE)["config"]["weights"]
        values = {**values, "trials": max(values["trials"], first.study.config["trials"]), "weights": weights}
    return make_study_config(values, inputs.overrides)


def _data_of(name: str, home: Path, known: dict[str, Any] | None, config: StudyConfig, inputs: Inputs) -> DataSet:
    """The data that is given, or the known one."""
    source = inputs.data or (Path(known["data"]) if known else None)
    if source is None:
        raise ConfigError(
            f"a new study needs data, but there is no study {name} in {home} yet; add --data FOLDER, or --home FOLDER "
            "where it was begun in another home"
        )
    if known and not inputs.data and not source.exists():
        raise ConfigError(
            f"study {name} was begun with the data in {source}, which is not there now; give --data FOLDER where it is "
            "now: it must have the digest that the study began with, and what was decoded of it is not decoded again"
        )
    named = config.labels or config.image_column  # these say more than the layout that the study began with
    dataset = read_index(
        source, read_options(config, inputs.layout or (known["layout"] if known and not named else None))
    )
    if config.fold and (dataset.table["split"] == "test").any():
        raise ConfigError(
            f"--folds makes each image a test image once, but the layout {dataset.layout} names a test split; search "
            "without --folds, or read the data in another --layout that names none"
        )
    return dataset


def _check_each_arm(config: StudyConfig) -> None:
    """Rules that join fields (frozen epochs, say) are broken here, not in the middle of a search."""
    any_pretrained = any(pretrained for _, pretrained in config.arm_specs())
    for architecture, pretrained in config.arm_specs():
        # Frozen epochs are for pretrained arms; where there is none they are a mistake, and said to be one.
        values = {k: v for k, v in config.fixed.items() if k != "freeze_epochs" or pretrained or not any_pretrained}
        make_trial_config({**values, "architecture": architecture, "pretrained": pretrained})
        axis = config.space.get("freeze_epochs")
        if axis and pretrained:
            make_trial_config({**values, "pretrained": True, "freeze_epochs": int(max(bounds(axis)))})
