"""Ends the trials' processes once a search stops.

Ray asks them to stop and waits ten seconds for their epoch, whose result it then throws away: it is computed again
from the checkpoint either way.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import ray
from ray import tune


def process_of(trial: Any) -> Any:
    """The process of one of Ray's trials, None where it has none; Ray has no public call for it."""
    return trial.temporary_state.ray_actor


class KillOnStop(tune.Stopper, tune.Callback):
    """Ray's stopper, told by `stopping()`; it kills each trial's process before Ray lets go of it."""

    def __init__(self, stopping: Callable[[], bool]) -> None:
        self._stopping = stopping
        self._trials: dict[str, Any] = {}  # Ray's trials that have a process

    def __getstate__(self) -> dict[str, Any]:
        """Nothing of ours goes into Ray's pickles."""
        return {}

    def __call__(self, trial_id: str, result: dict[str, Any]) -> bool:
        """Whether one trial stops is the scheduler's business."""
        return False

    def stop_all(self) -> bool:
        """Asked by Ray in each step of its loop."""
        if not self._stopping():
            return False
        for trial in self._trials.values():
            if actor := process_of(trial):
                ray.kill(actor)
        self._trials.clear()
        return True

    def on_trial_start(self, iteration: int, trials: list[Any], trial: Any, **info: Any) -> None:
        """A trial has a process now."""
        self._trials[trial.trial_id] = trial

    def on_trial_complete(self, iteration: int, trials: list[Any], trial: Any, **info: Any) -> None:
        """Its process goes to another trial."""
        self._trials.pop(trial.trial_id, None)

    def on_trial_error(self, iteration: int, trials: list[Any], trial: Any, **info: Any) -> None:
        """It has no process any more."""
        self._trials.pop(trial.trial_id, None)
