"""Runs a plan's trials on Ray Tune; starting and going on are the same call.

Ray schedules and supervises processes. What is suggested, stopped and remembered is not Ray's: its searcher and
scheduler here only pass questions and results to the recorder, and its own state is written but never read.
"""

from __future__ import annotations

import json
import logging
import os
import shutil
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ray import tune
from ray.tune.schedulers import FIFOScheduler, TrialScheduler
from ray.tune.search import Searcher

from analysis import schema
from study.cluster.head_monitor import HeadMonitor
from study.cluster.resources import Nodes, Resources
from study.disk_space import disk_error_text
from study.storage.events import Event
from study.storage.ledger import Ledger
from study.storage.state import StudyState, TrialRecord, study_state
from study.tuning.interruption import Stop
from study.tuning.ray_trainable import TrialActor
from study.tuning.recorder import NO_SCORE, Recorder, TrialPolicy, final_state
from study.tuning.trial_processes import KillOnStop

log = logging.getLogger(__name__)


PROCESS_RETRIES = 3
"""Times that a trial goes on from its checkpoint after its process died; its own errors are never retried."""


@dataclass(frozen=True)
class TrialFiles:
    """What the trials of a study read and write.

    checkpoints: folder of one folder for each trial. caches: colour normalisation -> prepared photographs. split: what
    divides them (`study.training.data`). weights: architecture -> (the study's copy, its digest).
    """

    checkpoints: Path
    caches: Mapping[str, Path]
    split: Mapping[str, Any]
    weights: Mapping[str, tuple[Path, str]]


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


def _fit(trials: TrialDispatcher, trial_resources: Resources, storage: Path, stop: Stop) -> None:
    shutil.rmtree(storage, ignore_errors=True)
    os.environ["TUNE_MAX_PENDING_TRIALS_PG"] = str(
        trial_resources.max_concurrent
    )  # else Ray starts one process after the other
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


class TrialDispatcher:
    """Which trial runs next, and what a result means; the bridge between Ray's names for trials and ours."""

    def __init__(
        self,
        files: TrialFiles,
        recorder: Recorder,
        trial_resources: Resources,
        stop: Stop,
        head: HeadMonitor,
    ) -> None:
        self._files, self._recorder, self._resources = files, recorder, trial_resources
        self._stop, self._head, self._nodes = stop, head, Nodes()
        self._waiting = [record for record in recorder.records.values() if not record.end]
        self._running: dict[str, str] = {}  # Ray's trial -> ours
        self._deaths: Counter[str] = Counter()  # of a trial's processes, in this call
        self._said: set[str] = set()  # notes; Ray may hand a trial's last result over twice

    def next_job(self, ray_trial: str) -> dict[str, Any] | str | None:
        """Job of the next trial, None while one cannot begin yet, FINISHED when there is none any more."""
        if self._stop.stop_all() or not (self._waiting or self._recorder.n_remaining() or self._running):
            return str(Searcher.FINISHED)
        if len(self._running) >= self._resources.max_concurrent or not (self._waiting or self._recorder.n_remaining()):
            return None  # one that runs may have to go on in another process
        with self._on_disk():
            record = self._waiting.pop(0) if self._waiting else self._recorder.start_next()
            self._running[ray_trial] = record.trial
            return self._job(record)
        return str(Searcher.FINISHED)

    def stopping(self) -> bool:
        """Whether to stop now; asked in each step of Ray's loop, which would wait for ever for a node that died."""
        if self._nodes.without_room(self._resources):
            self._stop.request_stop(
                f"no node that is left can hold a trial ({self._resources.gpus:g} GPU, {self._resources.cpus} CPUs); "
                "start its node again"
            )
        return self._stop.stop_all()

    @contextmanager
    def _on_disk(self) -> Iterator[None]:
        """A disk that does not take the ledger's line ends the search: what is not written did not happen."""
        try:
            yield
        except OSError as error:
            self._stop.request_stop(disk_error_text(error))

    def _job(self, record: TrialRecord) -> dict[str, Any]:
        """What an actor needs; plain values, since it goes through Ray to another process."""
        files, architecture = self._files, record.config["architecture"]
        weights, digest = files.weights[architecture] if record.config["pretrained"] else (None, None)
        own: dict[str, Any] = (
            {"exclude_test_patients": True} if record.confirm and record.confirm.exclude_test_patients else {}
        )
        own |= {"split_seed": record.finalist.split_seed} if record.finalist else {}
        return {
            "trial": record.trial,
            "config": record.config,
            "last_epoch": record.last_epoch,
            "confirming": record.confirm is not None,
            "folder": str(files.checkpoints / record.trial),
            "cache": str(files.caches[record.config["colour"]]),
            "split": {**files.split, **own},
            "weights": str(weights) if weights else None,
            "weights_digest": digest,
            "device": "cuda" if self._resources.gpus else "cpu",
            "gpus": self._resources.gpus,
            "threads": self._resources.threads,
            "nodes": self._nodes.count(),
        }

    def result(self, ray_trial: str, result: dict[str, Any]) -> bool:
        """Take in one step's result; returns whether the trial is to be stopped."""
        with self._on_disk():
            return self._record(self._running[ray_trial], result)
        return True

    def complete(self, ray_trial: str, result: dict[str, Any] | None) -> None:
        """Ray is done with a trial. Its last result comes only here when it said `done`."""
        trial = self._running.pop(ray_trial, None)
        if trial is None:
            return
        record = self._recorder.records[trial]
        with self._on_disk():
            self._record(trial, result or {})
            if record.finishing:
                self._end(trial, record.finishing)

    def died(self, ray_trial: str) -> None:
        """A trial's process is gone; the trial goes on in another one. What its node took along is not counted."""
        trial = self._running.pop(ray_trial, None)
        if trial is None:
            return
        if reason := self._head.gone():
            self._stop.request_stop(reason)
        if self._stop.stop_all():
            return
        record = self._recorder.records[trial]
        self._deaths[trial] += not self._nodes.died_lately()
        with self._on_disk():
            if record.finishing:
                self._end(trial, record.finishing)
            elif self._deaths[trial] > PROCESS_RETRIES:
                self._end(trial, schema.STATE_FAILED, f"its process died {self._deaths[trial]} times")
            else:
                self._waiting.insert(0, record)

    def _record(self, trial: str, result: dict[str, Any]) -> bool:
        """What a step has to say (`TrialActor`); whether the trial is to be stopped."""
        for line in result.get("notes", "").splitlines():
            if line not in self._said:
                self._said.add(line)
                log.info(line)
        if "report" in result:
            return self._recorder.epoch(trial, json.loads(result["report"]))
        if "halt" in result:
            self._stop.request_stop(result["halt"])
        elif "failure" in result:
            self._end(trial, schema.STATE_FAILED, result["failure"])
        return True

    def _end(self, trial: str, state: str, reason: str = "") -> None:
        self._recorder.end(trial, state, reason)
        if common := self._recorder.common_failure():  # however it ended: with its reason, or with its process
            self._stop.request_stop(f"trials failed alike, one after the other: {common}")


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
