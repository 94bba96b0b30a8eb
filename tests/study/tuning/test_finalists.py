"""The course of a search with finalists: made-up curves, in one go and killed at every step."""

import random
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

import pytest

from analysis import schema
from study.config.arms import groups_of
from study.config.study import StudyConfig, make_study_config
from study.storage.events import (
    EpochFinished,
    Event,
    FinalistStarted,
    StudyStarted,
    TrialFinished,
    TrialStarted,
)  # fmt: skip
from study.storage.ledger import Ledger
from study.storage.ranking import planned, search_ended
from study.storage.state import study_state
from study.training.checkpoints import BEST
from study.tuning.ask_tell import Arms
from study.tuning.finalists import SearchPolicy
from study.tuning.recorder import Recorder
from tests.fixtures.study import report, study_event

FLAGS = {
    "trials": 12,
    "epochs": 3,
    "early_stopping": "halving",
    "finalists": 2,
    "repeats": 2,
    "seed": 3,
    "architecture": "resnet18",
}


Kind = TypeVar("Kind", bound=Event)


class Killed(Exception):
    """The driver's process is gone."""


class Driver:
    """A recorder on a ledger that loses its process after so many new events; made again, it goes on."""

    def __init__(self, folder: Path, config: StudyConfig, events: int = 10**6) -> None:
        self.config, self.left, self.folder = config, events, folder
        folder.mkdir(exist_ok=True)
        self.ledger = Ledger(folder / "ledger.jsonl")
        groups = groups_of(config, config.arm_specs())
        if not self.ledger.events or _trials(self.ledger.events[0]) != config.trials:
            study = replace(study_event(), config=config.model_dump(mode="json"), arms=list(groups))
            self.ledger.append(study)
        self.state = study_state(self.ledger.events)
        self.policy = SearchPolicy(config, Arms(config, groups, self.state), self.state)
        self.recorder = Recorder(self.ledger, self.state, self.policy, folder / "checkpoints", self._seen)

    def _seen(self, event: Event) -> None:
        self.left -= 1
        if not self.left:
            raise Killed

    def run(self) -> list[Event]:
        """All that Ray and the actors would tell; the events without their time."""
        try:
            self.recorder.end_finished()
            for record in [record for record in self.recorder.records.values() if not record.end]:
                self._train(record.trial)
            while self.recorder.n_remaining():
                self._train(self.recorder.start_next().trial)
        except Killed:
            pass
        self.ledger.close()
        return [replace(event, time=0.0) for event in self.ledger.events]

    def _train(self, name: str) -> None:
        record = self.recorder.records[name]
        curve = random.Random(f"{sorted(record.config.items())} {record.finalist and record.finalist.split_seed}")
        level = curve.random()
        (self.folder / "checkpoints" / name).mkdir(parents=True, exist_ok=True)
        (self.folder / "checkpoints" / name / BEST).write_bytes(b"weights")
        for epoch in range(1, record.last_epoch + 1):
            kappa = round(level * (1 - 0.5**epoch) + 0.1 * curve.random(), 6)
            if self.recorder.epoch(name, report(epoch, kappa)):
                self.recorder.end(name, schema.STATE_PRUNED)
                return
        self.recorder.end(name, schema.STATE_COMPLETE)


def config(**flags: Any) -> StudyConfig:
    return make_study_config({}, {**FLAGS, **flags})


@pytest.fixture(scope="module")
def unbroken(tmp_path_factory: pytest.TempPathFactory) -> list[Event]:
    """Two arms of six trials, of which two each are trained twice again."""
    return Driver(tmp_path_factory.mktemp("course"), config()).run()


def of_kind(events: list[Event], kind: type[Kind]) -> list[Kind]:
    return [event for event in events if isinstance(event, kind)]


def _trials(event: Event) -> int:
    assert isinstance(event, StudyStarted)
    return int(event.config["trials"])


def test_finalists_begin_after_the_last_trial_has_ended(unbroken: list[Event]) -> None:
    first = [event.kind for event in unbroken].index("finalist_started")
    ended = [event.trial for event in of_kind(unbroken[:first], TrialFinished)]
    assert sorted(ended) == [f"{number:04d}" for number in range(12)]
    assert not of_kind(unbroken[first:], TrialStarted)


