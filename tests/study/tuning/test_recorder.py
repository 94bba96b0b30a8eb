from pathlib import Path
from typing import Any

import pytest

from analysis import schema
from study.config.arms import groups_of
from study.config.study import make_study_config
from study.storage.events import Event
from study.storage.ledger import Ledger, read_events
from study.storage.state import study_state
from study.training.checkpoints import BEST, LAST, PREVIOUS
from study.tuning.ask_tell import Arms
from study.tuning.recorder import Recorder, final_state
from tests.fixtures.study import end_event, report, study_event

CONFIG = make_study_config({}, {"epochs": 2, "architecture": "resnet18", "pretrained": False, "trials": 9})


class Driver:
    """A recorder on a ledger of its own, and what it told those who watch."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.ledger = Ledger(folder / "ledger.jsonl")
        if not self.ledger.events:
            self.ledger.append(study_event(9))
        state = study_state(self.ledger.events)
        self.arms = Arms(CONFIG, groups_of(CONFIG, CONFIG.arm_specs()), state)
        self.seen: list[Event] = []
        self.recorder = Recorder(self.ledger, state, self.arms, folder / "checkpoints", self.seen.append)

    def begin(self) -> str:
        return self.recorder.start_next().trial

    def kinds(self) -> list[str]:
        """Of all events after the first, which begins the study."""
        return [event.kind for event in read_events(self.folder / "ledger.jsonl")[0][1:]]


@pytest.fixture
def driver(tmp_path: Path) -> Any:
    made = Driver(tmp_path)
    yield made
    made.ledger.close()


def test_what_is_watched_is_what_the_ledger_holds(driver: Driver) -> None:
    trial = driver.begin()
    driver.recorder.epoch(trial, report(1, 0.1))
    driver.recorder.epoch(trial, report(2, 0.2))
    driver.recorder.end(trial, schema.STATE_COMPLETE)
    driver.recorder.close(schema.STATE_COMPLETE)
    assert driver.kinds() == ["trial_started", "epoch", "epoch", "trial_finished", "study_closed"]
    assert driver.seen == read_events(driver.folder / "ledger.jsonl")[0][1:]


def test_an_epoch_that_is_reported_again_does_not_count_again(driver: Driver) -> None:
    trial = driver.begin()
    driver.recorder.epoch(trial, report(1, 0.1))
    assert driver.recorder.epoch(trial, report(1, 0.1)) is False
    driver.recorder.epoch(trial, report(2, 0.2))
    driver.recorder.end(trial, schema.STATE_COMPLETE)
    driver.recorder.end(trial, schema.STATE_FAILED, "again")
    assert driver.kinds() == ["trial_started", "epoch", "epoch", "trial_finished"]


def test_after_a_kill_before_the_end_only_the_end_is_written(tmp_path: Path) -> None:
    first = Driver(tmp_path)
    trial = first.begin()
    first.recorder.epoch(trial, report(1, 0.1))
    first.recorder.epoch(trial, report(2, 0.2))
    first.ledger.close()
    second = Driver(tmp_path)
    second.recorder.end_finished()
    second.ledger.close()
    assert second.kinds() == ["trial_started", "epoch", "epoch", "trial_finished"]
    assert second.recorder.state.trials[trial].state == schema.STATE_COMPLETE


def test_a_trial_without_a_defined_objective_has_failed(driver: Driver) -> None:
    trial = driver.begin()
    for epoch in (1, 2):
        driver.recorder.epoch(trial, {**report(epoch, 0.0), "scores": {}, "best": None})
    driver.recorder.end(trial, schema.STATE_COMPLETE)
    end = driver.recorder.state.trials[trial].end
    assert end is not None
    assert end.state == schema.STATE_FAILED
    assert "validation holds a single grade" in end.reason


def test_three_trials_that_fail_alike_are_a_common_failure(driver: Driver) -> None:
    for count in range(3):
        assert driver.recorder.common_failure() is None, count
        driver.recorder.end(driver.begin(), schema.STATE_FAILED, "no data")
    assert driver.recorder.common_failure() == "no data"
    trial = driver.begin()
    driver.recorder.epoch(trial, report(1, 0.3))
    driver.recorder.epoch(trial, report(2, 0.3))
    driver.recorder.end(trial, schema.STATE_COMPLETE)
    assert driver.recorder.common_failure() is None


def test_the_first_and_the_best_trials_of_an_arm_keep_their_weights(driver: Driver) -> None:
    scores = [0.05, 0.3, 0.1, 0.5, 0.2, 0.4]
    for kappa in scores:
        trial = driver.begin()
        (driver.folder / "checkpoints" / trial).mkdir(parents=True)
        (driver.folder / "checkpoints" / trial / BEST).write_bytes(b"weights")
        driver.recorder.epoch(trial, report(1, kappa))
        driver.recorder.epoch(trial, report(2, kappa))
        driver.recorder.end(trial, schema.STATE_COMPLETE)
    kept = sorted(path.parent.name for path in (driver.folder / "checkpoints").glob(f"*/{BEST}"))
    assert kept == ["0000", "0001", "0003", "0005"]


def test_failures_alike_in_a_row_stop_a_search_that_began_well(driver: Driver) -> None:
    trial = driver.begin()
    driver.recorder.epoch(trial, report(1, 0.3))
    driver.recorder.epoch(trial, report(2, 0.3))
    driver.recorder.end(trial, schema.STATE_COMPLETE)
    for count in range(6):
        assert driver.recorder.common_failure() is None, count
        driver.recorder.end(driver.begin(), schema.STATE_FAILED, f"out of memory: tried {count}.5 GiB")
    assert driver.recorder.common_failure() == "out of memory: tried 5.5 GiB"


def test_a_failed_trial_takes_no_place_among_the_kept_weights(driver: Driver) -> None:
    trial = driver.begin()
    (driver.folder / "checkpoints" / trial).mkdir(parents=True)
    (driver.folder / "checkpoints" / trial / BEST).write_bytes(b"weights")
    driver.recorder.epoch(trial, report(1, 0.9))
    driver.recorder.end(trial, schema.STATE_FAILED, "diverged")
    assert not (driver.folder / "checkpoints" / trial / BEST).exists()


def _with_files(driver: Driver) -> Path:
    folder = driver.folder / "checkpoints" / driver.begin()
    folder.mkdir(parents=True)
    for name in (BEST, LAST, PREVIOUS):
        (folder / name).write_bytes(b"weights")
    return folder


def test_of_equally_good_trials_the_first_keep_their_weights_whoever_ended_last(driver: Driver) -> None:
    """So it is the one that `ranked` puts first."""
    folders = [_with_files(driver) for _ in range(4)]
    for folder in reversed(folders):
        for epoch in (1, 2):
            driver.recorder.epoch(folder.name, report(epoch, 0.0))
        driver.recorder.end(folder.name, schema.STATE_COMPLETE)
    assert [folder.name for folder in folders if (folder / BEST).exists()] == ["0000", "0001", "0002", "0003"]


def test_no_trial_that_ended_keeps_a_checkpoint(driver: Driver) -> None:
    failed, killed = _with_files(driver), _with_files(driver)
    driver.recorder.end(failed.name, schema.STATE_FAILED, "diverged")
    assert not [path for path in failed.iterdir() if path.name != BEST]
    driver.ledger.append(end_event(killed.name, schema.STATE_FAILED))  # and the driver was killed
    driver.ledger.close()
    again = Driver(driver.folder)
    again.ledger.close()
    assert not [path for path in killed.iterdir() if path.name != BEST]


def test_a_study_none_of_whose_trials_has_a_score_has_failed(driver: Driver) -> None:
    driver.recorder.end(driver.begin(), schema.STATE_FAILED, "diverged")
    assert final_state(driver.recorder.records.values()) == schema.STATE_FAILED
    trial = driver.begin()
    for epoch in (1, 2):
        driver.recorder.epoch(trial, report(epoch, 0.1))
    driver.recorder.end(trial, schema.STATE_COMPLETE)
    assert final_state(driver.recorder.records.values()) == schema.STATE_COMPLETE
