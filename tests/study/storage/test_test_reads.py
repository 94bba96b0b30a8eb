"""How often the test split was read, in a sentence."""

from study.storage.state import study_state
from study.storage.test_reads import reading_note
from study.tuning.confirmation import (
    ConfirmationConfig,
    counted,
)
from tests.study.tuning.test_confirmation import _searched, finish, start


def test_the_readings_are_told_with_a_word_on_too_few_seeds() -> None:
    state = study_state(_searched([[0.2]], confirmations=3))
    assert reading_note(state) == "the test split has not been read"
    start(state, ConfirmationConfig())
    finish(state, "c0000")
    assert reading_note(state).endswith("fewer than 3 seeds of a winner")
    assert counted(state) == {"ended": 1, "of": 3, "test_evaluations": 1}
