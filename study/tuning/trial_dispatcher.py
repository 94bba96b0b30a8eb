"""Which trial runs next, and what its results mean: the bridge between Ray's names for trials and ours."""

from __future__ import annotations

import json
import logging
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ray.tune.search import Searcher

from analysis import schema
from retina_data.gate import below
from study.cluster.head_monitor import HeadMonitor
from study.cluster.resources import Nodes, Resources
from study.disk_space import disk_error_text
from study.storage.state import TrialRecord
from study.tuning.interruption import Stop
from study.tuning.recorder import Recorder

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


class TrialDispatcher:
    """Answers Ray's searcher and scheduler from the recorder."""

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
            "ahead": not self._recorder.stops_early(record),
            "folder": str(below(files.checkpoints, record.trial)),
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
