from types import SimpleNamespace
from unittest.mock import MagicMock

import pytest
import ray
from ray.tune.experiment import Trial

from study.cluster.trial_processes import KillOnStop, process_of


def _trial(name: str) -> SimpleNamespace:
    return SimpleNamespace(trial_id=name, temporary_state=SimpleNamespace(ray_actor=f"process of {name}"))


def test_processes_are_killed_once_the_search_stops_and_not_before(monkeypatch: pytest.MonkeyPatch) -> None:
    killed: list[str] = []
    stopping = [False]
    monkeypatch.setattr(ray, "kill", killed.append)
    reaper = KillOnStop(lambda: stopping[0])
    trials = [_trial(name) for name in ("runs", "has ended", "has failed", "begins")]
    for trial in trials:
        reaper.on_trial_start(1, trials, trial)
    reaper.on_trial_complete(2, trials, trials[1])
    reaper.on_trial_error(2, trials, trials[2])
    trials[3].temporary_state.ray_actor = None
    assert not reaper.stop_all() and killed == []
    stopping[0] = True
    assert reaper.stop_all() and killed == ["process of runs"]
    assert reaper.stop_all() and len(killed) == 1


def test_nothing_of_ours_goes_into_ray_s_pickles_and_no_trial_is_stopped_alone() -> None:
    reaper = KillOnStop(lambda: True)
    assert reaper.__getstate__() == {}
    assert reaper("trial", {}) is False


def test_process_of_a_trial_of_this_ray() -> None:
    """Fails first when Ray changes where it keeps a trial's process."""
    trial = Trial("x", stub=True, storage=None)
    assert process_of(trial) is None
    process = MagicMock()
    trial.set_ray_actor(process)
    assert process_of(trial) is process
