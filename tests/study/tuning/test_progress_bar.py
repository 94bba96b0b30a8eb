import io
import time
from collections import ChainMap

import pytest
from rich.console import Console

from study.config.study import make_study_config
from study.storage.state import StudyState
from study.tuning import progress_bar
from study.tuning.progress_bar import Display, search_note
from tests.fixtures.study import end_event, epoch_event, finalist_event, study_event, trial_event

CONFIG = make_study_config({}, {"trials": 4, "finalists": 0})


def _shown(width: int = 120) -> tuple[Display, StudyState, io.StringIO]:
    text, state = io.StringIO(), StudyState(study_event(trials=4))
    console = Console(file=text, width=width)
    return Display(console, "trials", state.trials, 4, lambda: search_note(CONFIG, state, 1, 1)), state, text


def test_each_ended_trial_is_a_line_with_its_score_and_epoch() -> None:
    display, state, text = _shown()
    best = trial_event(1, select_epoch="best")
    for started in (trial_event(0), best):
        number = started.number
        for event in (started, epoch_event(number, 1, 0.6), epoch_event(number, 2, 0.4), end_event(number)):
            state.apply(event)
            display.watch(event)
    assert "0000 resnet18-scratch" in text.getvalue()
    first, second = text.getvalue().splitlines()
    assert "kappa 0.400 at epoch 2 of 2" in first
    assert "kappa 0.600 at epoch 1 of 2" in second


def test_one_that_was_stopped_has_no_score_but_its_epoch() -> None:
    display, state, text = _shown()
    for event in (trial_event(0, epochs=9), epoch_event(0, 1, 0.6), end_event(0, "pruned")):
        state.apply(event)
        display.watch(event)
    assert "pruned   after epoch 1 of 9, " in text.getvalue()
    assert "0.600" not in text.getvalue()


def test_a_finalist_s_line_names_trial_and_repeat_and_the_note_their_mean() -> None:
    _, state, text = _shown()
    runs, console = ChainMap(state.finalists, state.trials), Console(file=text, width=120)
    display = Display(console, "trials and finalists", runs, 4, lambda: search_note(CONFIG, state, 1, 1))
    for event in (trial_event(0), epoch_event(0, 1, 0.6), epoch_event(0, 2, 0.9), end_event(0)):
        state.apply(event)
        display.watch(event)
    for repeat, kappa in enumerate((0.3, 0.5)):
        name = f"f{repeat:04d}"
        state.apply(finalist_event(repeat, seed_index=repeat))
        for event in (epoch_event(name, 1, 0.1), epoch_event(name, 2, kappa), end_event(name)):
            state.apply(event)
            display.watch(event)
    assert "kappa 0.500 at epoch 2 of 2 (trial 0000, repeat 2)" in text.getvalue().splitlines()[-1]
    assert display._status().startswith("best 0.400 (0000 resnet18-scratch, mean of 2)")


def test_a_failure_is_a_line_with_its_reason() -> None:
    display, state, text = _shown()
    for event in (trial_event(0), end_event(0, "failed", "out of memory: too big")):
        state.apply(event)
        display.watch(event)
    assert "failed" in text.getvalue()
    assert "out of memory: too big" in text.getvalue()


def test_the_bar_says_the_best_so_far_and_the_time_left() -> None:
    display, state, _ = _shown()
    assert display._status() == "no score yet"
    for event in (trial_event(0), epoch_event(0, 1, 0.6)):
        state.apply(event)
        display.watch(event)
    assert display._status() == "no score yet, about 00:00:04 left", "a score is that of the schedule's end"
    for event in (epoch_event(0, 2, 0.5), end_event(0)):
        state.apply(event)
        display.watch(event)
    assert display._status() == "best 0.500 (0000 resnet18-scratch), about 00:00:03 left"
    for event in (trial_event(1), epoch_event(1, 1, 0.6), epoch_event(1, 2, 0.5), end_event(1)):
        state.apply(event)
        display.watch(event)
    assert display._status().startswith("best 0.500 (0000"), "of equals the first, as all other commands have it"


class Clock:
    """Says what time it is; the note takes 0.1 s of it."""

    def __init__(self) -> None:
        self.now, self.notes = 0.0, 0

    def __call__(self) -> float:
        return self.now

    def note(self) -> str:
        self.notes, self.now = self.notes + 1, self.now + 0.1
        return f"note {self.notes}"


def _timed(trials: int) -> tuple[Display, StudyState, io.StringIO, Clock]:
    text, state, clock = io.StringIO(), StudyState(study_event()), Clock()
    for number in range(trials):
        state.apply(trial_event(number))
    shown = Display(Console(file=text, width=120), "trials", state.trials, trials, clock.note, clock)
    return shown, state, text, clock


def test_a_note_that_takes_long_is_written_rarely_and_each_end_is_counted_at_once() -> None:
    shown, state, _, clock = _timed(1000)
    for number in range(1000):
        clock.now += 0.05
        state.apply(end_event(number))
        shown.watch(end_event(number))
        assert shown._progress.tasks[0].completed == number + 1
    spent = 0.1 * (clock.notes - 1)  # one is written before the first event
    assert 0 < spent < progress_bar.SHARE * clock.now + progress_bar.AT_ONCE + 0.1


def test_after_a_while_an_event_is_drawn_at_once() -> None:
    shown, state, _, clock = _timed(2)
    for number, wait in enumerate((0, 3600)):
        clock.now += wait
        state.apply(end_event(number))
        shown.watch(end_event(number))
    assert clock.notes == 3
    for _ in range(100):  # what was not drawn in that hour is not drawn now
        clock.now += 0.001
        shown.watch(trial_event(0))
    assert clock.notes <= 4


@pytest.mark.parametrize("broken", [False, True])
def test_what_is_drawn_last_is_how_it_ended(broken: bool) -> None:
    shown, state, text, clock = _timed(3)
    try:
        with shown.drawn():
            for number in range(3):
                state.apply(end_event(number))
                shown.watch(end_event(number))
            written = clock.notes
            if broken:
                raise RuntimeError
    except RuntimeError:
        assert broken
    assert clock.notes == written + 1
    assert f"3/3 note {clock.notes}" in text.getvalue()


def _seconds_of_an_event(trials: int) -> float:
    state = StudyState(study_event())
    for number in range(trials):
        for event in (trial_event(number, 15), *(epoch_event(number, epoch, 0.5) for epoch in range(1, 15))):
            state.apply(event)
    console = Console(file=io.StringIO(), width=120)
    config = make_study_config({}, {"trials": trials})
    shown = Display(console, "trials", state.trials, trials, lambda: search_note(config, state, 1, 1))
    started = time.process_time()
    for number in range(trials):
        event = epoch_event(number, 15, 0.6)
        state.apply(event)
        shown.watch(event)
    return (time.process_time() - started) / trials


def test_an_event_of_a_thousand_trials_costs_about_what_one_of_ten_does() -> None:
    few, many = (min(_seconds_of_an_event(trials) for _ in range(3)) for trials in (10, 1000))
    print(f"an event costs {few * 1e6:.0f} us among 10 trials, {many * 1e6:.0f} us among 1,000")
    assert many < 5 * few + 2e-4
