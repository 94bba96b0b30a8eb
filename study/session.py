"""One call of `retina search`: lock, plan, ledger, tracking, Ray, display; and the report of a study."""

from __future__ import annotations

import time
import traceback
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console

from analysis import records
from study.checkpoints import write_whole
from study.display import SearchDisplay
from study.goingon import write_study_file
from study.ledger import Event, Ledger, LockedError, StudyState, locked, read_events, study_state
from study.plan import Inputs, Plan, make_plan
from study.synced import mark_synced

if TYPE_CHECKING:
    from study.cli import Place

EXIT_CODES = {records.STATE_COMPLETE: 0, records.STATE_INTERRUPTED: 0, records.STATE_FAILED: 1}
"""Interrupted without a signal means that the time budget was used up, which is what was asked for."""

EXIT_LOCKED = 75


@dataclass(frozen=True)
class Compute:
    """What one call may use. time_budget: seconds; address: of a Ray cluster; the rest None for the defaults."""

    gpus_per_trial: float | None = None
    cpus_per_trial: int | None = None
    address: str | None = None
    time_budget: float | None = None


def search(name: str, here: Place, console: Console, inputs: Inputs, compute: Compute, *, dry: bool = False) -> int:
    """Begin a study or go on with it, or (`dry`) only say what would run; returns the exit code.

    Wrong input raises before anything but the cache is written.
    """
    folder = here.home / name
    try:
        if folder.exists():  # asked first, since reading the data may take long; held only once all input is right
            with locked(folder):
                pass
        events, _ = read_events(folder / "ledger.jsonl")
        plan = make_plan(name, here.home, study_state(events), inputs)
        if dry:
            _dry_run(plan, study_state(events), compute, console)
            return 0
        with locked(folder):
            return _search_locked(plan, len(events), here, compute, console)
    except LockedError as error:
        console.print(f"retina: {error}", markup=False)
        return EXIT_LOCKED


def _dry_run(plan: Plan, state: StudyState, compute: Compute, console: Console) -> None:
    from study.dryrun import dry_run, here_available
    from study.search import resources

    limits = resources(compute.gpus_per_trial, compute.cpus_per_trial, here_available())
    dry_run(plan, state, limits.slots, limits.threads, console)


def _search_locked(plan: Plan, events_planned: int, here: Place, compute: Compute, console: Console) -> int:
    ledger = Ledger(plan.folder / "ledger.jsonl")
    try:
        if len(ledger.events) != events_planned:
            raise LockedError(f"study {plan.name} was written by another process a moment ago; type the command again")
        if ledger.torn:
            console.print("the ledger's last line was torn, never counted, and is dropped")
        state = study_state(ledger.events)
        ended = [record for record in state.trials.values() if record.end]
        if len(ended) == plan.config.trials:
            console.print(f"study {plan.name} has all its {len(ended)} trials; a larger --trials extends it")
            return 0
        for note in plan.notes:
            console.print(f"note: {note}", markup=False)
        for arm, reason in plan.not_run.items():
            console.print(f"left out: {arm}: {reason}{_remedy(plan, arm)}", markup=False)
        return _run(plan, ledger, here, compute, console)
    finally:
        ledger.close()


def _run(plan: Plan, ledger: Ledger, here: Place, compute: Compute, console: Console) -> int:
    from study.feed import Feed
    from study.search import cluster, resources, run_search, signals
    from study.tracking import Tracking

    # The store is made here, before any other process could open it: two makers at once break it.
    tracking = Tracking(here.tracking_uri, plan.name, plan.folder, here.artifacts_of(plan.name))
    with cluster(compute.address) as available, signals() as stop:
        limits = resources(compute.gpus_per_trial, compute.cpus_per_trial, available)
        if compute.time_budget is not None:
            stop.deadline = time.monotonic() + compute.time_budget
        write_study_file(plan)
        ledger.append("study", **plan.event(limits.threads, limits.slots))
        if plan.warm:
            ledger.append("warm", **plan.warm)
        feed = Feed(tracking, list(ledger.events))
        state = study_state(ledger.events)
        display = SearchDisplay(console, state, plan.config.trials, limits.slots)
        console.print(_opening(plan, state, limits.slots, limits.threads, limits.gpus), markup=False)

        def watch(event: Event) -> None:
            feed.put(event)
            state.apply(event)
            display.watch(event)

        with display.shown():
            try:
                closed = run_search(plan, ledger, limits, plan.folder / "ray", stop, watch)
            except Exception as error:  # whatever it is, no run may stay RUNNING, and the ledger goes on later
                write_whole(plan.folder / "error.txt", traceback.format_exc().encode())
                closed = records.STATE_FAILED
                watch(
                    ledger.append("close", state=closed, reason=f"{type(error).__name__}; see error.txt of the study")
                )
    if feed.close():
        mark_synced(plan.folder)
    else:
        console.print(f"MLflow did not answer ({feed.problem}); `retina status` sends the rest later", markup=False)
    _closing(plan, state, closed, ledger.events[-1].get("reason", ""), console)
    return 128 + stop.signal if stop.signal else EXIT_CODES[closed]


def _opening(plan: Plan, state: StudyState, slots: int, threads: int, gpus: float) -> str:
    done = sum(1 for record in state.trials.values() if record.end)
    parts = {part: plan.prepared.count(part) for part in ("train", "val", "test")}
    begun = (
        f"goes on with {done} of {plan.config.trials} trials ended" if state.trials else f"{plan.config.trials} trials"
    )
    where = f"{gpus:g} GPU" if gpus else f"{threads} CPU threads"
    return (
        f"study {plan.name}: {begun} over {len(plan.groups)} arms; {parts['train']} training and {parts['val']} "
        f"validation images, {parts['test']} set aside for the test; {slots} at once, {where} each"
    )


def _remedy(plan: Plan, arm: str) -> str:
    from retina_models.pretrained import imagenet_file

    architecture = arm.split("-")[0]
    file = imagenet_file(architecture)
    return f"; put {file.name} into {file.parent}, or give --weights {architecture}=FILE, and start another study"


def _closing(plan: Plan, state: StudyState, closed: str, reason: str, console: Console) -> None:
    ends = [record.end["state"] for record in state.trials.values() if record.end]
    counts = ", ".join(f"{ends.count(kind)} {kind}" for kind in dict.fromkeys(sorted(ends)))
    console.print(
        f"study {plan.name}: {closed}, {counts or 'no trial ended'}{f' ({reason})' if reason else ''}", markup=False
    )
    if closed == records.STATE_COMPLETE:
        console.print(f"next: retina report {plan.name}", markup=False)
    else:
        console.print(f"go on with: retina search {plan.name}", markup=False)


def write_study_report(name: str, here: Place) -> Path:
    """Tables, figures and page of a study in its folder, and beside its parent run; returns the folder."""
    from analysis.report import write_report
    from analysis.runs import read_study
    from study.tracking import Tracking

    folder = here.home / name / "report"
    write_report(read_study(here.tracking_uri, name), folder)
    Tracking(here.tracking_uri, name, here.home / name, here.artifacts_of(name)).send_report(folder)
    return folder
