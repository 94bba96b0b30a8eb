"""What a search would do, and what it would cost, without starting it."""

from __future__ import annotations

import json
import math
import os
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from rich.console import Console
from rich.table import Table

from retina_models.weights import read_weights
from study.cluster.resources import Resources
from study.config.search_space import describe
from study.config.study import StudyConfig
from study.config.trial import TrialConfig, Value, make_trial_config
from study.console import out
from study.disk_space import check_room
from study.errors import ConfigError
from study.planning.plan import Plan, needed_by
from study.planning.resume_checks import not_run_lines
from study.storage.progress import duration_text
from study.storage.ranking import planned
from study.storage.state import StudyState
from study.training.data import open_data, split_of
from study.training.train import TrainData, train
from study.tuning.recorder import n_best_weights

MEASURED_IMAGES = 512
"""Images of the epoch that is measured, at most; a larger training split is counted as so many times more."""

FIRST_IMAGES = 8

SHORT_SECONDS = 2.0
"""It begins with so few, since a slow machine needs seconds for each; an epoch that took less than this is too short
to reckon from, and one of four times the images follows."""

FEW_IMAGES = 128

MEASURE_SECONDS = 120.0
"""A search that is about to start measures fewer, and waits so long at most."""

DECIDE_TIME = (
    "image_size", "crop", "batch_size", "micro_batch", "imbalance", "optimizer", "momentum", "augmentation",
    "precision", "head", "normalisation",
)  # fmt: skip

CHILD = (
    "import json, sys; from study.workflows.running.dry_run import measure_job; "
    "print(json.dumps([*map(measure_job, json.load(sys.stdin))]))"
)


def dry_run(
    plan: Plan, state: StudyState | None, trial_resources: Resources, console: Console, rerun_flags: str = ""
) -> None:
    """Print arms, trials, epochs, slots, the space, and time and disk from a short measured epoch of each network."""
    trials, finalists = (state.trials, state.finalists) if state else ({}, {})
    left = plan.config.trials - sum(1 for record in trials.values() if record.end)
    final = planned(plan.config, len(plan.arms)) - sum(1 for record in finalists.values() if record.end)
    arms = _arms(plan)
    then = f", then {final} finalists of {plan.epochs} epochs on other validation splits" if final > 0 else ""
    console.print(
        f"study {plan.name} would run {left} of {plan.config.trials} trials of at most {plan.epochs} epochs over "
        f"{len(arms)} arm{'s' * (len(arms) != 1)} ({', '.join(arms)}){then}, {trial_resources}",
        markup=False,
    )
    space = Table("searched", "values")
    for field, values in describe(plan.config):
        space.add_row(field, values)
    console.print(space)
    for line in [*plan.notes, *not_run_lines(plan, started=state is not None, rerun_flags=rerun_flags)]:
        console.print(f"- {line}", markup=False)
    _print_costs(plan, left + max(0, final), trial_resources, console)


def _print_costs(plan: Plan, left: int, trial_resources: Resources, console: Console) -> None:
    epochs, trial_seconds = plan.epochs, {}
    costs = Table("architecture", "measured", "one epoch", "one trial", "checkpoint")
    for architecture in _architectures(plan):
        job = _job(plan, architecture, trial_resources, MEASURED_IMAGES)
        found = _measured_aloud(job, plan.prepared.train_data(), console)
        seconds, size = found["seconds"], f"{found['checkpoint'] / 1e6:.0f} MB"
        trial_seconds[architecture] = seconds * epochs
        costs.add_row(
            architecture, f"{found['images']} images", f"{seconds:.1f} s", duration_text(seconds * epochs), size
        )
    console.print(costs)
    if trial_resources.gpus and not torch.cuda.is_available():
        console.print("measured on this machine's CPU, since it has no GPU: a trial on one takes far less")
    console.print("reckoned from the images measured, on this machine as busy as it is now: a rough figure")
    groups = [max(trial_seconds[name] for name, _ in arm_specs) for arm_specs in plan.groups.values()]
    total = longest(groups, left, trial_resources.max_concurrent)
    disk = needed_by(plan, trial_resources.max_concurrent, n_best_weights(plan.config))
    console.print(f"expected: {duration_text(total)} at most (no trial stopped early), {disk / 1e9:.2f} GB of disk")
    if folds := int(plan.config.fold.partition("/")[2] or 0):
        console.print(f"for each of {folds} folds, one after the other: {duration_text(total * folds)} in all")
    try:
        check_room(plan.folder / "checkpoints", disk)
    except ConfigError as error:
        console.print(f"problem: {error}", markup=False)


def longest(groups: list[float], trials: int, at_once: int) -> float:
    """Seconds that `trials` take at most, dealt in turn to groups whose trials take so many seconds each.

    The costliest come first, and the last one runs alone (Graham 1969, https://doi.org/10.1137/0117039).
    """
    each = sorted(groups, reverse=True)
    dealt = [each[number % len(each)] for number in range(trials)]
    return sum(dealt) / at_once + max(dealt, default=0.0) * (1 - 1 / at_once)


def _measured_aloud(job: dict[str, Any], data: TrainData, console: Console) -> dict[str, Any]:
    """`measure_epoch` with its progress: one line that changes, or one for each step without a terminal."""
    with console.status("") as status:

        def on_step(images: int) -> None:
            line = f"measuring {job['config']['architecture']}: an epoch of {images} images to warm up, then another"
            status.update(line)
            if not console.is_terminal:
                console.print(line)

        return measure_epoch(job, data, on_step)


