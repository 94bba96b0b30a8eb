"""Runs a plan's trials on Ray Tune; starting and going on are the same call.

Ray schedules and supervises processes. What is suggested, stopped and remembered is not Ray's: its searcher and
scheduler here only pass questions and results to the recorder, and its own state is written but never read.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ray import tune
from ray.tune.schedulers import FIFOScheduler, TrialScheduler
from ray.tune.search import Searcher

from analysis import schema
from study.cluster.head_monitor import HeadMonitor
from study.cluster.resources import Resources
from study.cluster.trial_processes import KillOnStop
from study.disk_space import disk_error_text
from study.storage.events import Event
from study.storage.ledger import Ledger
from study.storage.state import StudyState, study_state
from study.tuning.interruption import Stop
from study.tuning.ray_trainable import TrialActor
from study.tuning.recorder import NO_SCORE, Recorder, TrialPolicy, final_state
from study.tuning.trial_dispatcher import TrialDispatcher, TrialFiles


def run_search(
    files: TrialFiles,
    ledger: Ledger,
    policy_of: Callable[[StudyState], TrialPolicy],
    trial_resources: Resources,
    storage: Path,
    stop: Stop,
    watch: Callable[[Event], None],
    head: HeadMonitor,
) -> str:
    """Run what is left and return the state in which it closed, one of schema.STATE_*.

    Every event goes to the ledger and then to `watch`. `stop` ends it with the trials at their last checkpoint.
    What a trial met that no event tells is logged.
    """
    state = study_state(ledger.events)
    recorder = Recorder(ledger, state, policy_of(state), files.checkpoints, watch)
    recorder.end_finished()
    trials = TrialDispatcher(files, recorder, trial_resources, stop, head)
    if recorder.left() and not stop.stop_all():  # a signal or the time's end came while Ray started
        try:
            _fit(trials, trial_resources, storage, stop)
        except Exception:
            if not (stop.stop_all() or head.gone()):  # else it is about an end that has its reason already
                raise
    if head.gone():
        head.await_end()
    # What failed alike in an earlier call is no reason of this one: it was asked to go on all the same.
    reason = stop.reason
    if stop.signal or (recorder.left() and not reason and stop.out_of_time()):
        closed, reason = schema.STATE_INTERRUPTED, reason or "the time budget is used up"
    elif recorder.left():
        closed, reason = schema.STATE_FAILED, reason or "Ray ended before all trials did"
    else:
        closed = final_state(recorder.records.values())
        reason = "" if closed == schema.STATE_COMPLETE else reason or recorder.common_failure() or NO_SCORE
    try:
        recorder.close(closed, reason)
    except OSError as error:  # a ledger without a close: the next command tells MLflow
        closed, stop.reason = schema.STATE_FAILED, stop.reason or disk_error_text(error)
    return closed


def start_at_once(trials: int) -> None:
    """Have Ray start the processes of so many trials together, not one after the other.

    It stands in the environment, and to change that while a thread reads it may end the process (setenv(3)): called
    before threads of ours begin. Ray's run by then, and the number is not known before they do.
    """
    os.environ["TUNE_MAX_PENDING_TRIALS_PG"] = str(trials)


def _fit(trials: TrialDispatcher, trial_resources: Resources, storage: Path, stop: Stop) -> None:
    shutil.rmtree(storage, ignore_errors=True)
    reaper = KillOnStop(trials.stopping)
    tuner = tune.Tuner(
        tune.with_resources(TrialActor, {"cpu": trial_resources.cpus, "gpu": trial_resources.gpus}),
        tune_config=tune.TuneConfig(
            search_alg=LedgerSearcher(trials), scheduler=LedgerScheduler(trials), num_samples=-1, reuse_actors=True
        ),
        run_config=tune.RunConfig(
            name="ray",
            storage_path=str(storage.parent),
            stop=reaper,
            callbacks=[reaper],
            # Checkpoints are ours, written within each step; Ray asks for none, not even at a trial's end.
            checkpoint_config=tune.CheckpointConfig(checkpoint_at_end=False),
            failure_config=tune.FailureConfig(max_failures=0),  # a trial that goes on is a new one to Ray
            verbose=0,
        ),
    )
    tuner.fit()
    shutil.rmtree(storage, ignore_errors=True)


class LedgerSearcher(Searcher):
    """Ray's searcher: asks `TrialDispatcher`."""

    def __init__(self, trials: TrialDispatcher) -> None:
        super().__init__()
        self._trials = trials

    def __getstate__(self) -> dict[str, Any]:
        """Ray pickles its experiment, and never reads it here: nothing of ours goes along."""
        return {}

    # Ray's own annotation forgets that a searcher may answer FINISHED.
    def suggest(self, trial_id: str) -> dict[str, Any] | str | None:  # type: ignore[override]
        return self._trials.next_job(trial_id)

    def on_trial_complete(self, trial_id: str, result: dict[str, Any] | None = None, error: bool = False) -> None:
        self._trials.complete(trial_id, result)

    def save_to_dir(self, checkpoint_dir: str, session_str: str = "default") -> None:
        """Nothing: the ledger is the state."""

    def save(self, checkpoint_path: str) -> None:
        """Nothing: the ledger is the state."""

    def restore(self, checkpoint_path: str) -> None:
        """Nothing: the ledger is the state."""


class LedgerScheduler(FIFOScheduler):
    """Ray's scheduler: first in, first out, and stops whom the recorder says."""

    def __init__(self, trials: TrialDispatcher) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._trials = trials

    def __getstate__(self) -> dict[str, Any]:
        """As above: nothing of ours goes into Ray's pickles."""
        return {}

    def on_trial_error(self, tune_controller: Any, trial: Any) -> None:
        self._trials.died(trial.trial_id)

    def on_trial_result(self, tune_controller: Any, trial: Any, result: dict[str, Any]) -> str:
        stop = self._trials.result(trial.trial_id, result)
        return str(TrialScheduler.STOP if stop else TrialScheduler.CONTINUE)
