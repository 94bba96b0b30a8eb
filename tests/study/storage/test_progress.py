import pytest

from study.config.study import make_study_config
from study.errors import ConfigError
from study.storage.progress import duration_text, epochs_saved, parse_duration, seconds_left, sparkline
from study.storage.state import study_state
from tests.fixtures.study import end_event, epoch_event, finalist_event, study_event, trial_event


def test_time_left_counts_every_epoch_that_may_still_come() -> None:
    config = make_study_config({}, {"trials": 4})
    state = study_state([study_event(trials=4)])
    assert seconds_left(config, state, 1, 1) is None
    state = study_state([study_event(trials=4), trial_event(0), epoch_event(0, 1, 0.6)])
    # 0.5 s an epoch: one of this trial, two of each of the three others.
    assert seconds_left(config, state, 1, 1) == 0.5 * (1 + 3 * 2)
    assert seconds_left(config, state, 1, 2) == 0.25 * (1 + 3 * 2)


def test_time_left_counts_the_finalists_that_are_to_come_and_those_that_run() -> None:
    config = make_study_config({}, {"trials": 2, "finalists": 2, "repeats": 3})
    events = [study_event(trials=2, finalists=2, repeats=3), trial_event(0), epoch_event(0, 1, 0.6)]
    assert seconds_left(config, study_state(events), 1, 1) == 0.5 * (1 + 2 + 6 * 2)
    assert seconds_left(config, study_state(events), 2, 1) == 0.5 * (1 + 2), "one trial in an arm has no finalists"
    events += [epoch_event(0, 2, 0.6), end_event(0), trial_event(1)]
    events += [epoch_event(1, 1, 0.5), epoch_event(1, 2, 0.5), end_event(1)]
    events += [finalist_event(0), epoch_event("f0000", 1, 0.5)]
    assert seconds_left(config, study_state(events), 1, 1) == 0.5 * (1 + 5 * 2)


def test_epochs_that_early_stopping_saved() -> None:
    events = [study_event(), trial_event(0, epochs=9), epoch_event(0, 1, 0.1), end_event(0, "pruned")]
    events += [trial_event(1, epochs=9), end_event(1, "failed", "no reason")]
    assert epochs_saved(study_state(events)) == 8


@pytest.mark.parametrize(
    ("kappas", "bars"), [([0.0, 0.5, 1.0], "▁▅█"), ([0.2, 0.2], "██"), ([-1.0, 0.0], "▁█"), ([0.0], "▁"), ([], "")]
)
def test_a_curve_in_one_line(kappas: list[float], bars: str) -> None:
    epochs = [epoch_event(0, number, kappa) for number, kappa in enumerate(kappas, 1)]
    state = study_state([study_event(), trial_event(0, epochs=9), *epochs])
    assert sparkline(state.trials["0000"]) == bars


def test_durations() -> None:
    assert [parse_duration(text) for text in ("90s", "30m", "2h", "1d", "1h30m", "0.5h")] == [
        90,
        1800,
        7200,
        86400,
        5400,
        1800,
    ]
    for text in ("", "2", "h", "-2h", "2 h", "0s", "2w"):
        with pytest.raises(ConfigError, match="such as 90s, 30m, 2h"):
            parse_duration(text)
    assert duration_text(3725) == "01:02:05"
    assert duration_text(2 * 86_400) == "2.0 days"