def test_each_finalist_is_told_with_all_that_it_is(unbroken: list[Event]) -> None:
    found = of_kind(unbroken, FinalistStarted)
    assert [event.finalist for event in found] == [f"f{number:04d}" for number in range(8)]
    assert len(found) == planned(config(), 2)
    trials = {event.trial: event for event in of_kind(unbroken, TrialStarted)}
    for event in found:
        mine = trials[event.trial].config
        assert {k: v for k, v in event.config.items() if k != "seed"} == {k: v for k, v in mine.items() if k != "seed"}
        assert event.config["seed"] != mine["seed"]
    assert [(event.seed_index, event.rank) for event in found] == [
        (0, 1), (0, 1), (0, 2), (0, 2), (1, 1), (1, 1), (1, 2), (1, 2)
    ]  # fmt: skip


def test_a_repeat_has_one_split_for_all_and_each_run_its_own_seed(unbroken: list[Event]) -> None:
    found = of_kind(unbroken, FinalistStarted)
    splits = {event.seed_index: {e.split_seed for e in found if e.seed_index == event.seed_index} for event in found}
    assert all(len(seeds) == 1 for seeds in splits.values())
    assert splits[0] != splits[1]
    assert len({event.config["seed"] for event in found}) == len(found)


def test_finalists_run_their_whole_schedule_and_keep_no_weights(unbroken: list[Event], tmp_path: Path) -> None:
    ends = {event.trial: event for event in of_kind(unbroken, TrialFinished)}
    for name in (event.finalist for event in of_kind(unbroken, FinalistStarted)):
        epochs = [event for event in of_kind(unbroken, EpochFinished) if event.trial == name]
        assert [event.epoch for event in epochs] == [1, 2, 3]
        assert not any(event.stop for event in epochs)
        assert ends[name].state == schema.STATE_COMPLETE
    assert any(event.state == schema.STATE_PRUNED for event in ends.values()), "trials are stopped"
    driver = Driver(tmp_path, config())
    driver.run()
    kept = {path.parent.name for path in (tmp_path / "checkpoints").glob(f"*/{BEST}")}
    assert not any(name.startswith("f") for name in kept)
    assert {event.trial for event in of_kind(unbroken, FinalistStarted)} <= kept, "any of them may be the winner"


def test_samplers_learn_nothing_from_finalists(tmp_path: Path) -> None:
    without = Driver(tmp_path / "without", config(finalists=0))
    plain, driver = without.run(), Driver(tmp_path / "with", config())
    events = driver.run()
    assert of_kind(events, TrialStarted) == of_kind(plain, TrialStarted)
    assert not of_kind(plain, FinalistStarted)
    assert sum(len(study.trials) for study in driver.policy._arms._studies.values()) == 12


def test_a_search_that_is_killed_at_every_step_does_what_an_unbroken_one_does(
    unbroken: list[Event], tmp_path: Path
) -> None:
    first = next(n for n, event in enumerate(unbroken) if isinstance(event, FinalistStarted))
    for events in (first - 1, first, first + 1):
        folder = tmp_path / str(events)
        Driver(folder, config(), events).run()
        assert Driver(folder, config()).run() == unbroken
    every = tmp_path / "every"
    Driver(every, config(), first - 3).run()
    for _ in range(len(unbroken)):  # from there on the process dies after each single event
        events = Driver(every, config(), 1).run()
        if search_ended(config(), study_state(events)):
            break
    assert Driver(every, config()).run() == unbroken


def test_a_study_that_grows_keeps_the_finalists_that_are_there(unbroken: list[Event], tmp_path: Path) -> None:
    Driver(tmp_path, config()).run()
    grown = Driver(tmp_path, config(trials=20))
    events = grown.run()
    assert events[1 : len(unbroken)] == unbroken[1:]
    state = grown.state
    assert len(state.trials) == 20 and search_ended(config(trials=20), state)
    pairs = [(event.trial, event.seed_index) for event in of_kind(events, FinalistStarted)]
    assert len(set(pairs)) == len(pairs) >= 8
    assert list(state.finalists) == [f"f{number:04d}" for number in range(len(pairs))]


def test_nothing_more_is_to_begin_while_the_last_trial_runs(tmp_path: Path) -> None:
    driver = Driver(tmp_path, config(trials=4))
    names = [driver.recorder.start_next().trial for _ in range(4)]
    assert driver.recorder.n_remaining() == 0
    for name in names[:-1]:
        driver._train(name)
    assert driver.recorder.n_remaining() == 0
    driver._train(names[-1])
    assert driver.recorder.n_remaining() > 0
    driver.ledger.close()
