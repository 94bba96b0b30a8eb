"""What a search would do, and what it would cost, without starting it."""

from __future__ import annotations

import os
import shutil
import time
from dataclasses import replace
from pathlib import Path

import torch
from rich.console import Console
from rich.table import Table

from retina_models.pretrained import read_weights
from study.cluster import Resources
from study.config import make_trial_config
from study.ledger import StudyState
from study.plan import Plan
from study.progress import duration_text
from study.recorder import WEIGHTS_KEPT
from study.space import describe
from study.train import train

MEASURED_IMAGES = 512
"""Images of the epoch that is measured; a larger training part is counted as so many times more."""


def dry_run(plan: Plan, state: StudyState, limits: Resources, console: Console) -> None:
    """Print arms, trials, epochs, slots, the space, and time and disk from one measured epoch of each architecture."""
    left = plan.config.trials - sum(1 for record in state.trials.values() if record.end)
    epochs = plan.epochs
    arms = plan.identity()["arms"]
    console.print(
        f"study {plan.name} would run {left} of {plan.config.trials} trials of at most {epochs} epochs over "
        f"{len(arms)} arm{'s' * (len(arms) != 1)} ({', '.join(arms)}), {limits}",
        markup=False,
    )
    space = Table("searched", "values")
    for field, values in describe(plan.config):
        space.add_row(field, values)
    console.print(space)
    for line in [*plan.notes, *(f"left out: {arm}: {reason}" for arm, reason in plan.not_run.items())]:
        console.print(f"- {line}", markup=False)
    _print_costs(plan, left, epochs, limits, console)


def _print_costs(plan: Plan, left: int, epochs: int, limits: Resources, console: Console) -> None:
    arms = plan.identity()["arms"]
    costs = Table("architecture", "measured", "one epoch", "one trial", "checkpoint")
    slots, total, disk = limits.slots, 0.0, 0
    for architecture in sorted({arm.split("-")[0] for arm in arms}):
        measured, seconds, state_bytes, weights_bytes = _measure(plan, architecture, limits)
        mine = [arm for arm in arms if arm.startswith(architecture)]
        total += left * len(mine) / len(arms) * epochs * seconds / slots
        # A running trial has its last checkpoint, the one before, and one being written; an arm keeps its best weights.
        disk += state_bytes * 3 * slots + weights_bytes * (WEIGHTS_KEPT + slots) * len(mine)
        sizes = f"{state_bytes / 1e6:.0f} MB"
        costs.add_row(architecture, f"{measured} images", f"{seconds:.1f} s", duration_text(seconds * epochs), sizes)
    console.print(costs)
    if limits.gpus and not torch.cuda.is_available():
        console.print("measured on this machine's CPU, since it has no GPU: a trial on one takes far less")
    free = shutil.disk_usage(_existing(plan.home)).free
    console.print(f"expected: {duration_text(total)} at most (no trial stopped early), {disk / 1e9:.2f} GB of disk")
    if folds := int(plan.config.fold.partition("/")[2] or 0):
        console.print(f"for each of {folds} folds, one after the other: {duration_text(total * folds)} in all")
    if disk > free:
        console.print(f"problem: {disk / 1e9:.2f} GB are needed in {plan.home}, but {free / 1e9:.2f} GB are free")


def _measure(plan: Plan, architecture: str, limits: Resources) -> tuple[int, float, int, int]:
    """(images trained on, seconds of a whole epoch, bytes of a checkpoint, bytes of weights), from one epoch here."""
    torch.set_num_threads(min(limits.threads, os.cpu_count() or 1))
    pretrained = architecture in plan.weights
    fields = ("image_size", "crop", "optimizer", "momentum", "augmentation", "precision", "head", "normalisation")
    fixed = {name: plan.config.fixed[name] for name in fields if name in plan.config.fixed}
    config = make_trial_config({**fixed, "architecture": architecture, "pretrained": pretrained, "epochs": 2})
    weights = read_weights(plan.weights[architecture]["file"], architecture) if pretrained else None
    data = plan.prepared.train_data()
    some = replace(data, train_rows=data.train_rows[:MEASURED_IMAGES], val_rows=data.val_rows[:MEASURED_IMAGES])
    device = torch.device("cuda" if limits.gpus and torch.cuda.is_available() else "cpu")
    # The first epoch warms the machine up; the second is measured.
    steps = train(config, some, device, weights=weights)
    next(steps)
    begun = time.monotonic()
    epoch = next(steps)
    seconds = time.monotonic() - begun
    state = epoch.state()
    model_bytes = sum(tensor.nbytes for tensor in state["model"].values())
    slots = state["optimizer"]["state"].values()
    held = sum(value.nbytes for slot in slots for value in slot.values() if isinstance(value, torch.Tensor))
    share = (len(data.train_rows) + len(data.val_rows)) / (len(some.train_rows) + len(some.val_rows))
    return len(some.train_rows), seconds * share, model_bytes + held, model_bytes


def here_available() -> dict[str, float]:
    """What Ray would find on this machine."""
    return {"CPU": float(os.cpu_count() or 1), "GPU": float(torch.cuda.device_count())}


def _existing(path: Path) -> Path:
    while not path.exists():
        path = path.parent
    return path
