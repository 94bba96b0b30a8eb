"""One call that runs on Ray, a search or a confirmation: tracking, signals, the watcher, display, and its end."""

from __future__ import annotations

import logging
import os
import traceback
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from analysis import schema
from retina_data.files import write_whole
from study.console import out
from study.disk_space import check_room, disk_error_text, is_full
from study.planning.plan import Plan, needed_by
from study.planning.precision import settled
from study.planning.resume_checks import write_study_file
from study.storage.events import Event, StudyClosed, TestEvaluation
from study.storage.ledger import Ledger, LedgerError
from study.storage.state import StudyState, study_state
from study.tracking.sync_marker import mark_synced
from study.workflows.running.compute import Compute
from study.workflows.running.run_spec import RunSpec

if TYPE_CHECKING:
    from study.storage.home import Home
    from study.tracking.sync import BackgroundSync
    from study.tuning.interruption import Stop
    from study.tuning.trial_dispatcher import TrialFiles

log = logging.getLogger(__name__)


EXIT_CODES = {schema.STATE_COMPLETE: 0, schema.STATE_INTERRUPTED: 0, schema.STATE_FAILED: 1}
"""Interrupted without a signal means that the time budget was used up, which is what was asked for."""

CLOSE_SECONDS = 60.0
"""For what MLflow lacks at the end of a search, while it does not answer."""

SIGNAL_CLOSE_SECONDS = 6.0

HEAD_CLOSE_SECONDS = 5.0


def check_tracking(here: Home, name: str) -> None:
    """Raise RefusedError where MLflow does not take a write; MLflow is imported only now."""
    from study.tracking.sync import check_takes

    check_takes(here, name)


def run(plan: Plan, spec_of: Callable[[Plan], RunSpec], ledger: Ledger, here: Home, compute: Compute) -> int:
    """Run what is left of the plan's spec; returns the exit code. The study's lock is held by who calls."""
    from retina_data.cache.cache import read_ahead
    from study.cluster.head_monitor import HeadMonitor
    from study.cluster.node_check import check_nodes
    from study.cluster.ray_cluster import cluster, head_places
    from study.cluster.resources import resources
    from study.tracking.sync import BackgroundSync, open_tracking, without_old_closes
    from study.tuning.interruption import signals
    from study.tuning.ray_tune import run_search, start_at_once

    # The store is made here, before any other process could open it: two makers at once break it.
    before = study_state(ledger.events) if ledger.events else None
    own = before.study.id if before else ""
    tracking = open_tracking(here.tracking_uri, plan.folder, here.artifacts_of(plan.name), own)
    if before:
        last = ledger.events[-1]
        found = tracking.compare(before, last.state if isinstance(last, StudyClosed) else schema.STATE_INTERRUPTED)
        if found:
            log.info(found.line(plan.name))
    local = plan.caches.values() if compute.address is None else ()  # read while Ray and the trials' processes start
    with signals() as stop, read_ahead(local), cluster(compute.address, compute.guard) as available:
        stop.deadline = compute.deadline
        trial_resources = resources(compute.gpus_per_trial, compute.cpus_per_trial, available)
        start_at_once(trial_resources.max_concurrent)
        if compute.address:
            check_nodes(plan.home, list(plan.caches.values()), stop.stop_all)
        plan = settled(plan, trial_resources, on_cluster=compute.address is not None)
        spec = spec_of(plan)
        check_room(plan.folder / "checkpoints", needed_by(plan, trial_resources.max_concurrent, spec.n_best_weights))
        plan.keep_weights()
        write_study_file(plan)
        started = plan.event(trial_resources.threads, trial_resources.max_concurrent)
        ledger.append(replace(started, **spec.event()))
        if plan.warm_start:
            ledger.append(plan.warm_start)
        if plan.config.select_on == "test":
            ledger.append(TestEvaluation())  # each epoch of each trial is scored on the test split
        on_full = stop.request_stop if here.tracking_uri.startswith("sqlite") else None
        feed = BackgroundSync(tracking, without_old_closes(ledger.events), on_full, here.tracking_uri)
        state = study_state(ledger.events)
        display = spec.display(state, trial_resources)
        log.info(spec.opening(state, trial_resources))

        def watch(event: Event) -> None:
            feed.put(event)
            state.apply(event)
            display.watch(event)

        head = HeadMonitor(head_places(), partial(_end_process, plan, spec, ledger, feed, here))
        with display.drawn(), head.watched():
            try:
                closed = run_search(
                    _files(plan), ledger, spec.policy, trial_resources, plan.folder / "ray", stop, watch, head
                )
            except Exception as error:  # whatever it is, no run may stay RUNNING, and the ledger goes on later
                if head.gone():
                    head.await_end()
                closed = schema.STATE_FAILED
                _note_failure(plan, stop, error, traceback.format_exc())
                with suppress(OSError, LedgerError):  # a ledger without a close: the next command tells MLflow
                    watch(ledger.append(StudyClosed(state=closed, reason=stop.reason)))
    taken = _send_rest(plan, ledger, feed, here, SIGNAL_CLOSE_SECONDS if stop.signal else CLOSE_SECONDS)
    last = ledger.events[-1]
    reason = stop.reason or (last.reason if isinstance(last, StudyClosed) else "")
    _closing(plan, spec, state, closed, reason, here)
    if stop.signal:
        return 128 + stop.signal
    return EXIT_CODES[closed] if taken else EXIT_CODES[schema.STATE_FAILED]


