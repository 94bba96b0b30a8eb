from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from study.storage.events import Event, TrialStarted
from study.storage.ledger import Ledger, LedgerError
from study.storage.state import StudyState, ranked, read_state, study_state
from tests.fixtures.study import end_event, epoch_event, finalist_event, study_event, trial_event

CONFIG = {"architecture": "resnet18", "pretrained": False, "epochs": 2, "objective": "kappa", "select_epoch": "best"}
LAST = CONFIG | {"select_epoch": "last"}


def trial(config: dict[str, Any], **values: Any) -> TrialStarted:
    return replace(trial_event(0), **{"config": config, **values})


def test_an_epoch_counts_once_and_in_order() -> None:
    state = study_state([study_event(), trial(CONFIG)])
    assert state.apply(epoch_event(0, 1, 0.5))
    assert not state.apply(epoch_event(0, 1, 0.9))
    assert not state.apply(epoch_event(0, 3, 0.9))
    assert state.trials["0000"].best_score() == 0.5
    assert not state.apply(trial(CONFIG, time=2.0))


@pytest.mark.parametrize("years", [-1, 1])
def test_a_clock_that_is_a_year_off_makes_nothing_run_again(years: int) -> None:
    started, wrong = 1.7e9, 1.7e9 + years * 365 * 86400
    events = [
        trial(CONFIG, time=started),
        epoch_event(0, 1, 0.5, time=started + 1),
        epoch_event(0, 1, 0.6, time=wrong),  # told again by a process with another clock
        epoch_event(0, 2, 0.7, time=wrong + 1),
        end_event(0),
        trial(CONFIG, time=started + 9),
    ]
    [record] = study_state([study_event(), *events]).trials.values()
    assert [epoch.scores["val/kappa"] for epoch in record.epochs] == [0.5, 0.7]
    assert (record.state, record.started) == ("complete", started)


def test_the_first_of_equal_epochs_is_the_best_and_undefined_ones_never_are() -> None:
    state = study_state([study_event(), trial({**CONFIG, "epochs": 9})])
    for number, kappa in enumerate([None, 0.2, 0.4, 0.4, None], 1):
        state.apply(epoch_event(0, number, kappa))
    best = state.trials["0000"].best()
    assert best is not None
    assert best.epoch == 3


def test_a_trial_whose_last_epoch_is_there_only_has_to_be_ended() -> None:
    state = study_state([study_event(), trial(CONFIG)])
    record = state.trials["0000"]
    assert record.finishing is None
    state.apply(epoch_event(0, 1, 0.5))
    assert record.finishing is None
    state.apply(epoch_event(0, 2, 0.5))
    assert record.finishing == "complete"
    state.apply(end_event(0))
    assert record.finishing is None
    stopped = study_state([study_event(), trial(CONFIG)])
    stopped.apply(replace(epoch_event(0, 1, 0.1), stop=True))
    assert stopped.trials["0000"].finishing == "pruned"


def test_a_failed_trial_is_never_best_however_well_it_began() -> None:
    events: list[Event] = [study_event()]
    for number, (kappa, end) in enumerate([(0.9, "failed"), (0.5, "complete"), (0.6, "pruned"), (0.8, None)]):
        name = f"{number:04d}"
        events.append(trial(CONFIG, trial=name, number=number))
        events.append(epoch_event(name, 1, kappa))
        if end:
            events.append(end_event(name, end))
    assert [record.trial for record in ranked(study_state(events).trials.values())] == [
        "0002",
        "0001",
    ]


def test_the_last_epoch_of_the_whole_schedule_is_the_trial_s() -> None:
    state = study_state([study_event(), trial(LAST | {"epochs": 3})])
    record = state.trials["0000"]
    for number, kappa in enumerate([0.2, 0.6], 1):
        state.apply(epoch_event(0, number, kappa))
        assert (record.best(), record.best_score()) == (None, None), "the schedule has not ended"
    state.apply(epoch_event(0, 3, 0.4))
    assert record.best_score() == 0.4


def test_a_schedule_that_ends_without_a_score_is_no_best_whatever_came_before() -> None:
    state = study_state([study_event(), trial(LAST)])
    for number, kappa in enumerate([0.2, None], 1):
        state.apply(epoch_event(0, number, kappa))
    assert state.trials["0000"].best() is None


def test_state_event_that_does_not_follow() -> None:
    with pytest.raises(LedgerError, match="must follow from those before it, but one of 0000 does not"):
        study_state([study_event(), epoch_event(0, 1, 0.5)])


@pytest.mark.parametrize(("events", "found"), [([], "empty"), ([epoch_event(0, 1, 0.5)], "with epoch")])
def test_state_without_its_first_event(events: list[Event], found: str) -> None:
    with pytest.raises(LedgerError, match=f"must begin with the event study, but one is {found}"):
        study_state(events)


def test_read_state_of_a_study_that_has_not_begun(tmp_path: Path) -> None:
    assert read_state(tmp_path) is None
    ledger = Ledger(tmp_path / "ledger.jsonl")
    assert read_state(tmp_path) is None
    first = ledger.append(study_event())
    ledger.close()
    assert read_state(tmp_path) == StudyState(first)  # type: ignore[arg-type]


def test_state_study_event_again() -> None:
    first, more = study_event(2), replace(study_event(5), id="b" * 32)
    confirmed = replace(first, confirmations=3, ensemble=True)
    state = study_state([first, confirmed, more])
    assert state.study == replace(more, id=first.id, confirmations=3, ensemble=True)
    state.apply(replace(more, ensemble=False))
    assert state.study.ensemble is False


def test_a_trial_that_was_stopped_early_is_not_ranked_by_its_last_epoch() -> None:
    events: list[Event] = [study_event()]
    for number, (kappas, end) in enumerate([([0.9], "pruned"), ([0.1, 0.5], "complete"), ([0.8, 0.4], "complete")]):
        name = f"{number:04d}"
        events.append(trial(LAST, trial=name, number=number))
        events += [epoch_event(name, epoch, kappa) for epoch, kappa in enumerate(kappas, 1)]
        events.append(end_event(name, end))
    assert [record.trial for record in ranked(study_state(events).trials.values())] == [
        "0001",
        "0002",
    ]


def test_a_finalist_is_a_run_of_its_own_that_ends_once() -> None:
    started = replace(finalist_event(0, seed_index=1), config=LAST)
    state = study_state([study_event(), trial(LAST), started])
    assert not state.apply(started)
    assert list(state.trials) == ["0000"] and list(state.finalists) == ["f0000"]
    record = state.record("f0000")
    assert (record.finalist, record.confirm, record.number, record.arm) == (started, None, 1, "resnet18-scratch")
    for number in (1, 2):
        assert record.finishing is None
        state.apply(epoch_event("f0000", number, 0.3))
    assert (record.finishing, record.best_score()) == ("complete", 0.3)
    assert state.trials["0000"].epochs == []
    end = end_event("f0000")
    assert state.apply(end) and not state.apply(end)
    assert list(state.runs()) == ["0000", "f0000"]
