"""A trial that a user leaves out of the report: in the ledger, and only while no test split was read."""

from pathlib import Path

import pytest

from study.errors import ConfigError
from study.storage.events import Event, StudyClosed, TestEvaluation
from study.storage.forget import forget_trial
from study.storage.ledger import read_events
from study.storage.lock import LockedError, locked
from study.storage.ranking import winners
from study.storage.state import study_state
from tests.fixtures.study import (
    close_event,
    confirmation_event,
    end_event,
    epoch_event,
    evaluation_event,
    study_event,
    trial_event,
    write_ledger,
)  # fmt: skip

TRIALS: list[Event] = [
    event
    for number, kappa in ((0, 0.3), (1, 0.6))
    for event in (trial_event(number, epochs=1), epoch_event(number, 1, kappa), end_event(number))
]


def test_a_forgotten_trial_is_never_best_and_still_counts(tmp_path: Path) -> None:
    write_ledger(tmp_path / "s", study_event(), *TRIALS, close_event())
    assert forget_trial(tmp_path / "s", "0001")
    assert not forget_trial(tmp_path / "s", "0001"), "it was already"
    events, _ = read_events(tmp_path / "s" / "ledger.jsonl")
    state = study_state(events)
    assert state.forgotten == {"0001"} and list(state.trials) == ["0000", "0001"]
    assert [record.trial for record in winners(state)] == ["0000"]
    assert isinstance(events[-1], StudyClosed) and events[-1].state == "complete"


@pytest.mark.parametrize(
    ("trial", "more", "rule"),
    [
        ("0007", [], "must name a trial of study s .0000, 0001"),
        ("../x", [], "must name a trial of study s"),
        ("0002", [trial_event(2)], "must have ended before it is forgotten; resume the search"),
        ("0001", [confirmation_event(0), epoch_event("c0000", 1, 0.5), evaluation_event()], "before the test split is"),
        ("0001", [TestEvaluation()], "before the test split is read, but that of study s was"),
    ],
)
def test_what_cannot_be_forgotten_is_refused_and_nothing_is_written(
    tmp_path: Path, trial: str, more: list[Event], rule: str
) -> None:
    file = write_ledger(tmp_path / "s", study_event(), *TRIALS, *more)
    before = file.read_bytes()
    with pytest.raises(ConfigError, match=rule):
        forget_trial(tmp_path / "s", trial)
    assert file.read_bytes() == before


def test_a_study_that_is_written_or_not_there_forgets_nothing(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="has no ledger"):
        forget_trial(tmp_path / "none", "0000")
    write_ledger(tmp_path / "s", study_event(), *TRIALS)
    with locked(tmp_path / "s"), pytest.raises(LockedError):
        forget_trial(tmp_path / "s", "0000")