def _files(plan: Plan) -> TrialFiles:
    """What the trials of a plan read and write."""
    from study.training.data import split_of
    from study.tuning.trial_dispatcher import TrialFiles

    weights = {name: (plan.weights_file(name), value["digest"]) for name, value in plan.weights.items()}
    return TrialFiles(plan.folder / "checkpoints", plan.caches, split_of(plan.config), weights)


def _note_failure(plan: Plan, stop: Stop, error: Exception, text: str) -> None:
    if is_full(error):
        stop.request_stop(disk_error_text(error))
    else:
        write_whole(plan.folder / "error.txt", text.encode())
        stop.request_stop(f"{type(error).__name__}; error.txt in the study's folder tells more")


def _send_rest(plan: Plan, ledger: Ledger, feed: BackgroundSync, here: Home, seconds: float) -> bool:
    """Send what is left, and say what could not be; False where MLflow refuses it, so that no later try helps."""
    sent = feed.close(seconds, at_most=None if seconds == CLOSE_SECONDS else seconds)
    if not sent and feed.refused:
        log.warning(
            f"MLflow did not take {feed.unsent} events of study {plan.name} ({feed.refused}); the ledger has them: "
            f"mend that, then `retina status {plan.name} --sync{here.rerun_flags}`"
        )
        return False
    if not sent:
        # Without a problem there was more to send than could be waited for.
        why = (
            f"MLflow did not answer ({feed.last_error})" if feed.last_error else "MLflow is still taking what it lacked"
        )
        log.info(f"{why}; `retina status` sends the rest later")
    elif isinstance(ledger.events[-1], StudyClosed):
        with suppress(OSError):
            mark_synced(plan.folder, here.tracking_uri)
    return True


def _end_process(plan: Plan, spec: RunSpec, ledger: Ledger, feed: BackgroundSync, here: Home, reason: str) -> None:
    """What the driver cannot do itself any more once Ray's head is gone; called from the watching thread."""
    from study.cluster.ray_cluster import kill_below

    try:
        with suppress(OSError, LedgerError):
            feed.put(ledger.append_last(StudyClosed(state=schema.STATE_FAILED, reason=reason)))
        _send_rest(plan, ledger, feed, here, HEAD_CLOSE_SECONDS)
        out.show_cursor()
        log.info(f"study {plan.name}: {reason}; its trials are at their last checkpoint")
        log.info(f"go on with: {spec.command}{here.resume_flags}")
        out.file.flush()
    finally:  # also where nobody reads the output any more
        kill_below(os.getpid())
        os._exit(EXIT_CODES[schema.STATE_FAILED])  # Ray's own way out waits for what is gone


def _closing(plan: Plan, spec: RunSpec, state: StudyState, closed: str, reason: str, here: Home) -> None:
    ends = [record.end.state for record in spec.records(state).values() if record.end]
    counts = ", ".join(f"{ends.count(kind)} {kind}" for kind in dict.fromkeys(sorted(ends)))
    log.info(f"study {plan.name}: {closed}, {counts or 'no trial ended'}{f' ({reason})' if reason else ''}")
    if closed == schema.STATE_COMPLETE and spec.next_command:
        log.info(f"next: {spec.next_command}{here.rerun_flags}")
    elif closed != schema.STATE_COMPLETE:
        log.info(spec.failure_hint(state, here.rerun_flags) or f"go on with: {spec.command}{here.resume_flags}")