def measured_now(plan: Plan, trial_resources: Resources) -> tuple[float, str]:
    """(mean seconds of an epoch over the arms, how they were measured), for a search that is about to start.

    Measured in a process of its own: this one must hold neither GPU nor memory once trials run, and a search is begun
    whatever becomes of the measuring (0 seconds, and why).
    """
    jobs = {
        architecture: _job(plan, architecture, trial_resources, FEW_IMAGES) for architecture in _architectures(plan)
    }
    try:
        with out.status("measuring an epoch of each architecture"):
            done = subprocess.run(  # noqa: S603
                [sys.executable, "-c", CHILD], input=json.dumps([*jobs.values()]),
                capture_output=True, text=True, check=False, timeout=MEASURE_SECONDS,
            )  # fmt: skip
    except subprocess.TimeoutExpired:
        return 0.0, f"not measured within {MEASURE_SECONDS:.0f} s"
    if done.returncode:
        said = done.stderr.strip().splitlines() or [f"exit code {done.returncode}"]
        return 0.0, f"measuring it failed: {said[-1][:200]}"
    found = dict(zip(jobs, json.loads(done.stdout.splitlines()[-1]), strict=True))
    device = next(iter(found.values()))["device"]
    slower = ", where a GPU takes far less" if trial_resources.gpus and device == "cpu" else ""
    mean = sum(found[arm.split("-")[0]]["seconds"] for arm in _arms(plan)) / len(_arms(plan))
    return mean, f"measured now on at most {FEW_IMAGES} images on this machine's {device.upper()}{slower}"


def _arms(plan: Plan) -> list[str]:
    return plan.arms


def _architectures(plan: Plan) -> list[str]:
    return sorted({arm.split("-")[0] for arm in _arms(plan)})


def _job(plan: Plan, architecture: str, trial_resources: Resources, images: int) -> dict[str, Any]:
    """What is measured, in values that another process can be given."""
    pretrained = architecture in plan.weights
    fields = {name: usual(plan.config, name) for name in DECIDE_TIME}
    config = make_trial_config({**fields, "architecture": architecture, "pretrained": pretrained, "epochs": 2})
    return {
        "config": config.model_dump(mode="json"),
        "weights": plan.weights[architecture]["file"] if pretrained else "",
        "cache": str(plan.prepared.cache.folder),
        "split": split_of(plan.config),
        "images": images,
        "threads": trial_resources.threads,
        "gpu": bool(trial_resources.gpus),
    }


def usual(config: StudyConfig, name: str) -> Value:
    """A field's fixed value, or one from the middle of its axis."""
    axis = config.space.get(name)
    if axis is None:
        return config.values(name)[0]
    if isinstance(axis, dict):  # as the first of the study's optimizers has it
        axis = axis[config.values("optimizer")[0]]  # type: ignore[index]
    if isinstance(axis, tuple):
        numbers = all(isinstance(value, int | float) for value in axis)
        return (sorted(axis, key=float) if numbers else axis)[(len(axis) - 1) // 2]
    middle = math.sqrt(axis.low * axis.high) if axis.log else (axis.low + axis.high) / 2
    return round(middle) if TrialConfig.model_fields[name].annotation is int else middle


def measure_job(job: dict[str, Any]) -> dict[str, Any]:
    """`measure_epoch` with the data that a job names."""
    return measure_epoch(job, open_data(Path(job["cache"]), **job["split"]).train_data())


def measure_epoch(
    job: dict[str, Any], data: TrainData, on_step: Callable[[int], None] = lambda images: None
) -> dict[str, Any]:
    """Images trained on, seconds of a whole epoch, bytes of a checkpoint and the device, from one short epoch here.

    on_step: called with each number of images before it is tried.
    """
    torch.set_num_threads(min(job["threads"], os.cpu_count() or 1))
    config = make_trial_config(job["config"])
    weights = read_weights(job["weights"], config.architecture) if job["weights"] else None
    device = torch.device("cuda" if job["gpu"] and torch.cuda.is_available() else "cpu")
    most = min(job["images"], len(data.train_rows))
    images = min(FIRST_IMAGES, most)
    while True:
        on_step(images)
        some = _part_of(data, images)
        # The first epoch warms the machine up; the second is measured.
        steps = train(config, some, device, weights=weights)
        next(steps)
        started = time.monotonic()
        epoch = next(steps)
        seconds = time.monotonic() - started
        if images == most or seconds >= SHORT_SECONDS:
            break
        images = min(4 * images, most)
    state = epoch.state()
    model_bytes = sum(tensor.nbytes for tensor in state["model"].values())
    max_concurrent = state["optimizer"]["state"].values()
    held = sum(value.nbytes for slot in max_concurrent for value in slot.values() if isinstance(value, torch.Tensor))
    share = (len(data.train_rows) + len(data.val_rows)) / (len(some.train_rows) + len(some.val_rows))
    return {
        "images": len(some.train_rows),
        "seconds": seconds * share,
        "checkpoint": model_bytes + held,
        "device": device.type,
    }


def _part_of(data: TrainData, images: int) -> TrainData:
    """The first training images, and validation images in proportion: an epoch of it is a small one of the whole."""
    checks = max(1, round(images * len(data.val_rows) / len(data.train_rows)))
    return replace(data, train_rows=data.train_rows[:images], val_rows=data.val_rows[:checks])


def here_available() -> dict[str, float]:
    """What Ray would find on this machine."""
    return {"CPU": float(os.cpu_count() or 1), "GPU": float(torch.cuda.device_count())}
