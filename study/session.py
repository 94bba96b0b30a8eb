"""One call of `retina search`: lock, plan, ledger, tracking, Ray, display; and the report of a study."""

from __future__ import annotations

import os
import time
import traceback
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console

from analysis import records
from study.config import TrialConfig
from study.disk import check_room, is_full, needed, told
from study.display import SearchDisplay
from study.goingon import write_study_file
from study.ledger import Event, Ledger, StudyState, read_events, study_state
from study.lock import LockedError, check_free, locked
from study.plan import Inputs, Plan, make_plan
from study.recorder import WEIGHTS_KEPT
from study.synced import mark_synced
from study.wholefile import write_whole

if TYPE_CHECKING:
    from study.cluster import Resources
    from study.feed import Feed
    from study.place import Place
    from study.search import Stop

EXIT_CODES = {records.STATE_COMPLETE: 0, records.STATE_INTERRUPTED: 0, records.STATE_FAILED: 1}
"""Interrupted without a signal means that the time budget was used up, which is what was asked for."""

EXIT_LOCKED = 75

CLOSE_SECONDS = 60.0
"""For what MLflow lacks at the end of a search, while it does not answer."""

SIGNAL_CLOSE_SECONDS = 6.0
HEAD_CLOSE_SECONDS = 5.0


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
        check_free(folder)  # asked first, since reading the data may take long; held only once all input is right
        events, _ = read_events(folder / "ledger.jsonl")
        plan = make_plan(name, here.home, study_state(events), inputs)
        if compute.address is None:
            _limits_here(compute)  # wrong numbers are refused before anything is begun
        if dry:
            _dry_run(plan, study_state(events), _limits_here(compute), console)
            return 0
        with locked(folder):
            return _search_locked(plan, len(events), here, compute, console)
    except LockedError as error:
        console.print(f"retina: {error}", markup=False)
        return EXIT_LOCKED


def _limits_here(compute: Compute) -> Resources:
    from study.cluster import resources
    from study.dryrun import here_available

    return resources(compute.gpus_per_trial, compute.cpus_per_trial, [here_available()])


def _dry_run(plan: Plan, state: StudyState, limits: Resources, console: Console) -> None:
    from study.dryrun import dry_run

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
            if ledger.events[-1].get("state") != records.STATE_COMPLETE:  # killed between its last trial and its close
                ledger.append("close", state=records.STATE_COMPLETE, reason="")
            return 0
        for note in plan.notes:
            console.print(f"note: {note}", markup=False)
        for arm, reason in plan.not_run.items():
            console.print(f"left out: {arm}: {reason}{_remedy(plan, arm)}", markup=False)
        return _run(plan, ledger, here, compute, console)
    finally:
        ledger.close()
        if not ledger.events:  # refused before its first event: nothing half-written
            (plan.folder / "ledger.jsonl").unlink()


