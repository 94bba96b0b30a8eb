import json
import time
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from analysis import schema
from study.cluster.head_monitor import HeadMonitor
from study.cluster.resources import Resources
from study.config.arms import groups_of
from study.config.study import make_study_config
from study.storage.events import StudyClosed
from study.storage.ledger import Ledger
from study.storage.state import StudyState, study_state
from study.training.data import split_of
from study.tuning import ray_tune, trial_dispatcher
from study.tuning.ask_tell import Arms
from study.tuning.interruption import Stop
from study.tuning.ray_tune import LedgerScheduler, LedgerSearcher, run_search
from study.tuning.recorder import Recorder
from study.tuning.trial_dispatcher import PROCESS_RETRIES, TrialDispatcher, TrialFiles
from tests.fixtures.study import finalist_event, report, study_event

CONFIG = make_study_config({}, {"epochs": 2, "architecture": "resnet18", "pretrained": False, "trials": 5})
LIMITS = Resources(cpus=1, gpus=0, max_concurrent=1)


def _course(state: StudyState) -> Arms:
    return Arms(CONFIG, groups_of(CONFIG, CONFIG.arm_specs()), state)


class Driver:
    """What Ray calls in the driver, called as Ray calls it; no process is started."""

    def __init__(self, folder: Path) -> None:
        self.folder, caches = folder, defaultdict[str, Path](lambda: folder)
        self.files = TrialFiles(folder / "checkpoints", caches, split_of(CONFIG), {})
        self.ledger = Ledger(folder / "ledger.jsonl")
        self.ledger.append(study_event(5))
        self.stop, self.head = Stop(), HeadMonitor({}, lambda reason: None)
        state = study_state(self.ledger.events)
        self.recorder = Recorder(self.ledger, state, _course(state), folder / "checkpoints", lambda event: None)
        self.trials = TrialDispatcher(self.files, self.recorder, LIMITS, self.stop, self.head)
        self.asker, self.teller = LedgerSearcher(self.trials), LedgerScheduler(self.trials)
        self.asked = 0

    def ask(self) -> str:
        """Ray's name of the next process's trial, or nothing where no other is begun."""
        self.asked += 1
        job = self.asker.suggest(f"ray{self.asked}")
        return f"ray{self.asked}" if isinstance(job, dict) else ""

    def dies(self, ray_trial: str) -> None:
        trial: Any = SimpleNamespace(trial_id=ray_trial)
        self.teller.on_trial_error(None, trial)
        self.asker.on_trial_complete(ray_trial, error=True)

    def closed(self) -> StudyClosed:
        """The last event."""
        last = self.ledger.events[-1]
        assert isinstance(last, StudyClosed)
        return last

    def run(self) -> str:
        """What a call does that is over before Ray has begun anything."""
        return run_search(
            self.files, self.ledger, _course, LIMITS, self.folder / "ray", self.stop, lambda event: None, self.head
        )


@pytest.fixture
def driver(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Driver]:
    nodes = SimpleNamespace(count=lambda: 1, died_lately=lambda: False, without_room=lambda trial_resources: False)
    monkeypatch.setattr(trial_dispatcher, "Nodes", lambda: nodes)
    made = Driver(tmp_path)
    yield made
    made.ledger.close()


def test_trials_whose_processes_all_die_end_the_search_after_three(driver: Driver) -> None:
    deaths = 0
    while ray_trial := driver.ask():
        driver.dies(ray_trial)
        deaths += 1
    assert deaths == 3 * (1 + PROCESS_RETRIES)
    assert driver.stop.reason == "trials failed alike, one after the other: its process died 4 times"
    ends = [record.end.reason for record in driver.recorder.records.values() if record.end]
    assert ends == ["its process died 4 times"] * 3


def test_a_call_that_was_out_of_time_is_not_failed_by_failures_of_an_earlier_one(
    driver: Driver, monkeypatch: pytest.MonkeyPatch
) -> None:
    for _ in range(3):
        driver.recorder.end(driver.recorder.start_next().trial, schema.STATE_FAILED, "no data")
    assert driver.recorder.common_failure()
    driver.stop.deadline = time.monotonic()
    assert driver.run() == schema.STATE_INTERRUPTED
    assert driver.closed().reason == "the time budget is used up"
    # Neither is one that Ray ended; nothing failed in it.
    driver.stop.deadline = None
    monkeypatch.setattr(ray_tune, "_fit", lambda *_: None)
    assert driver.run() == schema.STATE_FAILED
    assert driver.closed().reason == "Ray ended before all trials did"


def test_what_a_trial_met_is_said_once(driver: Driver, caplog: pytest.LogCaptureFixture) -> None:
    ray_trial = driver.ask()
    result = {
        "report": json.dumps(report(1, 0.1)),
        "notes": "trial 0000: damaged\ntrial 0000 goes on elsewhere",
        "done": False,
    }
    ray: Any = SimpleNamespace(trial_id=ray_trial)
    for _ in range(2):
        driver.teller.on_trial_result(None, ray, result)
    driver.asker.on_trial_complete(ray_trial, result)
    assert caplog.messages == ["trial 0000: damaged", "trial 0000 goes on elsewhere"]


@pytest.mark.parametrize(("early_stopping", "ahead"), [("none", True), ("halving", False), ("hyperband", False)])
def test_a_trial_that_may_be_stopped_early_computes_nothing_ahead(
    driver: Driver, early_stopping: str, ahead: bool
) -> None:
    driver.ledger.close()
    (driver.folder / "ledger.jsonl").unlink()
    ledger = Ledger(driver.folder / "ledger.jsonl")
    ledger.append(study_event(5, early_stopping=early_stopping))
    state = study_state(ledger.events)
    recorder = Recorder(ledger, state, _course(state), driver.folder, lambda event: None)
    job = TrialDispatcher(driver.files, recorder, LIMITS, driver.stop, driver.head).next_job("ray1")
    assert isinstance(job, dict) and job["ahead"] == ahead
    record = state.trials["0000"]
    assert not recorder.stops_early(replace(record, finalist=finalist_event(0)))
    ledger.close()
