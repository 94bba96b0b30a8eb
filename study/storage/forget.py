"""A trial taken out of what is reported, at a user's wish: in the ledger, so that every table and every copy agrees."""

from __future__ import annotations

from pathlib import Path

from study.errors import ConfigError
from study.storage.events import TestEvaluation, TrialForgotten
from study.storage.ledger import Ledger
from study.storage.lock import locked
from study.storage.state import StudyState, study_state


def forget_trial(folder: Path, trial: str) -> bool:
    """Record that a trial is forgotten; False where it was already. Samplers, number of trials and budget keep it.

    Raises ConfigError where the study has no such trial, it has not ended, or the test split was read: what is left out
    then could be chosen by its result. Raises LockedError while the study is written.
    """
    if not (folder / "ledger.jsonl").exists():
        raise ConfigError(f"--forget needs a study that has begun, but {folder} has no ledger")
    with locked(folder):
        ledger = Ledger(folder / "ledger.jsonl")
        try:
            state = study_state(ledger.events)
            _check(folder.name, state, trial, any(isinstance(event, TestEvaluation) for event in ledger.events))
            if trial in state.forgotten:
                return False
            closed = ledger.events[-1]
            ledger.append(TrialForgotten(trial=trial))
            if closed.kind == "study_closed":  # the last event says how a study ended
                ledger.append(closed)
        finally:
            ledger.close()
    return True


def _check(name: str, state: StudyState, trial: str, read: bool) -> None:
    if trial not in state.trials:
        known = ", ".join(list(state.trials)[:8]) or "none"
        raise ConfigError(f"--forget must name a trial of study {name} ({known}, ...), but got {trial!r}")
    if not state.trials[trial].end:
        raise ConfigError(f"trial {trial} of study {name} must have ended before it is forgotten; resume the search")
    if read:
        raise ConfigError(
            f"a trial can be forgotten only before the test split is read, but that of study {name} was: what is left "
            "out now could be chosen by its result; it stays in the report"
        )
