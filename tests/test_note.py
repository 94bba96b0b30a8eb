from study.ledger import study_state
from study.note import closing_note, report_note
from tests.study_fixture import end_event, epoch_event, study_event, trial_event


def test_a_note_begins_with_the_best_trial_its_n_and_a_caution() -> None:
    events = [study_event(trials=3), trial_event(0), epoch_event(0, 1, 0.25), epoch_event(0, 2, 0.75), end_event(0)]
    events += [trial_event(1), epoch_event(1, 1, 0.9), end_event(1, "failed", "loss is not finite")]
    note = closing_note(study_state(events))
    assert note.startswith("**ResNet18, from scratch: kappa 0.750 on validation (n = 5, trial 0000).**")
    assert "optimistic" in note and "2 of 3 trials ended" in note
    assert "Not run: ResNet50, pretrained: weights are not here" in note


def test_a_study_chosen_on_test_says_so() -> None:
    begun = study_event()
    begun["config"] |= {"select_on": "test"}
    note = closing_note(study_state([begun, trial_event(0), epoch_event(0, 1, 0.5), end_event(0)]))
    assert "kappa 0.500 on test (n = 5" in note


def test_a_study_without_a_score_has_no_result() -> None:
    note = closing_note(study_state([study_event(), trial_event(0), end_event(0, "failed", "out of memory")]))
    assert note.startswith("**No result:**")


def test_a_report_puts_its_first_sentence_first() -> None:
    note = report_note("The best is A.\n\nIt is not much better than B.\n\nBe careful.")
    assert note.startswith("**The best is A.**\n\nIt is not much better than B.\n\nBe careful.\n\n")
