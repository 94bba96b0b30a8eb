import io

from rich.console import Console

from study.display import Display, search_note
from study.ledger import StudyState
from tests.study_fixture import end_event, epoch_event, study_event, trial_event


def _shown(width: int = 120) -> tuple[Display, StudyState, io.StringIO]:
    text, state = io.StringIO(), StudyState()
    state.apply(study_event(trials=4))
    console = Console(file=text, width=width)
    return Display(console, "trials", state.trials, 4, lambda: search_note(state, 4, 1)), state, text


def test_each_ended_trial_is_a_line_with_its_score_and_epoch() -> None:
    display, state, text = _shown()
    for event in (trial_event(0), epoch_event(0, 1, 0.6), epoch_event(0, 2, 0.4), end_event(0)):
        state.apply(event)
        display.watch(event)
    assert "0000 resnet18-scratch" in text.getvalue()
    assert "kappa 0.600 at epoch 1 of 2" in text.getvalue()


def test_a_failure_is_a_line_with_its_reason() -> None:
    display, state, text = _shown()
    for event in (trial_event(0), end_event(0, "failed", "out of memory: too big")):
        state.apply(event)
        display.watch(event)
    assert "failed" in text.getvalue()
    assert "out of memory: too big" in text.getvalue()


def test_the_bar_says_the_best_so_far_and_the_time_left() -> None:
    display, state, _ = _shown()
    assert display._note() == "no score yet"
    for event in (trial_event(0), epoch_event(0, 1, 0.6)):
        state.apply(event)
        display.watch(event)
    assert display._note() == "best 0.600 (0000 resnet18-scratch), about 00:00:04 left"
