"""What a search is going to do, settled before anything starts; and whether it may go on with what is there."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from retina_data.duplicates import equal_note
from retina_data.layouts.dataset import DataSet, read_index
from study.config.arms import ArmSpec, groups_of
from study.config.early_stopping import COMPARED, first_rung
from study.config.study import StudyConfig, bounds, make_study_config
from study.config.trial import TrialConfig, make_trial_config
from study.config.yaml_file import read_study_config
from study.errors import ConfigError
from study.planning.plan import Plan, parent_name, settings_of
from study.planning.pretrained_weights import check_one_kind, kept_weights, runnable
from study.planning.resume_checks import arms_of, as_said_now, check_same, check_settings, reasons
from study.planning.warm_start import check_known, make_warm_start, read_tries
from study.storage.ledger import read_events
from study.storage.ranking import planned
from study.storage.state import StudyState, study_state
from study.storage.study_file import STUDY_FILE, read_study_file
from study.training.data import SplitDataset, prepare_data, split_of
from study.training.leakage import check_no_leakage

if TYPE_CHECKING:
    from study.planning.plan import Plan


@dataclass(frozen=True)
class Inputs:
    """What a call of the command says; all of it may be left out where a study goes on.

    like: name of the study (the first fold) whose configuration, data and weights one that has not begun takes over;
    one that has begun takes over its trials, where those are more, and the arms that were added to it.
    add_arms: arms that a study shall have from now on. told_by (another study) and tries (a YAML file): for the
    beginning. rerun_flags: flags that each further command needs too, for a message.
    """

    data: Path | None = None
    layout: str | None = None
    config_file: Path | None = None
    overrides: dict[str, Any] = field(default_factory=dict)
    add_arms: tuple[str, ...] = ()
    source_study: str | None = None
    enqueued: Path | None = None
    like: str = ""
    rerun_flags: str = ""

    @property
    def says_all(self) -> bool:
        """Whether nothing has to be known from before."""
        return bool(self.data and self.config_file)


def make_plan(name: str, home: Path, state: StudyState, inputs: Inputs) -> Plan:
    """Settle everything: configuration, data, split, weights, arms.

    A study that exists goes on with its own configuration, data and arms where none are given. Raises ConfigError,
    DataError or WeightsError; nothing but the shared cache has been written then.
    """
    first = study_state(read_events(home / inputs.like / "ledger.jsonl")[0]) if inputs.like else StudyState()
    model, before = (name, state) if state.study or not inputs.like else (inputs.like, first)
    added = _added(state, first, inputs.add_arms)
    known = read_study_file(home / model / STUDY_FILE) if before.study and not inputs.says_all else None
    config = _config_of(home, known, state, first, inputs)
    dataset = _data_of(name, home, known, config, inputs)
    _check_each_cell(config)
    weight_overrides = inputs.overrides.get("weights")
    kept = {
        **kept_weights(home / inputs.like, first, weight_overrides),
        **kept_weights(home / model, before, weight_overrides),
    }
    arm_specs, not_run, weights = runnable(config, kept, home)
    arm_specs, not_run = arms_of(name, before, arm_specs, not_run, added, config.arms == "joint")
    used = {architecture for architecture, pretrained in arm_specs if pretrained}
    weights = {architecture: value for architecture, value in weights.items() if architecture in used}
    if not arm_specs:
        lines = reasons(not_run, config.weights, set(), begun=before.study is not None, rerun_flags=inputs.rerun_flags)
        raise ConfigError("no arm can run: " + "; ".join(lines))
    check_one_kind(name, weights, before.study.weights if before.study else {})
    _check_before_decoding(name, home, config, groups_of(config, arm_specs), before, inputs)
    by_colour = _by_colour(dataset, home, config)
    plan = Plan(
        name,
        home,
        config,
        dataset,
        prepared=next(iter(by_colour.values())),
        caches={colour: prepared.cache.folder for colour, prepared in by_colour.items()},
        groups=groups_of(config, arm_specs),
        not_run=not_run,
        weights=weights,
        notes=(),
        warm_start=None,
    )
    finalists = planned(config, len(plan.groups)) > 0
    for architecture, value in plan.weights.items():
        check_no_leakage(architecture, value["name"], value["seen"], plan.prepared, finalists=finalists)
    warm_start, lines = make_warm_start(plan, state, inputs.source_study, inputs.enqueued)
    plan = replace(plan, warm_start=warm_start, notes=(*_notes(plan), *lines))
    if before.study:
        said = as_said_now(before.study, plan.identity())
        check_same(plan, said, added, len(before.trials), another_fold=model != name)
    return plan


def _check_before_decoding(
    name: str, home: Path, config: StudyConfig, groups: dict[str, list[ArmSpec]], before: StudyState, inputs: Inputs
) -> None:
    """What is wrong without a look at a photograph is said before the hour that decoding them may take.

    All of it is asked again, with the digests of the data, once these are known.
    """
    if inputs.enqueued and not before.study:
        read_tries(inputs.enqueued, config, groups)
    if inputs.source_study and not before.study:
        check_known(home, inputs.source_study)
    if before.study:
        now = settings_of(config)
        said = {**as_said_now(before.study, now).identity, **({"fold": config.fold} if config.fold else {})}
        check_settings(parent_name(name, config), said, now)


def _added(state: StudyState, first: StudyState, asked: tuple[str, ...]) -> tuple[str, ...]:
    """Arms that a study shall have from now on: those that are asked for, and those that its first fold was given."""
    if not (state.study and first.study):
        return asked
    inherited = [arm for arm in first.study.arms if arm not in state.study.arms]
    return tuple(dict.fromkeys([*asked, *inherited]))


def _config_of(
    home: Path, known: dict[str, Any] | None, state: StudyState, first: StudyState, inputs: Inputs
) -> StudyConfig:
    """The configuration that is given, or the known one; a fold that has begun grows as the first one did."""
    if inputs.config_file:
        return read_study_config(inputs.config_file, inputs.overrides)
    values = known["config"] if known else {}
    if known and state.study and first.study:
        weights = read_study_file(home / inputs.like / STUDY_FILE)["config"]["weights"]
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
    dataset = read_index(source, inputs.layout or (known["layout"] if known else None))
    if config.fold and (dataset.table["split"] == "test").any():
        raise ConfigError(
            f"--folds makes each image a test image once, but the layout {dataset.layout} names a test part; search "
            "without --folds, or read the data in another --layout that names none"
        )
    return dataset


def _by_colour(dataset: DataSet, home: Path, config: StudyConfig) -> dict[str, SplitDataset]:
    """The data, prepared and split, in each colour normalisation of the study."""
    fields = TrialConfig.model_fields
    return {
        str(colour): prepare_data(
            dataset,
            home,
            image_size=int(config.fixed.get("image_size", fields["image_size"].default)),
            crop=str(config.fixed.get("crop", fields["crop"].default)),
            colour=str(colour),
            **split_of(config),
        )
        for colour in config.values("colour")
    }


def _check_each_cell(config: StudyConfig) -> None:
    """Rules that join fields (frozen epochs, say) are broken here, not in the middle of a search."""
    any_pretrained = any(pretrained for _, pretrained in config.arm_specs())
    for architecture, pretrained in config.arm_specs():
        # Frozen epochs are for pretrained arms; where there is none they are a mistake, and said to be one.
        values = {k: v for k, v in config.fixed.items() if k != "freeze_epochs" or pretrained or not any_pretrained}
        make_trial_config({**values, "architecture": architecture, "pretrained": pretrained})
        axis = config.space.get("freeze_epochs")
        if axis and pretrained:
            make_trial_config({**values, "pretrained": True, "freeze_epochs": int(max(bounds(axis)))})


def _notes(plan: Plan) -> tuple[str, ...]:
    """What a reader of the study must be told, one line each."""
    config, arms = plan.config, len(plan.groups)
    notes = list(plan.dataset.notes)
    notes += [f"weights of {name}: {value['name']}, {value['fit']}" for name, value in plan.weights.items()]
    notes += [
        f"weights of {name}: their file does not say what they were trained on; it must not have been photographs that "
        "are measured here"
        for name, value in plan.weights.items()
        if not value["seen"] and value["name"] != "imagenet"
    ]
    if equal := equal_note(plan.prepared.cache.table):  # the audit counts patients by name, all else merged ones
        notes.append(equal)
    skipped = plan.prepared.cache.skipped
    if skipped:
        notes.append(f"{skipped} images could not be read and were skipped when the data was prepared")
    excluded = plan.prepared.count("excluded") - skipped
    if excluded:
        notes.append(f"{excluded} training images stand byte for byte in the test list too, and are left out")
    if config.select_on == "test":
        notes.append("epochs and trials are chosen on the test part: scores are optimistic")
    if config.fixed.get("select_epoch") == "best":
        notes.append("a trial's score is its highest epoch (select_epoch=best): the maximum of noise flatters")
    epochs = int(config.fixed.get("epochs", TrialConfig.model_fields["epochs"].default))
    if config.early_stopping != "none":
        if config.trials // arms < COMPARED:
            notes.append(f"early stopping is idle: {config.trials // arms} trials in an arm, fewer than {COMPARED}")
        elif first_rung(config) >= epochs:
            notes.append(f"early stopping is idle: its first rung, epoch {first_rung(config)}, is the last of {epochs}")
    if config.trials % arms:
        notes.append(f"{config.trials} trials over {arms} arms are not the same number each; use a multiple of {arms}")
    return tuple(notes)
