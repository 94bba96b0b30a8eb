"""The state of a study, made from its events."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from analysis import schema
from study.storage.events import (
    ConfirmationStarted,
    EpochFinished,
    Event,
    FinalistStarted,
    RunStarted,
    StudyStarted,
    TestEvaluation,
    TrialFinished,
    TrialForgotten,
    TrialStarted,
    WarmStart,
)
from study.storage.ledger import LedgerError, read_events


@dataclass(slots=True)
class TrialRecord:
    """One trial, finalist or confirmation; `epochs` holds each epoch once, in order.

    confirm, finalist: the event that started a confirmation or a finalist, None for others. test: a confirmation's
    evaluation of the test split.
    """

    trial: str
    group: str
    number: int
    config: dict[str, Any]
    params: dict[str, Any]
    distributions: dict[str, str]
    started: float
    duplicate_of: str = ""
    epochs: list[EpochFinished] = field(default_factory=list)
    end: TrialFinished | None = None
    confirm: ConfirmationStarted | None = None
    finalist: FinalistStarted | None = None
    test: TestEvaluation | None = None

    @property
    def arm(self) -> str:
        """Arm of the comparison."""
        return f"{self.config['architecture']}-{'pretrained' if self.config['pretrained'] else 'scratch'}"

    @property
    def state(self) -> str:
        """One of schema.STATE_*; a trial without an end is interrupted unless someone is running it."""
        return self.end.state if self.end else schema.STATE_INTERRUPTED

    @property
    def finishing(self) -> str | None:
        """State in which the trial must be ended without another epoch, if its last epoch was the last one."""
        if self.end or not self.epochs:
            return None
        if self.epochs[-1].stop:
            return schema.STATE_PRUNED
        if self.confirm and not self.test:
            return None
        return schema.STATE_COMPLETE if len(self.epochs) >= self.last_epoch else None

    @property
    def score_name(self) -> str:
        """The score that the objective names."""
        return f"val/{self.config['objective']}"

    @property
    def last_epoch(self) -> int:
        """The epoch after which it ends: the schedule's last one, or the one that a confirmation was given."""
        return int(self.confirm.epochs if self.confirm else self.config["epochs"])

    def best(self) -> EpochFinished | None:
        """The epoch whose score is the trial's; None where there is none.

        select_epoch=last: the last epoch of the whole schedule, so a trial that was stopped early has none. best: the
        one with the highest score that the objective names, the first among equals. In a confirmation nothing is
        selected: its last epoch, once that is done.
        """
        score, done = self.score_name, len(self.epochs) >= self.last_epoch
        if self.confirm:
            return self.epochs[-1] if done else None
        if self.config["select_epoch"] == "last":
            return self.epochs[-1] if done and score in self.epochs[-1].scores else None
        able = [epoch for epoch in self.epochs if score in epoch.scores]
        return max(able, key=lambda epoch: epoch.scores[score], default=None)

    def best_score(self) -> float | None:
        """The objective's score at that epoch."""
        best = self.best()
        return best.scores.get(self.score_name) if best else None


