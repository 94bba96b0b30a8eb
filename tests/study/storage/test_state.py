import pytest

from study.storage.state import StudyState, ranked, study_state

TRIAL = {"trial": "0000", "group": "g", "number": 0, "params": {}, "distributions": {}}
CONFIG = {"architecture": "resnet18", "pretrained": False, "epochs": 2, "objective": "kappa", "select_epoch": "best"}
LAST = CONFIG | {"select_epoch": "last"}


def _epoch(number: int, kappa: float | None, stop: bool = False) -> dict[str, object]:
    scores = {} if kappa is None else {"val/kappa": kappa}
    return {"trial": "0000", "epoch": number, "scores": scores, "stop": stop}


def test_an_epoch_counts_once_and_in_order() -> None:
    state = study_state([{"event": "trial", "time": 1.0, "config": CONFIG, **TRIAL}])
    assert state.apply({"event": "epoch", **_epoch(1, 0.5)})
    assert not state.apply({"event": "epoch", **_epoch(1, 0.9)})
    assert not state.apply({"event": "epoch", **_epoch(3, 0.9)})
    assert state.trials["0000"].best_score() == 0.5
    assert not state.apply({"event": "trial", "time": 2.0, "config": CONFIG, **TRIAL})


@pytest.mark.parametrize("years", [-1, 1])
def test_a_clock_that_is_a_year_off_makes_nothing_run_again(years: int) -> None:
    begun, wrong = 1.7e9, 1.7e9 + years * 365 * 86400
    events = [
        {"event": "trial", "time": begun, "config": CONFIG, **TRIAL},
        {"event": "epoch", "time": begun + 1, **_epoch(1, 0.5)},
        {"event": "epoch", "time": wrong, **_epoch(1, 0.6)},  # told again by a process with another clock
        {"event": "epoch", "time": wrong + 1, **_epoch(2, 0.7)},
        {"event": "end", "time": wrong + 2, "trial": "0000", "state": "complete", "reason": ""},
        {"event": "trial", "time": begun + 9, "config": CONFIG, **TRIAL},
    ]
    [record] = study_state(events).trials.values()
    assert [epoch["scores"]["val/kappa"] for epoch in record.epochs] == [0.5, 0.7]
    assert (record.state, record.started) == ("complete", begun)


def test_the_first_of_equal_epochs_is_the_best_and_undefined_ones_never_are() -> None:
    state = study_state([{"event": "trial", "time": 1.0, "config": {**CONFIG, "epochs": 9}, **TRIAL}])
    for number, kappa in enumerate([None, 0.2, 0.4, 0.4, None], 1):
        state.apply({"event": "epoch", **_epoch(number, kappa)})
    best = state.trials["0000"].best()
    assert best is not None
    assert best["epoch"] == 3


def test_a_trial_whose_last_epoch_is_there_only_has_to_be_ended() -> None:
    state = study_state([{"event": "trial", "time": 1.0, "config": CONFIG, **TRIAL}])
    record = state.trials["0000"]
    assert record.finishing is None
    state.apply({"event": "epoch", **_epoch(1, 0.5)})
    assert record.finishing is None
    state.apply({"event": "epoch", **_epoch(2, 0.5)})
    assert record.finishing == "complete"
    state.apply({"event": "end", "trial": "0000", "state": "complete", "reason": ""})
    assert record.finishing is None
    stopped = StudyState()
    stopped.apply({"event": "trial", "time": 1.0, "config": CONFIG, **TRIAL})
    stopped.apply({"event": "epoch", **_epoch(1, 0.1, stop=True)})
    assert stopped.trials["0000"].finishing == "pruned"


def test_a_failed_trial_is_never_best_however_well_it_began() -> None:
    events = []
    for number, (kappa, end) in enumerate([(0.9, "failed"), (0.5, "complete"), (0.6, "pruned"), (0.8, None)]):
        trial = f"{number:04d}"
        events.append({"event": "trial", "time": 1.0, "config": CONFIG, **TRIAL, "trial": trial, "number": number})
        events.append({"event": "epoch", **_epoch(1, kappa), "trial": trial})
        if end:
            events.append({"event": "end", "trial": trial, "state": end, "reason": ""})
    assert [record.trial for record in ranked(study_state(events).trials.values())] == ["0002", "0001"]


def test_the_last_epoch_of_the_whole_schedule_is_the_trial_s() -> None:
    state = study_state([{"event": "trial", "time": 1.0, "config": LAST | {"epochs": 3}, **TRIAL}])
    record = state.trials["0000"]
    for number, kappa in enumerate([0.2, 0.6], 1):
        state.apply({"event": "epoch", **_epoch(number, kappa)})
        assert (record.best(), record.best_score()) == (None, None), "the schedule has not ended"
    state.apply({"event": "epoch", **_epoch(3, 0.4)})
    assert record.best_score() == 0.4


def test_a_schedule_that_ends_without_a_score_is_no_best_whatever_came_before() -> None:
    state = study_state([{"event": "trial", "time": 1.0, "config": LAST, **TRIAL}])
    for number, kappa in enumerate([0.2, None], 1):
        state.apply({"event": "epoch", **_epoch(number, kappa)})
    assert state.trials["0000"].best() is None


def test_an_older_ledger_without_a_word_of_it_means_the_best_epoch() -> None:
    older = {name: value for name, value in CONFIG.items() if name != "select_epoch"}
    state = study_state([{"event": "trial", "time": 1.0, "config": older, **TRIAL}])
    for number, kappa in enumerate([0.6, 0.2], 1):
        state.apply({"event": "epoch", **_epoch(number, kappa)})
    assert state.trials["0000"].best_score() == 0.6


def test_a_trial_that_was_stopped_early_is_not_ranked_by_its_last_epoch() -> None:
    events = []
    for number, (kappas, end) in enumerate([([0.9], "pruned"), ([0.1, 0.5], "complete"), ([0.8, 0.4], "complete")]):
        trial = f"{number:04d}"
        events.append({"event": "trial", "time": 1.0, "config": LAST, **TRIAL, "trial": trial, "number": number})
        events += [{"event": "epoch", **_epoch(epoch, kappa), "trial": trial} for epoch, kappa in enumerate(kappas, 1)]
        events.append({"event": "end", "trial": trial, "state": end, "reason": ""})
    assert [record.trial for record in ranked(study_state(events).trials.values())] == ["0001", "0002"]


def test_a_finalist_is_a_run_of_its_own_that_ends_once() -> None:
    begun = {"event": "finalist", "time": 3.0, "finalist": "f0000", "trial": "0000", "seed_index": 1, "rank": 1}
    begun |= {"config": LAST, "split_seed": 7}
    state = study_state([{"event": "trial", "time": 1.0, "config": LAST, **TRIAL}, begun])
    assert not state.apply(begun)
    assert list(state.trials) == ["0000"] and list(state.finalists) == ["f0000"]
    record = state.record("f0000")
    assert (record.finalist, record.confirm, record.number, record.arm) == (begun, None, 1, "resnet18-scratch")
    for number in (1, 2):
        assert record.finishing is None
        state.apply({"event": "epoch", **_epoch(number, 0.3), "trial": "f0000"})
    assert (record.finishing, record.best_score()) == ("complete", 0.3)
    assert state.trials["0000"].epochs == []
    end = {"event": "end", "trial": "f0000", "state": "complete", "reason": ""}
    assert state.apply(end) and not state.apply(end)
    assert list(state.runs()) == ["0000", "f0000"]
