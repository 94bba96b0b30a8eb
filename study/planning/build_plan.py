"""What a search is going to do, settled before anything starts; and whether it may go on with what is there."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from retina_data.cache.finished import caches_alike
from retina_data.cache.preview import is_prepared, preview
from retina_data.duplicates import equal_note
from retina_data.images.decode import ImageSpec
from retina_data.layouts.dataset import DataSet
from retina_models.compilation import WAIT
from study.config.early_stopping import COMPARED, first_rung
from study.config.study import StudyConfig
from study.config.trial import TrialConfig
from study.planning.inputs import Inputs, Resolved, resolve
from study.planning.plan import Plan, parent_name, settings_of
from study.planning.resume_checks import as_said_now, check_data, check_settings
from study.planning.warm_start import make_warm_start, read_warm_start
from study.storage.progress import duration_text
from study.storage.ranking import planned
from study.storage.state import StudyState
from study.training.data import SplitDataset, prepare_data, preview_data, split_of, warn_of
from study.training.leakage import check_no_leakage


def make_plan(
    name: str,
    home: Path,
    state: StudyState | None,
    inputs: Inputs,
    before_photographs: Callable[[], None] = lambda: None,
    *,
    dry: bool = False,
) -> Plan:
    """Resolve the inputs, check what needs no photograph, load the data, and compare it with what the study began with.

    before_photographs: called once all is right that needs none; they may take an hour. dry: nothing will run, so that
    a new study whose photographs are not prepared is planned by their headers, as its notes say.

    Raises ConfigError, DataError or WeightsError; nothing but the shared cache has been written then.
    """
    resolved = resolve(name, home, state, inputs)
    _check_settings(resolved)
    warn_of(resolved.dataset.signs, resolved.dataset.warnings)
    requested = read_warm_start(resolved, state, inputs.source_study, inputs.enqueued)
    before_photographs()
    if dry and not (resolved.before or requested) and (by_headers := _preview(resolved, home)):
        return by_headers
    plan = _plan(resolved, _by_colour(resolved.dataset, home, resolved.config))
    _check_weights(plan)
    warm_start, lines = make_warm_start(requested, plan)
    plan = replace(plan, warm_start=warm_start, notes=(*_notes(plan), *lines))
    if resolved.before:
        started = as_said_now(resolved.before.study, plan.identity())
        check_data(plan, started, resolved.added, len(resolved.before.trials), another_fold=resolved.another_fold)
    return plan


def _check_settings(resolved: Resolved) -> None:
    """What changed since the study began is named before the hour that decoding photographs may take."""
    if resolved.before:
        now, fold = settings_of(resolved.config), resolved.config.fold
        started = {**as_said_now(resolved.before.study, now).identity, **({"fold": fold} if fold else {})}
        check_settings(parent_name(resolved.name, resolved.config), started, now)


def _preview(resolved: Resolved, home: Path) -> Plan | None:
    """The plan by the headers of photographs; None where they are prepared, so that all can be known."""
    dataset, config = resolved.dataset, resolved.config
    specs = [_spec(config, str(colour)) for colour in config.values("colour")]
    left = [spec for spec in specs if not is_prepared(dataset, home, spec)]
    if not left:
        return None
    found = preview(dataset, left[0])
    plan = _plan(resolved, {left[0].colour: preview_data(found, **split_of(config))})
    seconds = duration_text(len(left) * found.decode_seconds * len(dataset.table) / (os.cpu_count() or 1))
    notes = [
        f"photographs are not prepared yet: this is said from {len(dataset.table):,} headers and one photograph. "
        f"Preparing them takes about {seconds} and {len(left) * found.nbytes / 1e9:.2f} GB in {home / 'cache'}; "
        "damaged and equal photographs, and whether source weights were trained on some of them, are looked for then"
    ]
    alike = all(caches_alike(home / "cache", spec, dataset) for spec in left)
    if alike:
        notes.append(
            "photographs of the same names, grades and splits are prepared: the search compares contents first, and "
            "where they are the same it prepares nothing"
        )
    if found.unreadable:
        notes.append(f"the search would be refused, since photographs cannot be read, {found.unreadable}")
    if found.unreadable and alike:
        notes.append("it is not refused where contents are the same and these were skipped when they were prepared")
    return replace(plan, notes=(*_notes(plan), *notes))


def _spec(config: StudyConfig, colour: str) -> ImageSpec:
    fields = TrialConfig.model_fields
    size, crop = (config.fixed.get(name, fields[name].default) for name in ("image_size", "crop"))
    return ImageSpec(int(size), str(crop), colour)  # type: ignore[arg-type]


def _plan(resolved: Resolved, by_colour: dict[str, SplitDataset]) -> Plan:
    return Plan(
        resolved.name,
        resolved.home,
        resolved.config,
        resolved.dataset,
        prepared=next(iter(by_colour.values())),
        caches={colour: prepared.cache.folder for colour, prepared in by_colour.items()},
        groups=resolved.groups,
        not_run=resolved.not_run,
        weights=resolved.weights,
        notes=(),
        warm_start=None,
        is_started=resolved.before is not None,
    )


def _check_weights(plan: Plan) -> None:
    """No photograph that pretrained weights were trained on may be measured here."""
    finalists = planned(plan.config, len(plan.groups)) > 0
    for architecture, value in plan.weights.items():
        check_no_leakage(architecture, value["name"], value["seen"], plan.prepared, finalists=finalists)


def _by_colour(dataset: DataSet, home: Path, config: StudyConfig) -> dict[str, SplitDataset]:
    """The data, prepared and split, in each colour normalisation of the study."""
    specs = [_spec(config, str(colour)) for colour in config.values("colour")]
    return {
        spec.colour: prepare_data(
            dataset, home, image_size=spec.size, crop=spec.crop, colour=spec.colour, **split_of(config)
        )
        for spec in specs
    }


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
    if field_of_view := plan.prepared.cache.field_of_view_note:
        notes.append(field_of_view)
    notes += [f"patients may be wrong: {sign.sentence}; {sign.remedy}" for sign in plan.prepared.placeholders()]
    if line := plan.prepared.skipped_line:
        notes.append(line)
    excluded = plan.prepared.count("excluded") - plan.prepared.cache.skipped
    if excluded:
        notes.append(f"{excluded} training images stand byte for byte in the test list too, and are left out")
    if config.select_on == "test":
        notes.append("epochs and trials are chosen on the test split: scores are optimistic")
    if config.fixed.get("select_epoch") == "best":
        notes.append("a trial's score is its highest epoch (select_epoch=best): the maximum of noise flatters")
    epochs = int(config.fixed.get("epochs", TrialConfig.model_fields["epochs"].default))
    if config.early_stopping != "none":
        if config.trials // arms < COMPARED:
            notes.append(f"early stopping is idle: {config.trials // arms} trials in an arm, fewer than {COMPARED}")
        elif first_rung(config) >= epochs:
            notes.append(f"early stopping is idle: its first rung, epoch {first_rung(config)}, is the last of {epochs}")
    if "on" in config.values("compile"):
        notes.append(WAIT)
    if config.trials % arms:
        notes.append(f"{config.trials} trials over {arms} arms are not the same number each; use a multiple of {arms}")
    return tuple(notes)