@dataclass
class StudyState:
    """A study after its events.

    study: the latest event of that kind, with the first one's id. trials: of the search; finalists: its best ones
    again on other validation splits; confirmations: of its winners, which no search ever sees. forgotten: names of
    trials that are in none of what is reported.
    """

    study: StudyStarted
    warm_start: WarmStart | None = None
    trials: dict[str, TrialRecord] = field(default_factory=dict)
    finalists: dict[str, TrialRecord] = field(default_factory=dict)
    confirmations: dict[str, TrialRecord] = field(default_factory=dict)
    forgotten: set[str] = field(default_factory=set)

    def is_forgotten(self, record: TrialRecord) -> bool:
        """Whether a trial, or the trial that a finalist or a confirmation repeats, was taken out by a user."""
        repeated = record.finalist or record.confirm
        return (repeated.trial if repeated else record.trial) in self.forgotten

    @property
    def test_evaluations(self) -> list[TestEvaluation]:
        """Evaluations of the test split by confirmations."""
        return [record.test for record in self.confirmations.values() if record.test]

    def runs(self) -> dict[str, TrialRecord]:
        """Trials, finalists and confirmations by name."""
        return {**self.trials, **self.finalists, **self.confirmations}

    def record(self, name: str) -> TrialRecord:
        """The trial, finalist or confirmation of that name; raises LedgerError where none was started."""
        for runs in (self.trials, self.finalists, self.confirmations):
            if name in runs:
                return runs[name]
        raise LedgerError(
            f"each event of a ledger must follow from those before it, but one of {name} does not; restore the file "
            "from a copy, or start a study with another name"
        )

    def apply(self, event: Event) -> bool:
        """Apply one event; False when it repeats what is known and must not count again."""
        match event:
            case StudyStarted():
                self.study = _merged(self.study, event)
            case WarmStart():
                self.warm_start = self.warm_start or event
            case TrialStarted() | FinalistStarted() | ConfirmationStarted():
                runs = self._runs_like(event)
                if event.name in runs:
                    return False
                runs[event.name] = _record(event)
            case EpochFinished():
                record = self.record(event.trial)
                if record.end or event.epoch != len(record.epochs) + 1:
                    return False
                record.epochs.append(event)
            case TestEvaluation(confirm=name) if name:
                record = self.record(name)
                if record.test:
                    return False
                record.test = event
            case TrialFinished():
                record = self.record(event.trial)
                if record.end:
                    return False
                record.end = event
            case TrialForgotten():
                self.forgotten.add(self.record(event.trial).trial)
        return True

    def _runs_like(self, event: RunStarted) -> dict[str, TrialRecord]:
        if isinstance(event, TrialStarted):
            return self.trials
        return self.finalists if isinstance(event, FinalistStarted) else self.confirmations


def _merged(before: StudyStarted, event: StudyStarted) -> StudyStarted:
    """The later event, with the first one's id, and with what only a confirmation says."""
    confirmations = before.confirmations if event.confirmations is None else event.confirmations
    ensemble = before.ensemble if event.ensemble is None else event.ensemble
    return replace(event, id=before.id, confirmations=confirmations, ensemble=ensemble)


def _record(event: RunStarted) -> TrialRecord:
    if isinstance(event, TrialStarted):
        own = (event.group, event.number, event.config, event.params, event.distributions)
        return TrialRecord(event.trial, *own, event.time, event.duplicate_of)
    record = TrialRecord(event.name, "", event.seed_index, event.config, {}, {}, event.time)
    if isinstance(event, ConfirmationStarted):
        record.confirm = event
    else:
        record.finalist = event
    return record


def ranked(records_of: Iterable[TrialRecord]) -> list[TrialRecord]:
    """Trials that may be called best, best first by their own score: ended in order, with a score.

    `study.storage.ranking.winners` is the order in which a study names them, which knows of finalists.
    """
    able = [r for r in records_of if r.state in (schema.STATE_COMPLETE, schema.STATE_PRUNED)]
    scored = [(score, r) for r in able if (score := r.best_score()) is not None]
    return [r for _, r in sorted(scored, key=lambda pair: pair[0], reverse=True)]


def study_state(events: Iterable[Event]) -> StudyState:
    """State after all events; raises LedgerError unless the first one starts a study."""
    rest = iter(events)
    first = next(rest, None)
    if not isinstance(first, StudyStarted):
        found = f"with {first.kind}" if first else "empty"
        raise LedgerError(f"a ledger must begin with the event study, but one is {found}; restore it from a copy")
    state = StudyState(first)
    for event in rest:
        state.apply(event)
    return state


def read_state(folder: Path) -> StudyState | None:
    """State of the study in a folder; None where none has begun."""
    events, _ = read_events(folder / "ledger.jsonl")
    return study_state(events) if events else None