def _run(plan: Plan, ledger: Ledger, here: Place, compute: Compute, console: Console) -> int:
    from study.cluster import cluster, head_places, resources
    from study.feed import Feed, check_id, open_tracking, without_old_closes
    from study.search import run_search, signals
    from study.watcher import Head

    # The store is made here, before any other process could open it: two makers at once break it.
    tracking = open_tracking(here.tracking_uri, plan.folder, here.artifacts_of(plan.name))
    check_id(tracking, study_state(ledger.events), plan.name, here.tracking_uri)
    with cluster(compute.address) as available, signals() as stop:
        limits = resources(compute.gpus_per_trial, compute.cpus_per_trial, available)
        if compute.time_budget is not None:
            stop.deadline = time.monotonic() + compute.time_budget
        check_room(plan.folder / "checkpoints", _need(plan, limits.slots))
        plan.keep_weights()
        write_study_file(plan)
        ledger.append("study", **plan.event(limits.threads, limits.slots))
        if plan.warm:
            ledger.append("warm", **plan.warm)
        if plan.config.select_on == "test":
            ledger.append("test-read", by="search", what="each epoch of each trial is scored on the test part")
        on_full = stop.halt if here.tracking_uri.startswith("sqlite") else None
        feed = Feed(tracking, without_old_closes(ledger.events), on_full)
        state = study_state(ledger.events)
        display = SearchDisplay(console, state, plan.config.trials, limits.slots)
        console.print(_opening(plan, state, limits.slots, limits.threads, limits.gpus), markup=False)

        def watch(event: Event) -> None:
            feed.put(event)
            state.apply(event)
            display.watch(event)

        head = Head(head_places(), partial(_end_process, plan, ledger, feed, console, here.tracking_uri))
        with display.shown(), head.watched():
            try:
                closed = run_search(plan, ledger, limits, plan.folder / "ray", stop, watch, head)
            except Exception as error:  # whatever it is, no run may stay RUNNING, and the ledger goes on later
                if head.gone():
                    head.await_end()
                closed = records.STATE_FAILED
                _note_failure(plan, stop, error, traceback.format_exc())
                with suppress(OSError):  # a ledger without a close: the next command tells MLflow
                    watch(ledger.append("close", state=closed, reason=stop.reason))
    _send_rest(plan, ledger, feed, console, here.tracking_uri, SIGNAL_CLOSE_SECONDS if stop.signal else CLOSE_SECONDS)
    _closing(plan, state, closed, stop.reason or ledger.events[-1].get("reason", ""), console)
    return 128 + stop.signal if stop.signal else EXIT_CODES[closed]


def _note_failure(plan: Plan, stop: Stop, error: Exception, text: str) -> None:
    if is_full(error):
        stop.halt(told(error))
    else:
        write_whole(plan.folder / "error.txt", text.encode())
        stop.halt(f"{type(error).__name__}; see error.txt of the study")


def _send_rest(plan: Plan, ledger: Ledger, feed: Feed, console: Console, uri: str, seconds: float) -> None:
    sent = feed.close(seconds, at_most=None if seconds == CLOSE_SECONDS else seconds)
    if not sent:
        console.print(f"MLflow did not answer ({feed.problem}); `retina status` sends the rest later", markup=False)
    elif ledger.events[-1]["event"] == "close":
        with suppress(OSError):
            mark_synced(plan.folder, uri)


def _end_process(plan: Plan, ledger: Ledger, feed: Feed, console: Console, uri: str, reason: str) -> None:
    """What the driver cannot do itself any more once Ray's head is gone; called from the watching thread."""
    from study.cluster import kill_below

    with suppress(OSError):
        feed.put(ledger.append_last("close", state=records.STATE_FAILED, reason=reason))
    _send_rest(plan, ledger, feed, console, uri, HEAD_CLOSE_SECONDS)
    console.show_cursor()
    console.print(f"study {plan.name}: {reason}; its trials are at their last checkpoint", markup=False)
    console.print(f"go on with: retina search {plan.name}", markup=False)
    console.file.flush()
    kill_below(os.getpid())
    os._exit(EXIT_CODES[records.STATE_FAILED])  # Ray's own way out waits for what is gone


def _need(plan: Plan, slots: int) -> int:
    """Bytes that the study will take at most."""
    fields = {name: _values(plan, name) for name in ("architecture", "optimizer")}
    arms = sum(len(cells) for cells in plan.groups.values())
    return needed(fields["architecture"], fields["optimizer"], arms, slots, WEIGHTS_KEPT)


def _values(plan: Plan, name: str) -> set[str]:
    axis = plan.config.space.get(name)
    default = TrialConfig.model_fields[name].default
    return {str(value) for value in axis} if isinstance(axis, tuple) else {str(plan.config.fixed.get(name, default))}


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
    from analysis.report import ANSWER, write_report
    from analysis.runs import read_study
    from study.tracking import Tracking

    folder = here.home / name / "report"
    write_report(read_study(here.tracking_uri, name), folder)
    tracking = Tracking(here.tracking_uri, name, here.home / name, here.artifacts_of(name))
    tracking.send_report(folder, (folder / ANSWER).read_text("utf-8"))
    return folder
