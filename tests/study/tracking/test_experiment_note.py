from dataclasses import replace

import pytest

from analysis import schema
from study.storage.events import Event
from study.storage.state import study_state
from study.tracking.experiment_note import closing_note, report_note
from tests.fixtures.study import (
    confirmation_event,
    end_event,
    epoch_event,
    evaluation_event,
    finalist_event,
    study_event,
    trial_event,
)  # fmt: skip


def test_a_note_begins_with_the_best_trial_its_n_and_a_caution() -> None:
    events = [study_event(trials=3), trial_event(0), epoch_event(0, 1, 0.25), epoch_event(0, 2, 0.75), end_event(0)]
    events += [trial_event(1, epochs=1), epoch_event(1, 1, 0.9), end_event(1, "failed", "loss is not finite")]
    note = closing_note(study_state(events))
    assert note.startswith("**ResNet18, from scratch: kappa 0.750 on validation (n = 5, trial 0000).**")
    assert "optimistic" in note and "2 of 3 trials ended" in note
    assert "Not run: ResNet50, pretrained: weights are not here" in note


def test_a_study_chosen_on_test_says_so() -> None:
    started = study_event(select_on="test")
    note = closing_note(study_state([started, trial_event(0, epochs=1), epoch_event(0, 1, 0.5), end_event(0)]))
    assert "kappa 0.500 on test (n = 5" in note


def _confirm(number: int, trial: str, kappa: float, new_patients: float | None) -> list[Event]:
    """A confirmation of a trial that has read the test split."""
    scores = {"test/kappa": kappa} | ({"test_new_patients/kappa": new_patients} if new_patients is not None else {})
    evaluation = evaluation_event(f"c{number:04d}", n_new_patients=7, scores=scores)
    return [confirmation_event(number, trial, number, epochs=1), evaluation]


@pytest.mark.parametrize(
    ("new_patients", "said"),
    [
        (None, "0.500 on 9 photographs of the test split"),
        (0.4, "0.400 on 7 photographs whose patient is not in training"),
    ],
)
def test_a_confirmed_study_begins_with_what_the_test_part_said(new_patients: float | None, said: str) -> None:
    search = [study_event(), trial_event(0, epochs=1), epoch_event(0, 1, 0.9), end_event(0)]
    search += [trial_event(1), end_event(1)]
    events = [
        *search,
        *_confirm(0, "0000", 0.6, new_patients),
        *_confirm(1, "0000", 0.4, new_patients),
        *_confirm(2, "0001", 1, 1),
    ]
    note = closing_note(study_state(events))
    assert note.startswith(f"**ResNet18, from scratch: kappa {said} (mean of 2 seeds,")
    assert "trial 0000" in note and "optimistic" not in note
    one = closing_note(study_state([*search, *_confirm(0, "0000", 0.5, new_patients)]))
    assert one.startswith(f"**ResNet18, from scratch: kappa {said} (one seed).**")


def test_patients_that_are_a_guess_are_said_to_be_one() -> None:
    search = [study_event(), trial_event(0, epochs=1), epoch_event(0, 1, 0.9), end_event(0)]
    events = [*search, *_confirm(0, "0000", 0.6, 0.4)]
    for kind in (schema.FINDING_NO_PATIENTS, schema.FINDING_DOUBTFUL_PATIENTS):
        guess = replace(search[0], audit={"findings": [{"kind": kind, "count": 3, "text": "x"}]})
        note = closing_note(study_state([guess, *events[1:]]))
        assert "whose patient is not in training, as far as the data tells patients (one seed)" in note
    assert "as far as" not in closing_note(study_state(events))


def test_a_study_with_finalists_says_the_mean_of_their_repeats() -> None:
    events = [study_event()]
    for number, kappa in enumerate((0.9, 0.8)):
        events += [trial_event(number, epochs=1), epoch_event(number, 1, kappa), end_event(number)]
    scores = [("0000", 0, 0.1), ("0001", 0, 0.2), ("0000", 1, 0.3), ("0001", 1, 0.4)]
    for number, (trial, repeat, kappa) in enumerate(scores):
        name = f"f{number:04d}"
        events.append(finalist_event(number, trial, repeat, epochs=1))
        events += [epoch_event(name, 1, kappa), end_event(name)]
    note = closing_note(study_state(events))
    head = "**ResNet18, from scratch: kappa 0.300, mean of 2 finalists on validation (n = 5 each, trial 0001).**"
    assert note.startswith(head)
    assert "optimistic" not in note and "2 of 2 trials ended" in note


def test_a_study_without_a_score_has_no_result() -> None:
    note = closing_note(study_state([study_event(), trial_event(0), end_event(0, "failed", "out of memory")]))
    assert note.startswith("**No result:**")


def test_a_report_puts_its_first_sentence_first() -> None:
    note = report_note("The best is A.\n\nIt is not much better than B.\n\nBe careful.")
    assert note.startswith("**The best is A.**\n\nIt is not much better than B.\n\nBe careful.\n\n")
    assert report_note("A.", "eyes") == "**A.**\n\nOf all folds of eyes together."
